"""Rented machines: pools, an autoscaler, spot machines that are taken back."""

import pytest

from kubecourse import Cluster
from kubecourse.api import models
from kubecourse.api.placement import amounts
from kubecourse.cloud import Autoscaler, Fleet, Pool, allocatable
from kubecourse.cloud.fleet import POOL

GIB = 2**30
HOUR = 3600.0
core = models.core_v1


def rent(*pools: Pool, seed: int = 0) -> tuple[Cluster, Fleet]:
    cluster = Cluster(nodes=0, seed=seed)
    fleet = Fleet(cluster, list(pools))
    cluster.settle()
    return cluster, fleet


def run(cluster: Cluster, name: str, replicas: int, cpu: str = "1", memory: str = "1Gi") -> None:
    cluster.run(f"create deployment {name} --image=nginx --replicas={replicas}")
    cluster.run(f"set resources deployment {name} --requests=cpu={cpu},memory={memory}")


def running(cluster: Cluster, name: str = "") -> int:
    return sum(cluster.get(f"pod/{p}").status.phase == "Running" for p in cluster.pods(name))


def test_a_machine_keeps_what_its_provider_keeps() -> None:
    cluster, _fleet = rent(Pool("base", "m5.large", zones=("a", "b")))
    node = cluster.get("node/base-1")
    room = allocatable("EKS", 2, 8 * GIB)
    found = amounts(node.status.allocatable)
    assert (found["cpu"], found["memory"]) == (room.cpu, room.memory)
    labels = node.metadata.labels
    assert labels[POOL] == "base" and labels["topology.kubernetes.io/zone"] == "a"
    assert labels["node.kubernetes.io/instance-type"] == "m5.large"


def test_a_machine_must_be_in_the_catalog() -> None:
    with pytest.raises(ValueError, match=r"no machine 'huge': there are m5\.large"):
        rent(Pool("base", "huge"))


def test_a_pool_grows_and_shrinks_when_told_to() -> None:
    cluster, fleet = rent(Pool("base", "m5.large", size=1))
    fleet.resize("base", 3)
    cluster.advance(30)
    assert len(cluster.list("nodes")) == 1
    cluster.advance(60)
    assert len(cluster.list("nodes")) == 3
    fleet.resize("base", 2)
    cluster.advance(30)
    assert sorted(fleet.nodes("base")) == ["base-1", "base-2"]
    assert [node.metadata.name for node in cluster.list("nodes")] == ["base-1", "base-2"]


def test_another_pool_is_rented_later() -> None:
    cluster, fleet = rent(Pool("base", "m5.large"))
    fleet.add(Pool("large", "m5.xlarge", size=2))
    assert fleet.nodes("large") == []
    cluster.advance(90)
    assert fleet.nodes("large") == ["large-1", "large-2"] and len(cluster.list("nodes")) == 3
    with pytest.raises(ValueError, match="there is a pool 'base': resize it"):
        fleet.add(Pool("base", "m5.xlarge"))
    with pytest.raises(ValueError, match=r"no machine 'huge': there are m5\.large"):
        fleet.add(Pool("other", "huge"))


def test_a_machine_that_comes_later_has_addresses_of_its_own() -> None:
    cluster, fleet = rent(Pool("base", "m5.xlarge", size=3))
    fleet.resize("base", 2)
    fleet.remove("base-1")
    fleet.add(Pool("more", "m5.xlarge", size=2))
    run(cluster, "web", 9)
    cluster.advance(120)
    networks = [node.spec.podCIDR for node in cluster.list("nodes")]
    addresses = [pod.status.podIP for pod in cluster.list("pods")]
    assert len(set(networks)) == 3 and len(set(addresses)) == len(addresses) == 9


# --- the autoscaler


@pytest.fixture
def scaled() -> tuple[Cluster, Fleet]:
    cluster, fleet = rent(
        Pool("base", "m5.large", size=1), Pool("more", "m5.xlarge", size=0, most=4)
    )
    Autoscaler(fleet).start()
    return cluster, fleet


def test_it_asks_for_as_many_machines_as_the_scheduler_would_fill(
    scaled: tuple[Cluster, Fleet],
) -> None:
    cluster, fleet = scaled
    run(cluster, "web", 7)  # one fits on base; three on each larger machine
    cluster.advance(180)
    assert fleet.sizes["more"] == 2 and running(cluster, "web") == 7
    events = {event.reason for event in cluster.list("events")}
    assert "TriggeredScaleUp" in events


