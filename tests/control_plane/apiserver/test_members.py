"""API servers on a replicated etcd: each on its own member, one state behind all."""

from collections.abc import Callable
from typing import Any

import pytest

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.client import Client
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer, rest
from kubecourse.control_plane.etcd import Members

core = models.core_v1
NAMES = ("control-plane-1", "control-plane-2", "control-plane-3")
KEY = "/registry/configmaps/default/settings"
TIMED_OUT = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "etcdserver: request timed out",
    "code": 500,
}


class ControlPlane:
    """Three machines, each with an API server and an etcd member."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.etcd = Members(self.clock, NAMES)
        self.servers = [APIServer(self.clock, self.etcd[name]) for name in NAMES]
        self.clients = [Client(server, self.clock, "test") for server in self.servers]
        self.clients[0].create(core.Namespace(metadata=named("default", None)))


def named(name: str, namespace: str | None = "default") -> Any:
    return models.meta_v1.ObjectMeta(name=name, namespace=namespace)


def config(value: str, metadata: Any = None) -> Any:
    return core.ConfigMap(metadata=metadata or named("settings"), data={"value": value})


def failure(call: Callable[[], object]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value


def test_what_one_server_stores_all_serve_under_the_same_version() -> None:
    first, second, third = ControlPlane().clients
    made = first.create(config("one"))
    assert second.get(core.ConfigMap, "settings", "default") is made
    changed = third.update(config("two", made.metadata))
    assert int(changed.metadata.resourceVersion) == int(made.metadata.resourceVersion) + 1
    assert failure(lambda: second.update(config("late", made.metadata))).reason == "Conflict"
    assert second.list(core.ConfigMap, "default") == [changed]


def test_a_server_without_a_quorum_fails_reads_and_writes_with_etcds_words() -> None:
    plane = ControlPlane()
    plane.clients[0].create(config("one"))
    plane.etcd.partition([NAMES[0]])
    plane.clock.advance(5)
    lonely, other, _ = plane.servers
    for method, body in (("GET", None), ("DELETE", {})):
        request = rest.Request(method, "/api/v1/namespaces/default/configmaps/settings", body=body)
        assert rest.handle(lonely, request).body == TIMED_OUT
    assert failure(lambda: plane.clients[0].create(config("two"))).status() == TIMED_OUT
    get = rest.Request("GET", "/api/v1/namespaces/default/configmaps/settings")
    assert rest.handle(other, get).code == 200


def test_a_watch_through_a_member_that_is_cut_off_stands_still_until_it_is_back() -> None:
    plane = ControlPlane()
    heard: dict[str, list[str]] = {name: [] for name in NAMES}

    class Listener:
        def __init__(self, name: str) -> None:
            self.name = name

        def hear(self, changes: list[Any]) -> None:
            heard[self.name] += [change.object.data["value"] for change in changes]

    for name, client in zip(NAMES, plane.clients, strict=True):
        client.watch(core.ConfigMap, Listener(name).hear)
    made = plane.clients[0].create(config("one"))
    plane.clock.advance(1)
    plane.etcd.partition([NAMES[0]])
    plane.clock.advance(4)
    plane.clients[1].update(config("two", made.metadata))
    plane.clock.advance(1)
    assert heard == {NAMES[0]: ["one"], NAMES[1]: ["one", "two"], NAMES[2]: ["one", "two"]}
    plane.etcd.heal()
    plane.clock.advance(2)
    assert heard[NAMES[0]] == ["one", "two"]


def test_a_write_that_timed_out_and_happens_later_overwrites_nobody() -> None:
    plane = ControlPlane()
    made = plane.clients[0].create(config("one"))
    plane.etcd.partition([NAMES[0]])
    late = config("late", made.metadata)
    put = plane.etcd[NAMES[0]].put
    why = failure(lambda: put(KEY, late, expected=int(made.metadata.resourceVersion)))
    assert why.status() == TIMED_OUT
    plane.etcd.heal()
    # The leader's log still has the write: it comes before the next one, which knew nothing of it.
    two = config("two", made.metadata)
    assert failure(lambda: plane.clients[0].update(two)).reason == "Conflict"
    found = plane.clients[2].get(core.ConfigMap, "settings", "default")
    stored = plane.etcd.store.get(KEY)
    assert found.data == {"value": "late"}
    assert stored is not None and found.metadata.resourceVersion == str(stored.mod_revision)


def test_old_events_wait_for_a_quorum_to_be_removed() -> None:
    plane = ControlPlane()
    event = core.Event(
        metadata=named("old"), involvedObject=core.ObjectReference(namespace="default")
    )
    plane.clients[0].create(event)
    plane.etcd.crash(NAMES[1])
    plane.etcd.crash(NAMES[2])
    plane.clock.advance(4000)
    plane.etcd.restart(NAMES[1])
    plane.clock.advance(5)
    assert len(plane.clients[0].list(core.Event, "default")) == 1
    plane.clock.advance(61)
    assert plane.clients[0].list(core.Event, "default") == []
