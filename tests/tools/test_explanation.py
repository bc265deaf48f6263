"""What `cluster.explain` says: of pods why they are where they are, of others what they await."""

from __future__ import annotations

import pytest

from kubecourse import Cluster
from kubecourse.api import models
from kubecourse.cluster import CourseError
from kubecourse.tools.explanation import Explanation
from kubecourse.tools.past import Past

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: nginx, resources: {requests: {cpu: 500m}}}]}
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  priorityClassName: PRIORITY
  containers: [{name: c, image: nginx, resources: {requests: {cpu: CPU}}}]
"""


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(nodes=3)


def apply(cluster: Cluster, manifest: str) -> None:
    output = cluster.run("apply -f -", manifest)
    assert output.code == 0, output.stderr


def pod(name: str, cpu: str, priority: str = "") -> str:
    text = POD.replace("NAME", name).replace("CPU", cpu)
    return text.replace("PRIORITY", priority or '""')


# --- pods


def test_a_pod_is_explained_by_what_the_scheduler_saw_when_it_was_bound(cluster: Cluster) -> None:
    apply(cluster, pod("a", "3"))
    cluster.settle()
    found = cluster.explain("pod/a")
    assert isinstance(found, Explanation)
    assert found.headline == "pod/a is on node-1, the first of 3 nodes with the highest score."
    apply(cluster, pod("b", "1"))
    cluster.settle()
    first = str(found)
    assert str(cluster.explain("pod/a")) == first, "what came later does not matter"
    fits = {node.node: node.scores["NodeResourcesFit"].raw for node in found.decision.nodes}
    assert len(set(fits.values())) == 1
    later = cluster.explain("pod/b")
    assert later.decision.node in ("node-2", "node-3")
    assert "filter" in later.details() and "0–100" in later.details()


def test_every_pod_of_a_rollout_went_where_the_explanation_says(cluster: Cluster) -> None:
    apply(cluster, WEB.replace("replicas: 3", "replicas: 9"))
    cluster.settle()
    for name in cluster.pods("web"):
        decision = cluster.explain(f"pod/{name}").decision
        assert decision.node == decision.best


def test_a_pending_pod_is_explained_in_the_schedulers_words(cluster: Cluster) -> None:
    apply(cluster, pod("big", "9"))
    cluster.settle()
    found = cluster.explain("pod/big")
    condition = cluster.get("pod/big").status.conditions[0]
    assert found.headline == f"pod/big is pending: {condition.message}"
    assert all(node.refused_by == "NodeResourcesFit" for node in found.decision.nodes)
    assert found.decision.nodes[0].passed == ("NodeUnschedulable", "TaintToleration")


def test_who_was_preempted_is_told_before_and_after(cluster: Cluster) -> None:
    apply(
        cluster,
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\n"
        "value: 1000\n",
    )
    for name in ("a", "b", "c"):
        apply(cluster, pod(name, "3"))
    cluster.settle()
    cluster.stop("kube-scheduler")
    apply(cluster, pod("vip", "2", "high"))
    before = cluster.explain("pod/vip")
    assert before.decision.room in ("node-1", "node-2", "node-3")
    assert len(before.decision.victims) == 1
    assert f"without {before.decision.victims[0]}" in str(before)
    cluster.start("kube-scheduler")
    cluster.settle()
    after = cluster.explain("pod/vip")
    assert len(after.preempted) == 1
    assert cluster.get(f"pod/{after.preempted[0]}") is None


def test_any_past_moment_can_be_asked_about(cluster: Cluster) -> None:
    cluster.stop("kube-scheduler")
    apply(cluster, pod("a", "1"))
    cluster.advance(5)
    waiting, revision = cluster.now, cluster.etcd.revision
    cluster.start("kube-scheduler")
    cluster.settle()
    cluster.run("delete pod a")
    cluster.settle()
    for at in (waiting, str(revision)):
        assert cluster.explain("pod/a", at=at).headline == (
            "pod/a has no node yet. It would go to node-1."
        )
    with pytest.raises(CourseError, match=r'pods "a" not found at 0\.\d+ s'):
        cluster.explain("pod/a", at=0.5)
    with pytest.raises(CourseError, match="resourceVersion"):
        cluster.explain("pod/a", at="yesterday")


def test_the_past_is_what_etcd_held(cluster: Cluster) -> None:
    """Every revision that is rebuilt holds what was there then."""
    apply(cluster, WEB)
    seen = {}
    for _ in range(8):
        cluster.advance(0.4)
        objects = {kv.value.metadata.uid: kv.value for kv in cluster.etcd.range("/registry/pods/")}
        seen[cluster.etcd.revision] = (cluster.now, objects)
        if len(seen) == 5:
            cluster.advance(0.1)
            cluster.run("delete pod --all --force --grace-period=0")
    for revision, (now, objects) in seen.items():
        past = Past(cluster.etcd, cluster.clock, revision)
        assert {obj.metadata.uid: obj for obj in past.list(models.core_v1.Pod)} == objects
        assert past.now <= now
        assert cluster.etcd.revision_at(now) == revision


# --- what is waited for


def test_a_rollout_waits_for_its_new_pods_and_its_limits(cluster: Cluster) -> None:
    apply(cluster, WEB)
    cluster.settle()
    assert str(cluster.explain("deployment/web")) == (
        "deployment/web is waiting for nothing: "
        "3 of 3 pods are of the newest revision and available."
    )
    cluster.images.declare("broken", pullable=False)
    cluster.run("set image deployment/web c=broken")
    cluster.advance(60)
    text = str(cluster.explain("deployment/web"))
    assert text.startswith("deployment/web is waiting for 2 of 2 new pods: web-")
    assert "ImagePullBackOff" in text or "ErrImagePull" in text
    assert "maxSurge 1 forbids more new pods: there are 4 of at most 4" in text
    assert (
        "maxUnavailable 1 forbids to take away 2 old pods: 2 of 3 are available, and 2 have to be"
    ) in text
    assert "its progress deadline is in 54" in text
    cluster.advance(600)
    text = str(cluster.explain("deployment/web"))
    assert "has timed out progressing. Nothing is rolled back by itself" in text


def test_a_paused_deployment_waits_to_be_resumed(cluster: Cluster) -> None:
    apply(cluster, WEB)
    cluster.settle()
    cluster.run("rollout pause deployment/web")
    cluster.run("set image deployment/web c=nginx:2")
    cluster.settle()
    assert "being resumed: it is paused" in str(cluster.explain("deployment/web"))


def test_a_stopped_controller_is_found_out(cluster: Cluster) -> None:
    apply(cluster, WEB)
    cluster.settle()
    cluster.stop("deployment-controller")
    cluster.run("scale deployment/web --replicas=5")
    cluster.settle()
    assert cluster.explain("deployment/web").headline == (
        "deployment/web is waiting for its controller, "
        "which has not seen generation 2 yet (only 1)."
    )


def test_a_quota_is_named(cluster: Cluster) -> None:
    apply(
        cluster,
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few}\nspec: {hard: {pods: '1'}}\n",
    )
    apply(cluster, WEB)
    cluster.settle()
    text = str(cluster.explain("deployment/web"))
    assert "2 of 3 pods: 2 not there yet" in text
    assert "exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1" in text


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("StatefulSet", "serviceName: s, replicas: 2", "2 of 2 pods: w-0"),
        ("DaemonSet", "", "3 of 3 pods: w-"),
        ("ReplicaSet", "replicas: 2", "2 of 2 pods: w-"),
    ],
)
def test_other_workloads_wait_for_their_pods(
    cluster: Cluster, kind: str, more: str, expected: str
) -> None:
    spec = ", ".join(filter(None, ["selector: {matchLabels: {app: w}}", more]))
    template = "{metadata: {labels: {app: w}}, spec: {containers: [{name: c, image: nginx}]}}"
    apply(
        cluster,
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: w}}\n"
        f"spec: {{{spec}, template: {template}}}\n",
    )
    cluster.advance(0.3)
    name = f"{kind.lower()}/w"
    assert cluster.explain(name).headline.startswith(f"{name} is waiting for {expected}")
    cluster.settle()
    assert cluster.explain(name).reasons == []


def test_a_job_waits_for_completions_and_is_over_when_it_has_them(cluster: Cluster) -> None:
    spec = "{containers: [{name: c, image: busybox, command: [sleep, '5']}], restartPolicy: Never}"
    apply(
        cluster,
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\n"
        f"spec: {{completions: 2, template: {{spec: {spec}}}}}\n",
    )
    cluster.advance(3)
    assert "2 of 2 completions: 1 active" in str(cluster.explain("job/j"))
    cluster.settle()
    assert "Complete: Reached expected number of succeeded pods" in str(cluster.explain("job/j"))


def test_a_service_waits_for_pods(cluster: Cluster) -> None:
    apply(
        cluster,
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
        "spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}\n",
    )
    assert cluster.explain("service/web").headline == (
        "service/web is waiting for a pod with the labels app=web."
    )
    apply(cluster, WEB)
    cluster.settle()
    assert "a container port of the name http" in str(cluster.explain("service/web"))


def test_of_other_kinds_the_status_and_the_events_speak(cluster: Cluster) -> None:
    claim = "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}"
    apply(
        cluster,
        f"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: c}}\nspec: {claim}\n",
    )
    cluster.settle()
    assert "FailedBinding: no persistent volumes available" in str(cluster.explain("pvc/c"))
    assert str(cluster.explain("node/node-1")).startswith("node/node-1 is waiting for nothing")
    cluster.fail_node("node-1")
    cluster.advance(60)
    assert "Kubelet stopped posting node status" in cluster.explain("node/node-1").headline
