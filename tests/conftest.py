"""What tests may ask of the machine, and how hypothesis runs.

`@pytest.mark.requires_docker` (`_kubectl`, `_helm`, `_chromium`) skips a test where the tool is
missing, with one line at the end that says so. `KUBECOURSE_REQUIRE=docker,kubectl` (or `all`)
turns such a skip into a failure.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from functools import cache

import hypothesis
import pytest

from kubecourse.publish.chromium import find_chromium

hypothesis.settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=100, print_blob=True
)
hypothesis.settings.register_profile("dev", deadline=None, max_examples=30)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


def docker_is_missing() -> str | None:
    import docker

    try:
        docker.from_env(timeout=10).ping()
    except docker.errors.DockerException:
        return "no Docker engine answers"
    return None


def not_on_path(command: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(command) else f"no {command} on PATH"


# name -> why it is missing, None if it is there
TOOLS: dict[str, Callable[[], str | None]] = {
    "docker": cache(docker_is_missing),
    "kubectl": not_on_path("kubectl"),
    "helm": not_on_path("helm"),
    "prometheus": not_on_path("prometheus"),
    "chromium": lambda: None if find_chromium() else "no Chromium or Chrome found",
}


def required_tools() -> set[str]:
    names = {name for name in os.environ.get("KUBECOURSE_REQUIRE", "").split(",") if name}
    if "all" in names:
        return set(TOOLS)
    if unknown := names - set(TOOLS):
        raise pytest.UsageError(
            f"KUBECOURSE_REQUIRE names {', '.join(sorted(unknown))}; "
            f"known are all, {', '.join(TOOLS)}"
        )
    return names


def pytest_configure(config: pytest.Config) -> None:
    for tool in TOOLS:
        config.addinivalue_line("markers", f"requires_{tool}: needs {tool} on this machine")
    required_tools()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for tool, why_missing in TOOLS.items():
        if item.get_closest_marker(f"requires_{tool}") is None:
            continue
        if (reason := why_missing()) is None:
            continue
        if tool in required_tools():
            pytest.fail(f"{reason}, and KUBECOURSE_REQUIRE asks for {tool}", pytrace=False)
        pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = {reason for why_missing in TOOLS.values() if (reason := why_missing())}
    reports = terminalreporter.stats.get("skipped", [])
    said = (str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)
    if counts := Counter(reason for reason in said if reason in missing):
        listed = "; ".join(f"{count} because {reason}" for reason, count in counts.items())
        terminalreporter.write_line(f"Skipped for want of tools: {listed}.", yellow=True)
