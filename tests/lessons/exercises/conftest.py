from collections.abc import Iterator
from pathlib import Path

import pytest

from kubecourse.lessons.exercises import learner
from tests.sharing import ENGINE

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own for the learner's progress."""
    monkeypatch.setenv("KUBECOURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(learner, "_unsaved", {})
    monkeypatch.setattr(learner, "_bars", [])
    return tmp_path / "home"


@pytest.fixture(scope="session")
def stand_ins() -> Iterator[None]:
    """Base images from this machine, kept for all tests; afterwards nothing of ours is left."""
    from kubecourse.containers import bases, clean

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(bases.SOURCES, "stand-in")
        clean(bases=False)
        yield
        with ENGINE:  # another worker may be at work with it by now
            clean()


@pytest.fixture
def engine(stand_ins: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A container engine without containers of ours, and beside the course a folder to work in."""
    from kubecourse.containers.cleaning import remove_containers

    (tmp_path / "data").symlink_to(REPOSITORY / "data")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    yield
    remove_containers()
