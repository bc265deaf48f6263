"""In which order pods are tried, and when they are tried again."""

import pytest

from kubecourse.api import models
from kubecourse.control_plane.scheduler.queue import SchedulingQueue
from tests.control_plane.scheduler.objects import pod


def key(name):
    return "default", name


def queue(*pods, now=0.0):
    waiting = SchedulingQueue()
    for each in pods:
        waiting.add(key(each.metadata.name), each, now)
    return waiting


def taken(waiting, now=0.0):
    names = []
    while (queued := waiting.pop(now)) is not None:
        names.append(queued.key[1])
    return names


def test_the_important_come_first_then_those_that_waited_longest():
    waiting = queue(pod("a"), pod("b", priority=5), pod("c"))
    waiting.add(key("d"), pod("d", priority=5), 1.0)
    assert taken(waiting) == ["b", "d", "a", "c"]
    assert len(waiting) == 0


def test_a_pod_that_is_gone_is_not_tried():
    waiting = queue(pod("a"), pod("b"))
    waiting.remove(key("a"))
    assert taken(waiting) == ["b"]


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (9, 10), (2000, 10)]
)
def test_the_back_off_doubles_up_to_ten_seconds(attempts, seconds):
    waiting = queue(pod("a"))
    for _ in range(attempts):
        queued = waiting.pop(0.0)
        waiting.give_up(queued, (), 0.0)
        waiting.requeue(queued, 1000.0)
    queued.tried = 0.0
    assert queued.due == seconds


def test_what_backs_off_is_tried_early_if_there_is_nothing_else():
    waiting = queue(pod("a"))
    first = waiting.pop(0.0)
    waiting.give_up(first, ("NodeResourcesFit",), 0.0)
    assert waiting.pop(0.0) is None
    waiting.requeue(first, 0.5)
    waiting.add(key("b"), pod("b"), 0.5)
    assert taken(waiting, 0.5) == ["b", "a"]


def test_after_an_error_it_waits():
    waiting = queue(pod("a"))
    due = waiting.failed(waiting.pop(0.0), 0.0)
    assert waiting.pop(0.9) is None
    assert taken(waiting, due) == ["a"]


def test_a_gated_pod_waits_until_its_gates_are_gone():
    gate = models.core_v1.PodSchedulingGate(name="example.com/g")
    waiting = queue(pod("a", schedulingGates=[gate]))
    assert taken(waiting) == []
    waiting.add(key("a"), pod("a"), 1.0)
    assert taken(waiting, 1.0) == ["a"]


def test_a_pod_that_changes_is_tried_again():
    waiting = queue(pod("a"))
    waiting.give_up(waiting.pop(0.0), ("NodeAffinity",), 0.0)
    waiting.add(key("a"), pod("a", {"new": "label"}), 0.0)
    assert taken(waiting) == ["a"]
