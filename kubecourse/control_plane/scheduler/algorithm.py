"""Which node for a pod, or why none: one cycle of the scheduler, without the API around it.

Source: `pkg/scheduler/schedule_one.go` (schedulePod, findNodesThatFitPod).
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from msgspec.structs import replace

from kubecourse.api.placement import required_terms
from kubecourse.client.informer import key_of
from kubecourse.control_plane.scheduler import messages
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.explain import Decision, NodeDecision
from kubecourse.control_plane.scheduler.framework import Verdict
from kubecourse.control_plane.scheduler.plugins import RULES
from kubecourse.control_plane.scheduler.preemption import Outcome, Preemption, Promises
from kubecourse.control_plane.scheduler.shape import Shape, first_of_best
from kubecourse.control_plane.scheduler.shapes import Shapes

ABSENT = Verdict("NodeAffinity", ("node(s) didn't satisfy plugin(s) [NodeAffinity]",), False)
"""What is said of all nodes but the one that a pod names."""


class NoFit(Exception):
    """Every node refused a pod: how many nodes, by why; and those kept for others, by position."""

    def __init__(self, refusals: dict[Verdict, int], blocked: dict[int, Verdict]) -> None:
        super().__init__()
        self.refusals = refusals
        self.blocked = blocked


class Rejected(Exception):
    """A plugin refused a pod before any node was looked at."""

    def __init__(self, plugin: str, message: str) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.message = message


class Algorithm:
    """Finds nodes for pods. `next` is where in the order of nodes it begins to look."""

    def __init__(self, cache: Cache, random: Random) -> None:
        self._cache = cache
        self._shapes = Shapes(RULES, cache)
        self._preemption = Preemption(cache, random)
        self.promises = Promises(cache)
        self.shape_of = self._shapes.of
        self.next = 0

    def find(self, pod: Any) -> NodeInfo | None:
        """The node for a pod; None if there are no nodes at all. Raises NoFit, Rejected."""
        order = self._cache.order
        if not order:
            return None
        self.next %= len(order)
        if pod.spec.affinity is not None:
            named = named_node(pod.spec)
            if named is not None:
                return self._find_named(pod, named)
        shape = self.shape_of(pod)
        _check_rejected(shape, pod)
        blocked: dict[int, Verdict] = {}
        if len(self.promises):
            blocked = self.promises.blocked(pod, shape)
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
            verdicts = shape.verdicts()
            refusals = Counter(
                verdict or blocked[position] for position, verdict in enumerate(verdicts)
            )
            raise NoFit(refusals, blocked)
        node, processed = choice
        self.next = (self.next + processed) % len(order)
        return node

    def _find_named(self, pod: Any, name: str) -> NodeInfo:
        """The node for a pod that names it, as a DaemonSet's do; no other node is asked about."""
        shape = Shape(pod, RULES, self._cache)
        _check_rejected(shape, pod)
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

    def preempt(self, pod: Any, why: NoFit, budgets: list[Any], now: float) -> Outcome:
        """Whether others could make room for a pod that did not fit."""
        shape = self.shape_of(pod)
        return self._preemption.find(pod, shape, why.refusals, why.blocked, budgets, now)

    def explain(self, pod: Any) -> Decision:
        """Why a pod is where it is, or why it is pending, as things stand now.

        For a pod that has a node: what would be found if it were to be placed again.
        """
        key = key_of(pod)
        placed = self._cache.pods.get(key)
        unplaced = replace(pod, spec=replace(pod.spec, nodeName=None))
        shape = self.shape_of(unplaced)
        with self._cache.without([placed] if placed is not None else []):
            nodes = self._decide(shape)
        fitting = [node for node in nodes if node.fits]
        best = fitting[first_of_best([node.total for node in fitting])].node if fitting else ""
        message = "" if best and placed is not None else _why_not(pod, shape, nodes)
        where = placed.node if placed is not None else pod.spec.nodeName or ""
        return Decision(key[0], key[1], where, "" if message else best, message, nodes)

    def _decide(self, shape: Shape) -> list[NodeDecision]:
        """What is found about each node."""
        verdicts = shape.verdicts()
        scores = iter(shape.scores([at for at, verdict in enumerate(verdicts) if verdict is None]))
        return [
            NodeDecision(info.name, scores=next(scores))
            if verdict is None
            else NodeDecision(info.name, verdict.plugin, verdict.reasons, verdict.resolvable)
            for info, verdict in zip(self._cache.order, verdicts, strict=True)
        ]


def named_node(spec: Any) -> str | None:
    """The one node that all terms of a pod's required affinity name, or None."""
    fields = [term.matchFields for term in required_terms(spec) or ()]
    if not fields or not fields[0] or fields.count(fields[0]) < len(fields):
        return None
    name = fields[0][0]
    return name.values[0] if name.operator == "In" and len(name.values) == 1 else None


def _check_rejected(shape: Shape, pod: Any) -> None:
    for plugin in shape.plugins.values():
        message = plugin.reject(pod)
        if message is not None:
            raise Rejected(plugin.name, message)


def _why_not(pod: Any, shape: Shape, nodes: list[NodeDecision]) -> str:
    """Why a pod cannot be placed, '' if it can."""
    if pod.spec.schedulingGates:
        return messages.GATED
    if not nodes:
        return messages.NO_NODES
    try:
        _check_rejected(shape, pod)
    except Rejected as why:
        return messages.rejected(len(nodes), why.message)
    if any(node.fits for node in nodes):
        return ""
    refusals = Counter(Verdict(node.refused_by, node.reasons) for node in nodes)
    return messages.unavailable(len(nodes), refusals)
