"""Short ways to say nodes and pods."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from kubecourse.api import models
from kubecourse.clock import START
from kubecourse.control_plane.scheduler.cache import Cache
from kubecourse.control_plane.scheduler.framework import Plugin
from tests.control_plane.scheduler.plainly import Evaluation

core, meta = models.core_v1, models.meta_v1


def node(name: str, labels: dict[str, str] | None = None, **fields: Any) -> Any:
    """A node; fields: cpu, memory, pods, other (resources), images, and those of its spec."""
    resources = {
        "cpu": fields.pop("cpu", "4"),
        "memory": fields.pop("memory", "16Gi"),
        "pods": fields.pop("pods", "110"),
        **fields.pop("other", {}),
    }
    images = [
        core.ContainerImage(names=[image], sizeBytes=size)
        for image, size in fields.pop("images", {}).items()
    ]
    return core.Node(
        metadata=meta.ObjectMeta(
            name=name, labels={"kubernetes.io/hostname": name, **(labels or {})}
        ),
        spec=core.NodeSpec(**fields),
        status=core.NodeStatus(allocatable=resources, images=images),
    )


def container(requests: dict[str, str] | None = None, **fields: Any) -> Any:
    resources = core.ResourceRequirements(requests=requests)
    return core.Container(name="c", resources=resources, **({"image": "img:1"} | fields))


def pod(name: str, labels: dict[str, str] | None = None, **fields: Any) -> Any:
    """A pod; fields: namespace, requests, started (seconds), and those of its spec."""
    requests = fields.pop("requests", None)
    namespace = fields.pop("namespace", "default")
    started = fields.pop("started", None)
    fields.setdefault("containers", [container(requests)])
    return core.Pod(
        metadata=meta.ObjectMeta(name=name, namespace=namespace, uid=name, labels=labels),
        spec=core.PodSpec(schedulerName="default-scheduler", **fields),
        status=core.PodStatus(
            phase="Pending",
            startTime=None if started is None else START + timedelta(seconds=started),
        ),
    )


def cache(*nodes: Any, **pods: list[Any]) -> Cache:
    """What the scheduler knows of these nodes, and of the pods on each by its name."""
    found = Cache()
    for each in nodes:
        found.set_node(each)
    for name, placed in pods.items():
        for each in placed:
            found.place(each, name)
    return found


def refusals(rule: type[Plugin], incoming: Any, known: Cache) -> dict[str, str]:
    """The reason that each node which a rule refuses is refused for."""
    evaluation = Evaluation(incoming, [rule], known)
    verdicts = {info.name: evaluation.verdict(info) for info in known.order}
    return {name: ", ".join(v.reasons) for name, v in verdicts.items() if v is not None}


def scores(rule: type[Plugin], incoming: Any, known: Cache) -> dict[str, tuple[int | None, int]]:
    """A rule's score of each node, before and after normalising."""
    evaluation = Evaluation(incoming, [rule], known)
    found = zip(known.order, evaluation.scores(known.order), strict=True)
    return {i.name: (s[rule.name].raw, s[rule.name].normalized) for i, s in found if s}
