"""Replays a recorded rollout: the same manifest, the same actions at the same times."""

import ast
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.client import Informer
from kubecourse.control_plane.controller_manager.pods import is_ready
from tests.control_plane.controller_manager.double import Deployment, Lab, ReplicaSet

core = models.core_v1

RECORDS = json.loads((Path(__file__).parents[2] / "data" / "records" / "rollouts.json").read_text())
RECORD = {record["scenario"]: record for record in RECORDS}

SEEN_AFTER = 0.01
"""Seconds from a pod's change to the ReplicaSet's status that tells of it."""
APART = 0.006
"""Seconds between two changes of which the record, in hundredths, knows only the order."""

STATUS_FIELDS = (
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "terminatingReplicas",
    "collisionCount",
)


@dataclass
class History:
    """What a Deployment and its ReplicaSets went through, in the form of the recordings."""

    names: list[str] = field(default_factory=list)
    spec: list[tuple[float, int, int | None]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)

    def replicaset_changed(self, old: Any, new: Any) -> None:
        metadata = (new or old).metadata
        if metadata.name not in self.names:
            self.names.append(metadata.name)
        if new is None or old is None or new.spec.replicas != old.spec.replicas:
            size = None if new is None else new.spec.replicas
            self.spec.append((self.lab.clock.now, self.names.index(metadata.name), size))

    def deployment_changed(self, old: Any, new: Any) -> None:
        if new is not None:
            status = {name: getattr(new.status, name) for name in STATUS_FIELDS}
            shown = {name: value for name, value in status.items() if value is not None}
            shown["specReplicas"] = new.spec.replicas
            shown["gen"] = new.metadata.generation
            shown["conditions"] = [
                [c.type, c.status, c.reason] for c in new.status.conditions or ()
            ]
            self.statuses.append({"t": self.lab.clock.now} | shown)

    def watch(self, lab: Lab) -> "History":
        self.lab = lab
        for cls, handler in (
            (ReplicaSet, self.replicaset_changed),
            (Deployment, self.deployment_changed),
        ):
            informer = Informer(lab.client, cls)
            informer.on_change(handler)
            informer.start()
        return self


def replay(
    record: dict[str, Any], *, pods_as_recorded: bool = False, scheduler: bool = False
) -> tuple[Lab, History]:
    """Do what was done when the record was made, at the same moments, and wait for the end.

    With `pods_as_recorded` the pods too become ready when they did then; otherwise by the double.
    """
    lab = Lab(scheduler=scheduler)
    history = History().watch(lab)
    lab.clock.advance(1.0)
    start = lab.clock.now - record["deploymentTrace"][0]["t"]
    if pods_as_recorded:
        lab.nodes.by_hand = True
        for t, index, count in readiness(record):
            lab.clock.call_at(start + t - SEEN_AFTER, make_ready, lab, history, index, count)
    lab.create(record["inputs"]["manifest"])
    for entry in record["log"]:
        lab.clock.advance(max(0.0, start + entry["t"] - lab.clock.now))
        act(lab, entry["op"], entry["args"])
    lab.clock.advance(30.0)
    return lab, history


def readiness(record: dict[str, Any]) -> Iterator[tuple[float, int, int]]:
    """When how many more pods of which ReplicaSet were seen ready."""
    before: dict[int, int] = {}
    last = 0.0
    for entry in record["trace"]:
        if "rs" in entry:
            index, ready = entry["rs"], entry["ready"] or 0
            if ready > before.get(index, 0):
                last = max(entry["t"], last + APART)
                yield last, index, ready - before.get(index, 0)
            before[index] = ready


