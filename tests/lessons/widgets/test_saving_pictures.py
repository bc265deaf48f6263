"""Chapter 5's pictures on tidying up, spare room, spot machines and balance."""

import re

import pytest

from kubecourse import Cluster
from kubecourse.cloud import report
from kubecourse.inspection import CourseError
from kubecourse.lessons.still import still
from kubecourse.lessons.widgets import (
    Balance,
    CapacityMix,
    CleanUp,
    SpareCapacity,
    UsageGraph,
)

ALL = [CleanUp, SpareCapacity, CapacityMix, Balance]


# --- what they share


@pytest.mark.parametrize("make", ALL)
def test_the_finding_is_the_title_and_the_text(make) -> None:
    widget = make()
    assert widget.text in widget.picture.value
    assert widget.text in still(widget)


@pytest.mark.parametrize("make", ALL)
def test_pictures_speak_korean(make, monkeypatch: pytest.MonkeyPatch) -> None:
    english = make().text
    monkeypatch.setenv("KUBECOURSE_LANGUAGE", "ko")
    korean = make()
    assert korean.text != english
    assert re.search("[가-힣]", korean.text)


@pytest.mark.parametrize("make", [SpareCapacity, CapacityMix, Balance])
def test_the_same_place_gives_the_same_picture_and_reset_goes_back(make) -> None:
    widget = make()
    first = widget.picture.value
    assert make().picture.value == first
    for control in widget._controls.values():
        others = [v for _, v in control.options] if hasattr(control, "options") else [control.max]
        control.value = next(other for other in others if other != control.value)
    assert widget.picture.value != first
    widget.reset.click()
    assert widget.picture.value == first
    assert len(widget.values) <= 4


# --- tidying up


def tick(widget: CleanUp, *names: str) -> None:
    for each, box in zip(widget.objects, widget.ticks, strict=True):
        box.value = box.value or each.name in names


def test_each_object_is_shown_once_with_its_owner_and_all_reasons() -> None:
    widget = CleanUp()
    shown = {each.name: (each.owner, [row.why for row in each.rows]) for each in widget.objects}
    assert shown == {
        "demo": ("team-web", ["idle"]),
        "old-data": ("", ["orphaned"]),
        "old-shop": ("", ["idle", "unowned"]),
        "search": ("", ["unowned"]),
        "import": ("team-data", ["finished"]),
        "try-it": ("", ["finished"]),
    }
    assert "search" not in {e.name for e, box in zip(widget.objects, widget.ticks, strict=True)
                            if not box.disabled}  # fmt: skip


def test_a_tick_says_what_would_go_and_changes_nothing() -> None:
    widget = CleanUp()
    assert widget.text == "6 things that perhaps nobody needs cost 68.56 USD a month"
    before = report(widget.fleet)
    assert widget.delete.disabled
    tick(widget, "demo", "import")
    assert widget.text == "2 of 6 would go: worth 26.28 of 68.56 USD a month"
    assert "scale deployment default/demo" in widget.below.value
    assert "kubectl delete job/import" in widget.below.value
    assert report(widget.fleet) == before


def test_data_wants_a_second_tick() -> None:
    widget = CleanUp()
    tick(widget, "old-data")
    assert widget.chosen == [] and widget.delete.disabled
    assert "persistentvolumeclaim/old-data stays: it holds data" in widget.below.value
    widget.data.value = True
    widget.delete.click()
    assert widget.fleet.cluster.get("pvc/old-data") is None
    assert "old-data" not in {each.name for each in widget.objects}


def test_the_button_does_what_was_said_and_looks_again() -> None:
    widget = CleanUp()
    tick(widget, *(each.name for each in widget.objects if each.cure))
    widget.delete.click()
    cluster = widget.fleet.cluster
    assert cluster.get("deployment/demo").spec.replicas == 0
    assert cluster.get("job/import") is None
    assert len(cluster.pods("shop")) == 2
    assert {each.name for each in widget.objects} == {"search", "old-shop", "old-data"}
    assert not any(box.value for box in widget.ticks)
    assert "scale deployment default/old-shop" in widget.below.value


# --- spare room


def test_the_drill_is_asked_for_with_one_button() -> None:
    widget = SpareCapacity()
    assert widget.told.drill is None
    widget.drill.click()
    drill = widget.told.drill
    assert (drill.failed, drill.moved, len(drill.pending)) == (("big-1",), 4, 1)
    assert widget.text.endswith("0.5 cores and 0.5 GiB are missing")
    widget.machines.value = 4
    assert widget.text == "Without big-1: all 3 pods found another place"


@pytest.mark.parametrize("machines", range(1, 7))
@pytest.mark.parametrize("fails", ["largest", "small-1"])
def test_no_pod_is_forgotten(machines: int, fails: str) -> None:
    widget = SpareCapacity()
    widget.machines.value, widget.fails.value = machines, fails
    drill, left = widget.told.drill, widget.told.machines
    before = sum(each.before for each in left)
    assert sum(each.after for each in left) == before - drill.missing_cpu
    assert all(each.after == 0 for each in left if each.failed)
    assert all(each.after <= each.cores for each in left)


