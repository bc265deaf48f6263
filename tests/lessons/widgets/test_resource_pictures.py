"""Chapter 5's pictures, first half: what each place of their controls makes of a little cluster."""

import re
from itertools import pairwise

import pytest

from kubecourse.lessons.still import still
from kubecourse.lessons.widgets import (
    DrainWithBudget,
    EvictionOrder,
    LimitRangeBeforeAfter,
    NodeSizes,
    ProbeTimeline,
    QoSSorter,
    QuotaMeter,
    Recommendation,
    RequestsAndLimits,
    RolloutUnderTraffic,
    StorageChooser,
    WasteMeter,
)

ALL = [
    QuotaMeter,
    RequestsAndLimits,
    LimitRangeBeforeAfter,
    DrainWithBudget,
    EvictionOrder,
    ProbeTimeline,
    RolloutUnderTraffic,
    QoSSorter,
    NodeSizes,
    StorageChooser,
    Recommendation,
    WasteMeter,
]


# --- what they share


@pytest.mark.parametrize("make", ALL)
def test_the_finding_is_the_title_and_the_text(make) -> None:
    widget = make()
    assert widget.text in widget.picture.value.replace("&#x27;", "'")
    assert widget.text in still(widget)
    assert len(widget.values) <= 4


@pytest.mark.parametrize("make", ALL)
def test_the_same_place_gives_the_same_picture_and_reset_goes_back(make) -> None:
    widget, again = make(), make()
    first = widget.picture.value
    assert again.picture.value == first
    for control in widget._controls.values():
        others = [control.max, control.min] if hasattr(control, "max") else control.options
        others = [each[1] if isinstance(each, tuple) else each for each in others]
        control.value = next(other for other in others if other != control.value)
    assert widget.picture.value != first
    widget.reset.click()
    assert widget.picture.value == first


@pytest.mark.parametrize("make", ALL)
def test_pictures_speak_korean(make, monkeypatch: pytest.MonkeyPatch) -> None:
    english = make().text
    monkeypatch.setenv("KUBECOURSE_LANGUAGE", "ko")
    korean = make()
    assert korean.text != english
    assert re.search("[가-힣]", korean.text)


# --- the quota


def test_the_extra_zero_shows_at_the_replicaset_and_not_where_it_was_typed() -> None:
    meter = QuotaMeter()
    assert meter.text == "10 of 30 pods exist; the quota stops the rest at pods=10"
    said = meter.told.said
    assert said["apply"] == "deployment.apps/shop created"
    assert "exceeded quota: team, requested: pods=1, used: pods=10" in said["event"]
    assert said["pods"] == "10 Running, 0 Pending"
    meter.replicas.value = 3
    assert meter.text == "All 3 pods fit in the quota"
    assert meter.told.said["event"] == ""


def test_the_tighter_line_of_the_quota_decides() -> None:
    meter = QuotaMeter()
    meter.pods.value = 60
    assert meter.text == "16 of 30 pods exist; the quota stops the rest at requests.cpu=4"
    assert meter.told.amounts["requests.cpu"] == (4000, 7500, 4000)


def test_a_quota_on_cpu_wants_to_be_told() -> None:
    meter = QuotaMeter()
    meter.request.value = ""
    assert meter.text.startswith("0 of 30 pods exist: the quota counts CPU")
    assert "must specify requests.cpu for: shop" in meter.told.said["condition"]


# --- the LimitRange


def test_a_pod_that_says_nothing_gets_request_and_limit() -> None:
    widget = LimitRangeBeforeAfter()
    assert "memory: 256Mi" in widget.told.after
    assert "memory: 128Mi" in widget.told.after
    assert "LimitRanger plugin set" in widget.told.after
    assert widget.told.qos == "Burstable"


def test_a_pod_that_says_all_stays_as_it_is() -> None:
    widget = LimitRangeBeforeAfter()
    widget.pod.value = "both"
    assert widget.told.before == widget.told.after
    assert widget.text == "Nothing was added: the pod is Burstable"


def test_who_is_refused_is_told_why() -> None:
    widget = LimitRangeBeforeAfter()
    widget.pod.value = "much"
    assert widget.text == "The pod was refused"
    assert "maximum memory usage per Container is 512Mi, but limit is 2Gi" in widget.picture.value
    widget.maximum.value = "64Mi"
    assert widget.text == "The LimitRange itself was refused"


# --- the drain


