"""Why a pod is where it is, or why it is pending: the scheduler's decision, read from the past."""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.api.resources import BY_MODEL
from kubecourse.control_plane.scheduler import NEEDED, Decision, NodeDecision, decide
from kubecourse.tools.past import Past
from kubecourse.tools.tables import columns

core = models.core_v1

COLUMNS = 6
"""Nodes shown side by side; the best of many are shown."""


class Explanation:
    """The scheduler's view of one pod, when it was bound, or now if it has no node.

    `decision` has all of it as data, `preempted` the pods that were taken away for it. Printed it
    is a table of weighted scores; `details()` shows every filter and every score before and after.
    """

    def __init__(self, decision: Decision, preempted: list[str]) -> None:
        self.decision = decision
        self.preempted = preempted

    def __repr__(self) -> str:
        decision = self.decision
        lines = [self.headline, "", self._totals()]
        refused = [node for node in decision.nodes if not node.fits]
        if refused:
            lines.append("")
        lines += [f"{node.node}: {', '.join(node.reasons)}" for node in refused[:COLUMNS]]
        if len(refused) > COLUMNS:
            lines.append(f"… and {len(refused) - COLUMNS} more nodes")
        if self.preempted:
            lines += ["", f"Preempted to make room: {', '.join(self.preempted)}"]
        if decision.victims:
            names = ", ".join(decision.victims)
            lines += ["", f"It would fit on {decision.room} without {names}."]
        return "\n".join(lines)

    @property
    def headline(self) -> str:
        """The finding, in one line."""
        decision = self.decision
        name = f"pod/{decision.name}"
        if not decision.node and not decision.best:
            return f"{name} is pending: {decision.message}"
        if not decision.node:
            return f"{name} has no node yet. It would go to {decision.best}."
        totals = {node.node: node.total for node in decision.nodes if node.fits}
        if decision.node not in totals:
            return f"{name} is on {decision.node}, where the scheduler would not have put it."
        if len(totals) == 1:
            return f"{name} is on {decision.node}, the only node that could take it."
        total = totals[decision.node]
        equal = sum(other == total for other in totals.values())
        if total < max(totals.values()):
            return f"{name} is on {decision.node}, with {total} points of {max(totals.values())}."
        if equal == 1:
            return f"{name} is on {decision.node}, which has the highest score."
        return f"{name} is on {decision.node}, the first of {equal} nodes with the highest score."

    @property
    def shown(self) -> list[NodeDecision]:
        """The best nodes, in the order in which the scheduler looks at them."""
        best = sorted(self.decision.nodes, key=lambda n: (n.node != self.decision.node, *_rank(n)))
        names = [node.node for node in best[:COLUMNS]]
        return [node for node in self.decision.nodes if node.node in names]

    @property
    def plugins(self) -> list[str]:
        """The plugins that gave any of these nodes points."""
        names = dict.fromkeys(plugin for node in self.shown for plugin in node.scores)
        return [
            name
            for name in names
            if any(name in node.scores and node.scores[name].weighted for node in self.shown)
        ]

    def _totals(self) -> str:
        """Plugins down, nodes across: each score times its plugin's weight."""
        nodes = self.shown
        rows = [["", *(node.node for node in nodes)]]
        for plugin in self.plugins:
            scores = [node.scores.get(plugin) for node in nodes]
            rows.append([plugin, *("" if s is None else str(s.weighted) for s in scores)])
        rows.append(["total", *(str(node.total) if node.fits else "refused" for node in nodes)])
        return columns(rows, right=range(1, len(rows[0])))

    def details(self) -> str:
        """Every filter's verdict on each node, and every score: raw, scaled to 100, weighted."""
        lines = [self.headline]
        for node in self.shown:
            lines += ["", f"{node.node}: {f'{node.total} points' if node.fits else 'refused'}"]
            rows = [["  filter", "verdict"], *([f"  {name}", "fits"] for name in node.passed)]
            if not node.fits:
                rows.append([f"  {node.refused_by}", ", ".join(node.reasons)])
            lines.append(columns(rows))
            rows = [["  plugin", "raw", "0–100", "weighted"]]
            for name, score in node.scores.items():
                raw = "–" if score.raw is None else str(score.raw)
                rows.append([f"  {name}", raw, str(score.normalized), str(score.weighted)])
            lines += [columns(rows, right=(1, 2, 3))] if len(rows) > 1 else []
        return "\n".join(lines)


def _rank(node: NodeDecision) -> tuple[bool, int]:
    return not node.fits, -node.total


def explain_pod(past: Past, pod: Any) -> Explanation:
    """Why a pod is where it is, or pending, at some moment.

    A pod with a node is explained by what the scheduler saw just before it was bound.
    """
    metadata = pod.metadata
    before = past
    if pod.spec.nodeName:
        changes = past.changes(BY_MODEL[core.Pod], metadata.namespace, metadata.name)
        mine = [e for e in changes if e.new is not None and e.new.metadata.uid == metadata.uid]
        bound = next(event for event in mine if event.new.spec.nodeName)
        before = past.at(bound.revision - 1)
    waiting = before.get(BY_MODEL[core.Pod], metadata.namespace, metadata.name)
    if waiting is None or waiting.metadata.uid != metadata.uid:
        waiting = pod  # it came with its node
    now = past.clock.moment(before.now).timestamp()
    decision = decide(waiting, {cls: before.list(cls) for cls in NEEDED}, now)
    decision.node = pod.spec.nodeName or ""
    start = f"Preempted by pod {metadata.uid} on node "
    preempted = [
        event.involvedObject.name
        for event in before.list(core.Event)
        if event.reason == "Preempted" and (event.message or "").startswith(start)
    ]
    return Explanation(decision, preempted)
