"""The API server's tables: all that they say can be read, though most is read when asked for."""

from types import ModuleType

import pytest

from kubecourse.api.resources import RESOURCES, Resource
from kubecourse.control_plane.apiserver import blocks, defaults, tables, validation
from kubecourse.control_plane.apiserver.validation import rules


def headings(package: str, name: str) -> list[str]:
    found = []
    for heading, _ in blocks.read(package, name):
        go, _, names = heading.partition(" as ")
        found += names.split(", ") if names else [go.rpartition(".")[2]]
    return found


@pytest.mark.parametrize("name", headings(validation.__name__, "rules.txt"))
def test_a_rule_names_fields_and_functions_that_are_there(name: str) -> None:
    assert callable(rules.rule(f"each {name}"))


@pytest.mark.parametrize("name", headings(defaults.__name__, "defaults.txt"))
def test_a_default_names_fields_and_functions_that_are_there(name: str) -> None:
    assert callable(defaults._block(name))


@pytest.mark.parametrize("resource", RESOURCES, ids=str)
def test_a_kind_is_shown_by_its_name(resource: Resource) -> None:
    names = [column.name for column in tables.printer(resource).columns]
    assert "Name" in names and len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("package", "file"), [(validation, "rules.txt"), (defaults, "defaults.txt")]
)
def test_a_name_has_one_block(package: ModuleType, file: str) -> None:
    names = headings(package.__name__, file)
    assert sorted(set(names)) == sorted(names)


def test_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        rules._line("replica: >= 0", "apps/v1.DeploymentSpec")