def test_your_cluster_is_not_touched_and_is_seen_as_it_is_by_now() -> None:
    cluster = Cluster(nodes=2, node_shape="2cpu-8Gi")
    cluster.run("create deployment web --image=nginx:1.27 --replicas=2")
    cluster.run("set resources deployment web --requests=cpu=1")
    cluster.settle()
    widget = SpareCapacity(cluster)
    now, pods = cluster.now, cluster.pods("web")
    widget.drill.click()
    assert widget.told.drill.survived
    assert (cluster.now, cluster.pods("web")) == (now, pods)
    cluster.run("scale deployment web --replicas=3")
    cluster.settle()
    widget.drill.click()
    assert len(widget.told.drill.pending) == 1


# --- reserved and spot


def mix(**values) -> CapacityMix:
    widget = CapacityMix()
    for name, value in values.items():
        getattr(widget, name).value = value
    return widget


def test_more_spot_is_cheaper() -> None:
    costs = [mix(spot=spot, storm=False).told.cost for spot in (0, 2, 4, 6)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] == pytest.approx(0.6 * mix(spot=0).told.on_demand, rel=0.01)


@pytest.mark.parametrize("shop", ["anywhere", "base"])
def test_up_to_two_thirds_a_storm_costs_next_to_nothing(shop: str) -> None:
    lost = [mix(spot=spot, shop=shop).told.lost for spot in (2, 4, 5, 6)]
    assert max(lost[:2]) < 2
    assert 30 < lost[2] < lost[3]


def test_important_pods_on_reserved_machines_are_not_moved() -> None:
    told = mix(spot=4, shop="base").told
    assert (told.lost, told.moved["shop"]) == (0, 0)
    assert told.moved["batch"] > 0
    assert "lost nothing" in mix(spot=4, shop="base").text


def test_a_storm_takes_all_spot_machines_at_once() -> None:
    told = mix(spot=5).told
    assert sum(at == pytest.approx(3.5) for at in told.interruptions) == 5
    assert min(count for at, count in told.machines if at > 0.1) == 0


# --- balance


def balanced(**values) -> Balance:
    widget = Balance()
    for name, value in values.items():
        getattr(widget, name).value = value
    return widget


@pytest.mark.parametrize(
    ("values", "before", "after"),
    [
        ({"strategy": "RemoveDuplicates"}, "5 · 5 · 5 · 0", "4 · 4 · 4 · 3"),
        ({"cause": "rollout"}, "5 · 5 · 4 · 1", "4 · 4 · 4 · 3"),
    ],
)
def test_evicted_pods_go_where_there_is_room(values, before: str, after: str) -> None:
    widget = balanced(**values)
    assert f"{before} → {after}" in widget.text
    assert len(widget.told.after) == len(widget.told.before)


def test_a_list_shows_what_is_chosen() -> None:
    for widget in (Balance(), CapacityMix(), SpareCapacity()):
        lists = [c for c in widget._controls.values() if hasattr(c, "options")]
        assert all(each.index is not None for each in lists)


def test_a_budget_lets_one_go_each_round() -> None:
    told = [balanced(strategy="RemoveDuplicates", budget=1, rounds=n).told for n in (1, 2, 3)]
    assert [len(each.evicted) for each in told] == [1, 2, 3]
    assert [len(each.refused) for each in told] == [2, 3, 3]


def test_a_budget_of_none_keeps_all() -> None:
    widget = balanced(budget=0)
    assert widget.told.evicted == []
    assert widget.told.before == widget.told.after
    assert "nobody is evicted" in widget.text
    assert "the disruption budget refused the eviction" in widget.picture.value


@pytest.mark.parametrize("strategy", ["LowNodeUtilization", "RemoveDuplicates"])
def test_who_has_local_data_or_no_owner_stays(strategy: str) -> None:
    told = balanced(strategy=strategy, rounds=5).told
    stays = [name for names in told.protected.values() for name in names]
    assert sorted({name.partition("-")[0] for name in stays}) == ["cache", "task"]
    assert all(told.after[name] == told.before[name] for name in stays)


def test_packing_without_the_scheduler_brings_the_pods_back() -> None:
    widget = balanced(cause="night", strategy="HighNodeUtilization")
    assert len(widget.told.evicted) == 4
    assert 0 not in [list(widget.told.after.values()).count(node) for node in widget.told.nodes]
    assert "MostAllocated" in widget.picture.value


# --- what a program used, over time


def test_a_longer_window_hides_a_short_hour() -> None:
    cluster = Cluster(nodes=1)
    cluster.run("create deployment nightly --image=kubecourse/shop:1.0")
    cluster.run("set resources deployment/nightly --requests=cpu=500m")
    usage = '{"kubecourse.dev/cpu": "burst(100m, 2, 1d, 1h)"}'
    patch = f'{{"spec": {{"template": {{"metadata": {{"annotations": {usage}}}}}}}}}'
    cluster.run(f"patch deployment nightly -p '{patch}'")
    cluster.advance(26 * 3600)
    graph = UsageGraph(cluster, "nightly")
    assert graph.text == "nightly requests 500m; averaged over 5m, it used 2000m at most"
    assert "[5m]))" in graph.picture.value
    graph.window.value = 72
    assert graph.text == "nightly requests 500m; averaged over 6h, it used 417m at most"
    assert "[6h]))" in graph.picture.value
    (_, before), *_, (hours, _) = graph.told.points
    assert before < 110 and round(hours) == 26


def test_where_nothing_was_measured_there_is_no_graph() -> None:
    with pytest.raises(CourseError, match="no Deployment"):
        UsageGraph(Cluster(nodes=1), "web")
