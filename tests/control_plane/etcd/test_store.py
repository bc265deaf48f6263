"""etcd: one counter for all writes, compare before writing, a history that can be watched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.control_plane.etcd import Compacted, Etcd, Event

PODS = "/registry/pods/"


def test_every_write_to_any_key_has_the_next_revision() -> None:
    etcd = Etcd()
    assert etcd.put(PODS + "default/a", "one") == 2
    assert etcd.put("/registry/nodes/n", "node") == 3
    assert etcd.put(PODS + "default/a", "two") == 4
    assert etcd.get(PODS + "default/a") == ("two", 2, 4)
    assert etcd.get(PODS + "default/b") is None


def test_a_write_with_an_expected_revision_happens_only_at_that_revision() -> None:
    etcd = Etcd()
    first = etcd.put(PODS + "default/a", "one", expected=0)
    assert etcd.put(PODS + "default/a", "again", expected=0) == 0
    assert etcd.put(PODS + "default/a", "two", expected=first) == first + 1
    assert etcd.delete(PODS + "default/a", expected=first) == 0
    assert etcd.delete(PODS + "default/a", expected=first + 1) == first + 2
    assert etcd.delete(PODS + "default/a") == 0


def test_a_range_is_in_the_order_of_keys() -> None:
    etcd = Etcd()
    for name in ("default/b", "default/a", "other/c"):
        etcd.put(PODS + name, name)
    assert [kv.value for kv in etcd.range(PODS)] == ["default/a", "default/b", "other/c"]
    assert [kv.value for kv in etcd.range(PODS + "other/")] == ["other/c"]
    assert etcd.count(PODS) == 3


def test_a_watcher_hears_of_its_bucket_only_until_it_ends() -> None:
    etcd = Etcd()
    heard: list[Event] = []
    cancel = etcd.watch(PODS, heard.append)
    etcd.put("/registry/nodes/n", "node")
    etcd.put(PODS + "default/a", "one")
    etcd.delete(PODS + "default/a")
    cancel()
    cancel()
    etcd.put(PODS + "default/b", "later")
    assert heard == [
        Event(3, PODS + "default/a", None, "one"),
        Event(4, PODS + "default/a", "one", None),
    ]


def test_history_can_be_read_from_a_revision_until_it_is_compacted() -> None:
    etcd = Etcd()
    first = etcd.put(PODS + "default/a", "one")
    second = etcd.put(PODS + "default/a", "two")
    assert [event.new for event in etcd.history(PODS, first)] == ["two"]
    assert [event.new for event in etcd.history(PODS, first - 1)] == ["one", "two"]
    etcd.compact(first)
    assert [event.new for event in etcd.history(PODS, first)] == ["two"]
    with pytest.raises(Compacted) as caught:
        etcd.history(PODS, first - 1)
    assert caught.value.oldest == first
    assert etcd.get(PODS + "default/a") == ("two", first, second)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=30))
def test_replaying_the_history_gives_the_present(writes: list[tuple[str, int]]) -> None:
    etcd = Etcd()
    for name, value in writes:
        if value:
            etcd.put(PODS + name, value)
        else:
            etcd.delete(PODS + name)
    replayed: dict[str, int] = {}
    for event in etcd.history(PODS, 0):
        assert replayed.get(event.key) == event.old
        replayed[event.key] = event.new
    present = {key: value for key, value in replayed.items() if value is not None}
    assert [present[key] for key in sorted(present)] == [kv.value for kv in etcd.range(PODS)]
