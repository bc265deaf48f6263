"""The addresses of a Service's pods in one object, and those that people write themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kubecourse.api import codec, models
from kubecourse.control_plane.controller_manager.endpoints import (
    Place,
    Port,
    subsets_of,
    truncated,
)
from tests.control_plane.controller_manager.double import Lab, Pod
from tests.control_plane.controller_manager.test_endpointslice import (
    NOT_READY,
    PUBLISHING,
    SERVICE,
    STEPS,
    WEB,
    slices,
)

core = models.core_v1
ALONE = """
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {ports: [{port: 5432}]}
"""
WRITTEN = """
apiVersion: v1
kind: Endpoints
metadata: {name: db, labels: {team: blue}, annotations: {note: ours}}
subsets:
- addresses: [{ip: 10.9.8.7}]
  notReadyAddresses: [{ip: 10.9.8.6}]
  ports: [{port: 5432}]
"""


@pytest.fixture
def lab():
    return Lab()


def of(lab, service):
    return lab.client.get(core.Endpoints, service, "default")


def shape(subsets):
    """Subsets without what differs between clusters: how many addresses, with which fields."""
    return [
        {
            **{
                name: sorted(sorted(each) for each in subset.get(name) or ())
                for name in ("addresses", "notReadyAddresses")
            },
            "ports": subset.get("ports"),
        }
        for subset in subsets or ()
    ]


def recorded(step):
    return {each["name"]: shape(each["subsets"]) for each in STEPS[step][1]}


def stored(lab):
    found = [codec.encode(each) for each in lab.client.list(core.Endpoints, "default")]
    return {each["metadata"]["name"]: shape(each.get("subsets")) for each in found}


def test_the_recorded_steps(lab):
    """The record `endpointslices` lists Endpoints as well."""
    lab.create(SERVICE)
    lab.create(PUBLISHING)
    lab.settle()
    assert stored(lab) == recorded("service without pods")
    lab.create(WEB % 2)
    lab.settle()
    assert stored(lab) == recorded("2 ready pods")
    lab.create(NOT_READY)
    lab.settle()
    assert stored(lab) == recorded("plus one running not-ready pod (it has no port named web)")
    lab.manager.stop("replicaset-controller")
    lab.client.delete(Pod, lab.pods("tier=web")[0].metadata.name, "default")
    lab.clock.advance(0.1)
    assert stored(lab) == recorded("one pod terminating (still ready container)")
    lab.settle()
    assert stored(lab) == recorded("terminated pod gone")
    lab.client.delete(core.Service, "s", "default")
    lab.settle()
    assert stored(lab) == recorded("service deleted")


def test_it_says_who_keeps_it_and_when_it_had_to_change(lab):
    lab.create(SERVICE.replace("name: s}", "name: s, labels: {team: blue}}"))
    lab.settle()
    metadata = of(lab, "s").metadata
    assert metadata.labels == {
        "team": "blue",
        "endpoints.kubernetes.io/managed-by": "endpoint-controller",
    }
    trigger = "endpoints.kubernetes.io/last-change-trigger-time"
    created = lab.client.get(core.Service, "s", "default").metadata.creationTimestamp
    assert metadata.annotations == {trigger: f"{created:%Y-%m-%dT%H:%M:%SZ}"}
    lab.clock.advance(60)
    lab.create(WEB % 1)
    lab.settle()
    (ready,) = [c for c in lab.pods()[0].status.conditions if c.type == "Ready"]
    assert of(lab, "s").metadata.annotations == {
        trigger: f"{ready.lastTransitionTime:%Y-%m-%dT%H:%M:%SZ}"
    }
    lab.change(lab.deployment("e"), replicas=0)
    lab.settle()
    assert of(lab, "s").metadata.annotations is None, "a pod that goes has no such time"


def test_a_headless_service_is_marked_and_needs_no_ports(lab):
    lab.create(
        "{apiVersion: v1, kind: Service, metadata: {name: h}, "
        "spec: {clusterIP: None, selector: {app: e}}}"
    )
    lab.create(WEB % 1)
    lab.settle()
    assert of(lab, "h").metadata.labels["service.kubernetes.io/headless"] == ""
    (subset,) = of(lab, "h").subsets
    assert subset.ports is None and len(subset.addresses) == 1


def test_what_others_write_into_it_stays_until_a_pod_changes(lab):
    lab.create(SERVICE)
    lab.create(WEB % 2)
    lab.settle()
    lab.client.update(replace(of(lab, "s"), subsets=None))
    lab.settle()
    assert of(lab, "s").subsets is None
    lab.change(lab.deployment("e"), replicas=3)
    lab.settle()
    assert len(of(lab, "s").subsets[0].addresses) == 3
    lab.client.delete(core.Endpoints, "s", "default")
    lab.settle()
    assert len(of(lab, "s").subsets[0].addresses) == 3


def test_what_it_missed_is_put_right_when_it_starts_again(lab):
    lab.create(SERVICE)
    lab.create(WEB % 2)
    lab.create(ALONE)
    lab.create(WRITTEN)
    lab.settle()
    lab.manager.stop("endpoints-controller")
    lab.change(lab.deployment("e"), replicas=4)
    lab.client.delete(core.Service, "db", "default")
    lab.settle()
    assert len(of(lab, "s").subsets[0].addresses) == 2
    lab.clock.advance(5)
    lab.manager.start("endpoints-controller")
    lab.settle()
    assert len(of(lab, "s").subsets[0].addresses) == 4
    assert stored(lab).keys() == {"s"}, "the Endpoints of a Service that has gone go too"


def port(number, name="", app=None):
    return Port(name, "TCP", number, app)


def place(number, *ports, ready=True):
    ip = f"10.0.0.{number}"
    return Place(ip, f"uid-{number}", ready, ports, core.EndpointAddress(ip=ip), None)


def test_addresses_share_a_subset_at_the_ports_that_all_of_them_have():
    a, b, other = port(80, "a"), port(81, "b"), port(99, "b")
    found = subsets_of([place(2, a, b), place(1, a, b, ready=False), place(3, a, other)])
    assert {
        tuple(each.port for each in subset.ports): (
            [each.ip for each in subset.addresses or ()],
            [each.ip for each in subset.notReadyAddresses or ()],
        )
        for subset in found
    } == {
        (80,): (["10.0.0.2", "10.0.0.3"], ["10.0.0.1"]),
        (81,): (["10.0.0.2"], ["10.0.0.1"]),
        (99,): (["10.0.0.3"], []),
    }


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 900), st.integers(0, 900)), max_size=3))
def test_an_object_has_a_thousand_addresses_at_most_the_ready_ones_first(groups):
    subsets = [
        core.EndpointSubset(
            addresses=[core.EndpointAddress(ip=f"{i}") for i in range(ready)],
            notReadyAddresses=[core.EndpointAddress(ip=f"{i}") for i in range(unready)],
        )
        for _, ready, unready in groups
    ]
    ready, unready = sum(group[1] for group in groups), sum(group[2] for group in groups)
    found = truncated(subsets)
    assert (found is None) == (ready + unready <= 1000)
    if found is not None:
        assert sum(len(each.addresses or ()) for each in found) == min(ready, 1000)
        assert sum(len(each.notReadyAddresses or ()) for each in found) == 1000 - min(ready, 1000)


def test_hand_written_ones_are_mirrored_into_slices(lab):
    lab.create(ALONE)
    lab.create(WRITTEN)
    lab.settle()
    (only,) = slices(lab, "db")
    metadata = only.metadata
    assert metadata.labels == {
        "team": "blue",
        "kubernetes.io/service-name": "db",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
    }
    assert metadata.annotations == {"note": "ours"}
    assert metadata.ownerReferences[0].kind == "Endpoints"
    assert [(e.addresses, e.conditions.ready) for e in only.endpoints] == [
        (["10.9.8.7"], True),
        (["10.9.8.6"], False),
    ]
    before = metadata.resourceVersion
    lab.settle()
    assert slices(lab, "db")[0].metadata.resourceVersion == before

    (subset,) = of(lab, "db").subsets
    moved = replace(subset, ports=[replace(subset.ports[0], port=99)])
    lab.client.update(replace(of(lab, "db"), subsets=[moved]))
    lab.settle()
    (again,) = slices(lab, "db")
    assert again.metadata.name == metadata.name, "a slice that is not needed becomes another"
    assert again.ports[0].port == 99


@pytest.mark.parametrize(
    "left_alone",
    [
        {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        {"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}},
    ],
)
def test_those_that_ask_for_it_are_not_mirrored_or_no_longer(lab, left_alone):
    lab.create(ALONE)
    lab.create(WRITTEN)
    lab.settle()
    there = of(lab, "db")
    lab.client.update(replace(there, metadata=replace(there.metadata, **left_alone)))
    lab.settle()
    assert slices(lab, "db") == []


def test_a_service_that_gets_a_selector_looks_after_itself(lab):
    lab.create(ALONE)
    lab.create(WRITTEN)
    lab.settle()
    lab.change(lab.client.get(core.Service, "db", "default"), selector={"app": "e"})
    lab.settle()
    (only,) = slices(lab, "db")
    assert only.endpoints is None and of(lab, "db").subsets is None
