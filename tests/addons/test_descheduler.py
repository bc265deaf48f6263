"""The descheduler's decisions, in the cases that upstream's documentation and tests describe."""

from typing import Any

import pytest
import yaml

from kubecourse import Cluster
from kubecourse.addons.descheduler import PolicyError, deschedule, parse
from tests.addons.still import Still


def policy(strategy: str, arguments: dict[str, Any], evictor: dict[str, Any], **top: Any) -> str:
    point = "deschedule" if strategy == "PodLifeTime" else "balance"
    return yaml.safe_dump(
        {
            "apiVersion": "descheduler/v1alpha2",
            "kind": "DeschedulerPolicy",
            **top,
            "profiles": [
                {
                    "name": "test",
                    "pluginConfig": [
                        {"name": strategy, "args": arguments},
                        {"name": "DefaultEvictor", "args": evictor},
                    ],
                    "plugins": {point: {"enabled": [strategy]}},
                }
            ],
        }
    )


def run(
    still: Still, strategy: str, evictor: dict[str, Any] | None = None, /, *,
    top: dict[str, Any] | None = None, **arguments: Any,
) -> int:  # fmt: skip
    """Run one strategy; how many pods are going then."""
    deschedule(still.client, parse(policy(strategy, arguments, evictor or {}, **(top or {}))))
    return len(still.evicted())


def two_nodes(**options: Any) -> Still:
    still = Still()
    for name in ("n1", "n2"):
        still.node(name, **options)
    return still


# --- duplicates


def test_of_three_pods_of_a_replica_set_on_one_node_of_two_one_goes() -> None:
    still = two_nodes()
    still.pods("n1", 3)
    assert run(still, "RemoveDuplicates") == 1


@pytest.mark.parametrize(
    "different",
    [{"image": "other:1"}, {"owner": "ReplicaSet/other"}, {"namespace": "dev"}],
)
def test_pods_of_other_owners_images_or_namespaces_are_no_duplicates(different: Any) -> None:
    still = two_nodes()
    still.pods("n1", 1)
    still.pods("n1", 1, "other", **different)
    assert run(still, "RemoveDuplicates") == 0


@pytest.mark.parametrize(("on", "nodes", "evicted"), [
    ((5, 3, 1), 3, 2), ((5, 3), 2, 1), ((6, 0, 0), 3, 4), ((2, 2, 2), 3, 0), ((3,), 1, 0),
])  # fmt: skip
def test_each_node_keeps_its_share_rounded_up(
    on: tuple[int, ...], nodes: int, evicted: int
) -> None:
    still = Still()
    for number in range(nodes):
        still.node(f"n{number}")
        still.pods(f"n{number}", on[number] if number < len(on) else 0)
    assert run(still, "RemoveDuplicates") == evicted


def test_a_node_that_pods_may_not_go_to_takes_no_share() -> None:
    still = two_nodes()
    still.node("n3", spec="{taints: [{key: own, effect: NoSchedule}]}")
    still.pods("n1", 5)
    still.pods("n2", 1)
    assert run(still, "RemoveDuplicates") == 2
    tolerant = Still()
    for name in ("n1", "n2"):
        tolerant.node(name)
    tolerant.node("n3", spec="{taints: [{key: own, effect: NoSchedule}]}")
    spec = {"tolerations": [{"key": "own", "operator": "Exists"}]}
    tolerant.pods("n1", 5, spec=spec)
    tolerant.pods("n2", 1, spec=spec)
    assert run(tolerant, "RemoveDuplicates") == 3


def test_owners_of_a_kind_may_be_left_alone() -> None:
    still = two_nodes()
    still.pods("n1", 3)
    assert run(still, "RemoveDuplicates", excludeOwnerKinds=["ReplicaSet"]) == 0


# --- who is never evicted

EMPTY_DIR = {"volumes": [{"name": "v", "emptyDir": {}}]}


@pytest.mark.parametrize(("pods", "evictor"), [
    ({"owner": ""}, {}),
    ({"owner": "DaemonSet/agent"}, {"evictDaemonSetPods": True}),
    ({"spec": EMPTY_DIR}, {"evictLocalStoragePods": True}),
    ({"spec": {"priorityClassName": "system-cluster-critical"}, "namespace": "kube-system"},
     {"evictSystemCriticalPods": True}),
])  # fmt: skip
def test_some_pods_stay_unless_the_policy_says_otherwise(pods: Any, evictor: Any) -> None:
    for given, expected in (({}, 0), (evictor, 3 if evictor else 0)):
        still = two_nodes()
        still.pods("n1", 3, **pods)
        still.clock.advance(700)
        assert run(still, "PodLifeTime", given, maxPodLifeTimeSeconds=600) == expected


