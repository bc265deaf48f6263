"""The addresses of a Service's pods, in slices of a hundred."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kubecourse.api import codec, models
from kubecourse.control_plane.controller_manager.pods import is_ready
from tests.control_plane.controller_manager.double import Lab, Pod

core = models.core_v1
EndpointSlice = models.discovery_v1.EndpointSlice
RECORDS = {
    record["scenario"]: record
    for record in json.loads(
        (Path(__file__).parents[2] / "data/records/controllers.json").read_text()
    )
}
STEPS = dict(RECORDS["endpointslices"]["steps"])

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: s}
spec:
  selector: {app: e}
  ports: [{name: http, port: 80, targetPort: 8080}]
"""
PUBLISHING = """
apiVersion: v1
kind: Service
metadata: {name: pub}
spec:
  publishNotReadyAddresses: true
  selector: {app: e}
  ports: [{port: 80, targetPort: web}]
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: e}
spec:
  replicas: %d
  selector: {matchLabels: {app: e, tier: web}}
  template:
    metadata: {labels: {app: e, tier: web}}
    spec: {containers: [{name: e, image: nginx, ports: [{name: web, containerPort: 8080}]}]}
"""
NOT_READY = """
apiVersion: v1
kind: Pod
metadata: {name: nr, labels: {app: e}}
spec: {containers: [{name: c, image: "broken:1"}]}
"""


@pytest.fixture
def lab():
    return Lab()


def slices(lab, service):
    return lab.client.list(EndpointSlice, "default", f"kubernetes.io/service-name={service}")


def endpoints(lab, service):
    return [e for each in slices(lab, service) for e in each.endpoints or ()]


def conditions(endpoint):
    found = endpoint.conditions
    return (found.ready, found.serving, found.terminating)


def shape(slice_json):
    """A slice as recorded, without what differs between clusters."""
    found = [
        {
            "conditions": endpoint["conditions"],
            "kind": endpoint["targetRef"]["kind"],
            "has": sorted(endpoint),
        }
        for endpoint in slice_json["endpoints"] or ()
    ]
    return {
        "labels": slice_json.get("labels") or slice_json["metadata"]["labels"],
        "addressType": slice_json["addressType"],
        "ports": slice_json["ports"],
        "endpoints": sorted(found, key=str),
    }


def recorded(step):
    shapes = [shape(each) for each in STEPS[step][0]]
    return sorted(shapes, key=str)


def stored(lab):
    shapes = [shape(codec.encode(each)) for each in lab.client.list(EndpointSlice, "default")]
    return sorted(shapes, key=str)


def test_the_recorded_steps(lab):
    """The record `endpointslices`: two services, two pods, one more that is not ready."""
    lab.create(SERVICE)
    lab.settle()
    assert stored(lab) == recorded("service without pods")
    (empty,) = slices(lab, "s")

    lab.create(PUBLISHING)
    lab.create(WEB % 2)
    lab.settle()
    assert stored(lab) == recorded("2 ready pods")
    (filled,) = slices(lab, "s")
    assert filled.metadata.name == empty.metadata.name, "the empty slice is filled"

    lab.create(NOT_READY)
    lab.settle()
    assert stored(lab) == recorded("plus one running not-ready pod (it has no port named web)")

    lab.manager.stop("replicaset-controller")
    pod = lab.pods("tier=web")[0].metadata.name
    lab.client.delete(Pod, pod, "default")
    lab.clock.advance(0.1)
    assert stored(lab) == recorded("one pod terminating (still ready container)")
    lab.settle()
    assert stored(lab) == recorded("terminated pod gone")

    lab.client.delete(core.Service, "s", "default")
    lab.settle()
    assert stored(lab) == recorded("service deleted")


def test_a_slice_belongs_to_its_service(lab):
    service = lab.create(SERVICE)
    lab.settle()
    (only,) = slices(lab, "s")
    assert only.metadata.name.startswith("s-") and len(only.metadata.name) == 7
    (owner,) = only.metadata.ownerReferences
    assert (owner.kind, owner.name, owner.uid) == ("Service", "s", service.metadata.uid)
    assert owner.controller and owner.blockOwnerDeletion


def test_a_slice_has_at_most_a_hundred_endpoints(lab):
    lab.create(SERVICE)
    lab.create(WEB % 250)
    lab.settle()
    assert sorted(len(each.endpoints) for each in slices(lab, "s")) == [50, 100, 100]
    assert all(e.conditions.ready for e in endpoints(lab, "s"))


def test_work_is_done_on_the_slice_that_changes_only(lab):
    lab.create(SERVICE)
    lab.create(WEB % 250)
    lab.settle()
    before = {each.metadata.name: each for each in slices(lab, "s")}
    pod = next(iter(before.values())).endpoints[0].targetRef
    lab.nodes.set_ready("default", pod.name, pod.uid, "False")
    lab.settle()
    changed = [each for each in slices(lab, "s") if each is not before[each.metadata.name]]
    assert len(changed) == 1
    assert changed[0].endpoints[1] is before[changed[0].metadata.name].endpoints[1]


