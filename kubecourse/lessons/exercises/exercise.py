"""An exercise: shown, checked, hinted at, solved, started over.

Where it takes place is the chapter's matter: a namespace of a simulated cluster, or a container
engine. Whether it is prepared is asked there, so that a new kernel goes on where the last ended.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import yaml

from kubecourse.lessons.exercises import learner
from kubecourse.lessons.exercises.reply import COLOUR, TASK, Reply, indented
from kubecourse.lessons.exercises.verdict import NoAnswer, Outcome, Removed, Verdict, wrong
from kubecourse.lessons.messages import text

HINTS = 2


class Task(NamedTuple):
    """What an exercise is, wherever it takes place. Its texts are messages below `chapter_N.name`.

    `setup`: what prepares it, step by step: manifests, kubectl and helm commands, or code.
    `solution`: the notebook cell that solves it. `check` judges what its place shows. `minutes`:
    how long it takes most people. `files`: what is in its folder, a text or `@` and a path.
    `makes`: containers and images that `reset()` removes, if they do not have its own name.
    `cluster`: the arguments of a cluster of its own, for an exercise that breaks machines, and its
    `pools` of rented ones; `breaks`: code that is run on the cluster when all else is prepared.
    """

    chapter: int
    name: str
    setup: tuple[str, ...]
    solution: str
    check: Callable[[Any], Verdict]
    minutes: int
    files: Mapping[str, str] = {}
    makes: tuple[str, ...] = ()
    cluster: Mapping[str, Any] | None = None
    breaks: str = ""

    @property
    def namespace(self) -> str:
        return f"ex-{self.name}" if self.cluster is None else "default"

    def judge(self, view: Any) -> Verdict:
        """What its check finds, or that there is nothing to check."""
        try:
            return self.check(view)
        except NoAnswer:
            return Verdict(Outcome.UNTRIED, "any.unanswered", {"name": self.name})
        except Removed as gone:
            return wrong("any.removed", kind=gone.kind, name=gone.name)

    def text(self, key: str) -> str:
        """One of its messages, such as `prompt`, in the reader's language."""
        return text(f"chapter_{self.chapter}.{self.name}.{key}")


class Place(Protocol):
    """Where exercises take place. `verdict` only reads, and never raises."""

    kind: str

    def scope(self) -> Mapping[str, Any]:
        """What the names in a solution mean, but for `ex`."""

    def name(self, task: Task) -> str:
        """What a learner calls the place of one exercise; empty if it needs none."""

    def is_prepared(self, task: Task) -> bool: ...

    def prepare(self, task: Task) -> None:
        """Make what the exercise begins with, if it is not there."""

    def clear(self, task: Task) -> None:
        """Take away what belongs to the exercise, and nothing else."""

    def verdict(self, task: Task, answer: str) -> Verdict:
        """The check's finding."""


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
    checks = _checks(number)
    return {
        name: Task(
            number,
            name,
            tuple(row.get("setup", ())),
            row["solution"],
            checks[name],
            row["minutes"],
            row.get("files", {}),
            tuple(row.get("makes", ())),
            row.get("cluster"),
            row.get("breaks", ""),
        )
        for name, row in rows.items()
    }


def _checks(number: int) -> dict[str, Callable[[Any], Verdict]]:
    """The functions of `chapter_N.py` and `chapter_N_….py` by name."""
    package = "kubecourse.lessons.exercises"
    files = sorted(Path(__file__).parent.glob(f"chapter_{number}*.py"))
    modules = [importlib.import_module(f"{package}.{file.stem}") for file in files]
    return {
        name: found
        for module in modules
        for name, found in vars(module).items()
        if getattr(found, "__module__", None) == module.__name__
    }


