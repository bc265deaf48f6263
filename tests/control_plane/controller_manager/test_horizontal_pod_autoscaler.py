"""Autoscalers where there are no metrics: recorded from a cluster without metrics-server."""

import json
from pathlib import Path

import pytest

from kubecourse.api import codec, models
from tests.control_plane.apiserver.replay import differences
from tests.control_plane.controller_manager.double import Lab, ObjectMeta, decode
from tests.control_plane.controller_manager.test_disruption import DEPLOYMENT

core = models.core_v1
autoscaling = models.autoscaling_v2
RECORDS = Path(__file__).parents[2] / "data/records/controllers.json"
RECORD = next(r for r in json.loads(RECORDS.read_text()) if r["scenario"] == "hpa-no-metrics")
RECORDED = {hpa["metadata"]["name"]: hpa for hpa in RECORD["hpas"]}
NAMESPACE = "c-hpa"
SIZES = {"d": 2, "few": 1, "many": 6, "z": 0}


@pytest.fixture(scope="module")
def lab():
    lab = Lab()
    lab.client.create(core.Namespace(metadata=ObjectMeta(name=NAMESPACE)))
    for name, replicas in SIZES.items():
        lab.create(DEPLOYMENT.format(name=name, replicas=replicas), NAMESPACE)
    lab.clock.advance(0.5)
    for hpa in RECORD["hpas"]:
        body = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
        body |= {"metadata": {"name": hpa["metadata"]["name"]}, "spec": hpa["spec"]}
        lab.client.create(decode(json.dumps(body), NAMESPACE))
    lab.clock.advance(35)
    return lab


def events(lab):
    found = lab.client.list(core.Event, NAMESPACE)
    return [e for e in found if e.involvedObject.kind == "HorizontalPodAutoscaler"]


TIMES = ("lastTransitionTime", "lastScaleTime")


def without_times(value):
    if isinstance(value, list):
        return [without_times(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {k: "<time>" if k in TIMES else without_times(v) for k, v in value.items()}


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_autoscaler_has_its_recorded_status(lab, name):
    got = lab.client.get(autoscaling.HorizontalPodAutoscaler, name, NAMESPACE)
    status = codec.encode(got)["status"]
    assert not differences(without_times(RECORDED[name]["status"]), without_times(status))


def test_the_bounds_hold_all_the_same(lab):
    got = {name: lab.deployment(name, NAMESPACE).spec.replicas for name in SIZES}
    assert got == RECORD["deployments"]


def test_the_recorded_events_are_written(lab):
    kind = "HorizontalPodAutoscaler"
    recorded = {
        (e["name"], e["type"], e["reason"], e["message"], e["count"], e["source"])
        for e in RECORD["events"]
        if e["kind"] == kind
    }
    assert recorded == {
        (e.involvedObject.name, e.type, e.reason, e.message, e.count, e.source.component)
        for e in events(lab)
    }


def test_settling_waits_for_the_first_look_and_not_for_the_rest():
    lab = Lab()
    lab.create(DEPLOYMENT.format(name="few", replicas=1))
    lab.settle()
    before = lab.clock.now
    min3 = next(m for m in RECORD["manifests"] if "name: min3" in m)
    lab.create(min3)
    assert lab.settle(limit=60)
    assert lab.deployment("few").spec.replicas == 3
    assert 15 <= lab.clock.now - before < 30
    scaler = lab.client.get(autoscaling.HorizontalPodAutoscaler, "min3", "default")
    lab.change(scaler, minReplicas=4)
    assert lab.settle(limit=60)
    assert lab.deployment("few").spec.replicas == 4


def test_what_cannot_be_scaled_is_named():
    lab = Lab()
    for name, reference in (
        ("kind", {"apiVersion": "apps/v1", "kind": "Nothing", "name": "x"}),
        ("node", {"apiVersion": "v1", "kind": "ConfigMap", "name": "x"}),
    ):
        spec = {"scaleTargetRef": reference, "maxReplicas": 2}
        body = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
        lab.create(json.dumps(body | {"metadata": {"name": name}, "spec": spec}))
    lab.settle()
    assert set(lab.events("HorizontalPodAutoscaler")) == {
        'no matches for kind "Nothing" in group "apps"',
        "the server could not find the requested resource",
    }
