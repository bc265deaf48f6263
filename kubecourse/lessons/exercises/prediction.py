"""Predict, then run: a question with a choice of answers, and a reply to each.

A prediction is a widget where there are widgets, and text where there are none. Its question and
answers are messages, `chapter_N.predictions.<name>`; which answer is right, `chapter_N.yaml` says.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kubecourse.lessons.exercises.exercise import chapter
from kubecourse.lessons.exercises.reply import COLOUR, TASK, Reply, html
from kubecourse.lessons.exercises.verdict import Outcome
from kubecourse.lessons.messages import text


class Choice(NamedTuple):
    """An answer: its name in code, its words, and what to say to those who choose it."""

    name: str
    label: str
    reply: str


class Prediction:
    """A question before a run. `right` is the name of the right choice."""

    def __init__(self, question: str, choices: Sequence[Choice], right: str) -> None:
        self.question = question
        self.choices = tuple(choices)
        self.right = right

    def answer(self, choice: str) -> Reply:
        """The reply to a choice, given by its name or its words."""
        for one in self.choices:
            if choice in (one.name, one.label):
                return self._reply(one)
        names = ", ".join(repr(one.name) for one in self.choices)
        return Reply(text("exercises.no_such_answer", answers=names))

    def _reply(self, choice: Choice) -> Reply:
        outcome = Outcome.RIGHT if choice.name == self.right else Outcome.WRONG
        title = text(f"exercises.prediction.{outcome.name.lower()}")
        return Reply(f"{outcome.value} **{title}** {choice.reply}", COLOUR[outcome])

    def _message(self) -> str:
        answers = "\n".join(f"○ {one.label}" for one in self.choices)
        return f"**{text('exercises.predict')}** {self.question}\n\n{answers}"

    def __repr__(self) -> str:
        return repr(Reply(self._message()))

    def _repr_mimebundle_(self, **_: Any) -> Mapping[str, Any]:
        bundle = {"text/plain": repr(self), "text/html": html(self._message(), TASK)}
        try:
            return {**self.widget()._repr_mimebundle_(), **bundle}
        except ImportError:
            return bundle

    def widget(self) -> Any:
        """The question with its answers to choose from."""
        import ipywidgets

        from kubecourse.lessons.widgets.panel import Frame

        question = ipywidgets.HTML(html(self._message().partition("\n\n")[0], TASK))
        answers = ipywidgets.RadioButtons(
            options=[(one.label, one) for one in self.choices],
            value=None,
            layout={"width": "max-content", "margin": "0 0 0 16px"},
        )
        reply = ipywidgets.HTML()

        def choose(change: dict[str, Any]) -> None:
            reply.value = f'<div role="status">{self._reply(change["new"])._repr_html_()}</div>'

        answers.observe(choose, "value")
        return Frame(question, answers, reply)


def predictions(number: int) -> dict[str, dict[str, Any]]:
    """A chapter's predictions by name: their `choices`, and the one that is `right`."""
    return chapter(number).get("predictions", {})


def chapters() -> builtins.list[int]:
    """The chapters that have exercises or predictions."""
    files = Path(__file__).parent.glob("chapter_*.yaml")
    return sorted(int(file.stem.removeprefix("chapter_")) for file in files)


def predict(name: str) -> Prediction:
    """A prediction of the course by its name. Raises KeyError if there is none."""
    for number in chapters():
        row = predictions(number).get(name)
        if row is not None:
            own = f"chapter_{number}.predictions.{name}"
            choices = [
                Choice(choice, text(f"{own}.{choice}.label"), text(f"{own}.{choice}.reply"))
                for choice in row["choices"]
            ]
            return Prediction(text(f"{own}.question"), choices, row["right"])
    known = ", ".join(name for number in chapters() for name in predictions(number))
    raise KeyError(f"no prediction {name!r}: there are {known}")
