"""How far a rollout is, and the way back, from the objects alone."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kubecourse import Cluster
from kubecourse.tools.kubectl import Output, rollouts
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.rollouts import status


def deployment(wanted=3, generation=1, observed=1, reason="", **state: Any) -> dict[str, Any]:
    conditions = [{"type": "Progressing", "status": "False", "reason": reason}] if reason else []
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": generation, "uid": "d"},
        "spec": {"replicas": wanted, "template": template("nginx:1")},
        "status": {"observedGeneration": observed, "conditions": conditions, **state},
    }


def template(image: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "web", **labels}}, "spec": {"image": image}}


def replica_set(number: int, image: str) -> dict[str, Any]:
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"web-{number}",
            "creationTimestamp": f"2026-01-05T09:00:0{number}Z",
            "annotations": {"deployment.kubernetes.io/revision": str(number), "note": image},
            "ownerReferences": [{"uid": "d", "controller": True}],
        },
        "spec": {"template": template(image, **{"pod-template-hash": str(number)})},
    }


WAITING = 'Waiting for deployment "web" rollout to finish: '


@pytest.mark.parametrize(
    ("obj", "line", "done"),
    [
        (deployment(generation=2), "Waiting for deployment spec update to be observed...", False),
        (deployment(), f"{WAITING}0 out of 3 new replicas have been updated...", False),
        (
            deployment(updatedReplicas=3, replicas=4),
            f"{WAITING}1 old replicas are pending termination...",
            False,
        ),
        (
            deployment(updatedReplicas=3, availableReplicas=2),
            f"{WAITING}2 of 3 updated replicas are available...",
            False,
        ),
        (
            deployment(updatedReplicas=3, availableReplicas=3),
            'deployment "web" successfully rolled out',
            True,
        ),
    ],
)
def test_each_stage_has_its_line(obj, line, done):
    obj["status"].setdefault("replicas", obj["status"].get("updatedReplicas", 0))
    assert status(obj) == (line, done)


def test_a_rollout_past_its_deadline_is_an_error():
    with pytest.raises(KubectlError, match='deployment "web" exceeded its progress deadline'):
        status(deployment(reason="ProgressDeadlineExceeded"))


def test_a_status_for_another_revision_is_an_error():
    obj = deployment()
    obj["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "2"}
    with pytest.raises(KubectlError, match="is different from the running revision"):
        status(obj, revision=1)


@pytest.mark.parametrize(
    ("state", "line", "done"),
    [
        ({}, "Waiting for daemon set spec update to be observed...", False),
        (
            {"observedGeneration": 1, "desiredNumberScheduled": 3, "updatedNumberScheduled": 1},
            'Waiting for daemon set "agent" rollout to finish:'
            " 1 out of 3 new pods have been updated...",
            False,
        ),
        (
            {
                "observedGeneration": 1,
                "desiredNumberScheduled": 3,
                "updatedNumberScheduled": 3,
                "numberAvailable": 3,
            },
            'daemon set "agent" successfully rolled out',
            True,
        ),
    ],
)
def test_daemon_sets_have_their_own_lines(state, line, done):
    obj = {
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "generation": 1},
        "spec": {"updateStrategy": {"type": "RollingUpdate"}},
        "status": state,
    }
    assert status(obj) == (line, done)


def back_to(number: int, *replica_sets: dict[str, Any]) -> rollouts.Revision:
    found = rollouts.revisions(deployment(), list(replica_sets))
    return rollouts.rollback_target(deployment(), found, number)


def test_undo_goes_to_the_revision_before_the_present_one():
    sets = [replica_set(1, "nginx:0"), replica_set(3, "nginx:1"), replica_set(2, "nginx:5")]
    target = back_to(0, *sets)
    assert target.number == 2
    patch = rollouts.rollback_patch(deployment(), target)
    assert patch is not None
    assert patch[0]["value"] == template("nginx:5")
    assert patch[1]["value"] == {"note": "nginx:5"}


def test_undo_to_the_present_revision_does_nothing():
    target = back_to(3, replica_set(3, "nginx:1"))
    assert rollouts.rollback_patch(deployment(), target) is None


def test_undo_needs_a_history():
    with pytest.raises(KubectlError, match='no rollout history found for deployment "web"'):
        back_to(0, replica_set(1, "nginx:1"))


def test_a_restart_is_an_annotation_with_the_time():
    now = datetime(2026, 1, 5, 9, 0, 7, tzinfo=UTC)
    patch = rollouts.restart_patch(deployment(), now)
    annotations = patch["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"kubectl.kubernetes.io/restartedAt": "2026-01-05T09:00:07Z"}


@pytest.mark.parametrize("pause", [True, False])
def test_only_deployments_can_be_paused(pause):
    with pytest.raises(KubectlError, match="is not supported"):
        rollouts.pause_patch({"kind": "Pod", "spec": {}}, pause=pause)


WORKLOAD = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: db, annotations: {{kubernetes.io/change-cause: "{image}"}}}}
spec:
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec: {{containers: [{{name: db, image: "{image}"}}]}}
"""


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_what_controller_revisions_remember_can_be_gone_back_to(kind):
    cluster = Cluster(nodes=2)
    assert "no last revision to roll back to" in undone(cluster, kind, "db:1").stderr
    assert undone(cluster, kind, "db:2").stdout == f"{kind.lower()}.apps/db rolled back\n"
    cluster.settle()
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert cluster.run(f"get {kind} db -o {image}").stdout == "db:1"
    history = cluster.run(f"rollout history {kind}/db")
    assert [line[0] for line in history.stdout.splitlines()[2:4]] == ["2", "3"]
    shown = cluster.run(f"rollout history {kind}/db --revision=2").stdout
    assert "    Image:\tdb:2\n" in shown
    again = cluster.run(f"rollout undo {kind}/db --to-revision=3").stdout
    assert again.endswith("skipped rollback (current template already matches revision 3)\n")


def undone(cluster: Cluster, kind: str, image: str) -> Output:
    assert cluster.run("apply -f -", WORKLOAD.format(kind=kind, image=image)).code == 0
    cluster.settle()
    return cluster.run(f"rollout undo {kind}/db")
