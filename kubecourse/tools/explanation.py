"""Why a pod is where it is, or why it is pending, as a table to read."""

from __future__ import annotations

from kubecourse.control_plane.scheduler import Decision, NodeDecision

COLUMNS = 6
"""Nodes shown side by side; the best of many are shown."""


class Explanation:
    """The scheduler's view of one pod, now. `decision` has all of it as data."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    def __repr__(self) -> str:
        lines = [self._headline(), "", *self._table()]
        refused = [node for node in self.decision.nodes if not node.fits]
        if refused:
            lines.append("")
        lines += [f"{node.node}: {', '.join(node.reasons)}" for node in refused[:COLUMNS]]
        if len(refused) > COLUMNS:
            lines.append(f"… and {len(refused) - COLUMNS} more nodes")
        return "\n".join(lines)

    def _headline(self) -> str:
        decision = self.decision
        name = f"pod/{decision.name}"
        if decision.node and decision.node == decision.best:
            return f"{name} is on {decision.node}, which has the highest score."
        if decision.node:
            now = f"it would go to {decision.best}" if decision.best else "no node would take it"
            return f"{name} is on {decision.node}. As things are now, {now}."
        if decision.best:
            return f"{name} has no node yet. It would go to {decision.best}."
        return f"{name} is pending: {decision.message}"

    def _table(self) -> list[str]:
        """Plugins down, nodes across: each score times its plugin's weight."""
        nodes = sorted(self.decision.nodes, key=_best_first)[:COLUMNS]
        names = [node.node for node in nodes]
        nodes = [node for node in self.decision.nodes if node.node in names]
        rows = [["", *(node.node for node in nodes)]]
        plugins = list(dict.fromkeys(plugin for node in nodes for plugin in node.scores))
        rows += [
            [plugin, *(_score(node, plugin) for node in nodes)]
            for plugin in plugins
            if any(plugin in node.scores and node.scores[plugin].weighted for node in nodes)
        ]
        rows.append(["total", *(str(node.total) if node.fits else "refused" for node in nodes)])
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return [
            "  ".join(
                [row[0].ljust(widths[0])]
                + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            ).rstrip()
            for row in rows
        ]


def _score(node: NodeDecision, plugin: str) -> str:
    return str(node.scores[plugin].weighted) if plugin in node.scores else ""


def _best_first(node: NodeDecision) -> tuple[bool, int]:
    return (not node.fits, -node.total)
