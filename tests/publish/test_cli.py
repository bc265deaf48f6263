import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from kubecourse.publish import cli


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"kubecourse {version('kubecourse')}\n"


def test_a_missing_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main([])
    assert "COMMAND" in capsys.readouterr().err


def test_lab_in_the_wrong_directory_says_where_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lab"]) == 1
    assert "directory that you cloned kubecourse into" in capsys.readouterr().err


def test_lab_without_jupyterlab_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lab"]) == 1
    assert "pip install -e '.[lab]'" in capsys.readouterr().err


@pytest.mark.parametrize("below", [".", "notebooks"])
def test_lab_opens_in_notebooks_and_passes_arguments_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    from jupyterlab.labapp import LabApp

    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / below)
    launched: list[str] = []
    monkeypatch.setattr(LabApp, "launch_instance", launched.extend)

    assert cli.main(["lab", "--no-browser", "--port", "8899"]) == 0

    assert f"--ServerApp.root_dir={tmp_path}" in launched
    assert f"--FileContentsManager.preferred_dir={tmp_path / 'notebooks'}" in launched
    assert launched[-3:] == ["--no-browser", "--port", "8899"]


@pytest.mark.parametrize(("spoken", "edition"), [("en_GB.UTF-8", ""), ("ko_KR.UTF-8", "ko/")])
def test_lab_opens_chapter_1_the_first_time_and_then_what_was_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoken: str, edition: str
) -> None:
    from jupyterlab.labapp import LabApp

    folder = tmp_path / "notebooks" / edition
    for each in (tmp_path / "notebooks", tmp_path / "notebooks/ko"):
        each.mkdir()
        (each / "01_begin.ipynb").touch()
    launched: list[str] = []
    monkeypatch.setattr(LabApp, "launch_instance", launched.extend)
    monkeypatch.delenv("KUBECOURSE_LANGUAGE", raising=False)
    monkeypatch.setenv("LC_ALL", spoken)

    cli.open_lab(tmp_path, [])
    assert f"--LabApp.default_url=/lab/tree/notebooks/{edition}01_begin.ipynb" in launched

    launched.clear()
    (folder / ".ipynb_checkpoints").mkdir()
    cli.open_lab(tmp_path, [])
    assert not [option for option in launched if "default_url" in option]


def test_the_simulator_loads_nothing_that_only_the_lab_needs() -> None:
    """The import rules see what is written; this sees what is loaded."""
    loaded = subprocess.check_output(
        [sys.executable, "-c", "import kubecourse, sys; print(*sorted(sys.modules))"], text=True
    ).split()
    for module in ("IPython", "aiohttp", "docker", "httpx", "ipywidgets", "numpy", "plotly"):
        assert module not in loaded
