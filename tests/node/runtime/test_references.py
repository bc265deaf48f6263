"""Image names, by the reference library's own tables (`tests/data/oracles/image_names.json`)."""

import pytest

from kubecourse.node.runtime.references import InvalidReference, parse_reference
from tests.oracles import oracle

NAMES = oracle("image_names")


@pytest.mark.parametrize("row", NAMES["normalise"], ids=lambda row: row["full"])
def test_normalise(row: dict[str, str]) -> None:
    for name in (row["familiar"], row["full"], row["ambiguous_input"]):
        if name:
            reference = parse_reference(name)
            assert (reference.domain, reference.path) == (row["domain"], row["path"])
            assert reference.familiar == row["familiar"]


@pytest.mark.parametrize("name", NAMES.get("valid", []))
def test_valid(name: str) -> None:
    parse_reference(name)


@pytest.mark.parametrize("name", NAMES.get("invalid", []))
def test_invalid(name: str) -> None:
    with pytest.raises(InvalidReference):
        parse_reference(name)


def test_latest_is_what_is_meant_where_nothing_is_said() -> None:
    assert parse_reference("nginx").full == "docker.io/library/nginx:latest"
    assert parse_reference("nginx:1.25").full == "docker.io/library/nginx:1.25"
    digest = "sha256:" + "a" * 64
    assert parse_reference(f"nginx:1@{digest}").full == f"docker.io/library/nginx@{digest}"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Nginx", "invalid reference format: repository name (library/Nginx) must be lowercase"),
        ("nginx::1", "invalid reference format"),
        ("nginx:", "invalid reference format"),
    ],
)
def test_what_is_wrong(name: str, says: str) -> None:
    with pytest.raises(InvalidReference) as error:
        parse_reference(name)
    assert str(error.value) == says
