"""Whatever is typed, kubectl answers; it never fails with an error of Python's."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse import Cluster
from kubecourse.tools.kubectl import run
from kubecourse.tools.kubectl.cli import ROOT, Command

POD = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[]}}'
STDIN = [
    None, "", "\n", "---\n---\n", "a: b: c", "[1, 2]", "text", "null", "3", POD, POD[:-1],
    '{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod"},3]}',
    '{"apiVersion":"v1","kind":"Pod","metadata":"x"}',
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":5}}',
    '{"apiVersion":1,"kind":["Pod"],"metadata":{"name":"x"}}',
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","annotations":{"a":1}}}',
    '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":null}',
    "&a [*a]", "\t", "é: ☃", "kind: Pod\nkind: Pod",
]  # fmt: skip
WORDS = [
    "pod", "pods", "deploy/web", "deployment", "web", "svc", "svc/web", "node", "node-1", "all",
    "configmap", "foos", "pods/", "/", "pods/web/x", "a=b", "a-", "k=v:NoSchedule", "k:NoSchedule-",
    "nginx=nginx:2", "*=x", "nginx=", "=", "-", "--", "80", "8080:80", ":80", "x:y", "sh", "é",
    "Bad_Name", "ns", "default", "pod/p", "{}", "web,api", "pods,svc", "rs", "secrets", "events",
]  # fmt: skip
VALUES = ["", "0", "-1", "1s", "x", "app=web", "in (a", "-", "{.x", "{.metadata.name}", "yaml",
          "json", "name", "jsonpath={.x[}", "client", "true", "a=b", "condition=Ready", "delete",
          "jsonpath={.x}=1", "3", "nginx", "default", "é", '{"a":', "[]", '{"spec":{"replicas":1}}',
          "cpu=1", "cpu=x", "80"]  # fmt: skip


def commands() -> list[tuple[str, Command]]:
    found: list[tuple[str, Command]] = []
    stack = [(command.name, command) for command in ROOT.children]
    while stack:
        name, command = stack.pop()
        found.append((name, command))
        stack += [(f"{name} {child.name}", child) for child in command.children]
    return sorted(found, key=lambda pair: pair[0])


COMMANDS = commands()


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    name, command = draw(st.sampled_from(COMMANDS))
    words = name.split()
    for _ in range(draw(st.integers(0, 4))):
        if command.flags and draw(st.booleans()):
            flag = draw(st.sampled_from(command.flags))
            words.append(f"--{flag.name}={draw(st.sampled_from(VALUES))}")
        else:
            words.append(draw(st.sampled_from(WORDS)))
    return words


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    cluster = Cluster(nodes=2)
    run(cluster, "create deployment web --image=nginx --replicas=2")
    run(cluster, "expose deploy/web --port=80")
    cluster.settle()
    return cluster


@given(words=command_lines(), stdin=st.sampled_from(STDIN))
def test_every_command_line_is_answered(cluster, words, stdin):
    output = run(cluster, words, stdin)
    assert "Traceback" not in output.stderr
    assert (
        output.code == 0
        or output.stderr
        or "diff" in words
        or "--help" in words
        or (
            output.stdout  # help of a group, or what a container printed before it failed
        )
    )


@given(st.text(string.printable, max_size=40))
def test_every_text_is_answered(cluster, text):
    assert "Traceback" not in run(cluster, text).stderr


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_explains_itself(cluster, name, command):
    output = run(cluster, f"{name} --help")
    assert output.code == 0
    assert command.short in output.stdout
    listed = command.children or command.flags
    assert all(each.name in output.stdout for each in listed)


def test_files_of_noise_are_refused(cluster, tmp_path):
    noise = random.Random(0)
    for length in (1, 10, 1000):
        path = tmp_path / f"{length}.yaml"
        path.write_bytes(noise.randbytes(length))
        output = run(cluster, f"apply -f {path}")
        assert (output.code, "Traceback" in output.stderr) == (1, False)