def test_it_asks_for_none_that_would_not_help(scaled: tuple[Cluster, Fleet]) -> None:
    cluster, fleet = scaled
    run(cluster, "huge", 1, cpu="8")
    cluster.advance(600)
    assert fleet.sizes["more"] == 0
    assert "NotTriggerScaleUp" in {event.reason for event in cluster.list("events")}


def test_it_asks_for_no_more_than_the_pool_may_have(scaled: tuple[Cluster, Fleet]) -> None:
    cluster, fleet = scaled
    run(cluster, "web", 40)
    cluster.advance(900)
    assert fleet.sizes["more"] == 4 and running(cluster, "web") == 1 + 4 * 3


def test_it_takes_the_pool_that_helps_most_pods_for_least_money() -> None:
    cluster, fleet = rent(
        Pool("dear", "r6i.xlarge", size=0, most=9), Pool("cheap", "m5.xlarge", size=0, most=9),
        Pool("small", "m5.large", size=0, most=1), Pool("base", "m5.large"),
    )  # fmt: skip
    Autoscaler(fleet).start()
    run(cluster, "web", 6)
    cluster.advance(300)
    assert (fleet.sizes["cheap"], fleet.sizes["dear"]) == (2, 0)
    assert running(cluster, "web") == 6


def test_a_machine_that_is_not_needed_for_ten_minutes_goes(scaled: tuple[Cluster, Fleet]) -> None:
    cluster, fleet = scaled
    run(cluster, "web", 7)
    cluster.advance(300)
    cluster.run("scale deployment web --replicas=3")
    cluster.advance(500)
    assert fleet.sizes["more"] == 2
    cluster.advance(1500)
    assert fleet.sizes["more"] == 1 and running(cluster, "web") == 3


@pytest.mark.parametrize("keeps", ["bare", "budget", "annotation"])
def test_some_pods_keep_their_machine(scaled: tuple[Cluster, Fleet], keeps: str) -> None:
    cluster, fleet = scaled
    run(cluster, "web", 4)
    cluster.advance(180)
    assert fleet.sizes["more"] == 1
    if keeps == "budget":
        cluster.run("apply -f -", "apiVersion: policy/v1\nkind: PodDisruptionBudget\n"
                    "metadata: {name: web}\nspec: {minAvailable: 1, "
                    "selector: {matchLabels: {app: web}}}")  # fmt: skip
    cluster.run("cordon base-1")
    cluster.run("delete pod -l app=web")
    cluster.advance(60)
    cluster.run("scale deployment web --replicas=1")
    cluster.advance(30)
    (pod,) = cluster.pods("web")
    if keeps == "annotation":
        cluster.run(f"annotate pod {pod} cluster-autoscaler.kubernetes.io/safe-to-evict=false")
    if keeps == "bare":
        cluster.run("run lonely --image=nginx")
    cluster.run("uncordon base-1" if keeps != "bare" else "get nodes")
    cluster.advance(3 * HOUR)
    assert fleet.sizes["more"] == 1


def test_no_pod_is_lost_that_fits_somewhere(scaled: tuple[Cluster, Fleet]) -> None:
    cluster, _fleet = scaled
    for replicas in (9, 2, 12, 1, 6):
        if replicas == 9:
            run(cluster, "web", replicas, cpu="900m")
        cluster.run(f"scale deployment web --replicas={replicas}")
        for _ in range(10):
            cluster.advance(240)
        assert running(cluster, "web") == replicas


# --- spot


def test_spot_machines_are_taken_back_after_a_notice_and_replaced() -> None:
    cluster, fleet = rent(
        Pool("base", "m5.xlarge", size=2), Pool("spot", "m5.xlarge", size=2, spot=True)
    )
    run(cluster, "web", 6, cpu="500m")
    cluster.advance(60)
    fleet.interrupt("spot-1")
    cluster.advance(60)
    node = cluster.get("node/spot-1")
    assert node.spec.unschedulable and "spot-1" in cluster.kubelets
    on = [pod.spec.nodeName for pod in cluster.list("pods") if not pod.metadata.deletionTimestamp]
    assert "spot-1" not in on and running(cluster, "web") == 6
    cluster.advance(61)
    assert cluster.get("node/spot-1") is None
    cluster.advance(2 * HOUR)
    assert len(fleet.nodes("spot")) == 2
    assert fleet.interruptions[0].gone - fleet.interruptions[0].noticed == 120


