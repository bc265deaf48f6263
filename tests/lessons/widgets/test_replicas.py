"""The replica slider: what it does to the cluster, what its picture shows, what its text says."""

from pathlib import Path

import pytest

from kubecourse import Cluster
from kubecourse.lessons.recording import READY, STATES, Count
from kubecourse.lessons.widgets.replicas import Replicas, figure, text


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(nodes=3)
    cluster.run("create deployment web --image=nginx:1.27 --replicas=3")
    cluster.settle()
    return cluster


def count(time: float, desired: int, ready: int) -> Count:
    return Count(time, desired, dict.fromkeys(STATES, 0) | {READY: ready})


def test_the_text_says_how_long_it_took() -> None:
    counts = [count(0, 3, 3), count(10, 5, 3), count(12.5, 5, 5)]
    assert text(counts, 0) == "5 wanted, 5 ready 2.5 s later"
    assert text(counts[:2], 0) == "5 wanted, 3 ready"
    assert text(counts[:1], 0) == "3 wanted, 3 ready"


def test_the_picture_has_a_title_units_and_every_state() -> None:
    chart = figure([count(0, 3, 3), count(10, 5, 5)], start=0, now=20)
    assert chart.layout.title.text == "5 wanted, 5 ready 0.0 s later"
    assert chart.layout.xaxis.title.text == "virtual seconds"
    assert [trace.name for trace in chart.data] == [*STATES, "wanted"]
    assert list(chart.data[0].y) == [3, 5, 5]
    assert list(chart.data[-1].y) == [3, 5, 5]


def test_moving_the_slider_scales_the_deployment(cluster: Cluster) -> None:
    widget = Replicas(cluster, "web")
    before = cluster.now
    widget.slider.value = 6
    assert cluster.now == before + 15
    assert cluster.get("deployment/web").status.readyReplicas == 6
    assert list(widget.picture.data[-1].y)[-1] == 6
    assert "kubectl scale deployment/web --replicas=6" in widget.command.value
    assert widget.text.startswith("6 wanted, 6 ready")
    assert widget.picture.layout.title.text == widget.text


def test_reset_goes_back_to_the_start(cluster: Cluster) -> None:
    widget = Replicas(cluster, "web")
    widget.slider.value = 1
    widget.reset.click()
    assert widget.slider.value == 3
    assert cluster.get("deployment/web").spec.replicas == 3


def test_a_deployment_that_is_gone_is_told_below_the_picture(cluster: Cluster) -> None:
    widget = Replicas(cluster, "web")
    cluster.run("delete deployment web")
    widget.slider.value = 4
    assert "not found" in widget.command.value


def test_it_speaks_korean_in_a_korean_notebook(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ko").mkdir()
    monkeypatch.chdir(tmp_path / "ko")
    widget = Replicas(cluster, "web")
    widget.slider.value = 4
    assert widget.slider.description == "레플리카"
    assert widget.text.startswith("의도한 파드 4개")
    assert widget.picture.data[-1].name == "의도한 개수"
