"""Exercises with Helm: what a release's Secret tells, and what happens where there is no Helm."""

from pathlib import Path

import pytest

from kubecourse import Cluster
from kubecourse.lessons.exercises import Exercises
from kubecourse.lessons.exercises.chapter_4_helm import releases
from kubecourse.lessons.exercises.verdict import Outcome
from kubecourse.lessons.exercises.view import View
from kubecourse.tools import helm
from kubecourse.tools.helm import main, recording

CHART = Path(__file__).parents[3] / "data" / "charts" / "hello"


def test_a_release_is_read_without_helm_and_other_secrets_say_nothing() -> None:
    pytest.importorskip("helm_python")
    cluster = Cluster(nodes=1)
    helm.run(cluster, f"install shop {CHART} --set greeting=Moin")
    helm.run(cluster, f"upgrade shop {CHART} --set replicas=3")
    for data in ("", "bm9uc2Vuc2U="):  # nothing at all; a word
        cluster.run(f"create secret generic no-release{len(data)} --from-literal=release={data}")
    cluster.run("label secrets --all owner=helm --overwrite")
    found = releases(View(cluster.client, "default"))
    assert list(found) == ["shop"]
    first, second = found["shop"]
    assert (first.revision, first.status, first.values) == (1, "superseded", {"greeting": "Moin"})
    assert (second.revision, second.status, second.values) == (2, "deployed", {"replicas": 3})
    assert second.deployment()["spec"]["replicas"] == 3


def test_where_there_is_neither_helm_nor_a_recording_an_exercise_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(main, "sdk", lambda: None)
    monkeypatch.setattr(main.shutil, "which", lambda _: None)
    monkeypatch.setattr(recording.tape, "_recorded", None)
    monkeypatch.setattr(recording.tape, "_target", None)
    exercises = Exercises(Cluster(nodes=1), chapter=4)
    assert repr(exercises.culprit)
    exercises.culprit.prepare()
    verdict = exercises.culprit.verdict()
    assert (verdict.outcome, verdict.message) == (Outcome.UNCLEAR, "any.no_helm")
    assert "pip install" in repr(exercises.culprit.check())
