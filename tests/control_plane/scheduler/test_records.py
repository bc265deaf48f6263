"""What the real scheduler v1.36 chose and said, replayed.

The records were made with a real API server and scheduler v1.36.2 alone, on 2026-11-23. Where
runs of the real one differ, it was a tie, and each node that it chose counts as right.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubecourse.api import codec
from tests.control_plane.scheduler.replay import World, play

RECORDS = {
    record["scenario"]: record
    for record in json.loads(
        (Path(__file__).parents[2] / "data/records/scheduler.json").read_text(encoding="utf-8")
    )
}

LISTED: dict[str, str] = {}
"""Scenarios that do not agree yet, and why. One that begins to agree must be struck off."""

WHEN_RECORDED = ("lastTransitionTime", "lastProbeTime")


def condition(pod: Any, type: str = "PodScheduled") -> list[dict[str, Any]]:
    found = [codec.encode(c) for c in pod.status.conditions or ()]
    return [timeless(c) for c in found if c["type"] == type]


def timeless(given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in WHEN_RECORDED}


def events(world: World, name: str | None = None) -> list[tuple[str, ...]]:
    return [
        (e.involvedObject.name, e.type, e.reason, without_uid(e.message))
        for e in sorted(world.events(), key=lambda e: e.metadata.name.partition(".")[2])
        if name is None or e.involvedObject.name == name
    ]


def without_uid(message: str) -> str:
    words = message.split()
    return " ".join("UID" if len(word) == 36 and word.count("-") == 4 else word for word in words)


def recorded_events(given: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(e["name"], e["type"], e["reason"], without_uid(e["message"])) for e in given]


def check(record: dict[str, Any]) -> None:
    world = play(record["inputs"])
    unscheduled = record["runs"][0]["unscheduled"]
    for text in record["inputs"]["pods"]:
        name = text.split("{name: ")[1].split(",")[0]
        pod = world.pod(name)
        if name in record["chosen"]:
            assert pod.spec.nodeName in record["chosen"][name]["distinct"]
            message = f"Successfully assigned default/{name} to {pod.spec.nodeName}"
            assert events(world, name)[-1] == (name, "Normal", "Scheduled", message)
        else:
            expected = unscheduled[name]
            assert pod.spec.nodeName is None
            assert condition(pod) == [timeless(c) for c in expected["condition"]]
            assert pod.status.nominatedNodeName == expected["nominatedNodeName"]
            said = [e for e in events(world, name) if e[2] != "Preempted"]
            assert said == recorded_events(expected["events"])
    after = record["runs"][0].get("after")
    if after is not None:
        check_after(world, after)


def check_after(world: World, after: dict[str, Any]) -> None:
    """What became of pending pods: victims went, a node came, or a pod left."""
    if "boundAfterNodeAdded_s" in after:
        world.add_node({"name": after["node"]})
        world.settle()
        assert world.pod("p").spec.nodeName == after["node"]
    elif "boundAfterPodDeleted_s" in after:
        world.delete_pod("x")
        world.settle()
        assert world.pod("p").spec.nodeName == after["node"]
    else:
        for victim in after["victims"]:
            pod = world.pod(victim["name"])
            assert pod.metadata.deletionGracePeriodSeconds == victim["grace"]
            wanted = [timeless(c) for c in victim["conditions"]]
            assert condition(pod, "DisruptionTarget") == wanted
        for given in after["pods"]:
            pod = world.pod(given["name"])
            assert (pod.spec.nodeName, pod.status.nominatedNodeName) == (
                given["node"],
                given["nominated"],
            )
        for victim in after["victims"]:
            world.delete_pod(victim["name"])
        world.settle()
        for name, node in after["afterVictimsGone"].items():
            assert world.pod(name).spec.nodeName == node
        assert events(world) == recorded_events(after["events"])


@pytest.mark.parametrize("scenario", RECORDS)
def test_scenario(scenario: str) -> None:
    if scenario in LISTED:
        with pytest.raises(AssertionError):
            check(RECORDS[scenario])
        pytest.skip(LISTED[scenario])
    check(RECORDS[scenario])
