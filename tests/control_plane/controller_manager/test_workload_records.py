"""Jobs, CronJobs and a StatefulSet as a real control plane ran them (records: controllers.json).

The recorder looked a few times a second: what it saw must be among what happens here, in the same
order; the end and the events must be the same, to the second.
"""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from kubecourse.api import codec, models
from kubecourse.client import Informer
from tests.control_plane.controller_manager.double import Lab

core = models.core_v1
Job = models.batch_v1.Job
CronJob = models.batch_v1.CronJob
StatefulSet = models.apps_v1.StatefulSet

DATA = Path(__file__).parents[2] / "data" / "records" / "controllers.json"
RECORDS = {record["scenario"]: record for record in json.loads(DATA.read_text())}
JOBS = [name for name, record in RECORDS.items() if name.startswith("job-") and "trace" in record]

RACES = {
    "Active job went missing: hist0-29923289": None,
    "Saw completed job: forbid-slow-29923289, condition: Complete": 1,
}
"""Events that the recorded controller told because its cache was out of date, and how often they
happen here: not at all, or once rather than twice."""


class Watcher:
    """Every state of the objects of a class, in the form that a function gives it."""

    def __init__(self, lab: Lab, cls: type[Any], shown: Any) -> None:
        self.states: list[Any] = []
        self.shown = shown
        informer = Informer(lab.client, cls)
        informer.on_change(self._changed)
        informer.start()

    def _changed(self, old: Any, new: Any) -> None:
        if new is not None:
            self.states.append(self.shown(new))


def in_order(wanted: list[Any], found: list[Any]) -> list[Any]:
    """From the first wanted state on that does not come, or not in this order; repeats aside."""
    rest = iter(found)
    wanted = [state for i, state in enumerate(wanted) if i == 0 or state != wanted[i - 1]]
    for number, state in enumerate(wanted):
        if not any(state == other for other in rest):
            return wanted[number:]
    return []


def seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def events_of(record: dict[str, Any], kinds: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The recorded events about these kinds, with seconds since the first."""
    chosen = [event for event in record["events"] if event["kind"] in kinds]
    start = min(seconds(event["firstTimestamp"]) for event in chosen)
    return sorted(
        (
            int(seconds(e["firstTimestamp"]) - start),
            e["kind"],
            e["type"],
            e["reason"],
            without_chance(e["message"]),
            e["count"],
            e["source"],
        )
        for e in chosen
    )


def events_in(lab: Lab, kinds: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The same of what happened here."""
    found = [e for e in lab.client.list(core.Event) if e.involvedObject.kind in kinds]
    start = min(e.firstTimestamp for e in found)
    return sorted(
        (
            int((e.firstTimestamp - start).total_seconds()),
            e.involvedObject.kind,
            e.type,
            e.reason,
            without_chance(e.message),
            e.count,
            e.source.component,
        )
        for e in found
    )


def without_chance(message: str) -> str:
    """A message without the letters that were drawn for a pod's name."""
    return re.sub(r"(pod: \S+)-[a-z0-9]{5}$", r"\1", message)


# --- Jobs


def job_status(job: Any) -> dict[str, Any]:
    """A Job's status in the form of the recorded traces."""
    shown = codec.encode(job)["status"]
    for field in ("startTime", "completionTime"):
        if field in shown:
            shown[field] = "set"
    for uids in (shown.get("uncountedTerminatedPods") or {}).values():
        uids[:] = [None] * len(uids)
    shown["conditions"] = [
        [c["type"], c["status"], c["reason"], c["message"]] for c in shown.get("conditions", ())
    ]
    return shown


def recorded_statuses(record: dict[str, Any]) -> list[dict[str, Any]]:
    statuses = [
        {key: value for key, value in entry.items() if key not in ("t", "pods")}
        for entry in record["trace"]
    ]
    for status in statuses:
        for uids in (status.get("uncountedTerminatedPods") or {}).values():
            uids[:] = [None] * len(uids)
    return statuses


def run_job(record: dict[str, Any]) -> tuple[Lab, list[dict[str, Any]]]:
    lab = Lab()
    lab.clock.advance(0.8)
    watcher = Watcher(lab, Job, job_status)
    lab.create(record["manifest"])
    lab.settle()
    return lab, watcher.states


@pytest.mark.parametrize("name", JOBS)
def test_a_job_goes_through_the_recorded_statuses(name: str):
    _, states = run_job(RECORDS[name])
    assert in_order(recorded_statuses(RECORDS[name]), states) == []


@pytest.mark.parametrize("name", JOBS)
def test_a_job_ends_as_recorded(name: str):
    lab, _ = run_job(RECORDS[name])
    job = lab.client.get(Job, "j", "default")
    final = codec.decode(RECORDS[name]["final"], "batch/v1.Job")[0]
    assert job_status(job) == job_status(final)
    for ours, theirs in zip(job.status.conditions, final.status.conditions, strict=True):
        assert (ours.message, bool(ours.lastProbeTime)) == (theirs.message, True)
        took = (ours.lastTransitionTime - job.status.startTime).total_seconds()
        recorded = (theirs.lastTransitionTime - final.status.startTime).total_seconds()
        assert abs(took - recorded) <= 1


@pytest.mark.parametrize("name", JOBS)
def test_a_job_tells_the_recorded_events(name: str):
    lab, _ = run_job(RECORDS[name])
    ours = events_in(lab, ("Job",))
    theirs = events_of(RECORDS[name], ("Job",))
    assert [event[1:] for event in ours] == [event[1:] for event in theirs]
    for here, there in zip(ours, theirs, strict=True):
        assert abs(here[0] - there[0]) <= 1, (here, there)


@pytest.mark.parametrize("name", JOBS)
def test_a_jobs_pods_are_as_recorded(name: str):
    lab, _ = run_job(RECORDS[name])
    ours = []
    for pod in lab.pods():
        shown = codec.encode(pod)
        meta, container = shown["metadata"], shown["spec"]["containers"][0]
        ours.append(
            {
                "name": meta["name"][:-6],
                "labels": meta["labels"],
                "annotations": meta["annotations"],
                "phase": shown["status"]["phase"],
                "finalizers": meta.get("finalizers"),
                "env": container.get("env"),
                "hostname": shown["spec"].get("hostname"),
            }
        )
    (uid,) = {pod["labels"]["controller-uid"] for pod in ours}
    theirs = []
    for recorded in RECORDS[name]["pods"]:
        pod = {k: v for k, v in recorded.items() if k != "created"}
        pod["name"] = pod["name"][:-6]
        # The node's zone, which its binding adds there.
        pod["labels"] = {
            key: uid if key.endswith("controller-uid") else value
            for key, value in pod["labels"].items()
            if not key.startswith("topology.kubernetes.io/")
        }
        theirs.append(pod)
    for pod in ours:
        pod["labels"] = {
            k: v for k, v in pod["labels"].items() if not k.startswith("topology.kubernetes.io/")
        }
    assert ours == theirs


# --- CronJobs


def minutes_of(record: dict[str, Any]) -> int:
    """The first scheduled minute of a recording."""
    names = [name for entry in record["trace"] for name in entry["jobs"]]
    return min(int(name.rpartition("-")[2]) for name in names)


def renumbered(value: Any, by: int) -> Any:
    """Jobs' names with other minutes."""
    if isinstance(value, str):
        return re.sub(r"-(\d{8})\b", lambda match: f"-{int(match[1]) + by}", value)
    if isinstance(value, list):
        return [renumbered(each, by) for each in value]
    if isinstance(value, dict):
        return {renumbered(k, by): renumbered(v, by) for k, v in value.items()}
    return value


def run_cronjobs() -> tuple[Lab, list[dict[str, Any]], dict[str, Any], int]:
    """Create the CronJobs at the same second of a minute, and look when the recorder did."""
    record = RECORDS["cronjobs"]
    lab = Lab(nodes=6)
    second = float(record["trace"][0]["clock"].rpartition(":")[2])
    lab.clock.advance(60 + second - record["trace"][0]["t"] - lab.clock.now)
    start = lab.clock.now
    for manifest in record["manifests"].values():
        lab.create(manifest)
    first = (int(lab.clock.utc().timestamp()) // 60) + 1
    shift = minutes_of(record) - first
    offset = shift * 60
    seen = []
    for entry in record["trace"]:
        # The recorded pods were a little quicker.
        lab.clock.advance(max(0.0, start + entry["t"] + 0.4 - lab.clock.now))
        cronjobs = {}
        for cronjob in lab.client.list(CronJob, "default"):
            status = cronjob.status
            times = {
                field: None if value is None else value.timestamp() + offset
                for field in ("lastScheduleTime", "lastSuccessfulTime")
                for value in [getattr(status, field)]
            }
            names = [each.name for each in status.active or ()]
            cronjobs[cronjob.metadata.name] = {"active": renumbered(names, shift), **times}
        jobs = {
            job.metadata.name: [c.type for c in job.status.conditions or ()]
            for job in lab.client.list(Job, "default")
        }
        seen.append({"cj": cronjobs, "jobs": renumbered(jobs, shift)})
    return lab, seen, record, shift


def test_cronjobs_are_as_recorded_whenever_the_recorder_looked():
    _, seen, record, _ = run_cronjobs()
    differing = []
    for ours, theirs in zip(seen, record["trace"], strict=True):
        for name, cronjob in theirs["cj"].items():
            mine = ours["cj"][name]
            assert mine["active"] == cronjob["active"], (theirs["t"], name)
            for field in ("lastScheduleTime", "lastSuccessfulTime"):
                then = None if cronjob[field] is None else seconds(cronjob[field])
                close = mine[field] == then or abs((mine[field] or 0) - (then or 0)) <= 1
                if not close:
                    differing.append((theirs["t"], name, field, mine[field], then))
        if ours["jobs"] != theirs["jobs"]:
            differing.append((theirs["t"], ours["jobs"], theirs["jobs"]))
    assert differing == []


def test_cronjobs_tell_the_recorded_events():
    lab, _, record, shift = run_cronjobs()
    lab.clock.advance(1.0)
    kinds = ("CronJob", "Job")
    theirs = {event[1:]: event[0] for event in events_of(record, kinds)}
    ours = {(*e[1:4], renumbered(e[4], shift), *e[5:]): e[0] for e in events_in(lab, kinds)}
    for event in [event for event in theirs if event[3] in RACES]:
        at = theirs.pop(event)
        if RACES[event[3]] is not None:
            theirs[(*event[:4], RACES[event[3]], *event[5:])] = at
    assert set(ours) == set(theirs)
    assert all(abs(ours[event] - theirs[event]) <= 1 for event in ours)


# --- the StatefulSet


def set_status(owner: Any) -> dict[str, Any]:
    """A StatefulSet's status in the form of the recorded trace, revisions by name."""
    shown = codec.encode(owner)["status"]
    shown.pop("collisionCount", None)
    return shown


def by_revision(statuses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Statuses with revisions numbered in the order in which they came."""
    numbers: dict[str, int] = {}
    return [
        {
            key: numbers.setdefault(value, len(numbers)) if key.endswith("Revision") else value
            for key, value in status.items()
        }
        for status in statuses
    ]


def run_stateful_set() -> tuple[Lab, list[dict[str, Any]], list[Any]]:
    record = RECORDS["statefulset"]
    manifest = yaml.safe_load(record["manifest"])
    # The recorded pods were ready within about a second.
    manifest["spec"]["template"]["metadata"]["annotations"] = {"fake/ready-delay": "1"}
    lab = Lab(nodes=6)
    statuses = Watcher(lab, StatefulSet, set_status)
    pods = Watcher(lab, core.Pod, _pod_state)
    owner = lab.create(yaml.dump(manifest))
    lab.clock.advance(8.0)
    template = lab.client.get(StatefulSet, "s", "default").spec.template
    container = replace(template.spec.containers[0], image="nginx:2")
    spec = replace(template.spec, containers=[container])
    lab.change(owner, template=replace(template, spec=spec))
    lab.clock.advance(10.0)
    lab.change(owner, replicas=1)
    lab.clock.advance(10.0)
    return lab, statuses.states, pods.states


def _pod_state(pod: Any) -> list[Any]:
    ready = [c.status == "True" for c in pod.status.conditions or () if c.type == "Ready"]
    deleting = pod.metadata.deletionTimestamp is not None
    image = pod.spec.containers[0].image
    return [pod.metadata.name, image, pod.status.phase, bool(ready and ready[0]), deleting]


def test_a_stateful_set_goes_through_the_recorded_statuses():
    _, states, _ = run_stateful_set()
    theirs = [entry["status"] for entry in RECORDS["statefulset"]["trace"] if "status" in entry]
    assert in_order(by_revision(theirs), by_revision(states)) == []


def test_a_stateful_sets_pods_go_through_the_recorded_states():
    _, _, states = run_stateful_set()
    theirs = [pod for entry in RECORDS["statefulset"]["trace"] for pod in entry.get("pods", ())]
    for name in ("s-0", "s-1", "s-2"):
        mine = [state for state in states if state[0] == name]
        assert in_order([state for state in theirs if state[0] == name], mine) == []


def test_a_stateful_set_tells_the_recorded_events():
    lab, _, _ = run_stateful_set()
    ours = [event[1:] for event in events_in(lab, ("StatefulSet",))]
    theirs = [event[1:] for event in events_of(RECORDS["statefulset"], ("StatefulSet",))]
    assert sorted(ours) == sorted(theirs)


def test_a_stateful_sets_pod_is_as_recorded():
    lab, _, _ = run_stateful_set()
    theirs = RECORDS["statefulset"]["pod0"]
    ours = codec.encode(lab.client.get(core.Pod, "s-0", "default"))
    owner = lab.client.get(StatefulSet, "s", "default")
    assert ours["metadata"]["labels"] == {
        **{
            key: value
            for key, value in theirs["metadata"]["labels"].items()
            if not key.startswith("topology.kubernetes.io/")
        },
        "controller-revision-hash": owner.status.updateRevision,
    }
    assert ours["metadata"]["generateName"] == theirs["metadata"]["generateName"]
    reference = {**theirs["metadata"]["ownerReferences"][0], "uid": owner.metadata.uid}
    assert ours["metadata"]["ownerReferences"] == [reference]
    for field in ("hostname", "subdomain", "restartPolicy", "terminationGracePeriodSeconds"):
        assert ours["spec"][field] == theirs["spec"][field]
