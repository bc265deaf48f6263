"""Rollouts as a real v1.36 control plane made them, made again.

A controller is busy until its last writes are through, and sees what changed meanwhile together.
Where the recorded one was busy for longer the finest steps differ: such records are named below,
and agree wherever nothing moves for half a second.
"""

import re

import pytest

from kubecourse.api import codec, models
from tests.control_plane.controller_manager.replay import (
    RECORD,
    at_rest,
    recorded_moves,
    replay,
    without_repeats,
)

READY_WHILE_BUSY = {
    "r5-surge2-unav1": "the third pod was ready before the recorded controller saw the second",
}
STAMP = "kubectl.kubernetes.io/restartedAt"


@pytest.fixture(scope="module", params=RECORD)
def replayed(request):
    record = RECORD[request.param]
    return record, *replay(record, pods_as_recorded=True)


def agrees(same, listed, record):
    """Whether a record agrees, unless it is listed; one that is must not."""
    reason = listed.get(record["scenario"])
    if reason is not None:
        assert not same, f"{record['scenario']} agrees now: strike it off ({reason})"
    return same or reason is not None


def test_the_replica_sets_go_through_the_same_sizes(replayed):
    record, _, history = replayed
    got = [(index, size) for _, index, size in history.spec]
    assert agrees(got == recorded_moves(record), READY_WHILE_BUSY, record), got


@pytest.mark.parametrize("scheduler", [False, True], ids=["", "with the real scheduler"])
@pytest.mark.parametrize("name", RECORD)
def test_the_sizes_agree_whenever_nothing_moves(name, scheduler):
    """Here the double alone decides when pods are ready."""
    record = RECORD[name]
    _, history = replay(record, scheduler=scheduler)
    recorded = [
        (entry["t"], entry["rs"], entry["specReplicas"])
        for entry in record["trace"]
        if entry.get("specChange")
    ]
    assert at_rest(history.spec) == at_rest(recorded)


def test_the_conditions_follow_one_another_as_recorded(replayed):
    record, _, history = replayed
    expected, got = (
        without_repeats((each.get("observedGeneration"), each["conditions"]) for each in trace)
        for trace in (record["deploymentTrace"], history.statuses)
    )
    assert got == expected


def test_the_deployment_ends_as_recorded(replayed):
    record, lab, history = replayed
    expected = record["final"]["deployment"]
    got = codec.encode(lab.deployment())
    for deployment in (expected, got):
        (deployment["spec"]["template"]["metadata"].get("annotations") or {}).pop(STAMP, None)
    assert got["spec"] == expected["spec"]
    assert got["metadata"]["generation"] == expected["metadata"]["generation"]
    assert got["metadata"]["annotations"] == expected["metadata"]["annotations"]
    assert counts(got) == counts(expected)
    assert said(got, history.names[-1:]) == said(expected, names_in(expected))


def counts(deployment):
    return {key: value for key, value in deployment["status"].items() if key != "conditions"}


def names_in(deployment):
    messages = [each["message"] for each in deployment["status"]["conditions"]]
    return [name for message in messages for name in re.findall(r'"(\S+)"', message)]


def said(deployment, names):
    return [
        (each["type"], each["status"], each["reason"], numbered(each["message"], names))
        for each in deployment["status"]["conditions"]
    ]


def test_the_replica_sets_end_as_recorded(replayed):
    record, lab, _ = replayed
    exact = record["scenario"] not in READY_WHILE_BUSY

    def shown(image, annotations, size, status):
        if not exact:  # one step more or less is one generation more or less
            status = {k: v for k, v in status.items() if k != "observedGeneration"}
        return image, annotations, size, status

    expected = [
        shown(each["image"], each["annotations"], each["spec.replicas"], each["status"])
        for each in record["final"]["replicasets"]
    ]
    got = []
    for each in map(codec.encode, lab.replicasets()):
        image = each["spec"]["template"]["spec"]["containers"][0]["image"]
        annotations, size = each["metadata"]["annotations"], each["spec"]["replicas"]
        got.append(shown(image, annotations, size, each["status"]))
    key = "deployment.kubernetes.io/revision"
    assert sorted(got, key=lambda s: s[1][key]) == sorted(expected, key=lambda s: s[1][key])


def test_the_deployment_tells_the_same_events(replayed):
    record, lab, history = replayed
    if record["scenario"] in READY_WHILE_BUSY:
        return
    events = lab.client.list(models.core_v1.Event, "default")
    told = [e for e in record["events"] if e["kind"] == "Deployment"]
    names = without_repeats(
        name for e in told for name in re.findall(r"replica set (\S+)", e["message"])
    )
    first = [name for i, name in enumerate(names) if name not in names[:i]]
    got = [
        (e.reason, e.type, numbered(e.message, history.names), e.count)
        for e in events
        if e.involvedObject.kind == "Deployment"
    ]
    expected = [(e["reason"], e["type"], numbered(e["message"], first), e["count"]) for e in told]
    if len(first) == len(history.names):  # of some sets the record has combined events only
        assert sorted(got) == sorted(expected)
    assert len(got) == len(expected)


def numbered(message, names):
    for index, name in enumerate(names):
        message = message.replace(name, f"#{index}")
    return message


def test_pods_come_and_go_by_the_recorded_number_of_events(replayed):
    record, lab, _ = replayed
    events = lab.client.list(models.core_v1.Event, "default")
    got = sorted(
        (e.reason, e.message.startswith("(combined"), e.count)
        for e in events
        if e.involvedObject.kind == "ReplicaSet"
    )
    expected = sorted(
        (e["reason"], e["message"].startswith("(combined"), e["count"])
        for e in record["events"]
        if e["kind"] == "ReplicaSet"
    )
    assert got == expected