class Exercises:
    """A chapter's exercises by name, `ex.scale`: on a cluster or, without one, on the engine."""

    def __init__(self, cluster: Any = None, *, chapter: int) -> None:
        self.chapter = chapter
        shared = _place(cluster)
        self._exercises = {
            name: Exercise(task, shared if task.cluster is None else _place(task), self)
            for name, task in tasks(chapter).items()
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


def _place(where: Any) -> Place:
    """The engine (None), a cluster, or a cluster that a task has to itself."""
    if where is None:
        from kubecourse.lessons.exercises.on_engine import OnEngine

        return OnEngine()
    from kubecourse.lessons.exercises.on_cluster import OnCluster, OwnCluster

    return OwnCluster() if isinstance(where, Task) else OnCluster(where)


class Exercise:
    """One exercise. Showing it prepares its place, unless it is prepared already."""

    def __init__(self, task: Task, place: Place, others: Exercises) -> None:
        self.task = task
        self._place = place
        self._others = others
        self._hints = 0
        self._answer = ""

    # --- what a learner calls

    def check(self, *answer: object) -> Reply:
        """Look at what is there and say how far it is from what is asked.

        Some exercises ask for an answer: `ex.owner.check("…")`.
        """
        if answer and answer != (None,):
            self._answer = " ".join(map(str, answer)).strip()
        verdict = self.verdict()
        if verdict.outcome is Outcome.RIGHT:
            learner.record(self.task.chapter, self.task.name)
        own = f"chapter_{self.task.chapter}.{self.task.name}"
        title = text(f"exercises.outcome.{verdict.outcome.name.lower()}")
        return Reply(
            f"{verdict.outcome.value} **{title}** {verdict.explain(own, cluster=self._cluster)}",
            COLOUR[verdict.outcome],
        )

    def hint(self) -> Reply:
        """The first hint, then the second, which says more."""
        self._hints = min(self._hints + 1, HINTS)
        last = text("exercises.last_hint", name=self.task.name) if self._hints == HINTS else ""
        title = text("exercises.hint", number=self._hints, of=HINTS)
        return Reply(f"**{title}** {self.task.text(f'hint{self._hints}')} {last}".rstrip())

    def solution(self) -> Reply:
        """A cell that solves it; not the only one that does."""
        title = text("exercises.solution")
        return Reply(f"**{title}**\n\n{indented(self.task.solution)}")

    def reset(self) -> Reply:
        """Take away what belongs to the exercise and prepare it anew."""
        self._place.clear(self.task)
        self._answer, self._hints = "", 0
        self.prepare()
        return Reply(text(f"exercises.reset.{self._place.kind}", place=self._where()))

    def __repr__(self) -> str:
        return repr(self._prompt())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        self.prepare()
        prompt = self._prompt()
        return {"text/plain": repr(prompt), "text/html": prompt._repr_html_()}

    @property
    def cluster(self) -> Any:
        """The cluster on which it takes place."""
        self.prepare()
        return self._place.scope()["cluster"]

    # --- what these stand on

    def verdict(self) -> Verdict:
        """The check's finding. It only reads, and it never raises."""
        return self._place.verdict(self.task, self._answer)

    def prepare(self) -> None:
        """Make what the exercise begins with, if it is not there."""
        self._place.prepare(self.task)

    def apply_solution(self) -> None:
        """Run the solution, as a learner would."""
        self.prepare()
        self.run(self.task.solution)

    def run(self, code: str) -> None:
        """Run a cell's code; names mean what they mean in the notebook."""
        scope = {**self._place.scope(), "ex": self._others}
        exec(compile(code, f"<cell of {self.task.name}>", "exec"), scope)

    def _where(self) -> str:
        return self._place.name(self.task)

    @property
    def _cluster(self) -> str:
        """What the notebook calls the cluster."""
        return "cluster" if self.task.cluster is None else self._where()

    def _prompt(self) -> Reply:
        title = text("exercises.exercise", title=self.task.text("title"))
        # Where nothing is and no solution goes needs no word.
        used = self.task.cluster or self.task.setup or self.task.namespace in self.task.solution
        where = self._where() if used or self._place.kind != "namespace" else ""
        place = text(f"exercises.place.{self._place.kind}", place=where) + " " if where else ""
        help_ = place + text("exercises.help", name=self.task.name)
        return Reply(f"**{title}**\n\n{self.task.text('prompt')}\n\n{help_}", TASK)
