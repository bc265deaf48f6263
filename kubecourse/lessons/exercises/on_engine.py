"""Exercises on a real container engine: a folder to write in, and what the engine then holds.

Each has a folder `work/<name>` beside the notebook if it needs one, and its images and containers
carry its name. A check reads the engine and never asks a recording.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubecourse import containers
from kubecourse.containers.engines import EngineError, NoEngine, client, courteous, ours
from kubecourse.containers.recording import unrecorded
from kubecourse.lessons.exercises.verdict import NoAnswer, Verdict, unclear
from kubecourse.tools.sources import read

if TYPE_CHECKING:
    from kubecourse.containers.images import Anatomy
    from kubecourse.containers.ports import Container
    from kubecourse.lessons.exercises.exercise import Task

WORK = Path("work")
"""Where learners write: below the notebook's own folder, and not in git."""


class Bench:
    """What a check may see: the exercise's folder, and the engine. It changes neither."""

    def __init__(self, task: Task, answer: str = "") -> None:
        self.task = task
        self._answer = answer
        self.folder = WORK / task.name

    @property
    def answer(self) -> str:
        """What the learner passed to `check()`. Raises NoAnswer."""
        if not self._answer:
            raise NoAnswer
        return self._answer

    @property
    def touched(self) -> bool:
        """Whether a file of the folder is another than was given, or new."""
        found = {path.name: path for path in self.folder.glob("[!.]*") if path.is_file()}
        return {name: path.read_text("utf-8") for name, path in found.items()} != given(self.task)

    def image(self, name: str = "") -> Anatomy | None:
        """An image of ours, opened; None if there is none of that name."""
        from docker.errors import ImageNotFound

        title = ours(name or self.task.name)
        try:
            client().images.get(title)
        except ImageNotFound:
            return None
        return containers.anatomy(title)

    def container(self, name: str = "") -> Container | None:
        """A container of ours; None if there is none of that name."""
        title = ours(name or self.task.name)
        return next((each for each in containers.containers() if each.name == title), None)

    def settings(self, name: str = "") -> dict[str, Any]:
        """All that the engine says of a container, as `docker inspect` prints it."""
        found = client().containers.get(ours(name or self.task.name))
        return dict(found.attrs)


def given(task: Task) -> dict[str, str]:
    """The files of an exercise, as they are at its beginning."""
    return {
        name: read(content[1:]) if content.startswith("@") else content
        for name, content in task.files.items()
    }


class OnEngine:
    """Where the exercises of a chapter take place, if that is a container engine."""

    kind = "folder"

    def scope(self) -> Mapping[str, Any]:
        """What the names in a solution mean."""
        tools = {name: getattr(containers, name) for name in containers.__all__}
        return tools | {"Path": Path}

    def name(self, task: Task) -> str:
        return (WORK / task.name).as_posix() if task.files else ""

    def is_prepared(self, task: Task) -> bool:
        return not task.files or (WORK / task.name).is_dir()

    def prepare(self, task: Task) -> None:
        """Write the exercise's files; then what it needs in the engine, if there is one."""
        if not self.is_prepared(task):
            for name, content in given(task).items():
                path = WORK / task.name / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, "utf-8")
        with suppress(NoEngine), unrecorded():
            client()
            for step in task.setup:
                courteous(exec, step, dict(self.scope()))

    def clear(self, task: Task) -> None:
        """Remove the exercise's folder, container and image, and nothing else."""
        shutil.rmtree(WORK / task.name, ignore_errors=True)
        with suppress(NoEngine), unrecorded():
            for name in task.makes or (task.name,):
                for remove in (containers.remove, containers.remove_image, containers.delete):
                    with suppress(EngineError):
                        courteous(remove, name)

    def verdict(self, task: Task, answer: str) -> Verdict:
        try:
            with unrecorded():
                client()
                return courteous(task.judge, Bench(task, answer))
        except NoEngine:
            return unclear("no_engine")
        except EngineError as error:
            return unclear("engine", why=error)