def drained(**values) -> DrainWithBudget:
    widget = DrainWithBudget()
    for name, value in values.items():
        getattr(widget, name).value = value
    return widget


@pytest.mark.parametrize("budget", [1, 2, 3])
def test_a_drain_never_goes_below_the_budget(budget: int) -> None:
    told = drained(min_available=budget).told
    assert min(number for _, number in told.ready) == budget
    assert told.seconds is not None
    assert sum(told.failed) == 0


def test_without_a_budget_all_go_at_once_and_clients_notice() -> None:
    told = drained(min_available="").told
    assert (min(number for _, number in told.ready), told.refused) == (0, 0)
    assert sum(told.failed) > 0


def test_a_budget_of_all_pods_blocks_the_drain_for_ever() -> None:
    widget = drained(min_available=4)
    assert widget.text.startswith("Not drained after 60 s: 48 evictions refused")
    assert "global timeout reached: 60s" in widget.told.output


@pytest.mark.parametrize("start_up", range(0, 21, 4))
def test_a_drain_gives_up_on_time_whenever_it_began(start_up: int) -> None:
    told = drained(replicas=6, min_available=6, start_up=start_up).told
    assert (told.seconds, told.refused) == (None, 6 * 12)


def test_a_crash_asks_no_budget() -> None:
    told = drained(what="crash", min_available=3).told
    assert min(number for _, number in told.ready) == 0
    assert sum(told.failed) > sum(told.served)


def test_each_try_to_evict_is_marked_five_seconds_after_the_last() -> None:
    told = drained(min_available=3).told
    marks = [mark for lane in told.lanes for mark in lane.marks]
    assert sum(mark.sign == "✗" for mark in marks) == told.refused
    for lane in told.lanes:
        assert all(b.at - a.at == 5 for a, b in pairwise(lane.marks))


# --- probes


def probed(kind: str, **values) -> ProbeTimeline:
    widget = ProbeTimeline(kind)
    for name, value in values.items():
        getattr(widget, name).value = value
    return widget


@pytest.mark.parametrize(("period", "threshold"), [(10, 3), (5, 2), (2, 4)])
def test_a_hang_is_noticed_after_so_many_failures_in_a_row(period: int, threshold: int) -> None:
    told = probed("liveness", periodSeconds=period, failureThreshold=threshold).told
    assert told.restarts == 1
    least = (threshold - 1) * period + 1
    assert least <= told.noticed - 20 <= least + period
    marks = next(row.marks for row in told.rows if row.label == "Liveness probe")
    assert [mark.sign for mark in marks if 20 < mark.at <= told.noticed + 0.1] == ["✗"] * threshold


def test_readiness_takes_out_of_the_service_and_lets_back_in() -> None:
    told = probed("readiness").told
    spans = next(row.spans for row in told.rows if row.label == "in the Service")
    assert told.restarts == 0
    assert len(spans) == 2
    assert spans[1].start > 60


def test_a_patient_probe_does_not_mind_a_slow_application() -> None:
    assert probed("liveness", app="slow").told.restarts == 1
    assert probed("liveness", app="slow", timeoutSeconds=5).told.restarts == 0


def test_noticing_earlier_spares_clients() -> None:
    slow, fast = probed("readiness", periodSeconds=10), probed("readiness", periodSeconds=1)
    assert fast.told.failed < slow.told.failed


@pytest.mark.parametrize(
    ("values", "restarts"),
    [
        ({"failureThreshold": 0}, True),
        ({"failureThreshold": 3}, True),
        ({"failureThreshold": 6}, False),
        ({"failureThreshold": 0, "initialDelaySeconds": 20}, False),
        ({"failureThreshold": 6, "app": 60}, True),
    ],
)
def test_who_starts_slowly_needs_to_be_given_time(values, restarts: bool) -> None:
    assert bool(probed("startup", **values).told.restarts) is restarts


def test_the_probe_is_shown_as_yaml() -> None:
    assert "periodSeconds: 7" in probed("readiness", periodSeconds=7).picture.value


# --- the rollout


def test_a_readiness_probe_spares_clients_the_start() -> None:
    widget = RolloutUnderTraffic()
    assert sum(widget.told.failed) > 0
    widget.probe.value = True
    assert sum(widget.told.failed) == 0
    assert "readinessProbe" in widget.picture.value


def test_min_ready_seconds_stop_a_version_that_dies_young() -> None:
    widget = RolloutUnderTraffic()
    widget.probe.value, widget.version.value = True, "dies"
    without = sum(widget.told.failed)
    widget.min_ready_seconds.value = 10
    assert sum(widget.told.failed) < without
    assert widget.told.fewest_ready == 4
    assert widget.told.ended is None


