"""Every exercise of every chapter: untouched, answered wrongly, solved. Adding one is adding data.

Wrong answers are in `chapter_N.yaml` beside this file.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubecourse import Cluster
from kubecourse.lessons.exercises import Exercises, learner
from kubecourse.lessons.exercises.exercise import HINTS, Task, tasks
from kubecourse.lessons.exercises.prediction import chapters
from kubecourse.lessons.exercises.verdict import Outcome
from kubecourse.lessons.messages import LANGUAGES, messages
from kubecourse.tools import helm

TASKS = [task for number in chapters() for task in tasks(number).values()]
LEAST_WRONG = 2
ON_ENGINE = {2}
"""Chapters whose exercises are done on a container engine, not on a cluster."""


def wrong_answers(task: Task) -> list[dict[str, Any]]:
    path = Path(__file__).with_name(f"chapter_{task.chapter}.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8")).get(task.name, [])


def message_of(finding: str) -> str:
    return finding if finding.startswith("any.") else f"wrong.{finding}"


def needs(task: Task) -> list[pytest.MarkDecorator]:
    if "helm" in task.solution:
        return [pytest.mark.skipif(not helm.available(), reason="no Helm")]
    return [pytest.mark.requires_docker] if task.chapter in ON_ENGINE else []


each_text = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
each_task = pytest.mark.parametrize(
    "task", [pytest.param(task, id=task.name, marks=needs(task)) for task in TASKS]
)
each_wrong_answer = pytest.mark.parametrize(
    ("task", "answer"),
    [
        pytest.param(task, answer, id=f"{task.name}-{answer['finds']}", marks=needs(task))
        for task in TASKS
        for answer in wrong_answers(task)
    ],
)


@pytest.fixture(scope="module")
def prepared() -> Callable[[Task], Cluster]:
    """The cluster on which an exercise has been shown; each test goes on from there on a copy."""

    @cache
    def prepare(name: str, chapter: int) -> Cluster:
        exercise = getattr(Exercises(Cluster(nodes=3), chapter=chapter), name)
        exercise.prepare()
        return exercise.cluster

    return lambda task: prepare(task.name, task.chapter).fork()


@pytest.fixture
def begin(
    request: pytest.FixtureRequest, prepared: Callable[[Task], Cluster]
) -> Callable[[Task], Any]:
    """Show an exercise: on a cluster of its own, or on this machine's engine."""

    def show(task: Task) -> Any:
        if task.chapter not in ON_ENGINE:
            cluster = prepared(task)
            exercise = getattr(Exercises(cluster, chapter=task.chapter), task.name)
            if task.cluster is not None:
                exercise._place._cluster, exercise._place._made = cluster, True
            return exercise
        request.getfixturevalue("engine")
        exercise = getattr(Exercises(None, chapter=task.chapter), task.name)
        request.addfinalizer(lambda: exercise._place.clear(task))
        exercise.prepare()
        return exercise

    return show


def test_there_are_exercises() -> None:
    assert sum(task.chapter == 4 for task in TASKS) >= 12


@each_task
def test_untouched_is_not_tried(task: Task, begin) -> None:
    exercise = begin(task)
    assert exercise.verdict().outcome is Outcome.UNTRIED
    assert learner.done(task.chapter) == []


@each_task
def test_its_solution_is_right(task: Task, begin) -> None:
    exercise = begin(task)
    exercise.apply_solution()
    assert "✓" in repr(exercise.check()), exercise.check()
    assert learner.done(task.chapter) == [task.name]


@each_wrong_answer
def test_a_wrong_answer_is_told_what_is_wrong(task: Task, answer: dict[str, Any], begin) -> None:
    exercise = begin(task)
    if "change" in answer:
        old, new = answer["change"]
        does = task.solution.replace(old, new)
        assert does != task.solution, f"{old!r} is not in the solution"
    else:
        does = answer["does"]
    exercise.run(does)
    verdict = exercise.verdict()
    assert verdict.message == message_of(answer["finds"]), exercise.check()
    for language in LANGUAGES:
        assert explanation(exercise, language)


def explanation(exercise: Any, language: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECOURSE_LANGUAGE", language)
        return repr(exercise.check())


@each_text
def test_it_has_wrong_answers_for_each_misconception(task: Task) -> None:
    """Each message for a wrong answer is reached by one, and there are at least two."""
    reached = {message_of(answer["finds"]) for answer in wrong_answers(task)}
    prefix = f"{task.name}.wrong."
    written = {
        key.removeprefix(f"{task.name}.")
        for key in messages(f"chapter_{task.chapter}")
        if key.startswith(prefix)
    }
    assert len(reached & written) >= LEAST_WRONG
    assert written - reached == set()


@each_text
@pytest.mark.parametrize("language", LANGUAGES)
def test_its_texts_are_all_different(
    task: Task, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECOURSE_LANGUAGE", language)
    keys = ["title", "prompt", *(f"hint{number + 1}" for number in range(HINTS)), "right"]
    own = {
        key: words[language]
        for key, words in messages(f"chapter_{task.chapter}").items()
        if key.startswith(f"{task.name}.")
    }
    assert {f"{task.name}.{key}" for key in keys} <= own.keys()
    assert len(set(own.values())) == len(own)


@each_task
def test_begun_anew_it_can_be_solved_again(task: Task, begin) -> None:
    exercise = begin(task)
    exercise.apply_solution()
    exercise.reset()
    exercise.apply_solution()
    assert exercise.verdict().outcome is Outcome.RIGHT
