"""Recordings see what kubectl would: each pod's states, and how many there were of each."""

from kubecourse import Cluster
from kubecourse.lessons.recording import FAILED, PENDING, READY, TERMINATING, Recording


def started() -> tuple[Cluster, Recording]:
    cluster = Cluster(nodes=2)
    cluster.run("create deployment web --image=nginx:1.27 --replicas=2")
    cluster.settle()
    return cluster, Recording(cluster, "web")


def test_it_begins_with_what_there_is() -> None:
    _, recording = started()
    assert [s.state for s in recording.segments] == [READY, READY]
    assert recording.counts[-1].desired == 2
    assert recording.counts[-1].pods[READY] == recording.counts[-1].actual == 2


def test_a_pod_goes_from_pending_to_ready_to_terminating() -> None:
    cluster, recording = started()
    cluster.run("scale deployment/web --replicas=3")
    cluster.settle()
    cluster.run("scale deployment/web --replicas=2")
    cluster.settle()
    newest = recording.segments[2].pod
    states = [s.state for s in recording.segments if s.pod == newest]
    assert states == [PENDING, READY, TERMINATING]
    ends = [s.end for s in recording.segments if s.pod == newest]
    starts = [s.start for s in recording.segments if s.pod == newest]
    assert starts[1:] == ends[:-1]
    assert ends[-1] is not None
    assert recording.counts[-1].actual == 2


def test_an_image_that_cannot_be_pulled_is_a_failure() -> None:
    cluster, recording = started()
    cluster.images.declare("nginx:broken", pullable=False)
    cluster.run("set image deployment/web nginx=nginx:broken")
    cluster.advance(60)
    assert recording.counts[-1].pods[FAILED] == 1
    assert recording.counts[-1].pods[READY] == 2
    assert len({s.revision for s in recording.segments}) == 2


def test_a_stopped_recording_hears_no_more() -> None:
    cluster, recording = started()
    recording.stop()
    cluster.run("scale deployment/web --replicas=5")
    cluster.settle()
    assert recording.counts[-1].desired == 2
