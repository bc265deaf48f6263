"""Is this machine ready for the course? Each tool is tried, not only looked for.

    from kubecourse import doctor
    doctor()

For each thing that is missing the report says what still works without it, and how to get it on
this operating system. Its words are in `lessons/messages/doctor.yaml`.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from importlib.metadata import PackageNotFoundError, version

from kubecourse.lessons.messages import text
from kubecourse.publish import trial_container
from kubecourse.publish.chromium import find_chromium
from kubecourse.tools import helm

TIMEOUT = 10
"""Wall-clock seconds that a tool has to say its version."""


class Missing(Exception):
    """A tool cannot be used. `reason` names a message; `details` are the tool's own words."""

    def __init__(self, reason: str = "missing", details: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details


@dataclass(frozen=True, slots=True)
class Finding:
    """One tool: what was found, or what is missing and what to do."""

    tool: str
    found: str | None
    reason: str = ""
    details: str = ""
    system: str = "linux"

    @property
    def title(self) -> str:
        return text(f"doctor.{self.tool}.title")

    @property
    def lines(self) -> list[str]:
        """What is to be read about it, the most important first."""
        if self.found is not None:
            return [self.found]
        happened = text(f"doctor.reason.{self.reason}")
        if self.details:
            happened = f"{happened} ({self.details})"
        cure = "get" if self.reason in ("missing", "no_sdk") else self.reason
        place = f"doctor.{self.tool}.{cure}.{self.system}"
        return [happened, text(f"doctor.{self.tool}.without"), text(place)]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of every tool, in the order of their importance."""

    findings: tuple[Finding, ...]

    @property
    def can_open(self) -> bool:
        """Whether the course can be opened and its simulated lessons run."""
        needed = ("python", "jupyterlab", "widgets")
        return all(each.found is not None for each in self.findings if each.tool in needed)

    @property
    def summary(self) -> str:
        missing = sum(each.found is None for each in self.findings)
        if not self.can_open:
            return text("doctor.summary.not_yet")
        return text("doctor.summary.some", count=missing) if missing else text("doctor.summary.all")

    def __str__(self) -> str:
        lines = []
        for each in self.findings:
            mark = "-" if each.found is None else "+"
            lines.append(f"{mark} {each.title}: {each.lines[0]}")
            lines += [f"    {line}" for line in each.lines[1:]]
        return "\n".join([*lines, "", self.summary])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = []
        for each in self.findings:
            mark = "–" if each.found is None else "✓"
            words = "<br>".join(map(_linked, each.lines))
            rows.append(
                f'<tr><td>{mark}</td><th scope="row" style="text-align: left; white-space: nowrap">'
                f'{escape(each.title)}</th><td style="text-align: left">{words}</td></tr>'
            )
        return f"<table>{''.join(rows)}</table><p>{escape(self.summary)}</p>"


def _linked(line: str) -> str:
    """A line as HTML, its addresses to be clicked on."""
    return re.sub(r"https://[^\s)]+", r'<a href="\g<0>">\g<0></a>', escape(line))


def doctor() -> Report:
    """Try everything that the course can use on this machine. Takes some seconds."""
    system = {"Darwin": "macos", "Windows": "windows"}.get(platform.system(), "linux")
    return Report(tuple(_examine(tool, test, system) for tool, test in TESTS.items()))


def _examine(tool: str, test: Callable[[], str], system: str) -> Finding:
    try:
        return Finding(tool, test())
    except Missing as missing:
        return Finding(tool, None, missing.reason, missing.details, system)


def _python() -> str:
    return f"{platform.python_version()}, {platform.system()} {platform.machine()}"


def _jupyterlab() -> str:
    return _package("jupyterlab")


def _widgets() -> str:
    """Make a picture that answers to a slider, as lessons do."""
    try:
        import ipywidgets
        import plotly.graph_objects as go

        picture = go.FigureWidget(go.Scatter(y=[1, 2]))
        slider = ipywidgets.IntSlider(max=9)
        slider.value = 5
        picture.data[0].y = [slider.value]
    except ImportError as error:
        raise Missing(details=str(error)) from None
    return f"ipywidgets {_package('ipywidgets')}, plotly {_package('plotly')}"


def _docker() -> str:
    try:
        return text("doctor.docker.ran", version=trial_container.run())
    except trial_container.Unusable as unusable:
        raise Missing(unusable.reason, str(unusable)) from None


def _kubectl() -> str:
    answer = _ask("kubectl", "version", "--client", "-o", "json")
    try:
        return str(json.loads(answer)["clientVersion"]["gitVersion"])
    except (ValueError, KeyError, TypeError):
        raise Missing("broken", answer.strip()[:200]) from None


def _helm() -> str:
    if helm.available() == "library":
        return text("doctor.helm.library", version=helm.version())
    return _ask("helm", "version", "--short").strip()


def _chromium() -> str:
    command = find_chromium()
    if command is None:
        raise Missing
    if platform.system() == "Windows":
        return command  # opens a window there when it is asked for its version
    return _ask(command, "--version").strip()


TESTS: dict[str, Callable[[], str]] = {
    "python": _python,
    "jupyterlab": _jupyterlab,
    "widgets": _widgets,
    "docker": _docker,
    "kubectl": _kubectl,
    "helm": _helm,
    "chromium": _chromium,
}
"""Tools in order of importance; each test returns what it found or raises Missing."""


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        raise Missing from None


def _ask(*command: str) -> str:
    """What a command prints. Raises Missing if it is not there or does not work."""
    found = shutil.which(command[0])
    if found is None:
        raise Missing
    try:
        done = subprocess.run(
            [found, *command[1:]],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing("broken", str(error)) from None
    if done.returncode:
        raise Missing("broken", done.stderr.strip()[:200])
    return done.stdout
