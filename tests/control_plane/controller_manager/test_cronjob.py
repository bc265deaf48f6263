"""A CronJob starts Jobs in time; when it counts and what it counts from."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api import cron, models
from kubecourse.control_plane.controller_manager.cronjob import due
from tests.control_plane.controller_manager.workloads import Bench

Job = models.batch_v1.Job

CRONJOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: c}
spec:
  schedule: "SCHEDULE"
  MORE
  jobTemplate:
    metadata: {labels: {made: here}, annotations: {a: b}}
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: c, image: busybox, command: [sh, -c, "COMMAND"]}]
"""


@pytest.fixture
def bench() -> Bench:
    return Bench(nodes=1)


def cronjob(
    bench: Bench, schedule: str = "* * * * *", more: str = "suspend: false", command: str = "true"
) -> None:
    text = CRONJOB.replace("SCHEDULE", schedule).replace("MORE", more)
    bench.create(text.replace("COMMAND", command))


def started(bench: Bench) -> list[str]:
    """The times of day for which Jobs were made."""
    minutes = [int(job.metadata.name[2:]) for job in bench.client.list(Job, "default")]
    return [datetime.fromtimestamp(60 * minute, UTC).strftime("%H:%M") for minute in minutes]


def test_a_job_each_minute_while_time_passes_and_a_cluster_at_rest_meanwhile(bench: Bench):
    cronjob(bench)
    bench.settle()
    assert bench.clock.now < 60 and started(bench) == []
    bench.advance(180 - bench.clock.now)
    assert started(bench) == ["09:01", "09:02"]
    bench.advance(10)
    assert started(bench) == ["09:01", "09:02", "09:03"]
    job = bench.client.list(Job, "default")[0]
    assert job.metadata.annotations == {
        "a": "b",
        "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-05T09:01:00Z",
    }
    assert job.metadata.labels["made"] == "here"


def test_times_are_those_of_a_zone(bench: Bench):
    cronjob(bench, "5 18 * * *", "timeZone: Asia/Seoul")
    bench.advance(600)
    assert started(bench) == ["09:05"]
    stamp = "batch.kubernetes.io/cronjob-scheduled-timestamp"
    (job,) = bench.client.list(Job, "default")
    assert job.metadata.annotations[stamp] == "2026-01-05T18:05:00+09:00"


def test_a_suspended_one_starts_nothing_and_afterwards_the_last_missed_only(bench: Bench):
    cronjob(bench, more="suspend: true")
    bench.advance(300)
    assert started(bench) == []
    bench.change("cronjob/c", suspend=False)
    bench.advance(5)
    assert started(bench) == ["09:05"]


def test_it_does_not_start_what_is_overdue(bench: Bench):
    cronjob(bench, "*/10 * * * *", "startingDeadlineSeconds: 30")
    bench.cluster.controller_manager.stop("cronjob-controller")
    bench.advance(660)
    bench.cluster.controller_manager.start("cronjob-controller")
    bench.advance(30)
    assert started(bench) == []
    bench.advance(600)
    assert started(bench) == ["09:20"]


def test_a_hundred_missed_starts_are_worth_a_warning(bench: Bench):
    cronjob(bench)
    bench.cluster.controller_manager.stop("cronjob-controller")
    bench.advance(7000)
    bench.cluster.controller_manager.start("cronjob-controller")
    bench.advance(5)
    assert started(bench) == ["10:56"]
    assert bench.events("CronJob", "TooManyMissedTimes") == [
        "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check "
        "clock skew"
    ]


@pytest.mark.parametrize(("policy", "running"), [("Allow", 3), ("Forbid", 1), ("Replace", 1)])
def test_what_becomes_of_a_run_that_lasts_too_long(bench: Bench, policy: str, running: int):
    cronjob(bench, more=f"concurrencyPolicy: {policy}", command="sleep 1000")
    bench.advance(200)
    active = bench.get("cronjob/c").status.active
    assert len(active) == running == len(bench.client.list(Job, "default"))
    last = {"Allow": "09:03", "Forbid": "09:01", "Replace": "09:03"}
    assert started(bench)[-1] == last[policy]


def test_deleting_it_deletes_its_jobs_and_their_pods(bench: Bench):
    cronjob(bench)
    bench.advance(130)
    bench.client.delete(models.batch_v1.CronJob, "c", "default", propagation="Background")
    bench.advance(40)
    assert bench.client.list(Job, "default") == [] and bench.pods() == []


START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@given(
    st.sampled_from(["* * * * *", "*/7 * * * *", "30 6-16/4 * * 1-5", "0 0 1 * *", "59 23 * * *"]),
    st.integers(0, 200_000),
    st.integers(0, 600_000),
)
def test_the_guess_finds_what_counting_finds(schedule: str, since: int, span: int):
    parsed = cron.parse(schedule)
    begin = START + timedelta(seconds=since)
    now = begin + timedelta(seconds=span)
    last, following = None, parsed.next(begin)
    while following is not None and following <= now:
        last, following = following, parsed.next(following)
    found = due(parsed, begin, now)
    assert (found.last, found.next) == (last, following)
