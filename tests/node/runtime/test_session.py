"""A shell into which somebody types remembers, and can be left."""

import pytest

from kubecourse import Cluster
from kubecourse.node.runtime.session import Session


@pytest.fixture
def session() -> Session:
    cluster = Cluster(nodes=1)
    cluster.run("run web --image=nginx:1.25")
    cluster.settle()
    container = cluster._container("web", "", "default")
    return cluster.kubelets["node-1"].runtime.shell(container)


def test_a_line_finds_what_the_one_before_left(session: Session) -> None:
    for line in ("cd /tmp", "greet() { echo hello $1; }", "NAME=world", "echo x > file"):
        assert session.run(line).code == 0
    assert session.run("greet $NAME; cat file; pwd").stdout == "hello world\nx\n/tmp\n"
    assert session.run("sleep 5").seconds == 5
    assert not session.over


def test_what_is_wrong_does_not_end_it(session: Session) -> None:
    assert session.run("if").code == 2
    assert session.run("ls nope").code != 0
    assert session.run("echo $?").stdout != "0\n"
    assert not session.over


@pytest.mark.parametrize("line", ["exit 3", "true; exit 3; echo never", "if true; then exit 3; fi"])
def test_it_is_left(session: Session, line: str) -> None:
    assert session.run(line).stdout == ""
    assert (session.over, session.status) == (True, 3)


def test_it_ends_with_its_container(session: Session) -> None:
    session._container.kill()
    assert session.over
