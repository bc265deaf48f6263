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
from kubecourse.containers.engines import LABEL, EngineError, NoEngine, client, courteous, ours
from kubecourse.containers.recording import unrecorded
from kubecourse.lessons.exercises.verdict import Verdict, unclear
from kubecourse.tools.sources import read

if TYPE_CHECKING:
    from kubecourse.containers.images import Anatomy
    from kubecourse.lessons.exercises.exercise import Task

WORK = Path("work")
"""Where learners write: below the notebook's own folder, and not in git."""


class Bench:
    """What a check may see: a folder, and the engine. It changes neither."""

    def __init__(self, name: str, answer: str = "") -> None:
        self.name = name
        self.answer = answer
        self.folder = WORK / name

    def image(self, name: str = "") -> Anatomy | None:
        """An image of ours, opened; None if there is none of that name."""
        from docker.errors import ImageNotFound

        try:
            client().images.get(ours(name or self.name))
        except ImageNotFound:
            return None
        return containers.anatomy(ours(name or self.name))

    def container(self, name: str = "") -> Any:
        """A container of ours, as the SDK has it; None if there is none of that name."""
        from docker.errors import NotFound

        try:
            return client().containers.get(ours(name or self.name))
        except NotFound:
            return None

    def others(self, *names: str) -> list[Any]:
        """Running containers of the image of these names, however they are called."""
        found = client().containers.list(filters={"label": LABEL}, ignore_removed=True)
        return [each for each in found if each.attrs["Config"]["Image"] in map(ours, names)]

    def ports(self, container: Any) -> dict[int, int]:
        """The published ports of a container: inside to outside."""
        published = container.attrs["NetworkSettings"].get("Ports") or {}
        return {
            int(inside.partition("/")[0]): int(binding["HostPort"])
            for inside, bindings in published.items()
            for binding in bindings or ()
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
            for name, content in task.files.items():
                path = WORK / task.name / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(read(content[1:]) if content.startswith("@") else content, "utf-8")
        with suppress(NoEngine), unrecorded():
            client()
            for step in task.setup:
                courteous(exec, step, dict(self.scope()))

    def clear(self, task: Task) -> None:
        """Remove the exercise's folder, container and image, and nothing else."""
        shutil.rmtree(WORK / task.name, ignore_errors=True)
        with suppress(NoEngine), unrecorded():
            for name in task.makes or (task.name,):
                for remove in (containers.remove, containers.remove_image):
                    with suppress(EngineError):
                        courteous(remove, name)

    def verdict(self, task: Task, answer: str) -> Verdict:
        try:
            with unrecorded():
                client()
                return courteous(task.check, Bench(task.name, answer))
        except NoEngine:
            return unclear("no_engine")
        except EngineError as error:
            return unclear("engine", why=error)
