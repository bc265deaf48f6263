"""An exercise on a cluster: shown, checked, hinted at, solved, started over.

Each has a namespace of its own, `ex-<name>`, made the first time that the exercise is shown.
Whether it is there is asked of the API, so that a new kernel goes on where the last one ended.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import yaml
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.lessons.exercises import learner
from kubecourse.lessons.exercises.shown import COLOUR, TASK, Shown, indented
from kubecourse.lessons.exercises.verdict import Outcome, Verdict, unclear
from kubecourse.lessons.exercises.view import GIVEN, View
from kubecourse.lessons.messages import text
from kubecourse.tools.sources import manifest

core = models.core_v1
LABEL = "kubecourse/exercise"
"""Label of an exercise's namespace: nothing else is ever deleted by `reset()`."""
PAUSE = 15.0
"""Virtual seconds after each step of what is prepared."""
HINTS = 2


class Lab(Protocol):
    """What an exercise needs of a cluster; `kubecourse.Cluster` has it."""

    client: Any

    def run(self, command: str, stdin: str | None = None) -> Any:
        """Run a kubectl command without printing anything."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""


class Task(NamedTuple):
    """What an exercise is, whatever the cluster. Its texts are messages below `chapter_N.name`.

    `setup`: manifests and kubectl commands, one after the other. `solution`: the notebook cell
    that solves it; `cluster` and `ex` have their meaning there. `check` judges a view. `minutes`:
    how long it takes most people.
    """

    chapter: int
    name: str
    setup: tuple[str, ...]
    solution: str
    check: Callable[[View], Verdict]
    minutes: int

    @property
    def namespace(self) -> str:
        return f"ex-{self.name}"

    def text(self, key: str) -> str:
        """One of its messages, such as `prompt`, in the reader's language."""
        return text(f"chapter_{self.chapter}.{self.name}.{key}")


