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
from kubecourse.client import Client, InformerFactory, Result
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import busy, write_status
from kubecourse.control_plane.controller_manager.pod_control import pod_from_template
from kubecourse.control_plane.controller_manager.pods import (
    FINISHED,
    is_active,
    is_available,
    is_ready,
)
from kubecourse.control_plane.controller_manager.revisions import HASH_LABEL, Revisions, hash_of
from kubecourse.control_plane.controller_manager.workload import WorkloadController

core = models.core_v1
Key = tuple[str, str]

BURST = 250
"""Pods created, and deleted, at one look at most."""
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 900.0
"""Seconds until a failed pod is deleted; they double with each."""
GENERATION_LABEL = "pod-template-generation"
GENERATION = "deprecated.daemonset.template.generation"

_TAINT = "node.kubernetes.io/"
_TOLERATIONS = [
    core.Toleration(key=_TAINT + name, operator="Exists", effect=effect)
    for name, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    )
]
_NO_NETWORK = core.Toleration(
    key=_TAINT + "network-unavailable", operator="Exists", effect="NoSchedule"
)


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

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client, informers)
        self._nodes = informers.informer(core.Node)
        self._revisions = Revisions(client, informers, HASH_LABEL)
        self._failures: dict[tuple[str, str], tuple[float, float]] = {}
        self.subscribe(self._nodes, self._node_changed)

    def forget(self) -> None:
        super().forget()
        self._failures.clear()

    def _node_changed(self, old: Any, new: Any) -> None:
        if old is not None and new is not None:
            same = old.spec is new.spec or old.spec == new.spec
            if same and old.metadata.labels == new.metadata.labels:
                return
        for daemonset in self.owners:
            self.queue.add_after(key_of(daemonset), busy(len(self._nodes)))

    def reconcile(self, key: Key) -> Result | None:
        daemonset = self.owners.get(*key)
        if daemonset is None or daemonset.metadata.deletionTimestamp is not None:
            return None
        pods = self.claimed(daemonset, is_active)
        revision = self._revisions.current(daemonset)
        look = _Look(self, daemonset, hash_of(revision), pods)
        expected = self.expected[daemonset.metadata.uid]
        problem = None
        if expected.satisfied(self.clock.now):
            create, delete, wait = self._manage(look)
            problem = self._change(look, create, delete)
            if problem is None and expected.satisfied(self.clock.now):
                problem = self._change(look, *look.update())
            look.wait = min(filter(None, (look.wait, wait)), default=None)
        write_status(self.client, daemonset, look.status())
        live = {p.metadata.labels.get(HASH_LABEL) for p in pods if p.metadata.labels}
        names = {f"{daemonset.metadata.name}-{digest}" for digest in live}
        self._revisions.prune(daemonset, {*names, revision.metadata.name})
        if problem is not None:
            raise problem
        return Result(look.wait) if look.wait else None

    def _change(self, look: _Look, create: list[str], delete: list[str]) -> ApiError | None:
        expected = self.expected[look.daemonset.metadata.uid]
        problems = []
        if create:
            self.note(key_of(look.daemonset), f"missing on {', '.join(create[:BURST])}: create")
            made = [look.pod_for(node) for node in create[:BURST]]
            problems.append(self.control.create(look.daemonset, made, expected)[1])
        if delete:
            self.note(key_of(look.daemonset), f"not to be: delete {', '.join(delete[:BURST])}")
            problems.append(self.control.delete(look.daemonset, delete[:BURST], expected))
        return next((problem for problem in problems if problem is not None), None)

    def _manage(self, look: _Look) -> tuple[list[str], list[str], float | None]:
        """Nodes that need a pod, pods that have to go, and when to look again at failed ones."""
        create: list[str] = []
        delete: list[str] = []
        waits: list[float] = []
        for place in look.places:
            if not place.may_stay:
                delete += [p.metadata.name for p in place.pods if not _deleting(p)]
                continue
            if place.wanted and not place.pods:
                create.append(place.node)
                continue
            running = []
            for pod in place.pods:
                if _deleting(pod):
                    continue
                if pod.status.phase in FINISHED:
                    wait = self._finished(look.daemonset, pod, place.node)
                    if wait > 0:
                        waits.append(wait)
                    else:
                        delete.append(pod.metadata.name)
                else:
                    running.append(pod)
            if look.surges and not running and place.wanted:
                if all(_deleting(pod) for pod in place.pods):
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
    """A DaemonSet, the nodes and its pods on them, as they are now."""

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
        name = self._spec.nodeName
        labels = node.metadata.labels or {}
        if name and name != node.metadata.name:
            return False, False
        if not self._required.matches(node.metadata.name, labels):
            return False, False
        against = {
            taint.effect
            for taint in taints_of(node)
            if taint.effect != "PreferNoSchedule" and not tolerated(self._spec.tolerations, taint)
        }
        return not against, "NoExecute" not in against

    def pod_for(self, node: str) -> Any:
        annotations = self.daemonset.metadata.annotations or {}
        generation = {GENERATION_LABEL: annotations.get(GENERATION, "1"), HASH_LABEL: self.digest}
        template = self.daemonset.spec.template
        pod = pod_from_template(
            self.daemonset, labels={**(template.metadata.labels or {}), **generation}
        )
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
        running = sorted(running, key=_age)
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
        return self._replace(surge, None) if surge else self._replace(0, max(unavailable, 1))

    def _replace(self, surge: int, unavailable: int | None) -> tuple[list[str], list[str]]:
        """One step. What is not available is replaced at once, others as far as is allowed."""
        used = 0
        at_once: list[str] = []
        candidates: list[str] = []
        done: list[str] = []
        for place in self.places:
            if not place.wanted:
                continue
            there = [pod for pod in place.pods if not _deleting(pod)]
            new = [pod for pod in there if self._new(pod)]
            old = [pod for pod in there if not self._new(pod)]
            if len(new) > 1 or len(old) > 1:
                used += 1
            elif unavailable is None:
                if old and not new:
                    stays = self._available(old[0])
                    (candidates if stays else at_once).append(place.node)
                elif old and self._available(new[0]):
                    done.append(old[0].metadata.name)
                elif old:
                    used += 1
            elif bool(old) == bool(new) or (new and not self._available(new[0])):
                used += 1
            elif old:
                stays = self._available(old[0])
                (candidates if stays else at_once).append(old[0].metadata.name)
        room = max((surge if unavailable is None else unavailable) - used, 0)
        chosen = at_once + candidates[:room]
        return (chosen, done) if unavailable is None else ([], chosen)

    # --- telling

    def status(self) -> Any:
        """The DaemonSet's status. Sets when to look again for pods to become available."""
        desired = current = misplaced = ready = updated = available = 0
        for place in self.places:
            there = [pod for pod in place.pods if pod.status.phase not in FINISHED]
            if not place.wanted:
                misplaced += bool(there)
                continue
            desired += 1
            if there:
                pod = min(there, key=_age)
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


def _deleting(pod: Any) -> bool:
    return pod.metadata.deletionTimestamp is not None


def _age(pod: Any) -> tuple[Any, str]:
    return (pod.metadata.creationTimestamp, pod.metadata.name)


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
    extra = [*_TOLERATIONS, *([_NO_NETWORK] if spec.hostNetwork else [])]
    return replace(spec, tolerations=[*given, *(t for t in extra if t not in given)])


def _only_on(node: str, spec: Any) -> Any:
    """The affinity of a spec, narrowed to one node. Its own terms have chosen that node."""
    rule = core.NodeSelectorRequirement(key="metadata.name", operator="In", values=[node])
    required = core.NodeSelector(nodeSelectorTerms=[core.NodeSelectorTerm(matchFields=[rule])])
    affinity = spec.affinity or core.Affinity()
    nodes = affinity.nodeAffinity or core.NodeAffinity()
    nodes = replace(nodes, requiredDuringSchedulingIgnoredDuringExecution=required)
    return replace(affinity, nodeAffinity=nodes)
