"""Without Helm a recording prints the same, and leaves the same in the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubecourse import Cluster
from kubecourse.tools import helm
from kubecourse.tools.helm import main, recording
from kubecourse.tools.helm.session import hurried
from kubecourse.tools.tape import RECORD, Recorded

ROOT = Path(__file__).parents[3]
COMMANDS = (
    "install shop data/charts/hello --set replicas=3",
    "upgrade shop data/charts/hello --set image.tag=2.0",
    "history shop",
)
UNKNOWN = "list --all-namespaces"


@pytest.fixture(autouse=True)
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the course's charts, and no recording."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "charts").symlink_to(ROOT / "data" / "charts")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recording.tape, "_recorded", None)
    monkeypatch.setattr(recording.tape, "_target", None)
    return tmp_path


def no_helm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RECORD, raising=False)
    monkeypatch.setattr(main, "sdk", lambda: None)
    monkeypatch.setattr(main.shutil, "which", lambda _: None)


def story(capsys: Any) -> list[Any]:
    """What each command printed, and what the cluster was like after it."""
    cluster = Cluster(nodes=2)
    told: list[Any] = []
    for command in COMMANDS:
        told.append(helm.run(cluster, command))
        told.append(cluster.now)
        cluster.settle()
        told.append(cluster.run("get all,secrets -o wide").stdout)
        told.append(cluster.run("get deployment -o yaml --show-managed-fields").stdout)
    return told


def test_a_recording_prints_the_same_and_does_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    pytest.importorskip("helm_python")
    monkeypatch.setenv(RECORD, "1")
    helm.lab(7)
    assert capsys.readouterr().out.startswith("Helm v4.")
    live = story(capsys)
    no_helm(monkeypatch)
    helm.lab(7)
    said = capsys.readouterr().out
    assert "pip install 'kubecourse[helm]'" in said
    assert "Recorded, not live: Helm v4." in said
    assert story(capsys) == live
    assert "Happy Helming" in live[4].stdout
    assert "2/2" in live[6]


def test_what_is_printed_is_marked_and_what_is_not_recorded_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    no_helm(monkeypatch)
    answer = {"stdout": "deployed\n", "stderr": "", "code": 0, "seconds": 2.0}
    recorded = Recorded("Helm v4", "2026-01-05", {"status shop": [answer]})
    monkeypatch.setattr(recording.tape, "_recorded", recorded)
    cluster = Cluster(nodes=1)
    before = cluster.now
    assert cluster.helm("status shop").code == 0
    assert cluster.now == before + 2
    assert capsys.readouterr().out == "Recorded, not live: Helm v4, 2026-01-05\ndeployed\n"
    assert cluster.helm(UNKNOWN).code == 1
    assert capsys.readouterr().out == helm.MISSING


@pytest.mark.parametrize(
    ("command", "real", "virtual"),
    [
        ("upgrade x y --timeout 30s", "upgrade x y --timeout 6s", 30),
        ("upgrade x y --timeout=2m", "upgrade x y --timeout=24s", 120),
        ("upgrade x y", "upgrade x y", float("inf")),
        ("upgrade x y --timeout soon", "upgrade x y --timeout soon", float("inf")),
        ("upgrade x y --timeout", "upgrade x y --timeout", float("inf")),
    ],
)
def test_a_timeout_is_in_virtual_seconds(command: str, real: str, virtual: float) -> None:
    words, limit = hurried(command.split())
    assert (" ".join(words), limit) == (real, virtual)
