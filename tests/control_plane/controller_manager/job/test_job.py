"""A Job runs pods until enough have succeeded, with real kubelets."""

import json
from itertools import pairwise
from typing import Any

import pytest

from kubecourse.api import models
from tests.control_plane.controller_manager.workloads import Bench

core = models.core_v1
Job = models.batch_v1.Job

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec:
  MORE
  template:
    spec:
      restartPolicy: RESTART
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: busybox, command: [sh, -c, COMMAND]}]
"""


@pytest.fixture
def bench() -> Bench:
    return Bench()


def job(bench: Bench, command: str, more: str = "parallelism: 1", restart: str = "Never") -> None:
    text = JOB.replace("MORE", more.replace("; ", "\n  "))
    bench.create(text.replace("RESTART", restart).replace("COMMAND", json.dumps(command)))


def ending(bench: Bench) -> tuple[Any, ...]:
    """The last condition's type and reason, and how many pods succeeded and failed."""
    status = bench.get("job/j").status
    last = (status.conditions or [None])[-1]
    how = (last.type, last.reason) if last is not None else (None, None)
    return (*how, status.succeeded or 0, status.failed or 0)


@pytest.mark.parametrize(
    ("command", "more", "restart", "expected"),
    [
        ("true", "completions: 1", "Never", ("Complete", "CompletionsReached", 1, 0)),
        (
            "true",
            "completions: 5; parallelism: 2",
            "Never",
            ("Complete", "CompletionsReached", 5, 0),
        ),
        ("true", "parallelism: 2", "Never", ("Complete", "CompletionsReached", 2, 0)),
        ("exit 3", "backoffLimit: 1", "Never", ("Failed", "BackoffLimitExceeded", 0, 2)),
        ("exit 3", "backoffLimit: 2", "OnFailure", ("Failed", "BackoffLimitExceeded", 0, 1)),
        ("sleep 99", "activeDeadlineSeconds: 9", "Never", ("Failed", "DeadlineExceeded", 0, 1)),
        (
            "exit $JOB_COMPLETION_INDEX",
            "completions: 3; parallelism: 3; completionMode: Indexed; backoffLimitPerIndex: 0",
            "Never",
            ("Failed", "FailedIndexes", 1, 2),
        ),
        (
            "exit $JOB_COMPLETION_INDEX",
            "completions: 3; parallelism: 1; completionMode: Indexed; backoffLimitPerIndex: 0; "
            "maxFailedIndexes: 0",
            "Never",
            ("Failed", "MaxFailedIndexesExceeded", 1, 1),
        ),
        (
            "exit 3",
            "podFailurePolicy: {rules: [{action: FailJob, "
            "onExitCodes: {operator: In, values: [3]}}]}",
            "Never",
            ("Failed", "PodFailurePolicy", 0, 1),
        ),
        (
            "[ $JOB_COMPLETION_INDEX = 0 ] || sleep 99",
            "completions: 2; parallelism: 2; completionMode: Indexed; "
            'successPolicy: {rules: [{succeededIndexes: "0"}]}',
            "Never",
            ("Complete", "SuccessPolicy", 1, 0),
        ),
    ],
)
def test_how_a_job_ends(bench: Bench, command: str, more: str, restart: str, expected: Any):
    job(bench, command, more, restart)
    bench.advance(90)
    bench.settle()
    assert ending(bench) == expected
    status = bench.get("job/j").status
    assert (status.active, status.ready, status.terminating) == (None, 0, 0)
    assert all(pod.metadata.finalizers is None for pod in bench.pods())


def test_why_a_policy_fails_a_job(bench: Bench):
    rules = "[{action: FailJob, onExitCodes: {operator: In, values: [3]}}]"
    job(bench, "exit 3", f"podFailurePolicy: {{rules: {rules}}}")
    bench.settle()
    (pod,) = bench.pods()
    assert bench.events("Job", "PodFailurePolicy") == [
        f"Container c for pod default/{pod.metadata.name} failed with exit code 3 "
        "matching FailJob rule at index 0"
    ]


def test_no_more_pods_than_parallel_and_none_too_many(bench: Bench):
    job(bench, "sleep 3", "completions: 5; parallelism: 2")
    most = 0
    for _ in range(600):
        bench.advance(0.05)
        most = max(most, sum(pod.status.phase in ("Pending", "Running") for pod in bench.pods()))
    assert most == 2 and bench.phases() == ["Succeeded"] * 5
    assert ending(bench)[:2] == ("Complete", "CompletionsReached")


def test_without_completions_one_success_is_enough_and_the_others_may_end(bench: Bench):
    job(bench, "sleep 5", "parallelism: 3")
    bench.settle()
    assert bench.phases() == ["Succeeded"] * 3 and ending(bench)[2] == 3


def test_a_failed_index_is_tried_again_after_ten_seconds_and_knows_how_often(bench: Bench):
    job(bench, "exit 1", "completions: 1; completionMode: Indexed; backoffLimitPerIndex: 2")
    bench.settle()
    pods = sorted(bench.pods(), key=lambda pod: pod.metadata.creationTimestamp)
    key = "batch.kubernetes.io/job-index-failure-count"
    assert [pod.metadata.annotations[key] for pod in pods] == ["0", "1", "2"]
    born = [pod.metadata.creationTimestamp for pod in pods]
    waits = [(b - a).total_seconds() for a, b in pairwise(born)]
    assert 10 <= waits[0] <= 14 and 20 <= waits[1] <= 24
    assert bench.get("job/j").status.failedIndexes == "0"


