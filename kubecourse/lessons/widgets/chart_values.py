"""A chart's values, what its templates make of them, and what that would change in the cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import unified_diff
from itertools import islice, product
from pathlib import PurePosixPath
from typing import Any

from kubecourse.cluster import Cluster
from kubecourse.lessons import messages
from kubecourse.lessons.widgets.drawn import changes, page, side_by_side
from kubecourse.lessons.widgets.story import Story, pick, slider
from kubecourse.tools import helm

SOURCE = re.compile(r"^---\n# Source: (\S+)\n", re.MULTILINE)
CONTEXT = 2
FROM_THE_TOP = ("@@ -0,", "@@ -1,", "@@ -1 ")
"""How a difference begins before which nothing is left out."""
GREETINGS = ("Hello", "Moin", "Salut")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What differs, file by file: lines with `+`, `-` or a space; and the `same` files."""

    command: str
    files: dict[str, list[str]] = field(default_factory=dict)
    same: tuple[str, ...] = ()
    problem: str = ""

    @property
    def lines(self) -> int:
        return sum(line[0] in "+-" for lines in self.files.values() for line in lines)


def sections(manifest: str) -> dict[str, str]:
    """The documents of a manifest by the template that they come from."""
    parts = SOURCE.split(manifest)
    return {path: text.rstrip() for path, text in zip(parts[1::2], parts[2::2], strict=True)}


def compare(command: str, running: dict[str, str], wanted: dict[str, str]) -> Rendered:
    """What an upgrade would change."""
    files = {}
    for path in sorted(running.keys() | wanted.keys()):
        before, after = running.get(path, "").splitlines(), wanted.get(path, "").splitlines()
        lines = islice(unified_diff(before, after, n=CONTEXT, lineterm=""), 2, None)
        shown = [line for line in lines if not line.startswith(FROM_THE_TOP)]
        files[path] = [" ⋯" if line[0] == "@" else line for line in shown]
    changed = {path: lines for path, lines in files.items() if lines}
    same = tuple(PurePosixPath(path).name for path in files if path not in changed)
    return Rendered(command, changed, same)


class ChartValues(Story[Rendered]):
    """Values for a release's next upgrade: the templates are rendered, nothing is sent.

    They are compared with what the release was when this was made.
    """

    def __init__(self, cluster: Cluster, release: str, chart: str) -> None:
        self._cluster, self._release, self._chart = cluster, release, chart
        self._running = helm.run(cluster, ["get", "manifest", release])
        super().__init__(
            replicas=slider("replicas", 2, 0, 5),
            greeting=pick("greeting", {each: each for each in GREETINGS}, GREETINGS[0]),
            tag=pick("image.tag", {"": '""', "2.0": "2.0"}, ""),
            cache=pick("cache.enabled", {"false": "false", "true": "true"}, "false"),
        )
        if helm.tape.is_recording:  # who has no Helm may move the controls all the same
            places = [range(6), GREETINGS, ("", "2.0"), ("false", "true")]
            for place in product(*places):
                self.tell(**dict(zip(self._controls, place, strict=True)))

    def tell(self, **values: Any) -> Rendered:
        running = self._running
        if running.code:
            return Rendered("", problem=running.stderr.strip())
        settings = [
            f"replicas={values['replicas']}",
            f"greeting={values['greeting']}",
            f"image.tag={values['tag']}",
            f"cache.enabled={values['cache']}",
        ]
        flags = [word for setting in settings for word in ("--set", setting)]
        wanted = helm.run(
            self._cluster, ["template", self._release, self._chart, "--no-hooks", *flags]
        )
        if wanted.code:
            return Rendered("", problem=wanted.stderr.strip())
        given = " ".join(f"--set {setting}" for setting in settings)
        command = f"helm upgrade {self._release} {self._chart} {given}"
        return compare(command, sections(running.stdout), sections(wanted.stdout))

    def say(self, told: Rendered) -> str:
        if told.problem:
            return told.problem
        if not told.files:
            return messages.text("widgets.chart.same")
        return messages.text("widgets.chart.differs", lines=told.lines, files=len(told.files))

    def show(self, told: Rendered) -> str:
        columns = [changes(path, lines) for path, lines in told.files.items()]
        same = f"<p>{messages.text('widgets.chart.unchanged', files=', '.join(told.same))}</p>"
        below = same if told.same else ""
        commands = [told.command] if told.command else []
        return page(self.say(told), side_by_side(*columns), below, commands=commands)
