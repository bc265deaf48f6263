"""A chapter reads without an engine: what one answered was kept."""

from pathlib import Path

import pytest

from kubecourse.containers import (
    EngineError,
    NoEngine,
    build,
    engines,
    get,
    inspect,
    lab,
    recording,
    run,
    silent,
)
from kubecourse.containers import anatomy as open_image
from kubecourse.containers.ports import free_port
from kubecourse.tools.tape import RECORD
from tests.containers.conftest import REPOSITORY


@pytest.mark.usefixtures("images")
def test_answers_are_kept_and_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "apps").symlink_to(REPOSITORY / "data" / "apps")
    (tmp_path / "data" / "base_images.yaml").symlink_to(REPOSITORY / "data" / "base_images.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recording.tape, "_recorded", None)
    monkeypatch.setattr(recording.tape, "_target", None)
    port = free_port()

    def lesson() -> list[object]:
        answers: list[object] = [build("data/apps/hello-c", "hello-c")]
        answers += [open_image("hello-c"), run("hello-c", "web"), get(port)]
        answers += [run("hello-c", "web", publish={8080: port}), get(port), inspect("web")]
        with pytest.raises(EngineError) as error:
            run("hello-c", "web2", publish={8080: port})
        return [*answers, str(error.value)]

    monkeypatch.setenv(RECORD, "1")
    assert lab(7).engine is not None
    live = lesson()
    printed = capsys.readouterr().out
    assert live[3] != live[5], "closed, then published"

    with monkeypatch.context() as without:
        without.setenv("DOCKER_HOST", "unix:///no/such.sock")
        without.setattr(engines, "_clients", [])
        opened = lab(7)
        assert opened.engine is None
        assert "Recorded, not live: Docker" in str(opened)
        capsys.readouterr()
        assert lesson() == live
        marked = capsys.readouterr().out
        assert marked.count("Recorded, not live") == 8, "each answer says so"
        assert all(line in marked for line in printed.splitlines()), "the build shows its steps"
        with pytest.raises(NoEngine, match="No container engine answers"):
            build("data/apps/hello", "hello", show=silent)

    without_tape = lab(8)
    assert without_tape.recorded == ""
