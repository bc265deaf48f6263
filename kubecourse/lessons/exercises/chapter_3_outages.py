"""Five outages, each tried on a copy of a cluster under traffic: how many requests fail in it."""

from __future__ import annotations

from typing import Any

MINUTES = 10
PLANE = ("control-plane-1", "control-plane-2", "control-plane-3")
OUTAGES: dict[str, list[tuple[str, Any]]] = {
    "a": [("stop", "kube-scheduler")],
    "b": [("stop", f"etcd@{machine}") for machine in PLANE[1:]],
    "c": [("fail_node", "node-1")],
    "d": [("partition", ["node-1"])],
    "e": [("fail_node", machine) for machine in (*PLANE, "node-1")],
}
"""What is done to the cluster: its methods, and what each is given."""


def failed(cluster: Any, outage: str) -> int:
    """How many requests to `web` fail within ten minutes; the cluster itself is left alone."""
    copy = cluster.fork()
    traffic = copy.traffic("http://web", rate=2)
    for method, argument in OUTAGES[outage]:
        getattr(copy, method)(argument)
    copy.advance(60 * MINUTES)
    return sum(traffic.failures().values())


def measure(cluster: Any) -> None:
    """Put what each outage costs into a Secret, for the check to read."""
    counts = " ".join(f"--from-literal={name}={failed(cluster, name)}" for name in OUTAGES)
    cluster.run(f"create secret generic measured {counts}")