def test_a_service_without_selector_is_left_to_people(lab):
    lab.create("{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {ports: [{port: 1}]}}")
    lab.settle()
    assert slices(lab, "x") == []


def test_a_headless_service_is_marked(lab):
    lab.create(SERVICE.replace("selector:", "clusterIP: None\n  selector:"))
    lab.settle()
    (only,) = slices(lab, "s")
    assert only.metadata.labels["service.kubernetes.io/headless"] == ""


def test_labels_of_the_service_are_passed_on(lab):
    service = lab.create(SERVICE)
    lab.settle()
    metadata = replace(service.metadata, labels={"team": "blue", "kubernetes.io/service-name": "x"})
    fresh = lab.client.get(core.Service, "s", "default")
    lab.client.update(replace(fresh, metadata=replace(fresh.metadata, labels=metadata.labels)))
    lab.settle()
    (only,) = slices(lab, "s")
    assert only.metadata.labels["team"] == "blue"
    assert only.metadata.labels["kubernetes.io/service-name"] == "s"


def test_another_selector_means_other_endpoints(lab):
    lab.create(SERVICE)
    lab.create(WEB % 2)
    lab.create(NOT_READY)
    lab.settle()
    assert len(endpoints(lab, "s")) == 3
    lab.change(lab.client.get(core.Service, "s", "default"), selector={"tier": "web"})
    lab.settle()
    assert len(endpoints(lab, "s")) == 2


def test_what_others_did_to_a_slice_is_put_right(lab):
    lab.create(SERVICE)
    lab.create(WEB % 3)
    lab.settle()
    (only,) = slices(lab, "s")
    lab.client.update(replace(only, endpoints=only.endpoints[:1]))
    lab.settle()
    assert len(endpoints(lab, "s")) == 3
    lab.client.delete(EndpointSlice, only.metadata.name, "default")
    lab.settle()
    assert len(endpoints(lab, "s")) == 3


def test_a_new_service_of_the_same_name_has_new_slices(lab):
    lab.manager.stop("garbage-collector-controller")
    lab.create(SERVICE)
    lab.create(WEB % 2)
    lab.settle()
    lab.client.delete(core.Service, "s", "default")
    again = lab.create(SERVICE)
    lab.settle()
    found = slices(lab, "s")
    assert [s.metadata.ownerReferences[0].uid for s in found] == [again.metadata.uid]
    assert len(endpoints(lab, "s")) == 2


def test_the_pods_it_missed_are_found_when_it_starts_again(lab):
    lab.create(SERVICE)
    lab.create(WEB % 2)
    lab.settle()
    lab.manager.stop("endpointslice-controller")
    lab.change(lab.deployment("e"), replicas=4)
    lab.settle()
    assert len(endpoints(lab, "s")) == 2
    lab.manager.start("endpointslice-controller")
    lab.settle()
    assert len(endpoints(lab, "s")) == 4


acts = st.lists(
    st.tuples(
        st.sampled_from(["scale", "unready", "ready", "delete", "relabel", "wait"]),
        st.integers(0, 11),
    ),
    max_size=12,
)


def listed(lab, service):
    """The addresses of a Service's Endpoints: by the pod's uid, the address and whether ready."""
    return {
        each.targetRef.uid: (each.ip, ready)
        for subset in lab.client.get(core.Endpoints, service, "default").subsets or ()
        for members, ready in ((subset.addresses, True), (subset.notReadyAddresses, False))
        for each in members or ()
    }


@given(acts)
def test_whatever_happens_the_endpoints_are_the_pods_selected(doings):
    lab = Lab()
    lab.create(SERVICE)
    lab.create(PUBLISHING)
    lab.create(WEB % 3)
    for act, number in doings:
        pods = lab.pods()
        pod = pods[number % len(pods)] if pods else None
        match act:
            case "scale":
                lab.change(lab.deployment("e"), replicas=number)
            case "wait":
                lab.clock.advance(number / 3)
            case _ if pod is None:
                pass
            case "unready" | "ready":
                status = "True" if act == "ready" else "False"
                lab.nodes.set_ready("default", pod.metadata.name, pod.metadata.uid, status)
            case "delete":
                lab.client.delete(Pod, pod.metadata.name, "default")
            case "relabel":
                labels = {"app": "e" if number % 2 else "other"}
                lab.client.update(replace(pod, metadata=replace(pod.metadata, labels=labels)))
    lab.settle()
    selected = lab.pods("app=e")
    for service in ("s", "pub"):
        found = {e.targetRef.uid: e for e in endpoints(lab, service)}
        assert set(found) == {pod.metadata.uid for pod in selected}
        assert listed(lab, service) == {
            pod.metadata.uid: (pod.status.podIP, service == "pub" or is_ready(pod))
            for pod in selected
            if service == "s" or pod.spec.containers[0].ports
        }
        for pod in selected:
            endpoint = found[pod.metadata.uid]
            assert endpoint.addresses == [pod.status.podIP]
            assert conditions(endpoint) == (
                service == "pub" or is_ready(pod),
                is_ready(pod),
                False,
            )
