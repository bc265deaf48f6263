"""The same path finds the course's files from every folder that a notebook lies in."""

from pathlib import Path

import pytest

from kubecourse import Cluster
from kubecourse.tools.sources import find_path, read

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: web, image: "nginx:1.27"}]}
"""


@pytest.fixture(params=[".", "notebooks", "notebooks/ko"])
def course(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course with one manifest, seen from one of its folders."""
    (tmp_path / "data" / "web").mkdir(parents=True)
    (tmp_path / "data" / "web" / "pod.yaml").write_text(POD)
    (tmp_path / "notebooks" / "ko").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / request.param)
    return tmp_path


def test_a_file_is_found_and_read(course: Path) -> None:
    assert find_path("data/web/pod.yaml").resolve() == course / "data" / "web" / "pod.yaml"
    assert read("data/web/pod.yaml") == POD


@pytest.mark.parametrize("path", ["data/web", "data/web/pod.yaml"])
def test_kubectl_finds_what_it_is_to_apply(course: Path, path: str) -> None:
    cluster = Cluster()
    assert cluster.run(f"apply -f {path}").stdout == "pod/web created\n"
    assert cluster.apply(path).stdout == "pod/web unchanged\n"


def test_kubectl_finds_the_files_of_a_config_map(course: Path) -> None:
    cluster = Cluster()
    cluster.run("create configmap pods --from-file=data/web")
    assert cluster.get("configmap/pods").data == {"pod.yaml": POD}


def test_messages_name_the_path_as_it_was_given(course: Path) -> None:
    (course / "data" / "web" / "pod.yaml").write_text("kind: Pod")
    told = Cluster().run("apply -f data/web").stderr
    assert 'error validating "data/web/pod.yaml"' in told
    assert 'the path "data/nothing" does not exist' in Cluster().run("apply -f data/nothing").stderr


def test_a_file_that_is_near_wins(course: Path) -> None:
    Path("data/web").mkdir(parents=True, exist_ok=True)
    Path("data/web/pod.yaml").write_text("near")
    assert read("data/web/pod.yaml") == "near"
