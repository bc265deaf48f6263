"""Valid manifests made wrong at random: an answer always comes, and it is one of the server's."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api import yaml
from kubecourse.control_plane.apiserver.rest import Request, handle
from tests.control_plane.apiserver import replay

JUNK: list[Any] = [
    None, 0, -1, 1.5, 2**40, True, "", "x", "a b", "10%", "0x", [], [None], ["a", "a"], [{}],
    [{"name": "a"}], {}, {"a": None}, {"name": "x"},
]  # fmt: skip


def valid_bodies() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for record in replay.records("api"):
        if record["method"] == "POST" and record["code"] == 201 and "/pods/" not in record["path"]:
            path = record["path"].partition("?")[0]
            found.append((f"{path}?dryRun=All", yaml.load(record["body"])))
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
    body = copy.deepcopy(body)
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


MUTATION = st.tuples(st.integers(0, 10_000), st.sampled_from([*JUNK, ()]))


@given(st.sampled_from(BODIES), st.lists(MUTATION, min_size=1, max_size=3))
def test_a_spoilt_manifest_is_answered(
    valid: tuple[str, dict[str, Any]], mutations: list[tuple[int, Any]]
) -> None:
    path, body = valid
    for where, junk in mutations:
        body = changed(body, where, junk)
    server = replay.server_with("api")
    answer = handle(server, Request("POST", path, body=json.dumps(body)))
    assert answer.code in (201, 400, 403, 404, 422), answer.body
    # A Job's generated selector names its own uid, which the next one cannot have.
    if answer.code == 201 and answer.body["kind"] != "Job":
        again = handle(server, Request("POST", path, body=json.dumps(answer.body)))
        assert replay.differences(replay.normal(answer.body), replay.normal(again.body)) == []
