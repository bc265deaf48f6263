"""Server-side apply as a pure mechanism: who owns what, what goes, what conflicts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api import schema
from kubecourse.api.patch import field_set
from kubecourse.api.patch.owners import Conflict, Manager, Owners, apply, dump, update
from kubecourse.api.patch.typed import ABSENT, atom, compare, fields_of, merge, problems, remove

POD = atom(schema.type_of("core/v1.Pod"))
V1 = "v1"


def applier(name: str) -> Manager:
    return Manager(name, "Apply")


def applied(owners: Owners, live: Any, config: Any, name: str, force: bool = False) -> Any:
    return apply(owners, live, config, POD, applier(name), V1, force)


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), **spec}}


def shown(owners: Owners) -> dict[str, list[str]]:
    return {manager.name: list(field_set.paths(entry.fields)) for manager, entry in owners.items()}


names = st.sampled_from(["a", "b", "c"])
texts = st.sampled_from(["1", "2"])
ports = st.builds(
    lambda number, protocol, name: {"containerPort": number, "name": name} | protocol,
    st.sampled_from([80, 81]),
    st.sampled_from([{}, {"protocol": "TCP"}, {"protocol": "UDP"}]),
    texts,
)


def key(port: dict[str, Any]) -> tuple[int, str]:
    return port["containerPort"], port.get("protocol", "TCP")


containers = st.fixed_dictionaries(
    {"name": names},
    optional={
        "image": texts,
        "args": st.lists(texts, min_size=1, max_size=2),
        "env": st.lists(
            st.fixed_dictionaries({"name": names}, optional={"value": texts}),
            unique_by=lambda e: e["name"],
            min_size=1,
            max_size=3,
        ),
        "ports": st.lists(ports, unique_by=key, min_size=1, max_size=3),
    },
)
# Empty lists and maps are left out: Go's structs do not tell them from absent ones.
NAMED = {"metadata": {"name": "p"}, "spec": {"hostname": "h"}}
configs = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.just("p")},
            optional={
                "labels": st.dictionaries(names, texts, min_size=1, max_size=3),
                "finalizers": st.lists(names, unique=True, min_size=1, max_size=3),
            },
        ),
        "spec": st.fixed_dictionaries(
            {"hostname": st.just("h")},
            optional={
                "containers": st.lists(
                    containers, unique_by=lambda c: c["name"], min_size=1, max_size=3
                ),
                "nodeSelector": st.dictionaries(names, texts, min_size=1, max_size=2),
                "restartPolicy": texts,
            },
        ),
    }
)
steps = st.lists(st.tuples(st.sampled_from(["alice", "bob"]), configs), min_size=1, max_size=5)


def after(history: list[tuple[str, Any]]) -> tuple[Any, Owners]:
    live, owners = {}, {}
    for name, config in history:
        live, owners = applied(owners, live or {}, config, name, force=True)
        live = live or {}
    return live, owners


@given(steps)
def test_applying_again_changes_nothing(history: list[tuple[str, Any]]) -> None:
    live, owners = after(history)
    name, config = history[-1]
    again, still = applied(owners, live, config, name)
    assert compare(live, again or {}, POD) == ({}, {})
    assert still == owners


@given(steps)
def test_what_was_applied_last_is_there_and_owned(history: list[tuple[str, Any]]) -> None:
    live, owners = after(history)
    name, config = history[-1]
    gone, changed = compare(live, merge(live, config, POD), POD)
    assert (gone, changed) == ({}, {})
    own = owners.get(applier(name))
    sets = field_set.without(fields_of(config, POD), (("metadata", "name"),))
    assert (own.fields if own else {}) == sets


@given(configs, configs)
def test_applying_less_removes_exactly_what_was_owned_alone(mine: Any, others: Any) -> None:
    """What only alice has applied goes with her; what bob has applied too stays."""
    live, owners = after([("bob", others), ("alice", mine), ("bob", others), ("alice", NAMED)])
    alone, alone_owners = after([("bob", others)])
    kept = owners.get(applier("bob"))
    before = alone_owners.get(applier("bob"))
    assert shown(owners)["alice"] == [".spec.hostname"]
    assert (kept.fields if kept else {}) == (before.fields if before else {})
    leaves = fields_of(alone, POD)
    assert field_set.difference(leaves, fields_of(live, POD)) == {}
    extra = field_set.difference(fields_of(live, POD), leaves)
    assert not [path for path in field_set.paths(extra) if not _emptied(live, path)]


def _emptied(live: Any, path: str) -> bool:
    """Whether only an empty map or list is left there, as the real server leaves it."""
    value = live
    for part in path.strip(".").split("."):
        if not isinstance(value, dict):
            return False
        value = value.get(part)
    return not value


@given(steps)
def test_no_ownership_is_lost(history: list[tuple[str, Any]]) -> None:
    """What is there has an owner, and nobody owns what is not there."""
    live, owners = after(history)
    owned: field_set.FieldSet = fields_of(NAMED, POD)
    for entry in owners.values():
        owned = field_set.union(owned, entry.fields)
    there = fields_of(live, POD)
    assert field_set.difference(owned, there) == {}
    unowned = field_set.paths(field_set.difference(there, owned))
    assert not [path for path in unowned if not _emptied(live, path)]


@given(configs, configs)
def test_a_conflict_is_what_another_would_lose(first: Any, second: Any) -> None:
    live, owners = after([("alice", first)])
    try:
        applied(owners, live, second, "bob")
    except Conflict as conflict:
        _, changed = compare(live, merge(live, second, POD), POD)
        lost = owners[applier("alice")].fields
        assert conflict.fields == {applier("alice"): field_set.intersection(lost, changed)}
    else:
        new, left = applied(owners, live, second, "bob", force=True)
        assert compare(live, new, POD)[0] == {}
        assert left.get(applier("alice")) == owners.get(applier("alice"))


@given(configs)
def test_sets_survive_being_written(config: Any) -> None:
    fields = fields_of(config, POD)
    assert field_set.load(field_set.dump(fields)) == fields


@given(configs, configs)
def test_what_goes_one_way_comes_the_other_way(old: Any, new: Any) -> None:
    gone, changed = compare(old, new, POD)
    lacks, sets = compare(new, old, POD)
    assert field_set.difference(gone, sets) == field_set.difference(lacks, changed) == {}
    if old == new:
        assert changed == {} == gone
    elif changed == {} == gone:
        assert unordered(old) == unordered(new)


def unordered(value: Any) -> Any:
    """A value without the order of its lists, which is no difference of sets."""
    if isinstance(value, dict):
        return {key: unordered(item) for key, item in value.items()}
    return sorted(map(unordered, value), key=repr) if isinstance(value, list) else value


# --- cases


def test_an_element_without_its_protocol_is_the_tcp_port() -> None:
    assert list(
        field_set.paths(fields_of(pod({"name": "c", "ports": [{"containerPort": 80}]}), POD))
    ) == [
        '.spec.containers[name="c"]',
        '.spec.containers[name="c"].name',
        '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"]',
        '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].containerPort',
    ]


def test_atomic_lists_maps_and_structs_are_one_field() -> None:
    config = pod(nodeSelector={"a": "b"}, tolerations=[{"key": "k"}])
    config["spec"]["imagePullSecrets"] = [{"name": "s"}]
    assert list(field_set.paths(fields_of(config, POD))) == [
        ".spec.nodeSelector",
        ".spec.tolerations",
        '.spec.imagePullSecrets[name="s"]',
    ]


def test_two_appliers_may_agree_and_neither_takes_the_other_with_it() -> None:
    config = pod({"name": "c", "image": "i"})
    live, owners = after([("alice", config), ("bob", config)])
    assert shown(owners)["alice"] == shown(owners)["bob"]
    live, owners = applied(owners, live, {}, "alice")
    assert live == config
    assert list(shown(owners)) == ["bob"]


def test_an_update_takes_what_it_changes_from_an_applier() -> None:
    live, owners = after([("alice", pod({"name": "c", "image": "1"}, restartPolicy="1"))])
    new = pod({"name": "c", "image": "2"}, restartPolicy="1")
    owners = update(owners, *compare(live, new, POD), Manager("bob", "Update", V1), None)
    image = '.spec.containers[name="c"].image'
    assert shown(owners)["bob"] == [image]
    assert image not in shown(owners)["alice"]
    with pytest.raises(Conflict) as caught:
        applied(owners, new, pod({"name": "c", "image": "1"}), "alice")
    assert caught.value.message() == (
        f'Apply failed with 1 conflict: conflict with "bob" using v1: {image}'
    )


def test_the_oldest_of_many_updaters_are_counted_together() -> None:
    owners: Owners = {}
    live: dict[str, Any] = {}
    for number in range(13):
        labels = {**live.get("metadata", {}).get("labels", {}), f"l{number:02}": "x"}
        new = {"metadata": {"labels": labels}}
        who = Manager(f"m{number:02}", "Update", V1)
        owners = update(owners, *compare(live, new, POD), who, None)
        live = new
    assert [entry["manager"] for entry in dump(owners)] == [
        "ancient-changes",
        *(f"m{number:02}" for number in range(4, 13)),
    ]
    labels = dump(owners)[0]["fieldsV1"]["f:metadata"]["f:labels"]
    assert list(labels) == [".", "f:l00", "f:l01", "f:l02", "f:l03"]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"spec": {"x": 1}}, [".spec.x: field not declared in schema"]),
        ({"spec": 1}, [".spec: expected map, got &{1}"]),
        ({"spec": {"containers": {}}}, [".spec.containers: expected list, got &{map[]}"]),
        (
            pod({"image": "i"}),
            [
                ".spec.containers: element 0: associative list with keys has an element that "
                'omits key field "name" (and doesn\'t have default value)'
            ],
        ),
        (
            {"metadata": {"labels": {"a": 1}}},
            [".metadata.labels.a: expected string, got &value.valueUnstructured{Value:1}"],
        ),
        (
            {"spec": {"priority": "high"}},
            [".spec.priority: expected numeric (int or float), got string"],
        ),
        ({"spec": {"hostNetwork": "yes"}}, [".spec.hostNetwork: expected boolean, got &{yes}"]),
        (
            {"metadata": {"finalizers": ["a", "a"]}},
            ['.metadata.finalizers: duplicate entries for key [="a"]'],
        ),
    ],
)  # fmt: skip
def test_what_is_not_of_its_type(config: Any, why: list[str]) -> None:
    assert list(problems(config, POD)) == why


def test_elements_that_repeat_give_way_to_the_one_applied() -> None:
    live = pod({"name": "c", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]})
    config = pod({"name": "c", "env": [{"name": "A", "value": "3"}]})
    merged = merge(live, config, POD)
    assert merged["spec"]["containers"][0]["env"] == [{"name": "A", "value": "3"}]


def test_what_is_absent_is_not_null() -> None:
    leaf = atom(schema.type_of("string"))
    assert compare(ABSENT, None, leaf) == ({}, field_set.LEAF)
    assert compare(None, None, leaf) == ({}, {})
    assert remove("x", {}, leaf) == "x"