@cache
def chapter(number: int) -> dict[str, Any]:
    """What `chapter_N.yaml` says. Raises FileNotFoundError for a chapter without exercises."""
    path = Path(__file__).with_name(f"chapter_{number}.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@cache
def tasks(number: int) -> dict[str, Task]:
    """A chapter's exercises by name, in order."""
    rows = chapter(number).get("exercises")
    if not rows:
        return {}  # a chapter that only asks for predictions
    checks = importlib.import_module(f"kubecourse.lessons.exercises.chapter_{number}")
    return {
        name: Task(
            number,
            name,
            tuple(row.get("setup", ())),
            row["solution"],
            getattr(checks, name),
            row["minutes"],
        )
        for name, row in rows.items()
    }


class Exercises:
    """A chapter's exercises on a cluster, by name: `ex.scale`, `ex.canary`."""

    def __init__(self, cluster: Lab, chapter: int) -> None:
        self.chapter = chapter
        self._exercises = {
            name: Exercise(task, cluster, self) for name, task in tasks(chapter).items()
        }

    def __getattr__(self, name: str) -> Exercise:
        found = self.__dict__.get("_exercises", {})
        if name not in found:
            raise AttributeError(f"no exercise {name!r} here: there are {', '.join(found)}")
        return found[name]

    def __dir__(self) -> list[str]:
        return list(self._exercises)

    def __iter__(self) -> Iterator[Exercise]:
        return iter(self._exercises.values())

    def __repr__(self) -> str:
        done = learner.done(self.chapter)
        return "\n".join(
            f"{Outcome.RIGHT.value if name in done else Outcome.UNTRIED.value} ex.{name}"
            for name in self._exercises
        )


class Exercise:
    """One exercise. Showing it prepares the cluster, unless it is prepared already."""

    def __init__(self, task: Task, cluster: Lab, others: Exercises) -> None:
        self.task = task
        self._cluster = cluster
        self._others = others
        self._hints = 0
        self._answer = ""

    # --- what a learner calls

    def check(self, answer: object = None) -> Shown:
        """Look at the cluster and say how far it is from what is asked.

        Some exercises ask for an answer: `ex.owner.check("…")`.
        """
        if answer is not None:
            self._answer = str(answer).strip()
        verdict = self.verdict()
        if verdict.outcome is Outcome.RIGHT:
            learner.record(self.task.chapter, self.task.name)
        own = f"chapter_{self.task.chapter}.{self.task.name}"
        title = text(f"exercises.outcome.{verdict.outcome.name.lower()}")
        return Shown(
            f"{verdict.outcome.value} **{title}** {verdict.explain(own)}", COLOUR[verdict.outcome]
        )

    def hint(self) -> Shown:
        """The first hint, then the second, which says more."""
        self._hints = min(self._hints + 1, HINTS)
        last = text("exercises.last_hint", name=self.task.name) if self._hints == HINTS else ""
        title = text("exercises.hint", number=self._hints, of=HINTS)
        return Shown(f"**{title}** {self.task.text(f'hint{self._hints}')} {last}".rstrip())

    def solution(self) -> Shown:
        """A cell that solves it; not the only one that does."""
        title = text("exercises.solution")
        return Shown(f"**{title}**\n\n{indented(self.task.solution)}")

    def reset(self) -> Shown:
        """Take away what is in the exercise's namespace and prepare it anew."""
        found = self._namespace()
        if found is not None and LABEL in (found.metadata.labels or {}):
            self._cluster.run(f"delete namespace {self.task.namespace}")
            self._cluster.advance(PAUSE)
        self._answer, self._hints = "", 0
        self.prepare()
        return Shown(text("exercises.reset", namespace=self.task.namespace))

    def __repr__(self) -> str:
        return repr(self._prompt())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        self.prepare()
        prompt = self._prompt()
        return {"text/plain": repr(prompt), "text/html": prompt._repr_html_()}

    # --- what these stand on

    def verdict(self) -> Verdict:
        """The check's finding. It only reads, and it never raises."""
        try:
            if not self._is_prepared():
                return unclear("gone", name=self.task.name)
            return self.task.check(View(self._cluster.client, self.task.namespace, self._answer))
        except ApiError as error:
            return unclear("refused", why=error.message)

    def prepare(self) -> None:
        """Make the exercise's namespace and what is in it, if it is not there."""
        if self._is_prepared():
            return
        name, client = self.task.namespace, self._cluster.client
        if self._namespace() is None:
            labels = {LABEL: self.task.name}
            client.create(
                core.Namespace(metadata=models.meta_v1.ObjectMeta(name=name, labels=labels))
            )
        for step in self.task.setup:
            self._take(step.replace("{last_node}", self._last_node()))
        view = View(client, name)
        given = [
            obj.metadata.uid
            for kind in (models.apps_v1.Deployment, core.Pod, core.Service)
            for obj in view.list(kind)
        ]
        made = client.get(core.Namespace, name)
        annotations = (made.metadata.annotations or {}) | {GIVEN: json.dumps(given)}
        client.update(replace(made, metadata=replace(made.metadata, annotations=annotations)))

    def apply_solution(self) -> None:
        """Run the solution, and let time pass until it has worked."""
        self.prepare()
        scope = {"cluster": self._cluster, "ex": self._others}
        exec(compile(self.task.solution, f"<solution of {self.task.name}>", "exec"), scope)

    def _take(self, step: str) -> None:
        """A step of what is prepared: a manifest, or a kubectl command."""
        command, stdin = (step, None) if "\n" not in step else manifest(step)
        output = self._cluster.run(f"{command} --namespace {self.task.namespace}", stdin)
        if output.code:
            raise RuntimeError(f"{self.task.name}: {command}: {output.stderr}")
        self._cluster.advance(PAUSE)

    def _last_node(self) -> str:
        nodes = [node.metadata.name for node in self._cluster.client.list(core.Node)]
        return nodes[-1] if nodes else ""

    def _namespace(self) -> Any:
        try:
            return self._cluster.client.get(core.Namespace, self.task.namespace)
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise

    def _is_prepared(self) -> bool:
        found = self._namespace()
        return found is not None and GIVEN in (found.metadata.annotations or {})

    def _prompt(self) -> Shown:
        title = text("exercises.exercise", title=self.task.text("title"))
        help_ = text("exercises.help", name=self.task.name, namespace=self.task.namespace)
        return Shown(f"**{title}**\n\n{self.task.text('prompt')}\n\n{help_}", TASK)
