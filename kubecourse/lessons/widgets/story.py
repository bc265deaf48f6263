"""A story told on a little cluster of its own, anew for each place of its controls."""

from __future__ import annotations

from html import escape
from typing import Any, Generic, TypeVar

import ipywidgets

from kubecourse.cluster import Cluster
from kubecourse.lessons import messages
from kubecourse.lessons.widgets.drawn import Drawn, button, choice
from kubecourse.stack import large_frame

T = TypeVar("T")
SETTINGS: Any = {"style": {"description_width": "initial"}, "continuous_update": False}


class Story(Drawn, Generic[T]):
    """Controls by name, which are attributes, and what happens as they stand.

    A subclass tells (`tell`, a pure function of the controls' values), puts it into one line
    (`say`) and draws it (`show`). What was told once is not told again.
    """

    def __init__(self, **controls: ipywidgets.Widget) -> None:
        self._controls = controls
        self._first = {name: control.value for name, control in controls.items()}
        self._known: dict[tuple[Any, ...], T] = {}
        self._held = False
        for name, control in controls.items():
            setattr(self, name, control)
        self.reset = button(messages.text("widgets.reset"), self._reset)
        super().__init__(*controls.values(), self.reset)

    def tell(self, **values: Any) -> T:
        """What happens. A pure function of the controls' values."""
        raise NotImplementedError

    def say(self, told: T) -> str:
        """The finding, in one line."""
        raise NotImplementedError

    def show(self, told: T) -> str:
        """The picture, as HTML."""
        raise NotImplementedError

    @property
    def values(self) -> dict[str, Any]:
        """Where the controls stand."""
        return {name: control.value for name, control in self._controls.items()}

    @property
    def told(self) -> T:
        """What happens as the controls stand."""
        key = tuple(self.values.values())
        if key not in self._known:
            self._known[key] = self._tell()
        return self._known[key]

    @large_frame
    def _tell(self) -> T:
        return self.tell(**self.values)

    @property
    def text(self) -> str:
        return self.say(self.told)

    def html(self) -> str:
        return self.show(self.told)

    def draw(self, _: object = None) -> None:
        if not self._held:
            super().draw()

    def _reset(self, _: object) -> None:
        """Back to where it began, and draw once."""
        self._held = True
        for name, value in self._first.items():
            self._controls[name].value = value
        self._held = False
        self.draw()


def words(key: str, **values: object) -> str:
    """A message of this half of the chapter."""
    return messages.text(f"resources_widgets.{key}", **values)


def slider(label: str, value: int, low: int, high: int, step: int = 1) -> ipywidgets.IntSlider:
    """A slider that answers when it is let go."""
    return ipywidgets.IntSlider(
        value=value, min=low, max=high, step=step, description=label, **SETTINGS
    )


def pick(label: str, options: dict[Any, str], value: Any) -> ipywidgets.Dropdown:
    """A list of values, each with its words."""
    return choice(label, [(said, each) for each, said in options.items()], value)


def keep(text: str) -> str:
    """HTML that stays on one line."""
    return f'<span style="white-space: nowrap">{text}</span>'


def yaml(text: str) -> str:
    """Text to be copied, as HTML."""
    return f'<pre style="white-space: pre-wrap">{escape(text.strip())}</pre>'


def applied(cluster: Cluster, manifest: str, verb: str = "apply") -> str:
    """Do what a manifest says; what kubectl printed for it, be it an error."""
    output = cluster.run(f"{verb} -f -", manifest)
    return (output.stdout + output.stderr).strip()