@pytest.mark.parametrize(("evictor", "evicted"), [
    ({"labelSelector": {"matchLabels": {"app": "a"}}}, 2),
    ({"labelSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn",
                                              "values": ["a"]}]}}, 1),
    ({"minReplicas": 4}, 0), ({"minReplicas": 3}, 3),
    ({"priorityThreshold": {"value": 0}}, 0), ({"priorityThreshold": {"value": 1}}, 3),
    ({"nodeFit": True}, 0),
])  # fmt: skip
def test_the_policy_says_who_may_be_evicted(evictor: Any, evicted: int) -> None:
    still = two_nodes(cpu="1")
    still.pods("n1", 2, labels={"app": "a"}, cpu="300m")
    still.pods("n1", 1, labels={"app": "b"}, cpu="300m")
    still.pods("n2", 1, owner="", cpu="900m")  # so that nothing more fits there
    still.clock.advance(700)
    assert run(still, "PodLifeTime", evictor, maxPodLifeTimeSeconds=600) == evicted


@pytest.mark.parametrize(("top", "evicted"), [
    ({}, 5), ({"maxNoOfPodsToEvictPerNode": 2}, 4), ({"maxNoOfPodsToEvictPerNamespace": 1}, 1),
    ({"maxNoOfPodsToEvictTotal": 3}, 3),
])  # fmt: skip
def test_evictions_are_limited(top: Any, evicted: int) -> None:
    still = two_nodes()
    still.pods("n1", 3)
    still.pods("n2", 2)
    still.clock.advance(700)
    assert run(still, "PodLifeTime", top=top, maxPodLifeTimeSeconds=600) == evicted


def test_the_annotation_overrides_all_protections() -> None:
    still = two_nodes()
    still.pods("n1", 1, owner="", annotations={"descheduler.alpha.kubernetes.io/evict": ""})
    still.clock.advance(700)
    assert run(still, "PodLifeTime", maxPodLifeTimeSeconds=600) == 1


# --- age


def test_only_pods_older_than_allowed_go_and_the_oldest_first() -> None:
    still = two_nodes()
    (oldest,) = still.pods("n1", 1)
    still.clock.advance(10)
    (old,) = still.pods("n2", 1)
    still.clock.advance(595)
    still.pods("n1", 1)
    log = deschedule(still.client, parse(policy("PodLifeTime", {"maxPodLifeTimeSeconds": 590}, {})))
    assert sorted(still.evicted()) == sorted([oldest, old])
    assert [line.split('pod="default/')[1].split('"')[0] for line in log[:-1]] == [oldest, old]


def test_only_pods_in_a_state_go_if_the_policy_says_so() -> None:
    still = two_nodes()
    still.pods("n1", 1, phase="Pending")
    still.pods("n1", 1)
    still.clock.advance(700)
    states = {"maxPodLifeTimeSeconds": 600, "states": ["Pending"]}
    deschedule(still.client, parse(policy("PodLifeTime", states, {})))
    assert len(still.evicted()) == 1


# --- topology spread


def spread(skew: int, how: str = "DoNotSchedule") -> dict[str, Any]:
    return {
        "topologySpreadConstraints": [
            {"maxSkew": skew, "topologyKey": "zone", "whenUnsatisfiable": how,
             "labelSelector": {"matchLabels": {"app": "web"}}}
        ]
    }  # fmt: skip


@pytest.mark.parametrize(("sizes", "skew", "moved"), [
    ((2, 1), 1, 0), ((3, 1), 1, 1), ((2, 0), 1, 1), ((4, 0), 1, 2), ((4, 0), 2, 1), ((8, 7), 1, 0),
    ((2, 3, 4), 1, 1), ((0, 1, 20), 1, 13), ((0, 1, 3, 5), 1, 3), ((2, 5, 3, 8, 5, 7), 1, 5),
])  # fmt: skip
def test_domains_are_brought_within_their_skew(
    sizes: tuple[int, ...], skew: int, moved: int
) -> None:
    still = Still()
    for number, size in enumerate(sizes):
        still.node(f"n{number}", pods=100, zone=f"z{number}")
        still.pods(f"n{number}", size, labels={"app": "web"}, spec=spread(skew))
    assert run(still, "RemovePodsViolatingTopologySpreadConstraint") == moved


def test_wishes_are_no_constraints_unless_the_policy_says_so() -> None:
    strategy = "RemovePodsViolatingTopologySpreadConstraint"
    for arguments, evicted in (({}, 0), ({"constraints": ["ScheduleAnyway"]}, 2)):
        still = Still()
        for name in ("n1", "n2"):
            still.node(name, zone=name)
        still.pods("n1", 4, labels={"app": "web"}, spec=spread(1, "ScheduleAnyway"))
        assert run(still, strategy, **arguments) == evicted  # type: ignore[arg-type]


