"""Many events about one object become few: combined when similar, and no more than so many."""

import pytest

from kubecourse.api import models
from kubecourse.client import Client, EventRecorder
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.etcd import Etcd

core = models.core_v1
ObjectMeta = models.meta_v1.ObjectMeta


class World:
    def __init__(self):
        self.clock = Clock()
        self.client = Client(APIServer(self.clock, Etcd()), self.clock, "tester")
        self.client.create(core.Namespace(metadata=ObjectMeta(name="default")))
        self.obj = self.made("settings")
        self.recorder = EventRecorder(self.client, "some-controller")

    def made(self, name):
        metadata = ObjectMeta(name=name, namespace="default")
        return self.client.create(core.ConfigMap(metadata=metadata))

    @property
    def events(self):
        found = self.client.list(core.Event, "default")
        return [(event.message, event.count) for event in found]


@pytest.fixture
def world():
    return World()


def test_nine_different_messages_stand_alone_and_the_rest_are_combined(world):
    for number in range(12):
        world.recorder.normal(world.obj, "Done", f"message {number}")
    assert world.events[:9] == [(f"message {number}", 1) for number in range(9)]
    assert world.events[9:] == [("(combined from similar events): message 11", 3)]


def test_other_reasons_and_other_objects_are_not_similar(world):
    other = world.made("other")
    for number in range(6):
        world.recorder.normal(world.obj, "Done", f"message {number}")
        world.recorder.normal(world.obj, "Undone", f"message {number}")
        world.recorder.normal(other, "Done", f"message {number}")
    assert len(world.events) == 18
    assert not [message for message, _ in world.events if message.startswith("(combined")]


def test_messages_ten_minutes_apart_are_not_similar(world):
    for number in range(12):
        world.recorder.normal(world.obj, "Done", f"message {number}")
        world.clock.advance(601)
    assert {count for _, count in world.events} == {1}
    assert not any("combined" in message for message, _ in world.events)


def test_a_component_writes_25_times_and_then_once_in_five_minutes(world):
    for _ in range(100):
        world.recorder.normal(world.obj, "Done", "again")
    assert world.events == [("again", 25)]
    world.clock.advance(301)
    world.recorder.normal(world.obj, "Done", "again")
    assert world.events == [("again", 101)], "those that were not written were counted"


def test_an_event_that_has_expired_is_written_anew(world):
    world.recorder.normal(world.obj, "Done", "again")
    (event,) = world.client.list(core.Event, "default")
    world.client.delete(core.Event, event.metadata.name, "default")
    world.recorder.normal(world.obj, "Done", "again")
    assert world.events == [("again", 1)]
