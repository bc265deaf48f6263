"""What `cluster.timeline` tells: what happened, when, and what decided how long that took."""

import pytest

from kubecourse import Cluster
from kubecourse.cluster import CourseError
from kubecourse.tools.timeline import Timeline


def deployed(replicas: int = 3) -> Cluster:
    cluster = Cluster(nodes=3)
    cluster.run(f"create deployment web --image=nginx:1.27 --replicas={replicas}")
    cluster.settle()
    cluster.advance(40)
    return cluster


def whats(timeline: Timeline, name: str = "") -> list[str]:
    return [row.what for row in timeline.rows if row.object == (name or timeline.name)]


@pytest.fixture(scope="module")
def outage() -> Timeline:
    cluster = deployed()
    cluster.fail_node("node-2")
    cluster.advance(400)
    cluster.recover_node("node-2")
    cluster.advance(60)
    return cluster.timeline("node/node-2")


def test_a_nodes_death_is_told_from_the_last_heartbeat_to_its_return(outage: Timeline) -> None:
    assert whats(outage) == [
        "created", "back", "untainted", "silent", "given up", "tainted",
        "heard", "marked", "untainted", "back", "untainted", "untainted",
    ]  # fmt: skip


def test_each_step_says_how_long_it_took_and_what_decides_that(outage: Timeline) -> None:
    took = {row.what: (row.took, row.setting) for row in outage.rows if row.time > 30}
    assert took["given up"] == (54.956, "--node-monitor-grace-period")
    assert took["evicted"] == (300.001, "tolerationSeconds: 300")
    replaced = outage.first("replaced")
    assert replaced is not None and replaced.took is not None and replaced.took < 0.01
    ready = outage.first("ready", after=replaced.time)
    assert ready is not None and ready.setting == "image pull, start, readinessProbe"


def test_the_pods_of_a_silent_node_and_their_replacements_belong_to_it(outage: Timeline) -> None:
    evicted, replaced = outage.first("evicted"), outage.first("replaced")
    assert evicted is not None and replaced is not None
    assert whats(outage, evicted.object) == ["unready", "evicted", "finished", "gone"]
    assert whats(outage, replaced.object) == ["replaced", "scheduled", "ready"]
    assert replaced.text == f"created in place of {evicted.object}"


def test_printed_it_is_a_table_under_its_finding(outage: Timeline) -> None:
    headline, _, titles, *lines = repr(outage).splitlines()
    assert headline == "node/node-2 fell silent: 1 pod replaced and ready 355.4 s later"
    assert titles.split("  ")[0].strip() == "second"
    assert len(lines) == len(outage.rows)
    assert any(line.startswith("  90.0   55.0 s  NotReady, Kubelet stopped") for line in lines)


def test_a_node_that_is_back_in_time_loses_no_pod() -> None:
    cluster = deployed()
    cluster.fail_node("node-2")
    cluster.advance(150)
    cluster.recover_node("node-2")
    cluster.advance(400)
    timeline = cluster.timeline("node/node-2")
    assert {"given up", "heard", "back"} <= set(whats(timeline))
    assert timeline.first("evicted") is None
    pod = next(row.object for row in timeline.rows if row.object.startswith("pod/"))
    assert whats(timeline, pod) == ["unready", "ready"]


def test_a_missed_heartbeat_is_told_before_anybody_acts_on_it() -> None:
    cluster = deployed()
    cluster.fail_node("node-2")
    cluster.advance(20)
    assert cluster.timeline("node/node-2").rows[-1].text.startswith("last heartbeat, ")
    assert cluster.timeline("node/node-1").rows[-1].what == "untainted"


def test_the_second_outage_is_the_one_in_the_headline() -> None:
    cluster = deployed(replicas=6)
    for _ in range(2):
        cluster.fail_node("node-2")
        cluster.advance(400)
        cluster.recover_node("node-2")
        cluster.advance(60)
        cluster.run("rollout restart deployment/web")
        cluster.settle()
    timeline = cluster.timeline("node/node-2")
    assert whats(timeline).count("silent") == 2
    assert timeline.headline.startswith("node/node-2 fell silent: 2 pods replaced and ready 35")


def test_a_deployment_tells_of_what_it_owns() -> None:
    cluster = deployed(replicas=1)
    cluster.run("scale deployment/web --replicas=2")
    cluster.settle()
    timeline = cluster.timeline("deployment/web")
    assert [row.text for row in timeline.rows if row.object == "deployment/web"] == [
        "created", "replicas 1 → 2",
    ]  # fmt: skip
    assert len({row.object for row in timeline.rows if row.object.startswith("pod/")}) == 2


def test_a_pod_that_is_gone_can_still_be_asked_for() -> None:
    cluster = deployed()
    pod = cluster.pods()[0]
    cluster.crash(pod)
    cluster.advance(60)
    cluster.run(f"delete pod {pod}")
    cluster.advance(60)
    told = whats(cluster.timeline(f"pod/{pod}"))
    assert told[:3] == ["created", "scheduled", "ready"]
    assert {"unready", "restarted", "deleted"} < set(told)
    assert told[-1] == "gone"


def test_other_pods_that_go_have_no_replacement_to_tell_of() -> None:
    cluster = deployed()
    cluster.run("scale deployment/web --replicas=1")
    cluster.settle()
    cluster.run("scale deployment/web --replicas=3")
    cluster.settle()
    assert cluster.timeline("deployment/web").first("replaced") is None


def test_what_never_was_is_an_error() -> None:
    with pytest.raises(CourseError, match="nothing is known of 'pod/nobody'"):
        deployed().timeline("pod/nobody")


def test_warnings_are_told_in_their_own_words() -> None:
    cluster = Cluster(nodes=0)
    cluster.run("create deployment web --image=nginx:1.27")
    cluster.advance(10)
    texts = [row.text for row in cluster.timeline("deployment/web").rows if row.what == "event"]
    assert texts == ["FailedScheduling: no nodes available to schedule pods"]
