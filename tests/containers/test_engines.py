"""What an engine is, and what it means when it refuses."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import docker
import pytest

from kubecourse.containers import EngineError, NoEngine, client, containers, engine, engines
from kubecourse.containers.engines import discard, explained, ours
from kubecourse.lessons import messages


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client yet, as in a new kernel."""
    monkeypatch.setattr(engines, "_clients", [])


@pytest.mark.usefixtures("lab")
def test_an_engine_describes_itself() -> None:
    found = engine()
    about = client().version()
    assert found.version == about["Version"]
    assert found.local
    assert found.system == "linux"
    assert str(found).startswith(f"{found.name} {found.version}, linux/")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("write /var/lib/docker/tmp/x: no space left on device", "full_disk"),
        ("toomanyrequests: You have reached your pull rate limit.", "rate_limit"),
        ("dial tcp: lookup registry-1.docker.io: no such host", "offline"),
        ("http: server gave HTTP response to HTTPS client", "insecure"),
        ("net/http: TLS handshake timeout", "offline"),
        ("dial tcp 127.0.0.1:5999: connect: connection refused", "offline"),
        ("pull access denied for x, repository does not exist", "no_public_image"),
        ("manifest for nginx:no not found: manifest unknown: manifest unknown", "no_public_image"),
        ("No such image: kubecourse-x:latest", "no_image"),
        ("No such container: kubecourse-x", "no_container"),
        ('Conflict. The container name "/x" is already in use by container "1"', "name_taken"),
        ("something new", "refused"),
    ],
)
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_refusals_are_explained(
    said: str, reason: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "_chosen", [language])
    error = explained(said)
    assert error.reason == reason
    assert str(error).endswith(f"\n({said})")
    assert error._render_traceback_() == [f"EngineError: {error}"]


@pytest.mark.usefixtures("forgotten")
def test_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for host in (f"unix://{tmp_path}/no.sock", "tcp://127.0.0.1:9"):
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(NoEngine, match="No container engine answers") as error:
            containers()
        assert error.value.reason == "silent"


@pytest.mark.usefixtures("forgotten")
def test_no_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker.errors", None)
    with pytest.raises(NoEngine, match="pip install"):
        engine()


@pytest.mark.usefixtures("lab")
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another"
)
def test_no_right_to_use_the_socket() -> None:
    client()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setuid(65534)
            engines._clients.clear()
            engine()
        except EngineError as error:
            os.write(writer, error.reason.encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b"denied"
    os.close(reader)


@pytest.mark.usefixtures("lab")
def test_an_engine_that_goes_away_is_missed_and_found_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = docker.DockerClient(base_url="tcp://127.0.0.1:9", version="1.41")
    with monkeypatch.context() as patch:
        patch.setattr(engines, "_clients", [gone])
        with pytest.raises(NoEngine, match="No container engine answers"):
            containers()
    assert containers() == []


def test_names_get_our_prefix_once() -> None:
    assert ours("hello") == "kubecourse-hello" == ours("kubecourse-hello")
    assert ours("hello:1") == "kubecourse-hello:1"
    assert ours("127.0.0.1:5005/hello") == "127.0.0.1:5005/hello"


class _Going:
    """A container that the engine is removing already, and that is gone at the third attempt."""

    def __init__(self, status: int) -> None:
        self.asked, self.status = 0, status

    def remove(self, **_: bool) -> None:
        self.asked += 1
        if self.asked == 3:
            raise docker.errors.NotFound("No such container")
        answer = SimpleNamespace(status_code=self.status, reason="", url="")
        raise docker.errors.APIError("removal is already in progress", response=answer)


def test_a_container_that_is_being_removed_is_waited_for() -> None:
    container = _Going(409)
    discard(container)
    assert container.asked == 3


def test_what_the_engine_refuses_for_another_reason_is_told() -> None:
    with pytest.raises(docker.errors.APIError, match="500"):
        discard(_Going(500))
