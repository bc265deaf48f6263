"""How many pods a budget can spare: recorded from a real controller, and what it says of it."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.control_plane.apiserver.request import Options
from tests.control_plane.controller_manager.double import Lab, ObjectMeta, Pod, decode

core = models.core_v1
Budget = models.policy_v1.PodDisruptionBudget
RECORDS = Path(__file__).parents[2] / "data/records/controllers.json"
RECORD = next(r for r in json.loads(RECORDS.read_text()) if r["scenario"] == "pdb-status")

# (what the pods are, the rule) -> why the status does not agree.
DIFFERS = {
    ("bare", "minAvailable", 1): "recorded before the pod was ready (a known artefact)",
    ("bare", "minAvailable", "50%"): "recorded before the pod was ready (a known artefact)",
}

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: c, image: nginx}}]}}
"""
BARE = """
apiVersion: v1
kind: Pod
metadata: {name: bare, labels: {app: bare}}
spec: {containers: [{name: c, image: nginx}]}
"""


def budget(name, app, **rule):
    selector = models.meta_v1.LabelSelector(matchLabels={"app": app})
    spec = models.policy_v1.PodDisruptionBudgetSpec(selector=selector, **rule)
    return Budget(metadata=ObjectMeta(name=name, namespace="default"), spec=spec)


def deploy(lab, name, replicas):
    lab.create(DEPLOYMENT.format(name=name, replicas=replicas))
    lab.settle()


def status_of(lab, name="b"):
    return lab.client.get(Budget, name, "default").status


def rule_of(row):
    """The rule of a recorded budget; a percentage was recorded with its quotes."""
    field = "minAvailable" if "minAvailable" in row else "maxUnavailable"
    value = row[field]
    return field, value.strip('"') if isinstance(value, str) else value


@pytest.fixture(scope="module")
def lab():
    lab = Lab()
    for name, replicas in (("d1", 1), ("d3", 3), ("d7", 7), ("half", 4)):
        deploy(lab, name, replicas)
    lab.create(BARE)
    lab.settle()
    for pod in lab.pods("app=half")[2:]:
        lab.nodes.set_ready("default", pod.metadata.name, pod.metadata.uid, "False")
    for number, row in enumerate(RECORD["results"]):
        field, value = rule_of(row)
        lab.client.create(budget(f"b{number}", row["app"], **{field: value}))
    lab.settle()
    return lab


@pytest.mark.parametrize(
    "number",
    range(len(RECORD["results"])),
    ids=[str((row["app"], *rule_of(row))) for row in RECORD["results"]],
)
def test_a_recorded_budget_has_its_recorded_status(lab, number):
    row = RECORD["results"][number]
    status = status_of(lab, f"b{number}")
    got = {name: getattr(status, name) or 0 for name in row["status"]}
    said = [[c.type, c.status, c.reason, c.message] for c in status.conditions]
    agrees = got == row["status"] and said == row["conditions"]
    assert agrees == ((row["app"], *rule_of(row)) not in DIFFERS), (row, got, said)


def test_the_list_of_differences_names_recorded_budgets_only():
    assert DIFFERS.keys() <= {(row["app"], *rule_of(row)) for row in RECORD["results"]}


def test_a_budget_without_pods_says_so():
    lab = Lab()
    lab.client.create(budget("b", "nobody", maxUnavailable="25%"))
    lab.settle()
    (event,) = lab.client.list(core.Event, "default")
    # Once when it appeared, once more when its status did.
    assert (event.reason, event.message, event.count) == ("NoPods", "No matching pods found", 2)
    assert event.source.component == "controllermanager"


def test_pods_that_nobody_manages_are_no_scale_to_take_a_share_of():
    lab = Lab()
    lab.create(BARE)
    lab.settle()
    lab.client.create(budget("b", "bare", maxUnavailable=1))
    lab.settle()
    assert lab.events("PodDisruptionBudget")[0].startswith(
        "Pods selected by this PodDisruptionBudget (selector: "
        "&LabelSelector{MatchLabels:map[string]string{app: bare,},"
        "MatchExpressions:[]LabelSelectorRequirement{},}) were found to be unmanaged."
    )


