"""The scheduler's decision as a heat map, and the choice of a pod."""

import re

import pytest

from kubecourse import Cluster
from kubecourse.control_plane.scheduler import Decision, NodeDecision, PluginScore
from kubecourse.lessons.widgets import Decisions
from kubecourse.lessons.widgets.decision import table, text
from kubecourse.tools.explanation import Explanation


def fitting(name, *points):
    scores = {f"P{i}": PluginScore(p // 2, p, 2 * p) for i, p in enumerate(points)}
    return NodeDecision(name, ("NodeUnschedulable",), scores=scores)


REFUSED = NodeDecision("c", (), "TaintToleration", ("node(s) had untolerated taint(s)",))
WHY = "0/1 nodes are available: 1 node(s) had untolerated taint(s). preemption: …"


def explained(nodes, node="", best="", message=""):
    return Explanation(Decision("default", "p", node, best, message, nodes), [])


def cells(html):
    """Rows of a table: the words in it, without marks."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<t[hd][^>]*>(?:<b>)?(.*?)(?:</b>)?</t[hd]>", row) for row in rows]


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
    assert f"<figcaption>{expected}</figcaption>" in table(explained(nodes, node=chosen))


def test_a_cell_has_the_weighted_score_and_the_shade_of_the_score():
    html = table(explained([fitting("a", 50, 10), fitting("b", 0, 100), REFUSED], best="b"))
    assert cells(html) == [
        ["", "a", "▸ b", "c"],
        ["P0", "100", "0", "✗ node(s) had untolerated taint(s)"],
        ["P1", "20", "200"],
        ["total", "120", "200"],
    ]
    assert 'rowspan="3"' in html
    assert re.findall(r"rgba\(0, 114, 178, (.*?)\)", html) == ["0.25", "0.00", "0.05", "0.50"]


def test_a_pending_pod_says_why():
    why = "p is pending: 0/1 nodes are available: 1 node(s) had untolerated taint(s)"
    assert text(explained([REFUSED], message=WHY)) == why
    assert cells(table(explained([REFUSED], message=WHY)))[1][1].startswith("✗ node(s)")


def test_another_pod_can_be_chosen() -> None:
    cluster = Cluster(nodes=2)
    cluster.run("create deployment web --image=nginx:1.27 --replicas=2")
    cluster.settle()
    widget = Decisions(cluster)
    first, second = cluster.pods("web")
    assert widget.text.startswith(first)
    widget.pod.value = second
    assert widget.text.startswith(second)
    assert f'cluster.explain("pod/{second}")' in widget.picture.value.replace("&quot;", '"')