def make_ready(lab: Lab, history: History, index: int, count: int) -> None:
    """Make so many more pods of a ReplicaSet ready."""
    name = history.names[index]
    waiting = [
        pod
        for pod in lab.pods()
        if pod.metadata.ownerReferences[0].name == name
        and pod.metadata.deletionTimestamp is None
        and pod.status.podIP
        and not is_ready(pod)
    ]
    waiting.sort(key=lambda pod: pod.metadata.creationTimestamp)
    for pod in waiting[:count]:
        lab.nodes.set_ready(pod.metadata.namespace, pod.metadata.name, pod.metadata.uid)
    if len(waiting) < count:  # the pod is about to be created
        missing = count - len(waiting)
        lab.clock.call_later(0.01, make_ready, lab, history, index, missing, background=True)


def act(lab: Lab, op: str, args: list[Any]) -> None:
    """One action of a recording."""
    if op == "image":
        lab.set_image(args[0])
    elif op == "scale":
        lab.change(lab.deployment(), replicas=int(args[0]))
    elif op == "patch":
        patch(lab, args[0] if isinstance(args[0], dict) else ast.literal_eval(args[0]))
    elif op == "kubectl":
        kubectl(lab, args[0].split())
    else:
        assert op in ("settle", "sleep"), op


def patch(lab: Lab, change: dict[str, Any]) -> None:
    deployment = lab.deployment()
    if "metadata" in change:
        metadata = replace(deployment.metadata, **change["metadata"])
        lab.client.update(replace(deployment, metadata=metadata))
    if "spec" in change:
        lab.change(deployment, **change["spec"])


def kubectl(lab: Lab, words: list[str]) -> None:
    """What the client does with these commands."""
    deployment = lab.deployment()
    template = deployment.spec.template
    match words[:2]:
        case ["rollout", "pause"]:
            lab.change(deployment, paused=True)
        case ["rollout", "resume"]:
            lab.change(deployment, paused=None)
        case ["rollout", "undo"]:
            if not deployment.spec.paused:  # the client refuses otherwise
                undo(lab)
        case ["rollout", "restart"]:
            stamp = {"kubectl.kubernetes.io/restartedAt": lab.clock.utc().isoformat()}
            annotations = {**(template.metadata.annotations or {}), **stamp}
            metadata = replace(template.metadata, annotations=annotations)
            lab.change(deployment, template=replace(template, metadata=metadata))
        case ["set", "env"]:
            name, _, value = words[3].partition("=")
            first, *others = template.spec.containers
            first = replace(first, env=[*(first.env or []), core.EnvVar(name=name, value=value)])
            spec = replace(template.spec, containers=[first, *others])
            lab.change(deployment, template=replace(template, spec=spec))
        case _:
            raise AssertionError(words)


def undo(lab: Lab) -> None:
    """Put the template of the revision before the last back."""
    sets = sorted(
        lab.replicasets(),
        key=lambda rs: int(rs.metadata.annotations["deployment.kubernetes.io/revision"]),
    )
    template = sets[-2].spec.template
    labels = {k: v for k, v in template.metadata.labels.items() if k != "pod-template-hash"}
    metadata = replace(template.metadata, labels=labels)
    lab.change(lab.deployment(), template=replace(template, metadata=metadata))


def recorded_moves(record: dict[str, Any]) -> list[tuple[int, int | None]]:
    """Each change of a ReplicaSet's size, without the marks of what the recorder did."""
    return [(step[0], step[1]) for step in record["specTrace"] if step[0] != "ACTION"]


def at_rest(moves: Iterable[tuple[float, int, int | None]]) -> list[dict[int, int | None]]:
    """The sizes of all ReplicaSets each time that nothing moved for half a second."""
    sizes: dict[int, int | None] = {}
    states: list[dict[int, int | None]] = []
    last = 0.0
    for t, index, size in moves:
        if sizes and t - last > 0.5:
            states.append(dict(sizes))
        sizes[index] = size
        last = t
    return [*states, sizes]


def without_repeats(items: Iterable[Any]) -> list[Any]:
    """The items, each once as long as it lasts."""
    result: list[Any] = []
    for item in items:
        if not result or result[-1] != item:
            result.append(item)
    return result