def test_a_suspended_job_has_no_pods_and_begins_anew_when_resumed(bench: Bench):
    job(bench, "sleep 20", "suspend: true")
    bench.settle()
    assert bench.pods() == [] and bench.get("job/j").status.startTime is None
    assert bench.conditions("job/j") == [("Suspended", "True", "JobSuspended")]
    bench.change("job/j", suspend=False)
    bench.advance(10)
    assert bench.phases() == ["Running"]
    first = bench.get("job/j").status.startTime
    bench.change("job/j", suspend=True)
    bench.advance(10)
    assert bench.pods() == [] and ending(bench) == ("Suspended", "JobSuspended", 0, 0)
    bench.change("job/j", suspend=False)
    bench.settle()
    assert bench.get("job/j").status.startTime > first
    assert ending(bench) == ("Complete", "CompletionsReached", 1, 0)
    assert bench.events("Job", "Suspended") == ["Job suspended"]
    assert bench.events("Job", "Resumed") == ["Job resumed"]


def test_parallelism_can_change_while_it_runs(bench: Bench):
    job(bench, "sleep 99", "completions: 9; parallelism: 1")
    for parallelism in (4, 2, 0):
        bench.change("job/j", parallelism=parallelism)
        bench.advance(8)
        assert len(bench.pods()) == parallelism
    assert ending(bench)[3] == 0, "pods taken away do not count as failed"


def test_a_deleted_pod_counts_as_failed_and_is_replaced(bench: Bench):
    job(bench, "sleep 30", "backoffLimit: 3")
    bench.advance(5)
    (pod,) = bench.pods()
    bench.client.delete(core.Pod, pod.metadata.name, "default")
    bench.settle()
    assert ending(bench) == ("Complete", "CompletionsReached", 1, 1)
    assert pod.metadata.name not in bench.images()


def test_a_job_that_is_over_goes_after_its_time_with_its_pods(bench: Bench):
    job(bench, "true", "ttlSecondsAfterFinished: 30")
    bench.settle()
    ended = bench.clock.seconds(bench.get("job/j").status.completionTime)
    bench.advance(ended + 29 - bench.clock.now)
    assert bench.get("job/j") is not None
    bench.advance(5)
    assert bench.get("job/j") is None and bench.pods() == []


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_deleting_a_job_deletes_its_pods(bench: Bench, propagation: str):
    job(bench, "sleep 99", "parallelism: 2")
    bench.advance(5)
    bench.client.delete(Job, "j", "default", propagation=propagation)
    bench.advance(10)
    assert bench.get("job/j") is None and bench.pods() == []


def test_a_pod_stays_until_it_is_counted(bench: Bench):
    job(bench, "sleep 30")
    bench.advance(5)
    bench.cluster.controller_manager.stop("job-controller")
    (pod,) = bench.pods()
    assert pod.metadata.finalizers == ["batch.kubernetes.io/job-tracking"]
    bench.client.delete(core.Pod, pod.metadata.name, "default")
    bench.advance(30)
    assert len(bench.pods()) == 1
    bench.cluster.controller_manager.start("job-controller")
    bench.settle()
    assert ending(bench) == ("Complete", "CompletionsReached", 1, 1)


def test_a_controller_that_was_away_counts_nothing_twice(bench: Bench):
    job(bench, "true", "completions: 4; parallelism: 2")
    for _ in range(8):
        bench.advance(1.3)
        bench.cluster.controller_manager.stop("job-controller")
        bench.advance(0.4)
        bench.cluster.controller_manager.start("job-controller")
    bench.settle()
    assert ending(bench) == ("Complete", "CompletionsReached", 4, 0)
    assert bench.phases() == ["Succeeded"] * 4


def test_pods_of_a_dead_node_are_replaced_when_they_are_driven_away(bench: Bench):
    job(bench, "sleep 100")
    bench.advance(5)
    (pod,) = bench.pods()
    bench.cluster.fail_node(pod.spec.nodeName)
    bench.advance(600)
    assert ending(bench)[:3] == ("SuccessCriteriaMet", "CompletionsReached", 1)
    bench.cluster.recover_node(pod.spec.nodeName)
    bench.settle()
    assert ending(bench) == ("Complete", "CompletionsReached", 1, 1)


def test_replacements_can_wait_for_pods_that_are_going(bench: Bench):
    job(bench, 'trap "" TERM; sleep 300', "podReplacementPolicy: Failed; backoffLimit: 9")
    bench.advance(5)
    (pod,) = bench.pods()
    bench.client.delete(core.Pod, pod.metadata.name, "default", grace_period=20)
    bench.advance(15)
    status = bench.get("job/j").status
    assert (len(bench.pods()), status.active, status.terminating) == (1, None, 1)
    bench.advance(25)
    (new,) = bench.pods()
    status = bench.get("job/j").status
    assert new.metadata.name != pod.metadata.name
    assert (status.active, status.terminating, status.failed) == (1, 0, 1)
