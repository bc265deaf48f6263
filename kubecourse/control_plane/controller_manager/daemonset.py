"""One pod of a DaemonSet on every node that will have it, and their updates.

Source: `pkg/controller/daemon/daemon_controller.go`, `update.go`, `util/daemonset_util.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.api.intstr import scaled_value
from kubecourse.api.memo import memo
from kubecourse.api.placement import RequiredNodes, required_terms, taints_of, tolerated
from kubecourse.client import Result
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import busy, family
from kubecourse.control_plane.controller_manager.pods import (
    FINISHED,
    by_age,
    is_active,
    is_available,
    is_ready,
)
from kubecourse.control_plane.controller_manager.revisions import HASH_LABEL, Revisions
from kubecourse.control_plane.controller_manager.workload import (
    WorkloadController,
    pod_from_template,
)

core = models.core_v1

BURST = 250
"""Pods created, and deleted, at one look at most."""
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 900.0
"""Seconds until a failed pod is deleted; they double with each."""
GENERATION_LABEL = "pod-template-generation"
GENERATION = "deprecated.daemonset.template.generation"

_TOLERATED = {
    "not-ready": "NoExecute",
    "unreachable": "NoExecute",
    "disk-pressure": "NoSchedule",
    "memory-pressure": "NoSchedule",
    "pid-pressure": "NoSchedule",
    "unschedulable": "NoSchedule",
    "network-unavailable": "NoSchedule",
}
"""The taints that every pod of a DaemonSet tolerates; the last one on the node's network only."""


class Place(NamedTuple):
    """A node: whether a pod should be put there, may stay there, and the pods that are."""

    node: str
    wanted: bool
    may_stay: bool
    pods: list[Any]


class DaemonSetController(WorkloadController):
    """Creates and deletes pods until every node has what it should."""

    name = "daemonset-controller"
    model = models.apps_v1.DaemonSet

    def listen(self) -> None:
        super().listen()
        self._nodes = self.follow(core.Node, self._node_changed)
        self._revisions = Revisions(self, HASH_LABEL)

    def forget(self) -> None:
        super().forget()
        self._failures: dict[tuple[str, str], tuple[float, float]] = {}

    def _node_changed(self, old: Any, new: Any) -> None:
        if old is not None and new is not None:
            same = old.spec is new.spec or old.spec == new.spec
            if same and old.metadata.labels == new.metadata.labels:
                return
        for daemonset in self.objects:
            self.queue.add_after(key_of(daemonset), busy(len(self._nodes)))

    def sync(self, daemonset: Any) -> Result | None:
        if daemonset.metadata.deletionTimestamp is not None:
            return None
        pods = self.claimed(daemonset, family(daemonset, self.pods), is_active)
        name, revision = daemonset.metadata.name, self._revisions.current(daemonset).metadata.name
        look = _Look(self, daemonset, revision.removeprefix(f"{name}-"), pods)
        expected = self.expected[daemonset.metadata.uid]
        problem = None
        if expected.satisfied(self.clock.now):
            create, delete, wait = self._manage(look)
            problem = self._change(look, create, delete)
            if problem is None and expected.satisfied(self.clock.now):
                problem = self._change(look, *look.update())
            look.wait = min(filter(None, (look.wait, wait)), default=None)
        self.write_status(daemonset, look.status())
        live = {f"{name}-{(pod.metadata.labels or {}).get(HASH_LABEL)}" for pod in pods}
        self._revisions.prune(daemonset, {*live, revision})
        if problem is not None:
            raise problem
        return Result(look.wait) if look.wait else None

    def _change(self, look: _Look, create: list[str], delete: list[str]) -> ApiError | None:
        problem = None
        create, delete = create[:BURST], delete[:BURST]
        if create:
            self.note(key_of(look.daemonset), f"missing on {', '.join(create)}: create")
            made = [look.pod_for(node) for node in create]
            problem = self.create_pods(look.daemonset, made)[1]
        if delete:
            self.note(key_of(look.daemonset), f"not to be: delete {', '.join(delete)}")
            refused = self.delete_pods(look.daemonset, delete)
            problem = problem or refused
        return problem

    def _manage(self, look: _Look) -> tuple[list[str], list[str], float | None]:
        """Nodes that need a pod, pods that have to go, and when to look again at failed ones."""
        create: list[str] = []
        delete: list[str] = []
        waits: list[float] = []
        for place in look.places:
            staying = [pod for pod in place.pods if pod.metadata.deletionTimestamp is None]
            if not place.may_stay:
                delete += [pod.metadata.name for pod in staying]
                continue
            if place.wanted and not place.pods:
                create.append(place.node)
                continue
            running = [pod for pod in staying if pod.status.phase not in FINISHED]
            for pod in staying:
                if pod.status.phase in FINISHED:
                    wait = self._finished(look.daemonset, pod, place.node)
                    if wait > 0:
                        waits.append(wait)
                    else:
                        delete.append(pod.metadata.name)
            if look.surges and not running and place.wanted:
                create.append(place.node)
            else:
                delete += look.surplus(running)
        return create, delete, min(waits, default=None)

    def _finished(self, daemonset: Any, pod: Any, node: str) -> float:
        """Seconds until a pod that has ended may be deleted, which is told when it is."""
        where = f"{pod.metadata.namespace}/{pod.metadata.name} on node {node}"
        if pod.status.phase == "Succeeded":
            message = f"Found succeeded daemon pod {where}, will try to delete it"
            self.recorder.normal(daemonset, "SucceededDaemonPod", message)
            return 0.0
        key = (daemonset.metadata.uid, node)
        delay, since = self._failures.get(key, (FIRST_BACKOFF / 2, -LONGEST_BACKOFF))
        if self.clock.now < since + delay:
            return since + delay - self.clock.now
        if self.clock.now > since + 2 * LONGEST_BACKOFF:
            delay = FIRST_BACKOFF / 2
        self._failures[key] = (min(2 * delay, LONGEST_BACKOFF), self.clock.now)
        message = f"Found failed daemon pod {where}, will try to kill it"
        self.recorder.warning(daemonset, "FailedDaemonPod", message)
        return 0.0


