"""The scheduler's decision as a heat map: plugins down, nodes across, refused nodes struck out."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets

from kubecourse.lessons import messages, palette
from kubecourse.lessons.widgets.panel import Panel, picture

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster
    from kubecourse.control_plane.scheduler import NodeDecision
    from kubecourse.tools.explanation import Explanation

DEEPEST = 0.5
"""How much of the colour a full score shows: text stays readable on it in both themes."""


def table(explanation: Explanation) -> str:
    """Each plugin's weighted score in a cell, shaded by the score from 0 to 100, as HTML.

    A node that was refused has one cell from top to bottom with the reason.
    """
    nodes, plugins = explanation.shown, explanation.plugins
    chosen = explanation.decision.node or explanation.decision.best
    heads = "".join(
        f'<th scope="col">{"▸ " if node.node == chosen else ""}{escape(node.node)}</th>'
        for node in nodes
    )
    rows = [f"<tr><td></td>{heads}</tr>"]
    for number, plugin in enumerate([*plugins, ""]):
        name = escape(plugin) or messages.text("widgets.decision.total")
        cells = "".join(_cell(node, plugin, number, len(plugins) + 1) for node in nodes)
        rows.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    note = messages.text("widgets.decision.points") if plugins else ""
    return picture(text(explanation), f'<table class="grid">{"".join(rows)}</table>', note)


def _cell(node: NodeDecision, plugin: str, row: int, rows: int) -> str:
    if not node.fits:
        reasons = "<br>".join(map(escape, node.reasons))
        struck = f"border: 2px solid {palette.REFUSED}; max-width: 14em"
        return "" if row else f'<td rowspan="{rows}" style="{struck}">✗ {reasons}</td>'
    if not plugin:
        return f"<td><b>{node.total}</b></td>"
    score = node.scores.get(plugin)
    if score is None:
        return "<td></td>"
    shade = palette.shade(palette.NEW, DEEPEST * score.normalized / 100)
    hint = f"{score.raw} → {score.normalized} → {score.weighted}"
    return f'<td style="background: {shade}" title="{hint}">{score.weighted}</td>'


def text(explanation: Explanation) -> str:
    """The picture in one line: who won, by how much, or why nobody did."""
    decision = explanation.decision
    chosen = decision.node or decision.best
    totals = {node.node: node.total for node in decision.nodes if node.fits}
    if chosen not in totals:
        why = decision.message.partition(". ")[0].rstrip(".")
        return messages.text("widgets.decision.nobody", pod=decision.name, why=why)
    points = totals.pop(chosen)
    values = {"pod": decision.name, "node": chosen, "points": points}
    if not totals:
        return messages.text("widgets.decision.only", **values)
    second = max(totals.values())
    if second == points:
        count = 1 + sum(total == points for total in totals.values())
        return messages.text("widgets.decision.equal", count=count, **values)
    return messages.text("widgets.decision.won", second=second, **values)


class Decisions(Panel):
    """Choose a pod of a namespace, and see why it is where it is, or why it is pending.

    On a copy of the cluster: what it shows stays, whatever becomes of the pods.
    `pod.value` can be set by code as well; `explanation` is the one that is shown.
    """

    def __init__(self, cluster: Cluster, pod: str = "", namespace: str = "default") -> None:
        self._cluster = cluster.fork()
        self._namespace = namespace
        names = cluster.pods(namespace=namespace)
        self.pod = ipywidgets.Dropdown(
            options=names, value=pod or names[0], description=messages.text("widgets.decision.pod")
        )
        self.picture = ipywidgets.HTML()
        self.pod.observe(self._explain, "value")
        self._explain()
        super().__init__([self.pod], self.picture)

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        return text(self.explanation)

    def _explain(self, _: object = None) -> None:
        self.explanation: Explanation
        self.explanation = self._cluster.explain(f"pod/{self.pod.value}", self._namespace)  # type: ignore[assignment]
        command = f'cluster.explain("pod/{self.pod.value}")'
        self.picture.value = f"{table(self.explanation)}<code>{escape(command)}</code>"
