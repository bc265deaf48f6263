"""The same seed and the same commands give the same history, byte for byte, in any process."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, sys
from kubecourse import Cluster
from kubecourse.api.codec import encode

cluster = Cluster(nodes=4, zones=2, seed=int(sys.argv[1]))
cluster.run("create deployment web --image=nginx:1.27 --replicas=7 --port=80")
cluster.run("expose deployment web --port=80")
cluster.settle()
traffic = cluster.traffic("http://web", rate=20)
cluster.run("set image deployment/web nginx=nginx:1.28")
cluster.advance(40)
cluster.fail_node("node-2")
cluster.advance(420)
traffic.stop()
digest = hashlib.sha256()
for event in cluster.etcd.history("/registry/", 0):
    value = event.new if event.new is not None else event.old
    digest.update(f"{event.revision} {event.key} {encode(value)}\\n".encode())
for result in traffic.rows:
    digest.update(f"{result.time} {result.ok} {result.pod}\\n".encode())
print(cluster.etcd.revision, digest.hexdigest())
"""


def history(seed: int, hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", PROGRAM, str(seed)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("seed", [0, 1])
def test_one_seed_one_history(seed: int) -> None:
    assert len({history(seed, hash_seed) for hash_seed in ("0", "1", "random")}) == 1


def test_another_seed_another_history() -> None:
    assert history(0, "0") != history(1, "0")
