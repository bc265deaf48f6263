"""The embedded kubectl and the real one change two clusters alike, and say the same of it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubecourse import Cluster
from kubecourse.control_plane.apiserver.http.service import Service
from tests.clients.conftest import KUBECTLS, run

pytestmark = pytest.mark.requires_kubectl

COMMANDS = [
    line
    for line in (Path(__file__).parent / "changes_to_compare.txt").read_text().splitlines()
    if not line.startswith("#")
]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Cluster, Cluster, Service]]:
    """Two clusters alike, both served, as that gives them roles; the second is asked over HTTPS."""
    ours, theirs = Cluster(nodes=2, seed=8), Cluster(nodes=2, seed=8)
    with ours.serve(speed=0):
        service = theirs.serve(speed=0)
        yield ours, theirs, service
        service.stop()


def comparable(text: str) -> str:
    """Text without ages, and thus without the widths of columns; and as kubectl 1.33 has it."""
    text = re.sub(r"\b([0-9]+[dhmsy])+\b", "AGE", text)
    text = re.sub(r"(?m)^(E\d+ .*\n)+", "", text)
    return re.sub(r"[ -]{2,}", " ", text)


@pytest.mark.parametrize(("number", "command"), list(enumerate(COMMANDS)))
def test_both_say_the_same(
    pair: tuple[Cluster, Cluster, Service], number: int, command: str
) -> None:
    ours, theirs, service = pair
    words = shlex.split(command)
    said = ours.run(words)
    real = run(KUBECTLS[-1], service, words)
    for cluster in (ours, theirs):
        cluster.advance(20 * (number + 1) - cluster.now)
    assert [comparable(said.stdout), comparable(said.stderr), said.code] == [
        comparable(real[0]), comparable(real[1]), real[2],
    ]  # fmt: skip
