"""The doctor: what it finds, and that it has advice for whatever is missing."""

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from kubecourse.lessons import messages
from kubecourse.publish import cli, doctor, trial_container
from kubecourse.publish.trial_container import LABEL, NAME

SYSTEMS = ["Linux", "Darwin", "Windows"]


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with Python and nothing else; its only folder of commands."""

    def nothing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    monkeypatch.delenv("KUBECOURSE_CHROMIUM", raising=False)
    monkeypatch.setattr("kubecourse.publish.chromium._APPLICATIONS", ())
    monkeypatch.setattr(doctor, "version", nothing)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setitem(sys.modules, "helm_python", None)
    monkeypatch.setattr(messages, "_chosen", [])
    return tmp_path


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("system", SYSTEMS)
def test_for_each_missing_tool_it_says_what_works_and_how_to_get_it(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch, system: str, language: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    messages.language(language)
    report = doctor.doctor()
    missing = [finding for finding in report.findings if finding.found is None]
    assert [finding.tool for finding in missing] == [
        "jupyterlab", "widgets", "docker", "kubectl", "helm", "chromium",
    ]  # fmt: skip
    for finding in missing:
        assert len(finding.lines) == 3
        assert finding.lines[2] in str(report)
    assert not report.can_open
    assert "pip install -e" in report.summary


@pytest.mark.parametrize("system", ["linux", "macos", "windows"])
@pytest.mark.parametrize("reason", ["no_sdk", "silent", "denied", "foreign", "broken"])
def test_every_trouble_with_docker_has_advice(reason: str, system: str) -> None:
    lines = doctor.Finding("docker", None, reason, "its own words", system).lines
    assert "its own words" in lines[0]
    assert len(lines) == 3


def test_a_tool_that_is_there_and_does_not_work_is_told_apart(bare_machine: Path) -> None:
    for name in ("kubectl", "helm", "chromium"):
        command = bare_machine / name
        command.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
        command.chmod(0o755)
    findings = {finding.tool: finding for finding in doctor.doctor().findings}
    for name in ("kubectl", "helm", "chromium"):
        assert findings[name].reason == "broken"
        assert "it is broken" in findings[name].lines[0]


def test_the_machine_that_runs_the_tests_can_open_the_course(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(messages, "_chosen", [])
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    assert cli.main(["doctor", "--language", "ko"]) == 0
    printed = capsys.readouterr().out
    assert f"파이썬: {platform.python_version()}" in printed
    assert "응답하는 엔진이 없다" in printed


def test_in_a_notebook_it_is_a_table(bare_machine: Path) -> None:
    table = doctor.doctor()._repr_html_()
    assert table.count("<tr>") == len(doctor.TESTS)
    assert "&#x27;.[lab]&#x27;" in table
    assert 'href="https://docs.docker.com/' in table


@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="made for Linux on amd64"
)
def test_the_program_in_the_container_says_its_word(tmp_path: Path) -> None:
    executable = tmp_path / "ready"
    executable.write_bytes(trial_container.program(62))
    executable.chmod(0o755)
    assert subprocess.check_output([executable]) == b"ready\n"


def test_the_program_for_arm_names_its_message() -> None:
    program = trial_container.program(183)
    assert program[18:20] == bytes([183, 0])
    code = program[120:-6]
    adr = int.from_bytes(code[4:8], "little")
    assert 4 + (adr >> 5 & 0x7FFFF) * 4 == len(code), "adr points at what follows the code"
    assert program.endswith(b"ready\n")


@pytest.mark.requires_docker
def test_a_container_runs_and_leaves_nothing() -> None:
    client = trial_container.connect()
    try:
        version = trial_container.run()
        assert version == client.version()["Version"]
        assert client.containers.list(all=True, filters={"label": f"{LABEL}=doctor"}) == []
        assert client.images.list(NAME) == []
    finally:
        client.close()


@pytest.mark.requires_docker
def test_what_a_run_that_was_cut_short_left_behind_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as cut_short:
        cut_short.setattr(trial_container, "_clean", lambda client: None)
        trial_container.run()
    trial_container.run()
    client = trial_container.connect()
    assert client.containers.list(all=True, filters={"label": f"{LABEL}=doctor"}) == []
    client.close()
