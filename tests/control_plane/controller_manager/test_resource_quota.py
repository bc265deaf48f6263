"""A quota's status: charged when something is created, counted anew when something goes."""

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from tests.control_plane.controller_manager.double import Deployment, Lab, ObjectMeta, Pod, decode

core = models.core_v1
RECORDS = Path(__file__).parents[2] / "data/records/controllers.json"
RECORD = next(r for r in json.loads(RECORDS.read_text()) if r["scenario"] == "quota-status")
STEPS = dict(RECORD["steps"])
NAMESPACE = "d-quota"
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  replicas: 2
  selector: {matchLabels: {app: d}}
  template:
    metadata: {labels: {app: d}}
    spec:
      containers:
      - name: c
        image: nginx
        resources: {requests: {cpu: 300m, memory: 200Mi}, limits: {cpu: 500m}}
"""
SHORT = """
apiVersion: v1
kind: Pod
metadata: {name: done}
spec:
  containers:
  - name: c
    image: nginx
    resources: {requests: {cpu: 50m, memory: 10Mi}, limits: {cpu: 50m}}
"""


def quota(name, hard, namespace=NAMESPACE, **spec):
    return core.ResourceQuota(
        metadata=ObjectMeta(name=name, namespace=namespace),
        spec=core.ResourceQuotaSpec(hard=hard, **spec),
    )


def lab_with(namespace):
    lab = Lab()
    lab.client.create(core.Namespace(metadata=ObjectMeta(name=namespace)))
    lab.settle()
    return lab


def status_of(lab, name="q", namespace=NAMESPACE):
    status = lab.client.get(core.ResourceQuota, name, namespace).status
    return {"hard": status.hard, "used": status.used}


@pytest.fixture(scope="module")
def story():
    """The recorded story: what the quota's status is at each step."""
    lab = lab_with(NAMESPACE)
    # The recorded distribution has one more ConfigMap in each namespace.
    lab.client.create(core.ConfigMap(metadata=ObjectMeta(name="more", namespace=NAMESPACE)))
    lab.client.create(quota("q", STEPS["empty"]["hard"]))
    seen = {}

    def note(step, seconds):
        lab.clock.advance(seconds)
        seen[step] = status_of(lab)

    note("empty", 1)
    lab.create(DEPLOYMENT, NAMESPACE)
    note("2 pods 300m/200Mi", 2.5)
    lab.change(lab.deployment("d", NAMESPACE), replicas=6)
    note("scaled to 6: 3 fit", 3)
    seen["deployment status"] = lab.deployment("d", NAMESPACE).status
    seen["events"] = lab.events("ReplicaSet", NAMESPACE)
    done = lab.create(SHORT, NAMESPACE)
    note("plus a short pod", 1)
    done = lab.client.get(Pod, "done", NAMESPACE)
    lab.client.update_status(replace(done, status=replace(done.status, phase="Succeeded")))
    note("short pod Succeeded: released", 1)
    found = lab.client.get(core.ResourceQuota, "q", NAMESPACE)
    lab.change(found, hard={**found.spec.hard, "pods": "1"})
    note("hard lowered below used", 1)
    lab.client.delete(Deployment, "d", NAMESPACE)
    note("deployment deleted", 5)
    return seen


@pytest.mark.parametrize(
    "step", [name for name, value in STEPS.items() if isinstance(value, dict) and "hard" in value]
)
def test_a_recorded_step_leaves_the_recorded_status(story, step):
    assert story[step] == STEPS[step]


def test_the_deployment_tells_of_the_pods_that_were_refused(story):
    recorded, status = STEPS["deployment status"], story["deployment status"]
    for field in ("replicas", "updatedReplicas", "readyReplicas", "unavailableReplicas"):
        assert getattr(status, field) == recorded[field]
    said = {c.type: (c.status, c.reason, without_name(c.message)) for c in status.conditions}
    assert said == {
        c["type"]: (c["status"], c["reason"], without_name(c["message"]))
        for c in recorded["conditions"]
    }


def test_each_refusal_is_an_event(story):
    recorded = [e["message"] for e in RECORD["events"] if e["kind"] == "ReplicaSet"]
    assert set(map(without_name, recorded)) == set(map(without_name, story["events"]))


def without_name(text):
    """A message without the random parts of names, and whether it is one of many."""
    text = text.removeprefix("(combined from similar events): ")
    return re.sub(r"\bd-[0-9a-f]+(-[a-z0-9]{5})?", "d-<name>", text)


def test_recorded_scopes_choose_the_pods_that_count():
    lab = lab_with("d-quota2")
    scope = core.ScopedResourceSelectorRequirement(
        scopeName="PriorityClass", operator="In", values=["high"]
    )
    selector = core.ScopeSelector(matchExpressions=[scope])
    lab.client.create(quota("be", {"pods": "1"}, "d-quota2", scopes=["BestEffort"]))
    lab.client.create(quota("hi", {"pods": "1"}, "d-quota2", scopeSelector=selector))
    lab.clock.advance(1)
    answers = []
    for number in range(3):
        pod = decode(SHORT, "d-quota2")
        spec = pod.spec
        if number < 2:
            spec = replace(spec, containers=[replace(spec.containers[0], resources=None)])
        metadata = replace(pod.metadata, name=f"p{number}")
        try:
            lab.client.create(replace(pod, metadata=metadata, spec=spec))
            answers.append([201, "created"])
        except ApiError as error:
            answers.append([error.code, str(error)])
    assert answers == RECORD["scoped"]
    assert status_of(lab, "be", "d-quota2")["used"] == {"pods": "1"}
    assert status_of(lab, "hi", "d-quota2")["used"] == {"pods": "0"}


def test_a_pod_that_outstays_its_grace_no_longer_counts():
    lab = lab_with(NAMESPACE)
    lab.client.create(quota("q", {"pods": "2"}))
    pod = lab.create(SHORT, NAMESPACE)
    lab.clock.advance(3)
    pod = lab.client.get(Pod, "done", NAMESPACE)
    held = replace(pod.metadata, finalizers=["example.com/hold"])
    lab.client.update(replace(pod, metadata=held))
    lab.client.delete(Pod, "done", NAMESPACE, grace_period=30)
    lab.clock.advance(20)
    assert status_of(lab)["used"] == {"pods": "1"}
    lab.clock.advance(400)
    assert status_of(lab)["used"] == {"pods": "0"}, "counted anew every five minutes"


def test_a_service_and_a_claim_that_shrink_give_back():
    lab = lab_with(NAMESPACE)
    lab.client.create(quota("q", {"services.nodeports": "2", "services": "1"}))
    lab.clock.advance(1)
    service = lab.create(
        "{apiVersion: v1, kind: Service, metadata: {name: s},"
        " spec: {type: NodePort, selector: {a: b}, ports: [{port: 80}]}}",
        NAMESPACE,
    )
    assert status_of(lab)["used"] == {"services": "1", "services.nodeports": "1"}
    lab.client.update(replace(service, spec=replace(service.spec, type="ClusterIP", ports=[
        core.ServicePort(port=80)
    ])))  # fmt: skip
    lab.clock.advance(1)
    assert status_of(lab)["used"] == {"services": "1", "services.nodeports": "0"}


def test_counting_anew_keeps_nobody_waiting():
    lab = lab_with(NAMESPACE)
    lab.client.create(quota("q", {"pods": "2"}))
    assert lab.settle(limit=10)
