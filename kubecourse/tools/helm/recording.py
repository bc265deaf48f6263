"""What Helm answered, and what it sent to the cluster, kept for readers who have no Helm.

`lab(4)` opens a chapter's recording. Without Helm, a command that is in it prints what was printed
then, and the requests that changed something are sent to the cluster once more, at the same
distance from one another: the release is there all the same. Any other command says what to do.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from kubecourse.control_plane.apiserver import bootstrap, rest
from kubecourse.lessons.messages import text
from kubecourse.tools.kubectl import Output
from kubecourse.tools.sources import find_path

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

RECORD = "KUBECOURSE_RECORD"
"""Set in the environment while notebooks are built, to record."""
Heard = tuple[float, rest.Request]
"""A request that changes something, and when it came (virtual seconds)."""


class Sent(msgspec.Struct, array_like=True):
    """A request, `after` so many virtual seconds."""

    after: float
    method: str
    path: str
    content_type: str
    agent: str
    user: str
    body: bytes


class Answer(msgspec.Struct):
    """What a command printed, how many virtual seconds it took, and what it sent."""

    stdout: str
    stderr: str
    code: int
    seconds: float
    sent: list[Sent] = []


class Tape(msgspec.Struct):
    """For each command its answers, in order."""

    helm: str
    date: str
    answers: dict[str, list[Answer]] = {}


class _State:
    tape: Tape | None = None
    target: Path | None = None
    """Where to record to; None: only answer from the tape."""
    asked: ClassVar[Counter[str]] = Counter()


def lab(chapter: int) -> None:
    """Say which Helm there is; where there is none, open the chapter's recording."""
    from kubecourse.tools.helm.main import MISSING, version

    path = find_path("data") / "recorded" / f"helm_{chapter}.json.gz"
    found = version()
    _State.asked, _State.target, _State.tape = Counter(), None, None
    if found and os.environ.get(RECORD):
        _State.tape = Tape(found, datetime.now(UTC).date().isoformat())
        _State.target = path
    elif not found and path.exists():
        _State.tape = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=Tape)
    print(f"Helm {found}\n" if found else MISSING + mark(), end="")


def mark() -> str:
    """What says that an answer is recorded; empty without a recording."""
    tape = _State.tape
    made = f"Helm {tape.helm}, {tape.date}" if tape is not None else ""
    return text("containers.recorded", made=made) + "\n" if made else ""


def is_recording() -> bool:
    """Whether what is asked now is kept."""
    return _State.target is not None


def keep(
    words: list[str], output: Output, began: float, seconds: float, heard: list[Heard]
) -> None:
    """Record a command, what it printed, when it began, how long it took and what it sent."""
    if _State.target is None or _State.tape is None:
        return
    sent = [
        Sent(
            round(when - began, 6), asked.method, asked.path, asked.content_type, asked.agent,
            asked.user, asked.body,
        )
        for when, asked in heard
    ]  # fmt: skip
    answer = Answer(output.stdout, output.stderr, output.code, round(seconds, 6), sent)
    _State.tape.answers.setdefault(" ".join(words), []).append(answer)
    content = gzip.compress(msgspec.json.encode(_State.tape, order="sorted"), mtime=0)
    _State.target.parent.mkdir(exist_ok=True)
    draft = _State.target.with_suffix(f".{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(_State.target)


def replayed(cluster: Cluster, words: list[str]) -> Output | None:
    """The recorded answer to a command, after what it did was done again; None without one."""
    key = " ".join(words)
    answers = _State.tape.answers.get(key) if _State.tape is not None else None
    if not answers:
        return None
    answer = answers[min(_State.asked[key], len(answers) - 1)]
    _State.asked[key] += 1
    began = cluster.now
    bootstrap.policy(cluster.server)
    for sent in answer.sent:
        cluster.advance(max(0.0, began + sent.after - cluster.now))
        rest.handle(
            cluster.server,
            rest.Request(
                sent.method, sent.path, {}, sent.body, sent.content_type, agent=sent.agent,
                user=sent.user,
            ),
        )  # fmt: skip
    cluster.advance(max(0.0, began + answer.seconds - cluster.now))
    return Output(answer.stdout, answer.stderr, answer.code)


_told: Any = None


def tell() -> None:
    """Say that what follows is recorded, once in a cell."""
    global _told
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    cell = shell.execution_count if shell is not None else object()
    if cell != _told:
        _told = cell
        print(mark(), end="")