def test_pods_bound_to_their_node_and_important_ones_stay() -> None:
    still = Still()
    for name in ("n1", "n2"):
        still.node(name, zone=name)
    labels = {"app": "web"}
    bound = {**spread(1), "nodeSelector": {"zone": "n1"}}
    still.pods("n1", 1, "bound", labels=labels, spec=bound)
    still.create(
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 10"
    )
    important = {**spread(1), "priorityClassName": "high"}
    still.pods("n1", 1, "high", labels=labels, spec=important)
    plain = still.pods("n1", 2, "plain", labels=labels, spec=spread(1))
    assert run(still, "RemovePodsViolatingTopologySpreadConstraint") == 2
    assert still.evicted() == sorted(plain)


# --- utilisation

LOW = {"thresholds": {"cpu": 30, "pods": 30}, "targetThresholds": {"cpu": 50, "pods": 50}}


def uneven_nodes(movable: int = 5) -> Still:
    """Upstream's first case: a node with eight pods of 400m, one with one, one cordoned."""
    still = Still()
    still.node("n1", pods=9)
    still.node("n2", pods=10)
    still.node("n3", pods=10, spec="{unschedulable: true}")
    still.pods("n1", movable, cpu="400m")
    still.pods("n1", 1, "agent", owner="DaemonSet/agent", cpu="400m")
    still.pods("n1", 1, "disk", spec=EMPTY_DIR, cpu="400m")
    still.pods("n1", 1, "bare", owner="", cpu="400m")
    still.pods("n2", 1, cpu="400m")
    return still


def test_pods_leave_a_crowded_node_until_it_is_at_the_target() -> None:
    still = uneven_nodes()
    # CPU is at its target with three fewer, the number of pods (4.5 of 9) with four.
    assert run(still, "LowNodeUtilization", **LOW) == 4


def test_eviction_ends_when_the_empty_nodes_are_full() -> None:
    still = two_nodes(cpu="4", pods=100)
    still.pods("n1", 10, cpu="390m")
    still.pods("n2", 2, cpu="390m")
    # n2 has room for 2000m - 780m: the fourth pod is the first to find it used up.
    assert (
        run(still, "LowNodeUtilization", thresholds={"cpu": 20}, targetThresholds={"cpu": 50}) == 4
    )


@pytest.mark.parametrize("change", [
    {"thresholds": {"cpu": 5, "pods": 30}},  # no node is under-used
    {"targetThresholds": {"cpu": 95, "pods": 95}},  # none is over-used
    {"thresholds": {"cpu": 90, "pods": 95}, "targetThresholds": {"cpu": 95, "pods": 99}},  # all are
    {"numberOfNodes": 1},
    {"evictableNamespaces": {"exclude": ["default"]}},
])  # fmt: skip
def test_nothing_to_do(change: Any) -> None:
    still = uneven_nodes()
    assert run(still, "LowNodeUtilization", **{**LOW, **change}) == 0


def test_the_least_important_pods_go_first() -> None:
    still = two_nodes(pods=100)
    still.create(
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 10"
    )
    still.pods("n1", 2, "high", cpu="800m", spec={"priorityClassName": "high"})
    burstable = still.pods("n1", 2, "plain", cpu="800m")
    assert run(still, "LowNodeUtilization",
               thresholds={"cpu": 20}, targetThresholds={"cpu": 50}) == 2  # fmt: skip
    assert sorted(still.evicted()) == sorted(burstable)


def test_thresholds_may_be_distances_from_the_mean() -> None:
    still = two_nodes(pods=100)
    still.node("n3", pods=100)
    still.pods("n1", 8, cpu="400m")  # 80 %, 30 % and 10 %: the mean is 40 %
    still.pods("n2", 3, cpu="400m")
    still.pods("n3", 1, cpu="400m")
    arguments = {"thresholds": {"cpu": 10}, "targetThresholds": {"cpu": 10}}
    assert run(still, "LowNodeUtilization", useDeviationThresholds=True, **arguments) == 3


def test_nearly_empty_nodes_are_emptied() -> None:
    still = Still()
    for name, count in (("n1", 1), ("n2", 6), ("n3", 2)):
        still.node(name, pods=100)
        still.pods(name, count, cpu="400m")
    assert run(still, "HighNodeUtilization", thresholds={"cpu": 25}) == 3
    assert {name.partition("-")[0] for name in still.evicted()} == {"n1", "n3"}


