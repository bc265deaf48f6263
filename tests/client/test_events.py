"""Events: what components tell people. The same again is counted, not repeated."""

from kubecourse.api import models
from kubecourse.client import Client, EventRecorder
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.etcd import Etcd

core = models.core_v1
ObjectMeta = models.meta_v1.ObjectMeta


def setup() -> tuple[Client, EventRecorder, core.ConfigMap]:
    clock = Clock()
    client = Client(APIServer(clock, Etcd()), clock, "test")
    client.create(core.Namespace(metadata=ObjectMeta(name="default")))
    thing = client.create(core.ConfigMap(metadata=ObjectMeta(name="thing", namespace="default")))
    return client, EventRecorder(client, "tester", host="node-1"), thing


def test_an_event_names_its_object_its_source_and_its_time() -> None:
    client, recorder, thing = setup()
    client.clock.advance(5)
    recorder.warning(thing, "Tested", "a message", "spec.part")
    (event,) = client.list(core.Event, "default")
    assert (event.type, event.reason, event.message, event.count) == (
        "Warning",
        "Tested",
        "a message",
        1,
    )
    about = event.involvedObject
    assert (about.apiVersion, about.kind, about.name, about.uid, about.fieldPath) == (
        "v1",
        "ConfigMap",
        "thing",
        thing.metadata.uid,
        "spec.part",
    )
    assert (event.source.component, event.source.host) == ("tester", "node-1")
    assert event.metadata.name.startswith("thing.")
    assert client.clock.seconds(event.firstTimestamp) == 5


def test_the_same_event_again_raises_its_count() -> None:
    client, recorder, thing = setup()
    for _ in range(3):
        recorder.normal(thing, "Tested", "a message")
        client.clock.advance(10)
    recorder.normal(thing, "Tested", "another message")
    again, other = sorted(client.list(core.Event, "default"), key=lambda e: -e.count)
    assert (again.count, other.count) == (3, 1)
    assert client.clock.seconds(again.lastTimestamp) == 20
    assert client.clock.seconds(again.firstTimestamp) == 0


def test_an_event_that_has_gone_is_written_anew() -> None:
    client, recorder, thing = setup()
    recorder.normal(thing, "Tested", "a message")
    (event,) = client.list(core.Event, "default")
    client.delete(core.Event, event.metadata.name, "default")
    recorder.normal(thing, "Tested", "a message")
    (event,) = client.list(core.Event, "default")
    assert event.count == 1


def test_nobody_fails_for_want_of_an_event() -> None:
    client, recorder, _ = setup()
    elsewhere = core.ConfigMap(metadata=ObjectMeta(name="x", namespace="nowhere", uid="u"))
    recorder.normal(elsewhere, "Tested", "its namespace does not exist")
    assert client.list(core.Event) == []
