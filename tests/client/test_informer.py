"""Informers: a local copy that hears of every change, a moment later, and can be looked up fast."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.labels import parse_selector
from kubecourse.client import Client, Informer, InformerFactory
from kubecourse.client.informer import by_label, by_namespace
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.etcd import Etcd

ConfigMap, Namespace = models.core_v1.ConfigMap, models.core_v1.Namespace
ObjectMeta, OwnerReference = models.meta_v1.ObjectMeta, models.meta_v1.OwnerReference


def new_client() -> Client:
    clock = Clock()
    client = Client(APIServer(clock, Etcd()), clock, "test")
    for name in ("default", "other"):
        client.create(Namespace(metadata=ObjectMeta(name=name)))
    return client


@pytest.fixture
def client() -> Client:
    return new_client()


def config_map(name: str, namespace: str = "default", **metadata: Any) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace, **metadata))


def test_it_first_hears_what_there_is_and_then_what_changes(client: Client) -> None:
    client.create(config_map("first"))
    heard: list[tuple[str | None, str | None]] = []

    def handler(old: Any, new: Any) -> None:
        heard.append((old and old.metadata.name, new and new.metadata.name))

    informer = Informer(client, ConfigMap)
    informer.on_change(handler)
    informer.start()
    assert not informer.synced
    client.clock.settle()
    client.create(config_map("second"))
    first = client.get(ConfigMap, "first", "default")
    client.update(replace(first, data={"a": "b"}))
    client.delete(ConfigMap, "first", "default")
    assert len(informer) == 1, "news takes a moment"
    client.clock.settle()
    assert heard == [(None, "first"), (None, "second"), ("first", "first"), ("first", None)]
    assert [o.metadata.name for o in informer] == ["second"]
    assert informer.get("default", "first") is None


def test_a_stopped_informer_forgets_and_a_started_one_hears_everything_again(
    client: Client,
) -> None:
    informer = Informer(client, ConfigMap)
    informer.start()
    client.create(config_map("a"))
    informer.stop()
    client.clock.settle()
    assert len(informer) == 0
    informer.start()
    client.clock.settle()
    assert len(informer) == 1


def test_objects_are_found_by_labels_within_their_namespace(client: Client) -> None:
    informer = Informer(client, ConfigMap)
    informer.add_index(by_label)
    informer.start()
    client.create(config_map("a", labels={"app": "web", "tier": "front"}))
    client.create(config_map("b", labels={"app": "web"}))
    client.create(config_map("c", "other", labels={"app": "web"}))
    client.clock.settle()

    def names(selector: str) -> list[str]:
        return [o.metadata.name for o in informer.select("default", parse_selector(selector))]

    assert names("app=web") == ["a", "b"]
    assert names("app=web,tier=front") == ["a"]
    assert names("app=web,!tier") == ["b"]
    assert names("app=db") == []
    assert names("") == ["a", "b"]


def by_controller(obj: Any) -> list[str]:
    return [owner.uid for owner in obj.metadata.ownerReferences or () if owner.controller]


def test_objects_are_found_by_the_owner_that_manages_them(client: Client) -> None:
    informers = InformerFactory(client)
    informer = informers.informer(ConfigMap, by_controller)
    assert informers.informer(ConfigMap) is informer
    informers.start()
    owner = OwnerReference(apiVersion="v1", kind="Pod", name="p", uid="u1", controller=True)
    client.create(config_map("a", ownerReferences=[owner]))
    client.create(config_map("b", ownerReferences=[replace(owner, controller=False)]))
    client.clock.settle()
    assert [o.metadata.name for o in informer.indexed(by_controller, "u1")] == ["a"]
    informers.stop()
    assert list(informer.indexed(by_controller, "u1")) == []


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y", None])), max_size=25))
def test_an_index_always_equals_a_scan(changes: list[tuple[str, str | None]]) -> None:
    client = new_client()
    informer = Informer(client, ConfigMap)
    informer.add_index(by_label)
    informer.add_index(by_namespace)
    informer.start()
    for name, app in changes:
        existing = informer.get("default", name)
        if app is None and existing is not None:
            client.delete(ConfigMap, name, "default")
        elif existing is None:
            client.create(config_map(name, labels={"app": app or "x"}))
        else:
            labelled = replace(existing.metadata, labels={"app": app})
            client.update(replace(existing, metadata=labelled))
        client.clock.settle()
        for value in "xy":
            scan = {o.metadata.name for o in informer if o.metadata.labels["app"] == value}
            found = informer.indexed(by_label, f"default/app={value}")
            assert {o.metadata.name for o in found} == scan
        assert len(list(informer.indexed(by_namespace, "default"))) == len(informer)
