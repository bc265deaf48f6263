"""What an object's controller waits for, at any moment, by its status, its pods and its events.

The arithmetic of rollouts is the controllers' own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kubecourse.api import conditions, models, volumes
from kubecourse.api.labels import Selector, selector_from_map
from kubecourse.control_plane.controller_manager.deployment import history, progress, rolling
from kubecourse.control_plane.controller_manager.job.look import finished
from kubecourse.control_plane.controller_manager.pods import is_active
from kubecourse.tools.past import Past

core, apps = models.core_v1, models.apps_v1

NAMED = 3
"""Pods with the same trouble that are named; more are counted."""
RECENT = 3
"""Events that are shown of an object nobody here knows more about."""
_TROUBLE = re.compile("Pressure|Unavailable|Fail|Remaining|Limited")
"""Types of conditions that hold when something is wrong."""


@dataclass
class Waiting:
    """What something waits for, the most important first; nothing if all is as wished.

    `done` says what is there. Printed it is a headline and a line for each reason.
    """

    name: str
    done: str
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def headline(self) -> str:
        """The finding, in one line."""
        if not self.reasons:
            return f"{self.name} is waiting for nothing: {self.done}."
        return f"{self.name} is waiting for {self.reasons[0]}."

    def __repr__(self) -> str:
        more = [f"- {reason}" for reason in (*self.reasons[1:], *self.notes)]
        return "\n".join([self.headline, *more])


def explain_object(past: Past, obj: Any) -> Waiting:
    """What an object waits for."""
    found = Waiting(
        f"{obj.kind.lower()}/{obj.metadata.name}", "its conditions are as they should be"
    )
    generation, status = obj.metadata.generation, getattr(obj, "status", None)
    seen = getattr(status, "observedGeneration", generation)
    if obj.metadata.deletionTimestamp is not None:
        held = ", ".join(obj.metadata.finalizers or ()) or "its end"
        found.reasons.append(f"{held}: it is being deleted")
    elif generation and (seen or 0) < generation:
        found.reasons.append(
            f"its controller, which has not seen generation {generation} yet (only {seen or 0})"
        )
    _KNOWN.get(obj.kind, _by_its_status)(past, obj, found)
    return found


def trouble(past: Past, pod: Any, min_ready: int = 0) -> str:
    """Why a pod is not available, in the words of its status; '' if it is."""
    status, now = pod.status, past.now
    if pod.metadata.deletionTimestamp is not None:
        left = past.clock.seconds(pod.metadata.deletionTimestamp) - now
        return f"Terminating, at most {max(left, 0):.0f} s more"
    if not pod.spec.nodeName:
        placed = conditions.get(status.conditions, "PodScheduled")
        return f"Pending: {placed.message}" if placed and placed.message else "Pending, not placed"
    ready = conditions.get(status.conditions, "Ready")
    if ready is not None and ready.status == "True":
        left = past.clock.seconds(ready.lastTransitionTime) + min_ready - now
        return f"Ready, available in {left:.0f} s" if min_ready and left > 0 else ""
    for container in (*(status.initContainerStatuses or ()), *(status.containerStatuses or ())):
        waiting = container.state and container.state.waiting
        ended = container.state and container.state.terminated
        if waiting and waiting.reason not in (None, "PodInitializing"):
            return f"{waiting.reason}: {waiting.message}" if waiting.message else waiting.reason
        if ended and ended.exitCode:
            return f"{ended.reason}: container {container.name} exited with {ended.exitCode}"
    return f"{status.phase}, not ready"


def troubles(past: Past, pods: Iterable[Any], min_ready: int = 0) -> str:
    """Pods that are not available, those with the same trouble together."""
    grouped: dict[str, list[tuple[str, str]]] = {}
    for pod in pods:
        why = trouble(past, pod, min_ready)
        if why:
            grouped.setdefault(why.partition(":")[0], []).append((pod.metadata.name, why))
    parts = []
    for group in grouped.values():
        names = ", ".join(name for name, _ in group[:NAMED])
        more = f" and {len(group) - NAMED} more" if len(group) > NAMED else ""
        parts.append(f"{names}{more} {group[0][1]}".rstrip("."))
    return "; ".join(parts)


def _owned(past: Past, cls: type[Any], owner: Any) -> list[Any]:
    """The objects that an object manages."""
    return [
        obj
        for obj in past.list(cls, owner.metadata.namespace)
        for each in obj.metadata.ownerReferences or ()
        if each.controller and each.uid == owner.metadata.uid
    ]


def _selected(past: Past, obj: Any, selector: Selector) -> list[Any]:
    """The pods beside an object that have certain labels and count."""
    pods = filter(is_active, past.list(core.Pod, obj.metadata.namespace))
    return [pod for pod in pods if selector.matches(pod.metadata.labels)]


def _available(past: Past, pods: Iterable[Any], min_ready: int) -> int:
    return sum(not trouble(past, pod, min_ready) for pod in pods)


def _missing(past: Past, owner: Any, wanted: int, found: Waiting, what: str = "pods") -> list[Any]:
    """Say which of an owner's pods are missing or not available. Returns its living pods."""
    seconds = getattr(owner.spec, "minReadySeconds", 0) or 0
    pods = _owned(past, core.Pod, owner)
    living = list(filter(is_active, pods))
    lacking = max(wanted, len(living)) - _available(past, living, seconds)
    if lacking:
        named = troubles(past, living, seconds)
        absent = wanted - len(living)
        if absent > 0:
            named = "; ".join(filter(None, (named, f"{absent} not there yet")))
        found.reasons.append(f"{lacking} of {wanted} {what}: {named}")
    failure = conditions.get(getattr(owner.status, "conditions", None), progress.FAILURE)
    if failure is not None:
        found.reasons.append(f"its pods to be allowed: {failure.reason}: {failure.message}")
    extra = [pod for pod in pods if pod.metadata.deletionTimestamp is not None]
    if extra:
        found.notes.append(f"going: {troubles(past, extra)}")
    return living


