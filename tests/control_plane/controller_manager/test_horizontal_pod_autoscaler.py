"""Autoscalers, with metrics; and without, as recorded from a cluster without metrics-server."""

import json
from pathlib import Path

import pytest

from kubecourse import Cluster
from kubecourse.api import codec, models
from tests.addons.traced import Traced
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
        ("unscaled", {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "x"}),
    ):
        spec = {"scaleTargetRef": reference, "maxReplicas": 2}
        body = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
        lab.create(json.dumps(body | {"metadata": {"name": name}, "spec": spec}))
    lab.settle()
    assert set(lab.events("HorizontalPodAutoscaler")) == {
        'no matches for kind "Nothing" in group "apps"',
        "the server could not find the requested resource",
    }


# --- with metrics


AUTOSCALER = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  minReplicas: 1
  maxReplicas: {most}
  metrics: [{{type: Resource, resource: {{name: cpu, target: {target}}}}}]
  {behavior}
"""
HALF = "{type: Utilization, averageUtilization: 50}"


class Scaled:
    """A cluster whose pods share a load: so many cores for all of them together."""

    def __init__(self, patch, replicas=2, target=HALF, most=10, behavior="", request="500m"):
        self.cluster = Cluster(nodes=4)
        self.meter = Traced(self.cluster.clock, cores=0.0)
        patch.setattr(Cluster, "_meter", lambda cluster, node: self.meter)
        self.cluster.install("metrics-server")
        self.cluster.run(f"create deployment web --image=nginx --replicas={replicas}")
        if request:
            self.cluster.run(f"set resources deployment web --requests=cpu={request}")
        self.cluster.advance(400)
        body = AUTOSCALER.format(target=target, most=most, behavior=behavior)
        made = self.cluster.run("apply -f -", body)
        assert made.code == 0, made.stderr

    def load(self, cores, seconds, fixed=False):
        """Let a load last for so long; returns how many replicas there were at each look."""
        seen = []
        for _ in range(int(seconds // 15)):
            self.meter.cores = cores if fixed else cores / self.replicas
            self.cluster.advance(15)
            seen.append(self.replicas)
        return seen

    @property
    def replicas(self):
        return self.cluster.get("deployment/web").spec.replicas

    @property
    def conditions(self):
        found = self.cluster.get("hpa/web").status.conditions
        return {c.type: (c.status, c.reason) for c in found}


@pytest.fixture
def patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_it_keeps_use_at_the_target(patch):
    scaled = Scaled(patch)
    scaled.load(1.5, 600)  # 1.5 cores at 50 % of 500m each: six
    assert scaled.replicas == 6
    assert scaled.conditions["ScalingActive"] == ("True", "ValidMetricFound")
    shown = scaled.cluster.run("get hpa web").stdout.splitlines()[1].split()
    assert shown[:6] == ["web", "Deployment/web", "cpu:", "50%/50%", "1", "10"]
    messages = [e.message for e in scaled.cluster.list("events") if e.reason == "SuccessfulRescale"]
    assert messages[0].endswith(
        "reason: cpu resource utilization (percentage of request) above target"
    )


@pytest.mark.parametrize(("share", "replicas"), [(0.54, 4), (0.46, 4), (0.56, 5), (0.44, 4)])
def test_a_tenth_more_or_less_changes_nothing(patch, share, replicas):
    scaled = Scaled(patch, replicas=4)
    scaled.load(share * 0.5, 60, fixed=True)
    assert scaled.replicas == replicas


def test_it_doubles_at_most_in_one_look_and_stays_within_bounds(patch):
    scaled = Scaled(patch, replicas=1, most=9)
    seen = scaled.load(30.0, 120, fixed=True)
    assert sorted(set(seen)) == [1, 4, 8, 9]
    assert scaled.conditions["ScalingLimited"] == ("True", "TooManyReplicas")


def test_down_it_goes_after_five_minutes(patch):
    scaled = Scaled(patch)
    scaled.load(1.5, 600)
    seen = scaled.load(0.3, 240)
    assert set(seen) == {6}
    assert scaled.conditions["AbleToScale"] == ("True", "ScaleDownStabilized")
    assert scaled.load(0.3, 180)[-1] == 2
    reasons = [e.message for e in scaled.cluster.list("events") if e.reason == "SuccessfulRescale"]
    assert reasons[-1] == "New size: 2; reason: All metrics below target"


def test_policies_say_how_fast(patch):
    behavior = """behavior:
    scaleUp: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}
    scaleDown: {stabilizationWindowSeconds: 0, selectPolicy: Disabled}"""
    scaled = Scaled(patch, behavior=behavior)
    seen = scaled.load(2.0, 300)
    assert seen[-1] == 7 and sorted(set(seen)) == [2, 3, 4, 5, 6, 7]  # one a minute
    most = scaled.replicas
    scaled.load(0.1, 600)
    assert scaled.replicas == most
    assert scaled.conditions["ScalingLimited"] == ("True", "ScaleDownLimit")


def test_an_amount_for_each_pod(patch):
    scaled = Scaled(patch, target="{type: AverageValue, averageValue: 200m}", request="")
    scaled.load(1.0, 600)
    assert scaled.replicas == 5
    (metric,) = scaled.cluster.get("hpa/web").status.currentMetrics
    assert metric.resource.current.averageValue == "200m"


def test_without_requests_there_is_no_utilization(patch):
    scaled = Scaled(patch, request="")
    scaled.load(3.0, 60)
    assert scaled.replicas == 2
    (active,) = [c for c in scaled.cluster.get("hpa/web").status.conditions
                 if c.type == "ScalingActive"]  # fmt: skip
    assert (active.status, active.reason) == ("False", "FailedGetResourceMetric")
    assert "failed to get cpu utilization: missing request for cpu in container nginx of Pod " in (
        active.message
    )


def test_pods_that_are_not_ready_hold_it_back(patch):
    scaled = Scaled(patch, replicas=4)
    seen = scaled.load(0.5, 90, fixed=True)  # twice the target, whatever there are
    # The four new ones are too young to count: for a look they are taken to use nothing.
    assert seen.count(8) >= 2 and seen[-1] == 10


@pytest.mark.parametrize(
    ("behavior", "replicas"), [("", 6), ("behavior: {scaleDown: {policies: []}}", 1)]
)
def test_fewer_by_hand_come_back_while_more_were_recommended(patch, behavior, replicas):
    scaled = Scaled(patch, behavior=behavior)
    scaled.load(1.5, 600)
    scaled.cluster.run("scale deployment web --replicas=1")
    scaled.load(0.25, 45, fixed=True)
    assert scaled.replicas == replicas
    reasons = [e.message for e in scaled.cluster.list("events") if e.reason == "SuccessfulRescale"]
    assert ("New size: 4; reason: " in reasons) is (replicas == 6)