def test_nodes_are_emptied_only_as_far_as_the_others_have_room() -> None:
    still = Still()
    still.node("n1", pods=100)
    still.node("n2", pods=100)
    still.pods("n1", 4, cpu="200m")
    still.pods("n2", 9, cpu="400m")  # leaves 400m: two pods, and then it is full
    assert run(still, "HighNodeUtilization", thresholds={"cpu": 30}) == 2


# --- the policy file


@pytest.mark.parametrize(("change", "why"), [
    ({"thresholds": {"cpu": 20}}, "configured different resources"),
    ({"thresholds": {"cpu": 60, "pods": 30}}, "thresholds' cpu percentage is greater than"),
    ({"thresholds": {"cpu": 120, "pods": 30}}, "cpu threshold not in [0, 100] range"),
    ({"thresholds": {}}, "no resource threshold is configured"),
    ({"target": {}}, "unknown field"),
])  # fmt: skip
def test_a_policy_that_cannot_be_used_says_why(change: Any, why: str) -> None:
    with pytest.raises(PolicyError) as problem:
        parse(policy("LowNodeUtilization", {**LOW, **change}, {}))
    assert why in str(problem.value)


def test_a_strategy_has_its_place() -> None:
    text = policy("PodLifeTime", {"maxPodLifeTimeSeconds": 1}, {})
    with pytest.raises(PolicyError, match="configures balance extension point of non-existing"):
        parse(text.replace("deschedule:", "balance:"))


# --- in a cluster


@pytest.fixture
def crowded() -> Cluster:
    """Six pods on one node: the other two were down when they were made."""
    cluster = Cluster(nodes=3)
    for name in ("node-2", "node-3"):
        cluster.fail_node(name)
    cluster.advance(60)
    cluster.run("create deployment web --image=nginx --replicas=6")
    cluster.settle()
    for name in ("node-2", "node-3"):
        cluster.recover_node(name)
    cluster.advance(30)
    return cluster


def placed(cluster: Cluster) -> list[int]:
    nodes = [
        pod.spec.nodeName
        for pod in cluster.list("pods")
        if pod.metadata.deletionTimestamp is None and pod.status.phase == "Running"
    ]
    return sorted(nodes.count(f"node-{number}") for number in (1, 2, 3))


def test_as_a_cron_job_it_spreads_what_a_node_loss_has_crowded(crowded: Cluster) -> None:
    assert placed(crowded) == [0, 0, 6]
    assert crowded.run("apply -f data/manifests/descheduler").code == 0
    crowded.advance(240)
    assert placed(crowded) == [2, 2, 2]
    first, *_ = [p.metadata.name for p in crowded.list("pods", "kube-system")]
    said = crowded.run(f"logs -n kube-system {first}").stdout
    assert said.count('"Evicted pod"') == 4 and "totalEvicted=4" in said
    events = [(e.reason, e.source.component) for e in crowded.list("events")]
    assert events.count(("RemoveDuplicates", "sigs.k8s.io/descheduler")) == 4


def test_a_budget_is_kept(crowded: Cluster) -> None:
    budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\n"
    budget += "spec: {minAvailable: 5, selector: {matchLabels: {app: web}}}"
    assert crowded.run("apply -f -", budget).code == 0
    crowded.settle()
    crowded.run("apply -f data/manifests/descheduler")
    crowded.wait_for(lambda: len(crowded.list("jobs", "kube-system")) == 1, 200)
    least = 6
    for _ in range(60):
        crowded.advance(1)
        ready = [p for p in crowded.list("pods") if p.metadata.deletionTimestamp is None]
        least = min(least, len([p for p in ready if p.status.phase == "Running"]))
    assert least == 5
    crowded.advance(900)  # one pod at a time, every two minutes
    assert placed(crowded) == [2, 2, 2]


def test_what_is_wrong_with_the_policy_is_in_the_log(crowded: Cluster) -> None:
    crowded.run("apply -f data/manifests/descheduler")
    text = "kind: Nonsense"
    crowded.run(f"create configmap broken -n kube-system --from-literal=policy.yaml='{text}'")
    crowded.run("patch cronjob descheduler-cronjob -n kube-system --type=json -p '"
                '[{"op":"replace","path":"/spec/jobTemplate/spec/template/spec/volumes/0/configMap/'
                'name","value":"broken"}]\'')  # fmt: skip
    crowded.advance(200)
    pods = crowded.list("pods", "kube-system")
    assert pods[0].status.phase == "Failed"
    said = crowded.run(f"logs -n kube-system {pods[0].metadata.name}").stdout
    assert "failed to run descheduler" in said and "api" in said
    assert placed(crowded) == [0, 0, 6]
