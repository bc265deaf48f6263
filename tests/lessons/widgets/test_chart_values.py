"""A chart's values beside what they would change, and the same where there is no Helm."""

import re
from itertools import product
from pathlib import Path

import pytest

from kubecourse import Cluster
from kubecourse.lessons.still import still
from kubecourse.lessons.widgets import ChartValues
from kubecourse.lessons.widgets.chart_values import compare, sections
from kubecourse.tools import helm
from kubecourse.tools.helm import main, recording
from kubecourse.tools.tape import RECORD

CHARTS = Path(__file__).parents[3] / "data" / "charts"
CHART = "data/charts/hello"
with_helm = pytest.mark.skipif(not helm.available(), reason="no Helm")


@pytest.fixture(autouse=True)
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the course's charts, and no recording."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "charts").symlink_to(CHARTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recording.tape, "_recorded", None)
    monkeypatch.setattr(recording.tape, "_target", None)


def installed() -> Cluster:
    cluster = Cluster(nodes=1)
    helm.run(cluster, f"install staging {CHART} --set greeting=Moin")
    return cluster


@with_helm
def test_it_shows_the_lines_that_an_upgrade_would_change_and_sends_nothing() -> None:
    cluster = installed()
    revision = cluster.etcd.revision
    chart = ChartValues(cluster, "staging", CHART)
    assert chart.text == "2 lines would change, in 1 of the chart's files"
    assert chart.told.files == {
        "hello/templates/deployment.yaml": [
            " ⋯",
            "         env:",
            "         - name: GREETING",
            '-          value: "Moin"',
            '+          value: "Hello"',
            "         ports:",
            "         - containerPort: 8080",
        ]
    }
    assert chart.told.same == ("service.yaml",)
    assert chart.text in still(chart).replace("&#x27;", "'")
    chart.greeting.value = "Moin"
    assert chart.text == "Nothing would change"
    assert cluster.etcd.revision == revision


@with_helm
def test_its_command_makes_what_it_shows() -> None:
    cluster = installed()
    chart = ChartValues(cluster, "staging", CHART)
    chart.replicas.value, chart.tag.value, chart.cache.value = 5, "2.0", "true"
    assert sorted(chart.told.files) == [
        "hello/charts/cache/templates/deployment.yaml",
        "hello/charts/cache/templates/service.yaml",
        "hello/templates/deployment.yaml",
    ]
    assert all(line[0] == "+" for line in next(iter(chart.told.files.values())))
    assert cluster.helm(chart.told.command).code == 0
    assert cluster.get("deployment/staging").spec.replicas == 5
    assert cluster.get("deployment/staging-cache") is not None
    again = ChartValues(cluster, "staging", CHART)
    again.replicas.value, again.tag.value, again.cache.value = 5, "2.0", "true"
    assert again.text == "Nothing would change"
    again.reset.click()
    assert "-  replicas: 5" in again.told.files["hello/templates/deployment.yaml"]


@with_helm
def test_it_speaks_korean_and_says_what_helm_complains_of(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = ChartValues(Cluster(nodes=1), "staging", CHART)
    assert missing.text == "Error: release: not found"
    monkeypatch.setenv("KUBECOURSE_LANGUAGE", "ko")
    assert re.search("[가-힣]", ChartValues(installed(), "staging", CHART).text)


@with_helm
def test_without_helm_every_place_of_the_controls_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(RECORD, "1")
    helm.lab(7)
    live = ChartValues(installed(), "staging", CHART)
    monkeypatch.delenv(RECORD)
    monkeypatch.setattr(main, "sdk", lambda: None)
    monkeypatch.setattr(main.shutil, "which", lambda _: None)
    helm.lab(7)
    recorded = ChartValues(installed(), "staging", CHART)
    options = [range(6), *([value for _, value in control.options] for control in
               (recorded.greeting, recorded.tag, recorded.cache))]  # fmt: skip
    for values in product(*options):
        told = recorded.tell(**dict(zip(recorded.values, values, strict=True)))
        assert told.problem == ""
    assert recorded.picture.value == live.picture.value


def test_differences_file_by_file() -> None:
    before = sections("---\n# Source: a/one.yaml\nx: 1\n---\n# Source: a/two.yaml\ny: 1\n")
    assert before == {"a/one.yaml": "x: 1", "a/two.yaml": "y: 1"}
    told = compare("helm", before, {"a/one.yaml": "x: 2", "a/two.yaml": "y: 1", "a/new.yaml": "z:"})
    assert told.files == {"a/one.yaml": ["-x: 1", "+x: 2"], "a/new.yaml": ["+z:"]}
    assert (told.lines, told.same) == (3, ("two.yaml",))
