"""What a real tool answered, kept for readers who do not have it.

A chapter's lab opens a tape. With `KUBECOURSE_RECORD` in the environment it takes down what the
tool answers; without the tool it answers for it, and says so once in a cell.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from kubecourse.lessons.messages import text
from kubecourse.tools.sources import find_path

RECORD = "KUBECOURSE_RECORD"
"""Set in the environment while notebooks are built, to record."""


class Recorded(msgspec.Struct):
    """The file: which tool answered and when, and for each question its answers in order."""

    made_by: str
    date: str
    answers: dict[str, list[Any]] = {}


def load(path: Path) -> Recorded:
    """A recording. Raises FileNotFoundError."""
    return msgspec.json.decode(gzip.decompress(path.read_bytes()), type=Recorded)


class Tape:
    """The recording of the lab that is open; empty before. Answers are plain data."""

    def __init__(self) -> None:
        self._recorded: Recorded | None = None
        self._target: Path | None = None
        self._asked = Counter[str]()
        self._told: Any = None

    def open(self, name: str, tool: str) -> None:
        """Open `data/recorded/NAME.json.gz`; `tool` is what could answer now, or empty."""
        path = find_path("data") / "recorded" / f"{name}.json.gz"
        self._recorded = load(path) if path.exists() else None
        self._target, self._asked = None, Counter()
        if tool and os.environ.get(RECORD):
            self._recorded = Recorded(tool, datetime.now(UTC).date().isoformat())
            self._target = path

    @property
    def is_recording(self) -> bool:
        """Whether what is asked now is kept."""
        return self._target is not None

    @property
    def mark(self) -> str:
        """The line that says of answers that they are recorded; empty without a recording."""
        found = self._recorded
        return text("containers.recorded", made=f"{found.made_by}, {found.date}") if found else ""

    def keep(self, question: str, answer: Any) -> None:
        """Record an answer, if it is asked for."""
        if self._target is None or self._recorded is None:
            return
        self._recorded.answers.setdefault(question, []).append(msgspec.to_builtins(answer))
        content = msgspec.json.encode(self._recorded, order="sorted")
        self._target.parent.mkdir(exist_ok=True)
        draft = self._target.with_suffix(f".{os.getpid()}")
        draft.write_bytes(gzip.compress(content, mtime=0))
        draft.replace(self._target)

    def answer(self, question: str) -> Any:
        """The next recorded answer to a question, or the last once more; None if there is none."""
        answers = self._recorded.answers.get(question) if self._recorded is not None else None
        if not answers:
            return None
        self._asked[question] += 1
        return answers[min(self._asked[question], len(answers)) - 1]

    def tell(self) -> None:
        """Say that what follows is recorded, once in a cell."""
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        cell = shell.execution_count if shell is not None else object()
        if cell != self._told:
            self._told = cell
            print(self.mark)
