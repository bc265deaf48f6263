"""A served cluster, and every kubectl that this machine has."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubecourse import Cluster
from kubecourse.control_plane.apiserver.http.service import Service
from tests.sharing import LONG

# Real kubectl: (arguments, input) -> what it printed, what it complained of, its exit code.
Answer = tuple[str, str, int]
Kubectl = Callable[..., Answer]


def every_kubectl() -> list[str]:
    """The kubectl on PATH; or those of other versions beside it: the oldest and the newest."""
    first = shutil.which("kubectl")
    if first is None:
        return ["kubectl"]
    versions = sorted(Path(first).resolve().parent.glob("kubectl.1.[0-9][0-9]"))
    found = [str(path) for path in versions] or [first]
    return found if LONG else list(dict.fromkeys([found[0], found[-1]]))


KUBECTLS = every_kubectl()


def version_of(path: str) -> str:
    return re.sub(r".*kubectl\.?", "", path) or "on PATH"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "each_kubectl" in metafunc.fixturenames:
        metafunc.parametrize("each_kubectl", KUBECTLS, ids=version_of, scope="module")


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster(nodes=3)


@pytest.fixture(scope="module")
def service(cluster: Cluster) -> Iterator[Service]:
    service = cluster.serve(speed=30)
    yield service
    service.stop()


def run(path: str, service: Service, arguments: list[str], stdin: str | None = None) -> Answer:
    environment = {"PATH": os.environ["PATH"], "HOME": "/", **service.environment}
    done = subprocess.run(
        [path, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    complaints = "".join(
        line
        for line in done.stderr.splitlines(keepends=True)
        if not line.startswith("WARNING: version difference")
    )
    return done.stdout, complaints, done.returncode


@pytest.fixture
def newest(service: Service) -> Kubectl:
    """The newest kubectl there is."""
    return lambda *words, stdin=None: run(KUBECTLS[-1], service, list(words), stdin)


@pytest.fixture
def kubectl(service: Service, each_kubectl: str) -> Kubectl:
    """Every kubectl, one after another."""
    return lambda *words, stdin=None: run(each_kubectl, service, list(words), stdin)