def test_when_they_are_taken_is_decided_by_the_seed() -> None:
    def history(seed: int) -> list[tuple[str, float]]:
        cluster, fleet = rent(Pool("spot", "m5.large", size=4, spot=True), seed=seed)
        cluster.advance(7 * 24 * HOUR)
        assert len(fleet.nodes("spot")) == 4
        return [(each.node, each.noticed) for each in fleet.interruptions]

    first = history(1)
    assert first == history(1) != history(2)
    assert 1 <= len(first) <= 15  # one in five days for each machine


def test_a_storm_takes_all_of_them() -> None:
    cluster, fleet = rent(
        Pool("base", "m5.xlarge", size=1), Pool("spot", "m5.xlarge", size=3, spot=True)
    )
    run(cluster, "web", 3, cpu="500m")
    cluster.advance(60)
    assert fleet.storm("spot") == 3
    cluster.advance(60)
    fleet.storm("spot")  # they have had their notice, and get no other
    cluster.advance(70)
    assert {node.metadata.name for node in cluster.list("nodes")} == {"base-1"}
    assert running(cluster, "web") == 3


def test_in_a_fleet_that_is_frozen_none_comes_back() -> None:
    cluster, fleet = rent(Pool("base", "m5.xlarge"), Pool("spot", "m5.xlarge", size=2, spot=True))
    fleet.freeze()
    fleet.storm("spot")
    cluster.advance(24 * HOUR)
    assert fleet.nodes("spot") == [] and fleet.sizes["spot"] == 2


def test_a_budget_holds_up_the_emptying_but_not_the_end() -> None:
    cluster, fleet = rent(
        Pool("base", "m5.large", size=1), Pool("spot", "m5.xlarge", size=1, spot=True)
    )
    run(cluster, "web", 1, cpu="2")  # fits on the spot machine only
    cluster.run("apply -f -", "apiVersion: policy/v1\nkind: PodDisruptionBudget\n"
                "metadata: {name: web}\nspec: {minAvailable: 1, "
                "selector: {matchLabels: {app: web}}}")  # fmt: skip
    cluster.advance(60)
    assert running(cluster, "web") == 1
    fleet.interrupt("spot-1")
    cluster.advance(110)
    assert running(cluster, "web") == 1
    cluster.advance(15)
    assert cluster.get("node/spot-1") is None
    cluster.advance(2 * HOUR)
    (pod,) = cluster.list("pods")
    assert (pod.status.phase, pod.spec.nodeName) == ("Running", "spot-2")


# --- what if


def test_the_drill_says_who_would_wait_and_touches_nothing() -> None:
    cluster, _fleet = rent(Pool("base", "m5.xlarge", size=2), Pool("small", "m5.large", size=1))
    run(cluster, "web", 6)
    cluster.advance(60)
    before = cluster.run("get pods -o wide").stdout
    drill = cluster.what_if(fail="largest")
    assert drill.failed == ("base-1",) and not drill.survived
    assert len(drill.pending) == drill.missing_cpu == 2.0
    assert drill.missing_memory == 2 * GIB
    assert "2 of 3 pods wait, 2 cores and 2.0 GiB are missing" in str(drill)
    assert cluster.run("get pods -o wide").stdout == before
    cluster.run("scale deployment web --replicas=4")
    cluster.settle()
    assert cluster.what_if().survived
    assert cluster.what_if(fail="small-1").survived


def test_the_drill_asks_for_the_room_that_there_is(scaled: tuple[Cluster, Fleet]) -> None:
    cluster, fleet = scaled
    run(cluster, "web", 4)
    cluster.advance(180)
    assert not cluster.what_if().survived  # although the autoscaler would get a new machine
    assert fleet.sizes["more"] == 1


def test_a_spot_storm_can_be_tried() -> None:
    cluster, _fleet = rent(
        Pool("base", "m5.xlarge", size=1), Pool("spot", "m5.xlarge", size=2, spot=True)
    )
    run(cluster, "web", 6)
    cluster.advance(60)
    drill = cluster.what_if(spot="spot")
    assert drill.failed == ("spot-1", "spot-2") and len(drill.pending) == 3


def test_a_pool_that_is_not_there_is_told_with_those_that_are() -> None:
    cluster, fleet = rent(Pool("base", "m5.xlarge", size=1))
    for there in (fleet, cluster.fork().cloud):
        with pytest.raises(LookupError, match='no pool "big": there are base'):
            there.resize("big", 3)
        with pytest.raises(LookupError, match='no pool "big"'):
            there.storm("big")
        assert there.sizes == {"base": 1}
