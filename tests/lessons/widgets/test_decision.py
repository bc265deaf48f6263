"""The scheduler's decision as a heat map."""

import pytest

from kubecourse.control_plane.scheduler import Decision, NodeDecision, PluginScore
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.decision import figure, text
from kubecourse.tools.explanation import Explanation


def fitting(name, *points):
    scores = {f"P{i}": PluginScore(p // 2, p, 2 * p) for i, p in enumerate(points)}
    return NodeDecision(name, ("NodeUnschedulable",), scores=scores)


REFUSED = NodeDecision("c", (), "TaintToleration", ("node(s) had untolerated taint(s)",))
WHY = "0/1 nodes are available: 1 node(s) had untolerated taint(s). preemption: …"


def explained(nodes, node="", best="", message=""):
    return Explanation(Decision("default", "p", node, best, message, nodes), [])


@pytest.mark.parametrize(
    ("nodes", "chosen", "expected"),
    [
        ([fitting("a", 50, 10), fitting("b", 40, 10)], "a", "p: a wins, 120 points to 100"),
        ([fitting("a", 50), fitting("b", 50)], "a", "p: a, the first of 2 nodes with 100 points"),
        ([fitting("a", 50), REFUSED], "a", "p: a is the only node that fits"),
    ],
)
def test_the_title_says_what_was_found(nodes, chosen, expected):
    assert text(explained(nodes, best=chosen)) == expected
    assert figure(explained(nodes, node=chosen)).layout.title.text == expected


def test_a_cell_has_the_weighted_score_and_the_shade_of_the_score():
    nodes = [fitting("a", 50, 10), fitting("b", 0, 100), REFUSED]
    chart = figure(explained(nodes, best="b"))
    (heat,) = chart.data
    assert list(heat.y) == ["P0", "P1", "total"]
    assert [list(row) for row in heat.z] == [[50, 0, None], [10, 100, None], [None, None, None]]
    assert [list(row) for row in heat.text] == [
        ["100", "0", ""], ["20", "200", ""], ["120", "200", ""],
    ]  # fmt: skip
    assert list(chart.layout.xaxis.ticktext) == ["a", "<b>▸ b</b>", "c"]
    assert [shape.fillcolor for shape in chart.layout.shapes] == [palette.REFUSED]
    words = [note.text for note in chart.layout.annotations]
    assert words == ["120", "200", "node(s) had untolerated taint(s)"]


def test_a_pending_pod_says_why():
    assert text(explained([REFUSED], message=WHY)) == (
        "p is pending: 0/1 nodes are available: 1 node(s) had untolerated taint(s)"
    )
    assert len(figure(explained([REFUSED], message=WHY)).layout.shapes) == 1
