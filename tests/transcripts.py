"""Transcripts: commands typed at a fresh cluster, and what they print. They read as lessons.

A file in `tests/transcripts/` is text with three kinds of lines; all others are output.

    ## Prose, for whoever reads it.
    $ kubectl apply -f - <<EOF        a command, here with standard input up to the line `EOF`
    @ 5s                              what the world does meanwhile, see `World`

`pytest --update-transcripts` writes what is printed now into the files; look at the difference.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kubecourse import Cluster
from kubecourse.control_plane.machines import MachineFacts
from kubecourse.node.traffic import Traffic

FOLDER = Path(__file__).with_suffix("")
MARKS = ("$ ", "@ ", "## ")
HERE_DOCUMENT = " <<EOF"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-transcripts", action="store_true", help="write what commands print into the files"
    )


def transcripts() -> list[Path]:
    return sorted(FOLDER.glob("*.txt"))


@dataclass
class Step:
    """A line that begins with a mark, its here-document, and the output that follows it."""

    line: str
    stdin: list[str] | None = None
    output: list[str] = field(default_factory=list)


def parse(text: str) -> list[Step]:
    """Take a transcript apart."""
    steps: list[Step] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(MARKS) or line == "##":
            stdin = list(_until_eof(lines)) if line.endswith(HERE_DOCUMENT) else None
            steps.append(Step(line, stdin))
        elif steps:
            steps[-1].output.append(line)
        elif line:
            raise ValueError(f"output before any command: {line!r}")
    return steps


def _until_eof(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line == "EOF":
            return
        yield line
    raise ValueError("a here-document without EOF at its end")


class World:
    """A cluster, and what can happen to it.

    `@ 5s`: time passes. `@ settle`: until nothing more happens. `@ image app:2 pullable=False`:
    declares what an image does. `@ GET http://web/`: a request from inside, and its answer.
    `@ cluster nodes=3 control_plane=3`: another cluster. `@ traffic http://web`: requests, ten a
    second; `@ answered`: how many of them were so far. `@ fail_node node-1`, `@ partition a,b c`,
    `@ stop etcd`, …: what `Cluster` calls so. `@ machines`: how those of the control plane are.
    """

    def __init__(self) -> None:
        self.cluster = Cluster(nodes=3)
        self.traffic: Traffic | None = None

    def play(self, step: Step) -> str:
        """What a step prints."""
        mark, _, rest = step.line.partition(" ")
        if mark == "$":
            return self._run(rest, step.stdin)
        if mark == "@":
            return self._happen(shlex.split(rest))
        return ""

    def _run(self, command: str, stdin: list[str] | None) -> str:
        text = None if stdin is None else "\n".join([*stdin, ""])
        output = self.cluster.run(command.removesuffix(HERE_DOCUMENT), text)
        code = f"[exit code {output.code}]\n" if output.code else ""
        return f"{output.text}{code}"

    def _happen(self, words: list[str]) -> str:
        match words:
            case ["settle"]:
                assert self.cluster.clock.settle(3600.0)
            case ["GET", url]:
                answer = self.cluster.request(url)
                return f"{answer.status} {answer.body}" if answer.status else f"{answer.error}\n"
            case ["image", name, *settings]:
                pairs = (setting.partition("=") for setting in settings)
                values = {key: _value(text) for key, _, text in pairs}
                self.cluster.images.declare(name, **values)
            case ["cluster", *settings]:
                pairs = (setting.partition("=") for setting in settings)
                self.cluster = Cluster(**{key: _value(text) for key, _, text in pairs})
            case ["traffic", url]:
                self.traffic = self.cluster.traffic(url)
            case ["answered"]:
                assert self.traffic is not None
                ok = sum(row.ok for row in self.traffic.rows)
                return f"{ok} of {len(self.traffic.rows)} requests\n"
            case ["machines"]:
                return _table(self.cluster.control_plane.facts())
            case ["partition", *sides]:
                self.cluster.partition(*(side.split(",") for side in sides))
            case [
                ("fail_node" | "recover_node" | "stop" | "start" | "heal" | "crash") as verb,
                *names,
            ]:
                getattr(self.cluster, verb)(*names)
            case [duration] if duration.endswith("s"):
                self.cluster.advance(float(duration[:-1]))
            case _:
                raise ValueError(f"nothing happens by {' '.join(words)!r}")
        return ""


def _table(facts: list[MachineFacts]) -> str:
    heads = ("NAME", "ETCD", "TERM", "APISERVER", "SCHEDULER", "CONTROLLER-MANAGER")
    rows = [(f.name, f.etcd, f.term, f.apiserver, f.scheduler, f.controller_manager) for f in facts]
    widths = [max(len(str(row[n])) for row in [heads, *rows]) for n in range(len(heads))]
    lines = ("   ".join(map(str.ljust, map(str, row), widths)).rstrip() for row in [heads, *rows])
    return "\n".join(lines) + "\n"


def _value(text: str) -> Any:
    if text in ("True", "False"):
        return text == "True"
    if text.isdigit():
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def replay(text: str) -> str:
    """The transcript with what is printed now."""
    world = World()
    parts: list[str] = []
    for step in parse(text):
        parts.append(f"{step.line}\n")
        if step.stdin is not None:
            parts.append("".join(f"{line}\n" for line in [*step.stdin, "EOF"]))
        printed = world.play(step).rstrip("\n")
        if printed:
            parts.append(f"{printed}\n\n")
        elif step.output and not any(step.output):
            parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"
