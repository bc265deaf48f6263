"""environment.yml installs what pyproject.toml's `lab` extra does, with the same bounds."""

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
ENVIRONMENT = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

# conda-forge's name -> PyPI's, where they differ
PYPI_NAMES = {"docker-py": "docker"}


def bounds(lines: list[str]) -> dict[str, str]:
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): str(r.specifier) for r in requirements}


def conda_lines() -> list[str]:
    return [line for line in ENVIRONMENT["dependencies"] if isinstance(line, str)]


def pip_lines() -> list[str]:
    (section,) = [line for line in ENVIRONMENT["dependencies"] if isinstance(line, dict)]
    return section["pip"]


def test_the_environment_has_the_name_that_the_readme_gives() -> None:
    assert ENVIRONMENT["name"] == "kubecourse"
    assert "conda activate kubecourse" in (REPOSITORY / "README.md").read_text()


def test_same_packages_and_bounds() -> None:
    conda = bounds(conda_lines())
    assert conda.pop("python") == PROJECT["requires-python"]
    conda.pop("pip")
    conda = {PYPI_NAMES.get(name, name): specifier for name, specifier in conda.items()}
    pip = bounds([line for line in pip_lines() if not line.startswith("-")])
    assert not conda.keys() & pip.keys()

    wanted = bounds(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["lab"])
    assert conda | pip == wanted


def test_the_project_itself_comes_last_and_editable() -> None:
    assert pip_lines()[-1] == "-e ."


def test_the_test_extra_holds_the_lab_extra() -> None:
    assert f"{PROJECT['name']}[lab]" in PROJECT["optional-dependencies"]["test"]