def _workload(past: Past, owner: Any, found: Waiting) -> None:
    """A ReplicaSet, StatefulSet or DaemonSet: its pods, and those of an older template."""
    spec, status = owner.spec, owner.status
    daemons = owner.kind == "DaemonSet"
    replicas = 1 if daemons or spec.replicas is None else spec.replicas
    wanted = (status.desiredNumberScheduled or 0) if daemons else replicas
    found.done = f"{wanted} of {wanted} pods are available"
    living = _missing(past, owner, wanted, found)
    if len(living) > wanted:
        found.reasons.append(f"{len(living) - wanted} pods too many to be deleted")
    if owner.kind == "ReplicaSet":
        return
    updated = (status.updatedNumberScheduled if daemons else status.updatedReplicas) or 0
    if updated < wanted and (daemons or status.currentRevision != status.updateRevision):
        how = ", as you delete them" if spec.updateStrategy.type == "OnDelete" else ""
        kept = getattr(spec.updateStrategy.rollingUpdate, "partition", 0) or 0
        if wanted > kept + updated:
            left = wanted - kept - updated
            found.reasons.append(f"{left} pods to be of the newest revision{how}")


def _deployment(past: Past, owner: Any, found: Waiting) -> None:
    spec = owner.spec
    sets = _owned(past, apps.ReplicaSet, owner)
    new: Any = history.find_new(sets, spec.template)
    old = [each for each in sets if each is not new and each.spec.replicas]
    found.done = f"{spec.replicas} of {spec.replicas} pods are of the newest revision and available"
    if spec.paused:
        found.reasons.append("being resumed: it is paused")
    if new is None:
        known = conditions.get(owner.status.conditions, progress.PROGRESSING)
        why = f": {known.message}" if known is not None and known.status == "False" else ""
        found.reasons.append(f"a ReplicaSet of its newest template{why}")
    else:
        _missing(past, new, new.spec.replicas or 0, found, "new pods" if old else "pods")
    if spec.strategy.type == "Recreate":
        going = [pod for each in sets if each is not new for pod in _owned(past, core.Pod, each)]
        if going:
            found.reasons.append(f"{len(going)} old pods to end before new ones are created")
    elif new is not None and not spec.paused:
        _limits(owner, new, old, found)
    _deadline(past, owner, found)


