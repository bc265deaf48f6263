"""Outages as pictures: what they show is what happened, and each setting changes it."""

import re

import pytest

from kubecourse.lessons import messages, palette
from kubecourse.lessons.still import still
from kubecourse.lessons.widgets import NodeFailure, Outage, node_failure, outage
from kubecourse.lessons.widgets.timeline import Track

# --- a worker machine dies


@pytest.fixture(scope="module")
def death() -> node_failure.Failure:
    return node_failure.play()


def test_a_death_is_noticed_after_the_grace_period_and_moved_after_the_toleration(
    death: node_failure.Failure,
) -> None:
    assert death.noticed is not None and death.evicted is not None and death.moved is not None
    assert 50 <= death.noticed <= 55
    assert death.evicted - death.noticed == pytest.approx(300, abs=1)
    assert death.moved - death.evicted < 5
    assert death.beats == [0]


def test_requests_fail_from_the_death_until_it_is_noticed_and_no_longer(
    death: node_failure.Failure,
) -> None:
    answered, failed = death.sent
    assert death.noticed is not None
    assert 0 < failed < 0.5 * node_failure.RATE * death.noticed
    assert 0.5 * death.noticed < death.last_failed <= death.noticed + 0.1
    assert answered + failed == pytest.approx(node_failure.RATE * death.end, abs=2)


def test_the_pods_are_shown_as_the_api_shows_them(death: node_failure.Failure) -> None:
    old, new = ([span.look for span in spans] for spans in death.pods.values())
    assert old == ["Ready", "Running", "Terminating"]
    assert new[-1] == "Ready"


def test_a_shorter_grace_period_means_fewer_failures(death: node_failure.Failure) -> None:
    shorter = node_failure.play(grace=15, period=1)
    assert shorter.noticed is not None and shorter.noticed < 16
    assert shorter.sent[1] < death.sent[1] / 2


def test_a_machine_that_comes_back_in_time_keeps_its_pod() -> None:
    widget = NodeFailure()
    widget.back.value = 150
    assert widget.told.evicted is None
    assert re.search("the machine was back after 15[01] s and no pod moved", widget.text)
    assert max(widget.told.beats) > 150
    widget.toleration.value = 60
    assert "the new pod was ready after" in widget.text


def test_each_control_plays_it_again_and_reset_puts_it_back() -> None:
    widget = NodeFailure()
    first = widget.text
    for control, value in ((widget.grace, 20), (widget.period, 1), (widget.toleration, 30)):
        control.value = value
        assert widget.text != first
    shown = widget.picture.value
    assert "--node-monitor-grace-period=20s --node-monitor-period=1s" in shown
    assert "tolerationSeconds: 30" in shown
    widget.reset.click()
    assert widget.text == first


def test_the_picture_says_what_it_shows_and_has_the_timeline_below() -> None:
    widget = NodeFailure()
    shown = still(widget)
    assert f'aria-label="{widget.text}"' in shown
    assert widget.timeline.headline in shown
    assert palette.REFUSED in shown and palette.SERVED in shown


def test_it_speaks_korean() -> None:
    with messages.speaking("ko"):
        widget = NodeFailure()
        assert widget.text.startswith("요청 ")
    assert widget.grace.description == "응답 없이 기다리는 시간(초)"


# --- the control plane goes away


def looks(track: Track) -> list[str]:
    return [span.look for span in track.spans]


@pytest.fixture(scope="module")
def all_gone() -> outage.Account:
    return outage.play(3, 5, outage.NODE)


def test_applications_go_on_without_a_control_plane() -> None:
    told = outage.play(3, 5, outage.NOTHING)
    assert told.answered == 100
    assert looks(told.plane) == ["served", "failed", "served"]
    assert {number for _, number in told.running} == {3}
    assert "was refused" in told.said.stderr


def test_a_kubelet_restarts_a_program_by_itself() -> None:
    told = outage.play(3, 5, outage.CONTAINER)
    assert told.killed is not None and told.healed is not None
    assert told.healed - told.killed < 5
    assert told.healed < told.back
    assert {number for _, number in told.reported} == {3}  # nobody could be told


def test_a_machine_that_dies_meanwhile_is_missed_until_all_is_back(
    all_gone: outage.Account,
) -> None:
    assert all_gone.killed is not None and all_gone.healed is not None
    assert all_gone.healed > all_gone.back + 350  # a whole grace period, then the toleration
    assert 80 < all_gone.answered < 90
    still_known = [number for at, number in all_gone.reported if at <= all_gone.back]
    assert set(still_known) == {3}  # what was known when it went away
    assert looks(all_gone.controllers)[-1] == "served"


def test_one_machine_of_three_is_not_missed(all_gone: outage.Account) -> None:
    told = outage.play(1, 5, outage.NODE)
    assert looks(told.plane) == ["served", "failed", "served"] or looks(told.plane) == ["served"]
    assert told.healed is not None and all_gone.healed is not None
    assert told.healed < all_gone.healed - 250
    assert told.said.code == 0
    assert re.search(r"a pod was missing for 35\d s$", outage.text(told))


def test_two_of_three_are_as_bad_as_all() -> None:
    told = outage.play(2, 5, outage.NOTHING)
    assert looks(told.plane) == ["served", "failed", "served"]
    assert "etcdserver: request timed out" in told.said.stderr
    assert told.answered == 100


def test_the_controls_of_the_outage() -> None:
    widget = Outage()
    assert re.fullmatch(r"\S+ % of the requests were answered; a pod was missing for \d s",
                        widget.text)  # fmt: skip
    widget.kill.value = outage.NOTHING
    assert widget.text == "100.0 % of the requests were answered; nothing had to be healed"
    widget.machines.value = 1
    shown = still(widget)
    assert 'cluster.fail_node("control-plane-1")' in widget.picture.value.replace("&quot;", '"')
    assert "control-plane-2" not in shown
    widget.minutes.value = 1
    assert widget.told.back == 80
    widget.reset.click()
    assert (widget.machines.value, widget.minutes.value) == (3, 5)
    with messages.speaking("ko"):
        assert re.match(r"요청의 \S+ % 성공; 파드 하나가", Outage().text)
