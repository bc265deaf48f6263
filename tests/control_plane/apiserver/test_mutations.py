"""Valid manifests made wrong at random: an answer always comes, and it is one of the server's.

`KUBECOURSE_MUTATIONS` says how many; `make test-long` tries 50,000.
"""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kubecourse.api import schema, yaml
from kubecourse.api.resources import BY_KIND
from kubecourse.control_plane.apiserver.rest import Request, handle
from tests.control_plane.apiserver import replay

HOW_MANY = int(os.environ.get("KUBECOURSE_MUTATIONS") or (2000 if os.environ.get("CI") else 300))

JUNK: list[Any] = [
    None, 0, -1, 1.5, 2**40, True, "", "x", "a b", "10%", "0x", [], [None], ["a", "a"], [{}],
    [{"name": "a"}], {}, {"a": None}, {"name": "x"}, "Always", "/a", "../b", "10.0.0.1", 70000,
    {"matchLabels": {"a": "b"}}, "1Gi", "-1m", "2026-11-23T00:00:00Z",
]  # fmt: skip
OWN_500 = "resourceVersion should not be set on objects to be created"
"""What the real server, too, answers as an internal error."""
FEATURES = Path(__file__).parents[2] / "data" / "manifests" / "features.yaml"


def valid_bodies() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for record in replay.records("api"):
        if record["method"] == "POST" and record["code"] == 201 and "/pods/" not in record["path"]:
            found.append((record["path"].partition("?")[0], yaml.load(record["body"])))
    for document in FEATURES.read_text().split("---\n"):
        body = yaml.load(document)
        resource = BY_KIND.get((body["apiVersion"], body["kind"]))
        if resource is not None and "# refused" not in document:
            body["metadata"].pop("namespace", None)
            api = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
            where = "/namespaces/api" if resource.namespaced else ""
            found.append((f"{api}{where}/{resource.plural}", body))
    return found


BODIES = valid_bodies()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def changed(body: dict[str, Any], where: int, junk: Any) -> dict[str, Any]:
    """The body with one of its parts replaced; taken out where `junk` is ()."""
    every = list(places(body))
    if not every:
        return body
    *path, last = every[where % len(every)]
    inner: Any = body
    for key in path:
        inner = inner[key]
    if junk == ():
        del inner[last]
    else:
        inner[last] = copy.deepcopy(junk)
    return body


def grown(body: dict[str, Any], name: str, where: int, junk: Any) -> dict[str, Any]:
    """The body with one more field somewhere, of those that the Go type `name` has."""
    inner: Any = body
    while True:
        fields = list(schema.struct(name).fields.values())
        where, choice = divmod(where, len(fields))
        field = fields[choice]
        below = inner.get(field.name)
        if isinstance(below, list) and below:
            below = below[0]
        if field.element is None or (not isinstance(below, dict) and where % 2):
            inner[field.name] = copy.deepcopy(junk)
            return body
        if not isinstance(below, dict):
            below = {}
            inner[field.name] = [below] if field.type.form == "list" else below
        inner, name = below, field.element.name


MUTATION = st.tuples(
    st.booleans(), st.integers(0, 2**40), st.one_of(st.sampled_from([*JUNK, ()]), st.just({}))
)


@settings(max_examples=HOW_MANY)
@given(st.sampled_from(BODIES), st.lists(MUTATION, min_size=1, max_size=3))
def test_a_spoilt_manifest_is_answered(
    valid: tuple[str, dict[str, Any]], mutations: list[tuple[bool, int, Any]]
) -> None:
    path, body = valid[0], copy.deepcopy(valid[1])
    resource = replay.resource_at(path)
    assert resource is not None
    for grow, where, junk in mutations:
        if grow:
            body = grown(body, resource.schema, where, None if junk == () else junk)
        else:
            body = changed(body, where, junk)
    server = replay.server_with("api")
    answer = handle(server, Request("POST", path, body=json.dumps(body)))
    internal = answer.code == 500 and answer.body["message"] != OWN_500
    assert answer.code in (201, 400, 403, 404, 409, 422, 500) and not internal, answer.body
    if answer.code != 201:
        return
    stored = answer.body
    # What was answered is what is read, and written again it changes nothing.
    address = f"{path}/{stored['metadata']['name']}"
    assert handle(server, Request("GET", address)).body == stored
    again = handle(server, Request("PUT", address, body=json.dumps(stored)))
    assert again.code == 200, again.body
    assert again.body == stored