class _Look:
    """A DaemonSet, the nodes and its pods on them, as they are now. `wait`: when to look again."""

    def __init__(
        self, controller: DaemonSetController, daemonset: Any, digest: str, pods: Iterable[Any]
    ) -> None:
        self.daemonset = daemonset
        self.clock = controller.clock
        self.digest = digest
        self.wait: float | None = None
        self._spec = _daemon_spec(daemonset.spec.template.spec)
        self._required = RequiredNodes(self._spec)
        rolling = daemonset.spec.updateStrategy.rollingUpdate
        self._surge = rolling.maxSurge if rolling is not None else 0
        self._unavailable = rolling.maxUnavailable if rolling is not None else 1
        self.surges = self._surge not in (None, 0, "0%")
        by_node: dict[str, list[Any]] = {}
        for pod in pods:
            if pod.metadata.deletionTimestamp is None or pod.status.phase not in FINISHED:
                by_node.setdefault(node_of(pod) or "", []).append(pod)
        self.places = [
            Place(node.metadata.name, *self._fits(node), by_node.pop(node.metadata.name, []))
            for node in controller._nodes
        ]
        # Pods that were meant for nodes that are gone have nowhere to go; those that ran there
        # are the garbage collector's.
        self.places += [
            Place(name, False, False, [pod for pod in stray if not pod.spec.nodeName])
            for name, stray in by_node.items()
        ]

    def _fits(self, node: Any) -> tuple[bool, bool]:
        """Whether a pod should be put on a node, and whether one that is there may stay."""
        name = node.metadata.name
        fits = self._required.matches(name, node.metadata.labels or {})
        if not fits or self._spec.nodeName not in (None, "", name):
            return False, False
        against = {
            taint.effect
            for taint in taints_of(node)
            if taint.effect != "PreferNoSchedule" and not tolerated(self._spec.tolerations, taint)
        }
        return not against, "NoExecute" not in against

    def pod_for(self, node: str) -> Any:
        annotations = self.daemonset.metadata.annotations or {}
        labels = self.daemonset.spec.template.metadata.labels or {}
        generation = {GENERATION_LABEL: annotations.get(GENERATION, "1"), HASH_LABEL: self.digest}
        pod = pod_from_template(self.daemonset, labels={**labels, **generation})
        return replace(pod, spec=replace(self._spec, affinity=_only_on(node, self._spec)))

    # --- updates

    def _available(self, pod: Any) -> bool:
        return is_available(pod, self.daemonset.spec.minReadySeconds, self.clock)

    def _new(self, pod: Any) -> bool:
        return bool((pod.metadata.labels or {}).get(HASH_LABEL) == self.digest)

    def surplus(self, running: list[Any]) -> list[str]:
        """Which of several pods on one node have to go.

        The oldest stays; while surging an old and a new one, until the new one is available.
        """
        running = sorted(running, key=_settled)
        if len(running) < 2 or not self.surges:
            return [pod.metadata.name for pod in running[1:]]
        new = [pod for pod in running if self._new(pod)]
        old = [pod for pod in running if not self._new(pod)]
        going = [*new[1:], *old[1:]]
        if new and old and (not is_ready(old[0]) or self._available(new[0])):
            going.append(old[0])
        return [pod.metadata.name for pod in going]

    def update(self) -> tuple[list[str], list[str]]:
        """Nodes that get a new pod beside the old one, and old pods that make room."""
        if self.daemonset.spec.updateStrategy.type != "RollingUpdate":
            return [], []
        desired = sum(place.wanted for place in self.places)
        surge = scaled_value(self._surge or 0, desired, round_up=True)
        unavailable = scaled_value(self._unavailable or 0, desired, round_up=True)
        # What is not available is replaced at once, others as far as is allowed.
        used = available = 0
        at_once: list[str] = []
        candidates: list[str] = []
        done: list[str] = []
        astray: list[str] = []
        for place in self.places:
            there = [pod for pod in place.pods if pod.metadata.deletionTimestamp is None]
            new = [pod for pod in there if self._new(pod)]
            old = [pod for pod in there if not self._new(pod)]
            if not (place.wanted or place.pods) or (surge and not old and len(new) < 2):
                available += bool(new) and self._available(new[0])
                continue
            new_works = bool(new) and self._available(new[0])
            if len(new) > 1 or len(old) > 1:
                used += 1
                continue
            old_works = bool(old) and self._available(old[0])
            available += old_works
            if surge and new_works:
                done.append(old[0].metadata.name)
            elif surge and old and not new and not place.wanted:
                (astray if old_works else done).append(old[0].metadata.name)
            elif old and not new:
                name = place.node if surge else old[0].metadata.name
                (candidates if old_works else at_once).append(name)
                used += not (surge or old_works)
            elif old or not new_works:
                used += 1
        room = max((surge or max(unavailable, 1)) - used, 0)
        chosen = at_once + candidates[:room]
        # While surging a pod leaves a node that is not to have it when enough others are available.
        done += astray[: max(available - desired, 0)]
        return (chosen, done) if surge else ([], chosen)

    # --- telling

    def status(self) -> Any:
        """The DaemonSet's status. Sets when to look again for pods to become available."""
        desired = current = misplaced = ready = updated = available = 0
        for place in self.places:
            if not place.wanted:
                misplaced += bool(place.pods)
                continue
            desired += 1
            if place.pods:
                pod = min(place.pods, key=_settled)
                current += 1
                ready += is_ready(pod)
                available += self._available(pod)
                updated += self._new(pod)
        if ready != available:
            self.wait = float(self.daemonset.spec.minReadySeconds or 1)
        return replace(
            self.daemonset.status,
            observedGeneration=self.daemonset.metadata.generation,
            desiredNumberScheduled=desired,
            currentNumberScheduled=current,
            numberMisscheduled=misplaced,
            numberReady=ready,
            updatedNumberScheduled=updated or None,
            numberAvailable=available or None,
            numberUnavailable=desired - available or None,
        )


