"""Which node for a pod, or why none: one cycle of the scheduler, without the API around it.

Source: `pkg/scheduler/schedule_one.go` (schedulePod, findNodesThatFitPod).
"""

from __future__ import annotations

from random import Random
from typing import Any

from msgspec.structs import replace

from kubecourse.client.informer import key_of
from kubecourse.control_plane.scheduler import messages
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.explain import Decision, Evaluation, NodeDecision
from kubecourse.control_plane.scheduler.framework import Plugin, Rejected, Verdict
from kubecourse.control_plane.scheduler.nominator import Nominator
from kubecourse.control_plane.scheduler.owners import Owners
from kubecourse.control_plane.scheduler.plugins.node_affinity import RequiredNodes
from kubecourse.control_plane.scheduler.preemption import Outcome, Preemption
from kubecourse.control_plane.scheduler.shapes import Shapes

ABSENT = Verdict("NodeAffinity", ("node(s) didn't satisfy plugin(s) [NodeAffinity]",), False)
"""What is said of nodes that a pod which names its nodes does not name."""

Refusals = dict[Verdict, int]
"""How many nodes refused a pod, by why."""


class NoFit(Exception):
    """Every node refused a pod. `blocked`: those that are kept for others, by position."""

    def __init__(self, refusals: Refusals, blocked: dict[int, Verdict] | None = None) -> None:
        super().__init__()
        self.refusals = refusals
        self.blocked = blocked or {}


class Algorithm:
    """Finds nodes for pods. `next` is where in the order of nodes it begins to look."""

    def __init__(self, cache: Cache, plugins: list[Plugin], owners: Owners, random: Random) -> None:
        self._cache = cache
        self._plugins = plugins
        self._shapes = Shapes(plugins, cache, owners)
        self._preemption = Preemption(cache, random)
        self.nominator = Nominator(cache)
        self.next = 0

    def find(self, pod: Any) -> NodeInfo | None:
        """The node for a pod; None if there are no nodes at all. Raises NoFit, Rejected."""
        order = self._cache.order
        if not order:
            return None
        for plugin in self._plugins:
            message = plugin.reject(pod)
            if message is not None:
                raise Rejected(plugin.name, message)
        self.next %= len(order)
        if pod.spec.affinity is not None:
            names = RequiredNodes(pod.spec).names
            if names is not None:
                return self._find_among(pod, names)
        shape = self._shapes.of(pod)
        blocked: dict[int, Verdict] = {}
        if len(self.nominator):
            blocked = self.nominator.blocked(pod, shape)
            promised = self._cache.nodes.get(pod.status.nominatedNodeName or "")
            if (
                promised is not None
                and promised.position >= 0
                and promised.position not in blocked
                and shape.verdict(promised) is None
            ):
                return promised
        choice = shape.choose(self.next, tuple(blocked))
        if choice is None:
            refusals = shape.refusals()
            for position, verdict in blocked.items():
                if shape.verdict(order[position]) is None:
                    refusals[verdict] = refusals.get(verdict, 0) + 1
            raise NoFit(refusals, blocked)
        self.next = (self.next + choice.processed) % len(order)
        return choice.node

    def _find_among(self, pod: Any, names: list[str]) -> NodeInfo:
        """The node for a pod that names those it can go to, as a DaemonSet's do."""
        order = self._cache.order
        evaluation = Evaluation(pod, self._plugins, self._cache)
        infos = [self._cache.nodes[name] for name in names if name in self._cache.nodes]
        infos = [info for info in infos if info.position >= 0]
        refusals: Refusals = {}
        candidates = []
        for info in infos:
            verdict = evaluation.verdict(info)
            if verdict is None:
                candidates.append(info)
            else:
                refusals[verdict] = refusals.get(verdict, 0) + 1
        self.next = (self.next + len(infos)) % len(order)
        if candidates:
            return evaluation.best(candidates)
        if len(infos) < len(order):
            refusals[ABSENT] = len(order) - len(infos)
        raise NoFit(refusals)

    def preempt(self, pod: Any, why: NoFit, budgets: list[Any], now: float) -> Outcome:
        """Whether others could make room for a pod that did not fit."""
        if not self._preemption.conceivable(pod, why.refusals):
            return self._preemption.refuse(pod, why.refusals)
        shape = self._shapes.of(pod)
        verdicts: dict[str, Verdict] = {}
        for info, verdict in zip(self._cache.order, shape.verdicts(), strict=True):
            verdict = why.blocked.get(info.position) or verdict
            if verdict is not None:
                verdicts[info.name] = verdict
        promised = pod.status.nominatedNodeName or ""
        return self._preemption.find(pod, verdicts, shape.verdict, budgets, promised, now)

    def explain(self, pod: Any) -> Decision:
        """Why a pod is where it is, or why it is pending, as things stand now.

        For a pod that has a node: what would be found if it were to be placed again.
        """
        key = key_of(pod)
        known = self._cache.pods.get(key)
        neighbours = list(self._cache.nodes[known.node].pods) if known is not None else []
        placed = self._cache.remove(key)
        unplaced = replace(pod, spec=replace(pod.spec, nodeName=None))
        try:
            best, nodes = Evaluation(unplaced, self._plugins, self._cache).decide()
        finally:
            if placed is not None:
                self._cache.put_back([placed], neighbours)
        message = "" if best and placed is not None else self._why_not(pod, best, nodes)
        where = placed.node if placed is not None else pod.spec.nodeName or ""
        return Decision(key[0], key[1], where, "" if message else best, message, nodes)

    def _why_not(self, pod: Any, best: str, nodes: list[NodeDecision]) -> str:
        """Why a pod cannot be placed, '' if it can."""
        if pod.spec.schedulingGates:
            return messages.GATED
        if not nodes:
            return messages.NO_NODES
        for message in filter(None, (plugin.reject(pod) for plugin in self._plugins)):
            return messages.rejected(len(nodes), message)
        if best:
            return ""
        reasons: dict[str, int] = {}
        for reason in (reason for node in nodes for reason in node.reasons):
            reasons[reason] = reasons.get(reason, 0) + 1
        return messages.unavailable(len(nodes), reasons)
