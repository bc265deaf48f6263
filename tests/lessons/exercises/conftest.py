from pathlib import Path

import pytest

from kubecourse.lessons.exercises import learner


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own for the learner's progress."""
    monkeypatch.setenv("KUBECOURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(learner, "_unsaved", {})
    monkeypatch.setattr(learner, "_bars", [])
    return tmp_path / "home"
