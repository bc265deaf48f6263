"""The harness itself: a missing tool skips, or fails where the tool is required."""

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

NEEDS_HELM = """
import pytest

@pytest.mark.requires_helm
def test_that_needs_helm():
    pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with this project's conftest, one test, and no Helm."""
    repository = Path(__file__).parents[1]
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("KUBECOURSE_REQUIRE", raising=False)
    shutil.copy(repository / "tests" / "conftest.py", pytester.path / "conftest.py")
    pytester.makepyfile(NEEDS_HELM)
    return pytester


def test_a_missing_tool_skips_and_says_so(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["Skipped for want of tools: 1 because no helm on PATH."])


@pytest.mark.parametrize("required", ["helm", "docker,helm", "all"])
def test_a_missing_tool_fails_where_it_is_required(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, required: str
) -> None:
    monkeypatch.setenv("KUBECOURSE_REQUIRE", required)
    result = project.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no helm on PATH, and KUBECOURSE_REQUIRE asks for helm*"])


def test_an_unknown_tool_is_named(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECOURSE_REQUIRE", "podman")
    result = project.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*KUBECOURSE_REQUIRE names podman*"])
