"""Plugins that look at the node object: taints, labels, names, ports, images."""

import pytest

from kubecourse.api import models
from kubecourse.api.placement import tolerates
from kubecourse.control_plane.scheduler.plugins.node_choice import (
    ImageLocality,
    NodeAffinity,
    NodePorts,
    NodeUnschedulable,
    TaintToleration,
)
from tests.control_plane.scheduler.objects import cache, container, node, pod, refusals, scores

core = models.core_v1
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "k", "operator": "Exists"}, True),
        ({"key": "k", "value": "v"}, True),
        ({"key": "k", "operator": "Equal", "value": "w"}, False),
        ({"key": "l", "operator": "Exists"}, False),
        ({"key": "k", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, True),
    ],
)
def test_tolerations(toleration, tolerated):
    taint = core.Taint(key="k", value="v", effect="NoSchedule")
    assert tolerates(core.Toleration(**toleration), taint) is tolerated


@pytest.mark.parametrize(
    ("operator", "limit", "tolerated"), [("Gt", "5", True), ("Lt", "5", False), ("Gt", "x", False)]
)
def test_tolerations_that_compare_numbers(operator, limit, tolerated):
    taint = core.Taint(key="k", value="7", effect="NoSchedule")
    assert tolerates(core.Toleration(key="k", operator=operator, value=limit), taint) is tolerated


def test_fewer_soft_taints_are_better():
    soft = [core.Taint(key=key, effect="PreferNoSchedule") for key in "kl"]
    known = cache(node("a", taints=soft), node("b", taints=soft[:1]), node("c"))
    assert scores(TaintToleration, pod("p"), known) == {"a": (2, 0), "b": (1, 50), "c": (0, 100)}


def test_a_cordoned_node_takes_pods_that_tolerate_it():
    known = cache(node("a", unschedulable=True), node("b"))
    assert refusals(NodeUnschedulable, pod("p"), known) == {"a": "node(s) were unschedulable"}
    brave = pod("p", tolerations=[core.Toleration(operator="Exists")])
    assert refusals(NodeUnschedulable, brave, known) == {}


def requirement(key, operator, *values):
    return core.NodeSelectorRequirement(key=key, operator=operator, values=list(values) or None)


def affine(*terms, preferred=()):
    required = core.NodeSelector(nodeSelectorTerms=list(terms)) if terms else None
    return core.Affinity(
        nodeAffinity=core.NodeAffinity(
            requiredDuringSchedulingIgnoredDuringExecution=required,
            preferredDuringSchedulingIgnoredDuringExecution=[
                core.PreferredSchedulingTerm(weight=weight, preference=term)
                for weight, term in preferred
            ],
        )
    )


def term(*expressions, fields=()):
    return core.NodeSelectorTerm(matchExpressions=list(expressions), matchFields=list(fields))


@pytest.mark.parametrize(
    ("terms", "fitting"),
    [
        ([term(requirement("n", "In", "1", "2"))], "ab"),
        ([term(requirement("n", "NotIn", "1"))], "bcd"),
        ([term(requirement("n", "Exists"))], "abc"),
        ([term(requirement("n", "DoesNotExist"))], "d"),
        ([term(requirement("n", "Gt", "1"))], "bc"),
        ([term(requirement("n", "Lt", "10"))], "ab"),
        ([term(requirement("n", "Gt", "1"), requirement("n", "Lt", "10"))], "b"),
        ([term(requirement("n", "In", "1")), term(requirement("n", "In", "10"))], "ac"),
        ([term()], ""),
        ([term(fields=[requirement("metadata.name", "In", "d")])], "d"),
    ],
)
def test_required_affinity(terms, fitting):
    known = cache(
        *[node(name, {"n": n}) for name, n in zip("abc", ["1", "2", "10"], strict=True)], node("d")
    )
    refused = refusals(NodeAffinity, pod("p", affinity=affine(*terms)), known)
    assert "".join(sorted(set("abcd") - set(refused))) == fitting
    assert set(refused.values()) <= {"node(s) didn't match Pod's node affinity/selector"}


def test_selector_and_affinity_must_both_match():
    known = cache(node("a", {"x": "1"}), node("b", {"x": "1", "y": "1"}))
    both = pod("p", nodeSelector={"x": "1"}, affinity=affine(term(requirement("y", "Exists"))))
    assert list(refusals(NodeAffinity, both, known)) == ["a"]


def test_preferences_add_up():
    known = cache(node("a", {"x": "1", "y": "1"}), node("b", {"x": "1"}), node("c"))
    wishes = [(30, term(requirement("x", "Exists"))), (10, term(requirement("y", "Exists")))]
    found = scores(NodeAffinity, pod("p", affinity=affine(preferred=wishes)), known)
    assert found == {"a": (40, 100), "b": (30, 75), "c": (0, 0)}


def on_port(number, address=None, protocol=None):
    port = core.ContainerPort(containerPort=80, hostPort=number, hostIP=address, protocol=protocol)
    return [container(ports=[port])]


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"number": 81}, True),
        ({"number": 80}, False),
        ({"number": 80, "protocol": "UDP"}, True),
        ({"number": 80, "address": "10.0.0.1"}, False),
        ({"number": 80, "address": "10.0.0.2"}, True),
    ],
)
def test_host_ports(asked, fits):
    known = cache(node("a"), a=[pod("q", containers=on_port(80, "10.0.0.1"))])
    refused = refusals(NodePorts, pod("p", containers=on_port(**asked)), known)
    assert (not refused) is fits


def test_images_count_by_size_and_by_how_many_nodes_have_them():
    known = cache(
        node("a", images={"img:1": 500 * MIB, "other:latest": 900 * MIB}),
        node("b", images={"img:1": 500 * MIB}),
        node("c"),
        node("d"),
    )
    both = pod("p", containers=[container(), container(image="other")])
    found = scores(ImageLocality, both, known)
    # a: 500·2/4 + 900·1/4 = 475 of 2000 MiB, less the least of 23.
    assert found == {"a": (22, 22), "b": (11, 11), "c": (0, 0), "d": (0, 0)}
