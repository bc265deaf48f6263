"""Nothing of ours is left, and nothing of the learner's is gone."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kubecourse.containers import build, clean, client, engines, run, silent
from kubecourse.publish import cli
from tests.containers.conftest import REPOSITORY, left_behind

LAB = """
from kubecourse.containers import *
build("data/apps/hello-c", "hello-c", show=silent)
registry = start_registry(5905)
push(tag("hello-c", registry.address + "/hello:1"), show=silent)
run("hello-c", "web", publish={8080: 5906})
assert get(5906).status == 200, get(5906)
client().volumes.create("kubecourse-data", labels={"kubecourse": "lab"})
if not client().networks.list("kubecourse-net"):
    client().networks.create("kubecourse-net", labels={"kubecourse": "lab"})
build("data/apps/fat", "fat")
print("all done", flush=True)
"""


@pytest.mark.usefixtures("lab")
def test_a_lab_that_was_killed_runs_again_and_leaves_nothing() -> None:
    clean()
    before = left_behind()
    for until, killed in (("COPY . /src", True), ("all done", False)):
        for name in ("gcc", "registry"):
            client().images.get(f"spare:{name}").tag(f"kubecourse-{name}")
        with subprocess.Popen(
            [sys.executable, "-c", LAB], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        ) as lab:
            assert lab.stdout is not None
            assert any(until in line for line in lab.stdout), "it came that far"
            if killed:
                lab.kill()
        assert lab.returncode == (-signal.SIGKILL if killed else 0)
        assert all(left_behind()[kind] != had for kind, had in before.items())
    removed = clean()
    assert removed.containers == ["kubecourse-web", "kubecourse-registry"]
    assert (removed.networks, removed.volumes) == (["kubecourse-net"], ["kubecourse-data"])
    assert left_behind() == before
    assert str(clean()) == "nothing of ours was there"


@pytest.mark.usefixtures("lab")
def test_what_is_not_ours_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client().api.import_image_from_data(bytes(1024), repository="theirs")
    theirs = client().containers.create("theirs", "/x", name="theirs")
    build("data/apps/hello-c", "hello-c", show=silent)
    client().images.get("kubecourse-hello-c").tag("my-own-hello", "1")
    try:
        assert cli.main(["clean"]) == 0
        assert "kubecourse-hello-c:latest" in capsys.readouterr().out
        assert client().images.list("theirs")
        assert client().containers.get("theirs")
        assert client().images.get("my-own-hello:1"), "a name of their own keeps it"
        assert not client().images.list("kubecourse-hello-c")
    finally:
        theirs.remove()
        client().images.remove("theirs")
        client().images.remove("my-own-hello:1")
    clean()


@pytest.mark.usefixtures("lab")
def test_a_volume_that_an_image_asks_for_goes_with_its_container(tmp_path: Path) -> None:
    before = left_behind()["volumes"]
    (tmp_path / "Dockerfile").write_text("FROM kubecourse-python\nVOLUME /data\n")
    build(tmp_path, "keeper", show=silent)
    run("keeper", command=["sleep", "60"])
    run("keeper", command=["sleep", "60"])
    assert len(left_behind()["volumes"]) == len(before) + 1
    clean()
    assert left_behind()["volumes"] == before


def test_without_an_engine_there_is_nothing_to_remove(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "_clients", [])
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such.sock")
    assert cli.main(["clean"]) == 1
    assert "No container engine answers" in capsys.readouterr().err