def _settled(pod: Any) -> tuple[bool, Any]:
    """Sorting key: those that have their node, then the oldest, first."""
    return not pod.spec.nodeName, by_age(pod)


def node_of(pod: Any) -> str | None:
    """The node that a DaemonSet's pod is on, or was made for."""
    if pod.spec.nodeName:
        return str(pod.spec.nodeName)
    for term in required_terms(pod.spec) or ():
        for rule in term.matchFields or ():
            if rule.key == "metadata.name":
                return str(rule.values[0])
    return None


@memo
def _daemon_spec(spec: Any) -> Any:
    """A pod's spec with what every pod of a DaemonSet tolerates."""
    given = list(spec.tolerations or ())
    extra = [
        core.Toleration(key=f"node.kubernetes.io/{name}", operator="Exists", effect=effect)
        for name, effect in _TOLERATED.items()
        if name != "network-unavailable" or spec.hostNetwork
    ]
    return replace(spec, tolerations=[*given, *(t for t in extra if t not in given)])


def _only_on(node: str, spec: Any) -> Any:
    """The affinity of a spec, narrowed to one node. Its own terms have chosen that node."""
    rule = core.NodeSelectorRequirement(key="metadata.name", operator="In", values=[node])
    required = core.NodeSelector(nodeSelectorTerms=[core.NodeSelectorTerm(matchFields=[rule])])
    affinity = spec.affinity or core.Affinity()
    nodes = affinity.nodeAffinity or core.NodeAffinity()
    nodes = replace(nodes, requiredDuringSchedulingIgnoredDuringExecution=required)
    return replace(affinity, nodeAffinity=nodes)
