"""The rollout player: surge and unavailable decide how many pods there are, and who notices."""

from pathlib import Path

import pytest

from kubecourse.lessons.recording import READY, Segment
from kubecourse.lessons.widgets.rollout import Rollout, RolloutPlayer, figure, play, text


def test_surge_alone_never_lacks_a_pod() -> None:
    rollout = play(max_surge=1, max_unavailable=0, replicas=4)
    assert (rollout.fewest_ready, rollout.most_pods) == (4, 5)
    assert rollout.ended is not None
    assert sum(rollout.failed) == 0


def test_unavailable_alone_never_has_a_pod_too_many() -> None:
    rollout = play(max_surge=0, max_unavailable=2, replicas=4)
    assert (rollout.fewest_ready, rollout.most_pods) == (2, 4)


def test_without_a_pause_some_requests_still_go_to_pods_that_have_stopped() -> None:
    assert sum(play(max_surge=1, max_unavailable=0, pause=0).failed) > 0


def test_a_new_version_that_cannot_start_leaves_the_old_one_serving() -> None:
    rollout = play(max_surge=1, max_unavailable=0, image="hello:2-typo", replicas=4)
    assert rollout.ended is None
    assert rollout.fewest_ready == 4
    assert sum(rollout.failed) == 0
    assert sum(rollout.served) > 100


def test_min_ready_seconds_slow_it_down() -> None:
    fast, slow = play(min_ready_seconds=0), play(min_ready_seconds=5)
    assert fast.ended is not None
    assert slow.ended is not None
    assert slow.ended > fast.ended + 10


def test_both_zero_is_refused_in_the_servers_words() -> None:
    rollout = play(max_surge=0, max_unavailable=0)
    assert "may not be 0 when `maxSurge` is 0" in rollout.problem
    assert text(rollout) == "Refused by the API server"


def test_the_picture_has_a_bar_for_each_state_of_each_pod() -> None:
    rollout = Rollout(
        ended=9,
        seconds=12,
        old="a",
        segments=[
            Segment("web-a-1", "a", READY, 0, 8),
            Segment("web-b-1", "b", "Pending", 5, 7),
            Segment("web-b-1", "b", READY, 7, 12),
        ],
        served=[10] * 12,
        failed=[0] * 12,
        fewest_ready=1,
        most_pods=2,
    )
    chart = figure(rollout)
    bars = {trace.name: trace for trace in chart.data}
    assert (bars["old, ready"].base, bars["old, ready"].x) == ((0,), (8,))
    assert (bars["new, ready"].base, bars["new, ready"].x) == ((7,), (5,))
    assert bars["pending"].y == (1,)
    assert sum(bars["served"].y) == 120
    assert chart.layout.title.text.replace("<br>", "; ") == text(rollout)
    assert list(chart.layout.yaxis.ticktext) == ["1", "1"]


def test_each_setting_plays_the_rollout_again() -> None:
    player = RolloutPlayer()
    first = player.text
    player.max_unavailable.value = 0
    assert player.text != first
    assert player.picture.layout.title.text.replace("<br>", "; ") == player.text
    assert "maxUnavailable: 0" in player.yaml.value
    player.max_surge.value = 0
    assert "may not be 0" in player.yaml.value
    player.reset.click()
    assert player.text == first


def test_it_speaks_korean_in_a_korean_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ko").mkdir()
    monkeypatch.chdir(tmp_path / "ko")
    player = RolloutPlayer()
    player.version.value = "unpullable"
    assert player.text.startswith("90초가 지나도 끝나지 않음; 요청 ")
    names = [trace.name for trace in player.picture.data]
    assert names[:2] == ["이전 버전, 준비됨", "새 버전, 준비됨"]
    assert player.picture.layout.xaxis2.title.text == "가상 시간(초)"
