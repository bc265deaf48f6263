"""Which node for a pod, or why none: one cycle of the scheduler, without the API around it.

Source: `pkg/scheduler/schedule_one.go` (schedulePod, findNodesThatFitPod).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

import msgspec

from kubecourse.api import models
from kubecourse.api.memo import IdentityMemo
from kubecourse.api.placement import named_nodes
from kubecourse.api.volumes import claims_of
from kubecourse.control_plane.scheduler import explain
from kubecourse.control_plane.scheduler.cache import (
    FINISHED,
    OWNERS,
    STORAGE,
    Cache,
    NodeInfo,
    labels_of,
)
from kubecourse.control_plane.scheduler.explain import Decision, NodeDecision
from kubecourse.control_plane.scheduler.footprint import footprint
from kubecourse.control_plane.scheduler.framework import Verdict
from kubecourse.control_plane.scheduler.plugins import RULES
from kubecourse.control_plane.scheduler.preemption import Candidate, Preemption, Promises
from kubecourse.control_plane.scheduler.shape import Shape, first_of_best

core = models.core_v1

ABSENT = Verdict("NodeAffinity", ("node(s) didn't satisfy plugin(s) [NodeAffinity]",), False)
"""What is said of all nodes but the one that a pod names."""

MOST_SHAPES = 128
MOST_PODS = 4096


class NoFit(Exception):
    """Every node refused a pod: how many nodes, by why; and those kept for others, by position.

    `rejected`: why a plugin refused the pod before it looked at any node.
    """

    def __init__(
        self, refusals: dict[Verdict, int], blocked: dict[int, Verdict], rejected: str = ""
    ) -> None:
        super().__init__()
        self.refusals = refusals
        self.blocked = blocked
        self.rejected = rejected


class Algorithm:
    """Finds nodes for pods. `next` is where in the order of nodes it begins to look."""

    def __init__(self, cache: Cache, random: Random) -> None:
        self._cache = cache
        self._shapes = Shapes(cache)
        self.promises = Promises(cache)
        self._preemption = Preemption(cache, self.promises, random)
        self.shape_of = self._shapes.of
        self.next = 0

    def find(self, pod: Any) -> NodeInfo | None:
        """The node for a pod; None if there are no nodes at all. Raises NoFit."""
        order = self._cache.order
        if not order:
            return None
        self.next %= len(order)
        named = named_nodes(pod.spec) if pod.spec.affinity is not None else None
        if named and len(named) == 1:
            return self._find_named(pod, named[0])
        shape = self.shape_of(pod)
        self._check_rejected(shape, pod)
        blocked = self.promises.blocked(pod, shape)
        if named:
            blocked |= {i.position: ABSENT for i in order if i.name not in named}
        if len(self.promises):
            promised = self._cache.nodes.get(pod.status.nominatedNodeName or "")
            if (
                promised is not None
                and promised.position >= 0
                and promised.position not in blocked
                and shape.verdict(promised) is None
            ):
                return promised
        choice = shape.choose(self.next, blocked)
        if choice is None:
            verdicts = enumerate(shape.verdicts())
            refusals = Counter(_first(verdict, blocked.get(at)) for at, verdict in verdicts)
            raise NoFit(refusals, blocked)
        node, processed = choice
        self.next = (self.next + processed) % len(order)
        return node

    def _find_named(self, pod: Any, name: str) -> NodeInfo:
        """The node for a pod that names it, as a DaemonSet's do; no other node is asked about."""
        shape = Shape(pod, RULES, self._cache)
        self._check_rejected(shape, pod)
        order = self._cache.order
        info = self._cache.nodes.get(name)
        if info is None or info.position < 0:
            raise NoFit({ABSENT: len(order)}, {})
        self.next = (self.next + 1) % len(order)
        verdict = shape.verdict_alone(info)
        if verdict is None:
            return info
        others = {ABSENT: len(order) - 1} if len(order) > 1 else {}
        raise NoFit({verdict: 1, **others}, {})

    def _check_rejected(self, shape: Shape, pod: Any) -> None:
        for plugin in shape.plugins.values():
            message = plugin.reject(pod)
            if message is not None:
                nodes = len(self._cache.order)
                raise NoFit({Verdict(plugin.name, (message,)): nodes}, {}, message)

    def preempt(self, pod: Any, why: NoFit, budgets: list[Any], now: float) -> Candidate | str:
        """Where others could make room for a pod that did not fit, or why nowhere."""
        shape = self.shape_of(pod)
        return self._preemption.find(pod, shape, why.refusals, why.blocked, budgets, now)

    def explain(self, pod: Any, budgets: list[Any], now: float) -> Decision:
        """Why a pod would go where it would go, or nowhere, as things stand; nothing is changed."""
        metadata, where = pod.metadata, pod.spec.nodeName or ""
        nodes = self._decide(pod)
        found = Decision(metadata.namespace, metadata.name, where, "", "", nodes)
        if pod.spec.schedulingGates:
            found.message = explain.GATED
        elif not nodes:
            found.message = explain.NO_NODES
        else:
            self._conclude(found, pod, budgets, now)
        return found

    def _conclude(self, found: Decision, pod: Any, budgets: list[Any], now: float) -> None:
        """Where a pod would go, or who would have to go for it, or why nothing helps."""
        total, start = len(found.nodes), self.next
        try:
            self.find(pod)
        except NoFit as why:
            if why.rejected:
                found.message = explain.rejected(total, why.rejected)
                return
            room = self.preempt(pod, why, budgets, now)
            if isinstance(room, Candidate):
                found.message = explain.unavailable(total, why.refusals)
                found.room = room.node.name
                found.victims = [victim.metadata.name for victim in room.victims]
            else:
                found.message = explain.no_room(total, why.refusals, room)
            return
        finally:
            self.next = start
        fitting = [node for node in found.nodes if node.fits]
        found.best = fitting[first_of_best([node.total for node in fitting])].node

    def _decide(self, pod: Any) -> list[NodeDecision]:
        shape = self.shape_of(pod)
        blocked = self.promises.blocked(pod, shape)
        verdicts = [v or blocked.get(at) for at, v in enumerate(shape.verdicts())]
        scores = iter(shape.scores([at for at, verdict in enumerate(verdicts) if verdict is None]))
        filters = tuple(p.name for p in shape.plugins.values() if p.checks or p.judges)
        found = []
        for info, verdict in zip(self._cache.order, verdicts, strict=True):
            if verdict is None:
                found.append(NodeDecision(info.name, filters, scores=next(scores)))
            else:
                passed = filters[: filters.index(verdict.plugin)]
                found.append(NodeDecision(info.name, passed, *verdict))
        return found


