"""The scheduler's decision as a heat map: plugins down, nodes across, refused nodes struck out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from kubecourse.lessons import messages, palette

if TYPE_CHECKING:
    from kubecourse.tools.explanation import Explanation

SHADES = [[0.0, "#E6F0F7"], [1.0, palette.NEW]]
"""From 0 to 100 points."""
ROW, AROUND = 34, 110
"""Pixels of a plugin, and of title and labels together."""


def figure(explanation: Explanation) -> go.Figure:
    """Each plugin's weighted score in a cell, its shade by the score from 0 to 100.

    A node that was refused has one cell from top to bottom with the reason.
    """
    nodes, plugins = explanation.shown, explanation.plugins
    total = messages.text("widgets.decision.total")
    names = [node.node for node in nodes]
    rows = [*plugins, total]
    scores = [[node.scores.get(plugin) for node in nodes] for plugin in plugins]
    chart = go.Figure(layout=palette.LAYOUT | {"height": AROUND + ROW * len(rows)})
    chart.add_heatmap(
        x=names,
        y=rows,
        z=[*([s and s.normalized for s in row] for row in scores), [None] * len(nodes)],
        text=[*(["" if s is None else str(s.weighted) for s in row] for row in scores),
              [str(node.total) if node.fits else "" for node in nodes]],
        customdata=[*([["" if s is None or s.raw is None else s.raw for s in row]
                      for row in scores]), [""] * len(nodes)],
        texttemplate="%{text}",
        hovertemplate="%{y}<br>%{x}: %{customdata} → %{z} → %{text}<extra></extra>",
        colorscale=SHADES,
        zmin=0,
        zmax=100,
        textfont_size=13,
        xgap=3,
        ygap=3,
        showscale=False,
        hoverongaps=False,
    )  # fmt: skip
    for place, node in enumerate(nodes):
        if node.fits:
            chart.add_annotation(x=place, y=len(plugins), text=str(node.total), showarrow=False)
            continue
        chart.add_shape(
            type="rect", x0=place - 0.47, x1=place + 0.47, y0=-0.5, y1=len(rows) - 0.5,
            line_width=0, fillcolor=palette.REFUSED,
        )  # fmt: skip
        chart.add_annotation(
            x=place,
            y=(len(rows) - 1) / 2,
            text="<br>".join(node.reasons),
            textangle=-90 if len(nodes) > 2 else 0,
            font={"color": "white", "size": 11},
            showarrow=False,
        )
    chosen = explanation.decision.node or explanation.decision.best
    labels = [f"<b>▸ {name}</b>" if name == chosen else name for name in names]
    chart.update_layout(title_text=text(explanation), margin_l=230, margin_r=10)
    chart.update_xaxes(
        tickvals=names, ticktext=labels, showline=False, ticks="",
        title_text=messages.text("widgets.decision.points"),
    )  # fmt: skip
    chart.update_yaxes(autorange="reversed", showline=False, ticks="")
    return chart


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
