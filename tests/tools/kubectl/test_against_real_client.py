"""The embedded kubectl and a real one, side by side on the same server.

The server is served to the real client. Only what has long been the same in all versions of
kubectl is compared.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubecourse import Cluster
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.http.service import Service
from kubecourse.tools.kubectl import run
from tests.tools.kubectl import recorded_world as world

pytestmark = pytest.mark.requires_kubectl

HERE = Path(__file__).parent
OF_EVERY_KIND = [
    line
    for line in (HERE / "commands_to_compare.txt").read_text().splitlines()
    if not line.startswith("#")
]
COMMANDS = r"""
get pods -n tab
get pods -n tab -o wide
get pods -A
get pods,cm,rs -n tab --show-labels
get all -n tab -o wide
get cm -n tab -L app,example.com/tier
get pods -n tab --no-headers
get pods -n tab --field-selector status.phase=Running
get pods -n tab -l app=web -o name
get rs/web-6b9866c484 cm/cm -n tab
get cm cm nope -n tab
get nope
get nodes -o wide
get secrets
get nodes,secrets -n nope
get pods -n tab -l 'app in (web'
get pods -n tab --field-selector spec.foo=a
get pods crash -l a=b
get cm cm -n tab -o yaml
get cm cm -n tab -o json
get cm -n tab -o yaml
get rs -n tab -o json
get pods -n tab --sort-by=.metadata.name -o name
get pods -n tab -o jsonpath='{range .items[*]}{.metadata.name}{"\t"}{.status.phase}{"\n"}{end}'
get pods -n tab -o jsonpath='{.items[?(@.status.phase=="Failed")].metadata.name}'
get pods -n tab -o jsonpath='{.items[99].metadata.name}'
get pods -n tab -o jsonpath='{.items'
get pods -n tab -o jsonpath-as-json='{.items[*].metadata.name}'
get pods -n tab -o custom-columns=NAME:.metadata.name,IMAGES:.spec.containers[*].image,NO:.foo
get pods -n tab -o foo
get pods --foo
api-resources --sort-by=name
api-resources -o name
api-versions
""".strip().splitlines()


@pytest.fixture(scope="module")
def api() -> APIServer:
    web = [
        world.deployment("nginx:1.25", 2, 2, 2),
        world.replica_set("6b9866c484", "nginx:1.25", 2, 2),
    ]
    objects = [*world.PODS, *world.SERVICES, *world.CONFIG, *web, *world.OTHERS, *world.nodes()]
    return world.server_at(11, objects)


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """One with an object of every kind, a minute and a half old."""
    cluster = Cluster(nodes=2)
    cluster.images.declare("broken", pullable=False)
    output = cluster.run(["create", "-f", str(HERE / "every_kind.yaml")])
    assert output.code == 0, output.stderr
    cluster.advance(90)
    return cluster


@pytest.fixture(scope="module")
def world_service(api: APIServer) -> Iterator[Service]:
    front: Any = SimpleNamespace(server=api, clock=api.clock, kubelets={}, network=None)
    service = Service(front, speed=0)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def cluster_service(cluster: Cluster) -> Iterator[Service]:
    service = cluster.serve(speed=0)
    yield service
    service.stop()


def real_answer(service: Service, words: list[str]) -> tuple[str, str, int]:
    env = {"HOME": "/", "PATH": os.environ["PATH"], **service.environment}
    real = subprocess.run(["kubectl", *words], capture_output=True, text=True, env=env, check=False)
    # Some distributions print cobra's errors with a capital.
    return real.stdout, real.stderr.replace("Error: ", "error: "), real.returncode


@pytest.mark.parametrize("command", COMMANDS)
def test_both_say_the_same(api: APIServer, world_service: Service, command: str) -> None:
    words = shlex.split(command)
    ours = run(api, words)
    assert (ours.stdout, ours.stderr, ours.code) == real_answer(world_service, words)


@pytest.mark.parametrize("command", OF_EVERY_KIND)
def test_both_say_the_same_of_every_kind(
    cluster: Cluster, cluster_service: Service, command: str
) -> None:
    words = shlex.split(command)
    ours = run(cluster, words)
    stdout, stderr, code = real_answer(cluster_service, words)
    assert comparable(ours.stdout) == comparable(stdout)
    assert (comparable(ours.stderr), ours.code) == (comparable(stderr), code)


def comparable(text: str) -> str:
    """Text without ages, and thus without the widths of columns; and as kubectl 1.33 has it."""
    text = re.sub(r"(Secret|ConfigMap)Optional(Name)?:\s*<nil>", "Optional: false", text)
    text = re.sub(r"\b([0-9]+[dhmsy])+\b", "AGE", text.replace("Optional:\t", "Optional: "))
    text = re.sub(r'E[0-9]+ .*"command failed" err="(.*)"', r"error: \1", text)
    return re.sub(r"[ -]{2,}", " ", text)