# --- QoS


@pytest.mark.parametrize(
    ("values", "qos", "adjustment"),
    [
        (("", "", "", ""), "BestEffort", 1000),
        (("100m", "", "", ""), "Burstable", 999),
        (("", "", "1Gi", ""), "Burstable", 750),
        (("500m", "500m", "1Gi", "1Gi"), "Guaranteed", -997),
        (("", "500m", "", "1Gi"), "Guaranteed", -997),
    ],
)
def test_the_class_follows_from_requests_and_limits(values, qos: str, adjustment: int) -> None:
    sorter = QoSSorter()
    for control, value in zip(sorter._controls.values(), values, strict=True):
        control.value = value
    mine = next(each for each in sorter.told.pods if each.pod == "yours")
    assert (mine.qos, mine.adjustment) == (qos, adjustment)
    scores = [each.score for each in sorter.told.pods]
    assert scores == sorted(scores, reverse=True)


def test_a_request_above_the_limit_is_refused_in_the_servers_words() -> None:
    sorter = QoSSorter()
    sorter.memory_request.value = "2Gi"
    assert sorter.text == "Refused by the API server"
    assert "must be less than or equal to memory limit of 512Mi" in sorter.picture.value


# --- requests and limits


def used(resource: str, **values) -> RequestsAndLimits:
    widget = RequestsAndLimits(resource)
    for name, value in values.items():
        getattr(widget, name).value = value
    return widget


def test_over_the_cpu_limit_it_is_throttled_and_never_killed() -> None:
    widget = used("cpu")
    assert widget.text == "It wants 800m and gets 500m: throttled in 100 % of the periods"
    assert widget.told.kills == 0
    assert max(amount for _, amount in widget.told.points) == pytest.approx(500)


def test_idle_cpu_is_free_and_a_full_node_is_divided_by_requests() -> None:
    assert max(a for _, a in used("cpu", limit=0).told.points) == pytest.approx(800)
    most = max(a for _, a in used("cpu", limit=0, request=250, busy=True).told.points)
    assert most == pytest.approx(2000 * 250 / 750, rel=0.06), "the other one requests 500m"


def test_what_is_reserved_is_the_request_and_not_what_is_used() -> None:
    told = used("cpu", request=300, limit=0).told
    assert told.node["reserved"] == {"other": 500, "web": 300}
    assert told.node["used"]["web"] == pytest.approx(800)
    assert told.fit == (2000 - 500 - 300) // 300


def test_no_node_has_room_for_a_great_request() -> None:
    widget = used("cpu", limit=0, request=1600)
    assert widget.text == "No node has room for what it requests"
    assert "Insufficient cpu" in widget.picture.value


def test_over_the_memory_limit_it_is_killed_and_restarted_later_and_later() -> None:
    widget = used("memory")
    assert widget.told.kills >= 4
    waits = [span.end - span.start for span in widget.told.spans if span.words == "OOMKilled"]
    assert waits[1] < waits[2] < waits[3]
    assert max(amount for _, amount in widget.told.points) <= 256


def test_within_the_limit_it_lives() -> None:
    assert used("memory", limit=512).text == "It uses up to 320Mi of memory, and lives"


# --- eviction


def evicted(**values) -> EvictionOrder:
    widget = EvictionOrder()
    for name, value in values.items():
        getattr(widget, name).value = value
    return widget


@pytest.mark.parametrize(
    ("values", "first"),
    [
        ({}, "yours"),
        ({"request": 704}, "batch"),
        ({"important": True}, "batch"),
        ({"uses": 300}, None),
    ],
)
def test_first_goes_who_exceeds_its_request_and_is_least_important(values, first) -> None:
    told = evicted(**values).told
    assert (told.gone[0][1] if told.gone else None) == first
    assert first in (None, told.order[0].name)


def test_who_stays_within_its_request_goes_last_whatever_its_class() -> None:
    assert [each.name for each in evicted().told.order] == ["yours", "batch", "paid", "steady"]


def test_who_grows_too_fast_is_killed_by_the_kernel() -> None:
    widget = evicted(uses=1000, important=True)
    assert widget.text == "Gone: batch, yours; in the end the kernel was faster than the kubelet"
    assert [reason for _, _, reason in widget.told.gone[:2]] == ["Evicted", "OOMKilled"]
