"""Progress: kept in the learner's own file, and never in the way."""

import json
from pathlib import Path

import pytest

from kubecourse.lessons.exercises import learner, progress


def test_what_is_done_is_remembered_by_chapter(home: Path) -> None:
    assert learner.done(4) == []
    learner.record(4, "scale")
    learner.record(4, "canary")
    learner.record(4, "scale")
    assert learner.done(4) == ["canary", "scale"]
    assert learner.done(5) == []
    assert json.loads((home / "progress.json").read_text()) == {"done": {"4": ["canary", "scale"]}}


def test_another_kernel_knows_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    learner.record(4, "scale")
    monkeypatch.setattr(learner, "_unsaved", {})
    assert learner.done(4) == ["scale"]


def test_beginning_anew_forgets_one_chapter() -> None:
    learner.record(4, "scale")
    learner.record(5, "limits")
    learner.forget(4)
    assert (learner.done(4), learner.done(5)) == ([], ["limits"])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "null",
        "[]",
        '{"done": 7}',
        '{"done": {"4": 7}}',
        '{"done": {"4": [{}, 1]}}',
        "\0",
        "[" * 5000,
    ],
)
def test_a_broken_file_is_no_progress_and_is_mended(home: Path, content: str) -> None:
    home.mkdir()
    (home / "progress.json").write_text(content)
    assert learner.done(4) == []
    learner.record(4, "scale")
    assert json.loads((home / "progress.json").read_text())["done"]["4"] == ["scale"]


def test_a_file_that_is_not_text_is_no_progress(home: Path) -> None:
    home.mkdir()
    (home / "progress.json").write_bytes(b"\xff\xfe\xff")
    assert learner.done(4) == []


def test_where_nothing_can_be_written_the_kernel_remembers(home: Path) -> None:
    home.write_text("a file where the folder should be")
    learner.record(4, "scale")
    assert learner.done(4) == ["scale"]
    learner.forget(4)
    assert learner.done(4) == []


def test_no_half_written_file_is_left_behind(home: Path) -> None:
    learner.record(4, "scale")
    assert [path.name for path in home.iterdir()] == ["progress.json"]


def test_without_a_folder_of_that_name_it_is_in_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KUBECOURSE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert learner.path() == tmp_path / ".kubecourse" / "progress.json"


def test_the_bar_follows_what_is_done_and_can_be_reset() -> None:
    bar, words, button = progress(chapter=4).children
    assert bar.value == 0
    learner.record(4, "scale")
    learner.record(4, "an exercise of an earlier edition")
    assert bar.value == 1
    assert words.value.startswith("1 of ")
    button.click()
    assert bar.value == 0
    assert learner.done(4) == []