def _limits(owner: Any, new: Any, old: list[Any], found: Waiting) -> None:
    """What maxSurge and maxUnavailable forbid at present."""
    wanted, size = owner.spec.replicas, new.spec.replicas or 0
    total = progress.spec_replicas([*old, new])
    most = wanted + rolling.max_surge(owner)
    if size < wanted and total >= most:
        found.notes.append(
            f"maxSurge {rolling.max_surge(owner)} forbids more new pods: there are {total} of "
            f"at most {most}"
        )
    if old:
        available = progress.count([*old, new], "availableReplicas")
        least = rolling.min_available(owner)
        left = progress.spec_replicas(old)
        pods = "1 old pod" if left == 1 else f"{left} old pods"
        if available <= least:
            found.notes.append(
                f"maxUnavailable {rolling.max_unavailable(owner)} forbids to take away {pods}: "
                f"{available} of {wanted} are available, and {least} have to be"
            )
        else:
            found.reasons.append(f"{pods} to be taken away")


def _deadline(past: Past, owner: Any, found: Waiting) -> None:
    known = conditions.get(owner.status.conditions, progress.PROGRESSING)
    if known is None or not found.reasons or not progress.has_deadline(owner):
        return
    if known.reason == progress.TIMED_OUT:
        found.notes.append(f"{known.message} Nothing is rolled back by itself")
    elif not owner.spec.paused and known.reason != progress.COMPLETED:
        since = past.clock.seconds(known.lastUpdateTime)
        left = since + owner.spec.progressDeadlineSeconds - past.now
        found.notes.append(f"its progress deadline is in {max(left, 0):.0f} s")


def _job(past: Past, owner: Any, found: Waiting) -> None:
    spec, status, over = owner.spec, owner.status, finished(owner)
    if over is not None:
        found.done = f"{over.type}: {over.message}".rstrip(".")
        return
    wanted = spec.completions or 1
    if spec.suspend:
        found.reasons.append("being resumed: it is suspended")
    left = wanted - (status.succeeded or 0)
    pods = troubles(past, filter(is_active, _owned(past, core.Pod, owner)))
    running = f"{status.active or 0} active" + (f", {pods}" if pods else "")
    found.reasons.append(f"{left} of {wanted} completions: {running}")


def _service(past: Past, service: Any, found: Waiting) -> None:
    spec = service.spec
    if not spec.selector:
        found.done = "it has no selector, so nobody looks for its endpoints"
        return
    pods = _selected(past, service, selector_from_map(spec.selector))
    ready = _available(past, pods, 0)
    found.done = f"{ready} of {len(pods)} pods that it selects are ready"
    labels = ",".join(f"{key}={value}" for key, value in spec.selector.items())
    if not pods:
        found.reasons.append(f"a pod with the labels {labels}")
    elif ready < len(pods):
        found.reasons.append(f"{len(pods) - ready} of {len(pods)} pods: {troubles(past, pods)}")
    names = {port.name for pod in pods for each in pod.spec.containers for port in each.ports or ()}
    for port in spec.ports or ():
        if pods and isinstance(port.targetPort, str) and port.targetPort not in names:
            found.reasons.append(f"a container port of the name {port.targetPort}")
    balancer = service.status.loadBalancer if service.status is not None else None
    if spec.type == "LoadBalancer" and not (balancer is not None and balancer.ingress):
        found.notes.append("no cloud gives it an address from outside")


def _claim(past: Past, claim: Any, found: Waiting) -> None:
    found.done = f"it is bound to {claim.spec.volumeName}"
    if not volumes.is_bound(claim):
        found.reasons.append("a volume")
    _by_its_status(past, claim, found)


def _by_its_status(past: Past, obj: Any, found: Waiting) -> None:
    """Conditions that are not as they should be, and the latest events: what any kind has."""
    for condition in getattr(getattr(obj, "status", None), "conditions", None) or ():
        well = "False" if _TROUBLE.search(condition.type) else "True"
        why = condition.message or condition.reason
        if condition.status != well and why:
            found.reasons.append(f"{condition.type}: {why}".rstrip("."))
    metadata = obj.metadata
    about = [
        event
        for event in past.list(core.Event, metadata.namespace or "default")
        if (event.involvedObject.kind, event.involvedObject.name) == (obj.kind, metadata.name)
        and event.involvedObject.uid in (metadata.uid, metadata.name)
    ]
    about.sort(key=lambda event: event.lastTimestamp or event.eventTime)
    found.notes += [f"{event.reason}: {event.message}" for event in about[-RECENT:]]


_KNOWN: dict[str, Callable[[Past, Any, Waiting], None]] = {
    "DaemonSet": _workload,
    "Deployment": _deployment,
    "Job": _job,
    "PersistentVolumeClaim": _claim,
    "ReplicaSet": _workload,
    "Service": _service,
    "StatefulSet": _workload,
}
