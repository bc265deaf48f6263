"""What Helm answered, and what it sent to the cluster, kept for readers who have no Helm.

`lab(4)` opens a chapter's recording. Without Helm, a command that is in it prints what was printed
then, and the requests that changed something are sent to the cluster once more, at the same
distance from one another: the release is there all the same. Any other command says what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kubecourse.control_plane.apiserver import bootstrap, rest
from kubecourse.tools.kubectl import Output
from kubecourse.tools.tape import Tape

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

tape = Tape()
"""The chapter's recording, once `lab` has opened it."""
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


def lab(chapter: int) -> None:
    """Say which Helm there is; where there is none, open the chapter's recording."""
    from kubecourse.tools.helm.main import MISSING, version

    found = version()
    tape.open(f"helm_{chapter}", f"Helm {found}" if found else "")
    print(f"Helm {found}" if found else "\n".join(filter(None, (MISSING.strip(), tape.mark))))


def keep(
    words: list[str], output: Output, began: float, seconds: float, heard: list[Heard]
) -> None:
    """Record a command, what it printed, when it began, how long it took and what it sent."""
    sent = [
        Sent(
            round(when - began, 6), asked.method, asked.path, asked.content_type, asked.agent,
            asked.user, asked.body,
        )
        for when, asked in heard
    ]  # fmt: skip
    answer = Answer(output.stdout, output.stderr, output.code, round(seconds, 6), sent)
    tape.keep(" ".join(words), answer)


def replayed(cluster: Cluster, words: list[str]) -> Output | None:
    """The recorded answer to a command, after what it did was done again; None without one."""
    found = tape.answer(" ".join(words))
    if found is None:
        return None
    answer = msgspec.convert(found, Answer)
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