def test_what_cannot_be_scaled_lets_nobody_go():
    lab = Lab()
    owner = lab.create("{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}")
    reference = models.meta_v1.OwnerReference(
        apiVersion="v1", kind="ConfigMap", name="c", uid=owner.metadata.uid, controller=True
    )
    pod = decode(BARE)
    metadata = replace(pod.metadata, labels={"app": "x"}, ownerReferences=[reference])
    lab.client.create(replace(pod, metadata=metadata))
    lab.client.create(budget("b", "x", maxUnavailable="50%"))
    lab.settle()
    why = "configmaps does not implement the scale subresource"
    condition = status_of(lab).conditions[0]
    assert (condition.reason, condition.message) == ("SyncFailed", why)
    assert lab.events("PodDisruptionBudget") == [
        f"Failed to calculate the number of expected pods: {why}"
    ]


# --- evictions


@pytest.fixture
def three():
    """Three ready pods, of which two must stay."""
    lab = Lab()
    deploy(lab, "web", 3)
    lab.client.create(budget("b", "web", minAvailable=2))
    lab.settle()
    return lab


def evict(lab, pod, **options):
    return lab.server.evict("default", pod.metadata.name, Options(**options))


def test_an_eviction_takes_from_the_budget_at_once(three):
    first, second, _ = three.pods()
    assert status_of(three).disruptionsAllowed == 1
    gone = evict(three, first)
    assert gone.metadata.deletionTimestamp is not None
    condition = conditions.get(gone.status.conditions, "DisruptionTarget")
    assert (condition.reason, condition.message) == (
        "EvictionByEvictionAPI",
        "Eviction API: evicting",
    )
    status = status_of(three)
    assert (status.disruptionsAllowed, list(status.disruptedPods)) == (0, [first.metadata.name])
    assert status.conditions[0].reason == "InsufficientPods"
    with pytest.raises(ApiError) as caught:
        evict(three, second)
    assert caught.value.code == 429
    # The controller has not yet seen that one of the three is going.
    (cause,) = caught.value.details["causes"]
    assert cause["message"] == "The disruption budget b does not allow evicting pods currently"
    three.settle()
    assert status_of(three).disruptionsAllowed == 1, "its replacement is ready"
    assert status_of(three).disruptedPods is None


def test_when_too_few_are_healthy_the_refusal_says_how_many(three):
    unready, healthy, _ = three.pods()
    three.nodes.set_ready("default", unready.metadata.name, unready.metadata.uid, "False")
    three.settle()
    with pytest.raises(ApiError) as caught:
        evict(three, healthy)
    assert str(caught.value) == (
        "Cannot evict pod as it would violate the pod's disruption budget."
    )
    assert caught.value.details["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget b needs 2 healthy pods and has 2 currently",
        }
    ]
    evict(three, unready)  # nobody would miss it


def test_a_pod_that_is_not_ready_may_be_held_all_the_same(three):
    for pod in three.pods()[:2]:
        three.nodes.set_ready("default", pod.metadata.name, pod.metadata.uid, "False")
    three.settle()
    unready = three.pods()[0]
    with pytest.raises(ApiError, match="would violate"):
        evict(three, unready)
    three.change(three.client.get(Budget, "b", "default"), unhealthyPodEvictionPolicy="AlwaysAllow")
    evict(three, unready)


def test_a_budget_that_was_just_made_asks_for_patience(three):
    three.client.delete(Budget, "b", "default")
    three.client.create(budget("b", "web", minAvailable=2))
    with pytest.raises(ApiError) as caught:
        evict(three, three.pods()[0])
    assert caught.value.status()["details"] == {
        "causes": [
            {
                "reason": "DisruptionBudget",
                "message": "The disruption budget b is still being processed by the server.",
            }
        ],
        "retryAfterSeconds": 10,
    }


def test_under_two_budgets_nobody_can_say(three):
    three.client.create(budget("b2", "web", minAvailable=1))
    three.settle()
    with pytest.raises(ApiError) as caught:
        evict(three, three.pods()[0])
    assert caught.value.status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "This pod has more than one PodDisruptionBudget, "
        "which the eviction subresource does not support.",
        "code": 500,
    }


def test_a_dry_run_asks_and_does_nothing(three):
    before = three.pods()
    evict(three, before[0], dry_run=True)
    assert three.pods() == before
    assert status_of(three).disruptionsAllowed == 1


def test_a_pod_that_does_not_run_yet_serves_nobody():
    lab = Lab()
    lab.nodes.hold = True
    pod = lab.create(BARE)
    lab.client.create(budget("b", "bare", minAvailable=1))
    lab.clock.advance(1)
    evict(lab, pod)
    assert lab.client.list(Pod, "default") == []
