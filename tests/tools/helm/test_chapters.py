"""What chapters do with Helm is recorded, all of it, for readers who have none."""

import re
from pathlib import Path

import pytest

from kubecourse.lessons.exercises.exercise import tasks
from kubecourse.tools.tape import load

ROOT = Path(__file__).parents[3]
RUN = re.compile(r"""^(?:%helm |cluster\.helm\(")([^"\n]+)""", re.MULTILINE)
SOURCES = [
    path for path in (ROOT / "notebooks" / "source").glob("*.md") if "%helm " in path.read_text()
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_command_of_a_chapter_is_recorded(source: Path) -> None:
    chapter = int(source.name[:2])
    tape = load(ROOT / "data" / "recorded" / f"helm_{chapter}.json.gz")
    commands = RUN.findall(source.read_text())
    prepared = [
        f"{step.removeprefix('helm ')} --namespace {task.namespace}"
        for task in tasks(chapter).values()
        for step in task.setup
        if step.startswith("helm ")
    ]
    assert commands and prepared
    assert {*commands, *prepared} <= tape.answers.keys()
    assert all(answer["code"] == 0 for one in prepared for answer in tape.answers[one])
