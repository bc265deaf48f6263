"""Five outages, each tried on a copy of a cluster under traffic: how many requests fail in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MINUTES = 10


def _scheduler(cluster: Any) -> None:
    cluster.stop("kube-scheduler")


def _quorum(cluster: Any) -> None:
    for number in (2, 3):
        cluster.stop(f"etcd@control-plane-{number}")


def _worker(cluster: Any) -> None:
    cluster.fail_node("node-1")


def _cut_off(cluster: Any) -> None:
    cluster.partition(["node-1"])


def _everything(cluster: Any) -> None:
    for name in ("control-plane-1", "control-plane-2", "control-plane-3", "node-1"):
        cluster.fail_node(name)


OUTAGES: dict[str, Callable[[Any], None]] = {
    "a": _scheduler,
    "b": _quorum,
    "c": _worker,
    "d": _cut_off,
    "e": _everything,
}


def failed(cluster: Any, outage: str) -> int:
    """How many requests to `web` fail within ten minutes; the cluster itself is left alone."""
    copy = cluster.fork()
    traffic = copy.traffic("http://web", rate=2)
    OUTAGES[outage](copy)
    copy.advance(60 * MINUTES)
    return sum(traffic.failures().values())


def measure(cluster: Any) -> None:
    """Put what each outage costs into a Secret, for the check to read."""
    counts = " ".join(f"--from-literal={name}={failed(cluster, name)}" for name in OUTAGES)
    cluster.run(f"create secret generic measured {counts}")