def decide(pod: Any, objects: Mapping[type[Any], Iterable[Any]], now: float) -> Decision:
    """Why a pod would go where it would go, among these objects by class; `now`: see `preempt`."""
    cache = Cache()
    algorithm = Algorithm(cache, Random(0))
    for namespace in objects[core.Namespace]:
        cache.set_namespace(None, namespace)
    for node in objects[core.Node]:
        cache.set_node(node)
    for classes, take_over in ((OWNERS, cache.owners.set), (STORAGE, cache.claims.set)):
        for cls in classes:
            for obj in objects[cls]:
                take_over(None, obj)
    for other in objects[core.Pod]:
        if other.spec.nodeName and other.status.phase not in FINISHED:
            cache.place(other, other.spec.nodeName)
        elif other.metadata.uid != pod.metadata.uid:
            algorithm.promises.note(other, other.status.nominatedNodeName)
    budgets = list(objects[models.policy_v1.PodDisruptionBudget])
    return algorithm.explain(pod, budgets, now)


NEEDED = (core.Namespace, core.Node, *OWNERS, *STORAGE, core.Pod,
          models.policy_v1.PodDisruptionBudget)  # fmt: skip
"""The classes of which `decide` wants all objects."""


def _first(verdict: Verdict | None, blocked: Verdict | None) -> Verdict:
    """Which of two refusals is told: a node that is not even asked comes before all."""
    return blocked if blocked is ABSENT or verdict is None else verdict  # type: ignore[return-value]


class Shapes:
    """The shapes of the pods that were scheduled lately."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._version = cache.owners.version
        self._by_identity: dict[tuple[Any, ...], tuple[Any, Any, Shape]] = {}
        self._by_content: dict[tuple[Any, ...], Shape] = {}
        self._spec_key: IdentityMemo[tuple[Any, ...]] = IdentityMemo(_asked)

    def of(self, pod: Any) -> Shape:
        if self._version != self._cache.owners.version:
            self._version = self._cache.owners.version
            self._by_identity.clear()
        metadata = pod.metadata
        spec, labels, owners = pod.spec, metadata.labels, metadata.ownerReferences
        key = (id(spec), id(labels), metadata.namespace, owners[0].uid if owners else "")
        found = self._by_identity.get(key)
        if found is not None and found[0] is spec and found[1] is labels:
            return found[2]
        if spec.volumes and claims_of(pod):  # what these say changes with the claims
            return Shape(pod, RULES, self._cache)
        shape = self._by_reading(pod)
        if len(self._by_identity) >= MOST_PODS:
            del self._by_identity[next(iter(self._by_identity))]
        self._by_identity[key] = (spec, labels, shape)
        return shape

    def _by_reading(self, pod: Any) -> Shape:
        key = (
            pod.metadata.namespace, tuple(sorted(labels_of(pod).items())),
            str(self._cache.owners.selector(pod)), self._spec_key(pod.spec),
        )  # fmt: skip
        shape = self._by_content.pop(key, None)
        if shape is None:
            shape = Shape(pod, RULES, self._cache)
            if len(self._by_content) >= MOST_SHAPES:
                del self._by_content[next(iter(self._by_content))]
        self._by_content[key] = shape
        return shape


def _asked(spec: Any) -> tuple[Any, ...]:
    containers = [*(spec.initContainers or ()), *(spec.containers or ())]
    return (
        footprint(spec),
        tuple(container.image for container in containers),
        tuple(sorted((spec.nodeSelector or {}).items())),
        msgspec.json.encode([spec.affinity, spec.tolerations, spec.topologySpreadConstraints]),
    )
