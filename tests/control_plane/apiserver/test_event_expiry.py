"""Events live for an hour after they were last written."""

from kubecourse import Cluster


def reasons(cluster: Cluster) -> list[str]:
    return [event.reason for event in cluster.list("events") if event.involvedObject.kind == "Pod"]


def test_after_an_hour_nothing_is_told_of_a_pod_that_runs() -> None:
    cluster = Cluster(nodes=1)
    cluster.run("run web --image=nginx:1.27")
    cluster.settle()
    assert "Started" in reasons(cluster)
    cluster.advance(3500)
    assert "Started" in reasons(cluster)
    cluster.advance(200)
    assert reasons(cluster) == []


def test_what_is_told_again_and_again_stays() -> None:
    cluster = Cluster(nodes=1)
    cluster.images.declare("broken", exit_code=1, exits_after=1.0)
    cluster.run("run web --image=broken")
    cluster.advance(5000)
    assert "BackOff" in reasons(cluster)
    assert "Scheduled" not in reasons(cluster)
