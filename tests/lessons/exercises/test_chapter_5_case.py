"""Chapter 5's closing case has more than one answer; each is marked on copies, point by point.

Its wrong turns are in `chapter_5.yaml`, with those of the other exercises.
"""

import json
from typing import Any

import pytest

from kubecourse import Cluster
from kubecourse.cloud import Autoscaler, Pool, hourly
from kubecourse.lessons.exercises import Exercises, chapter_5_case
from kubecourse.lessons.exercises.chapter_5_case import MOST, PASS, Mark, grade
from kubecourse.lessons.exercises.on_cluster import View
from kubecourse.lessons.exercises.verdict import Outcome

USED = {
    "deployment/web": "cpu=650m,memory=1Gi",
    "deployment/checkout": "cpu=350m,memory=1300Mi",
    "deployment/render": "cpu=850m,memory=1600Mi",
    "deployment/wiki": "cpu=50m,memory=256Mi",
    "deployment/audit": "cpu=50m,memory=320Mi",
    "deployment/demo": "cpu=50m,memory=128Mi",
    "statefulset/db": "cpu=1,memory=6Gi",
}
SPOT = {
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
        "weight": 100,
        "preference": {"matchExpressions": [{"key": "kubecourse.dev/spot", "operator": "Exists"}]},
    }]}},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
}  # fmt: skip


@pytest.fixture
def ex(monkeypatch: pytest.MonkeyPatch) -> Exercises:
    monkeypatch.setenv("KUBECOURSE_LANGUAGE", "en")
    return Exercises(Cluster(nodes=1), chapter=5)


def marks(lab: Any) -> dict[str, Mark]:
    found = grade(View(lab.client, "default", cluster=lab))
    assert isinstance(found, list), found
    return {mark.name: mark for mark in found}


def request(lab: Any, amounts: dict[str, str]) -> None:
    for workload, each in amounts.items():
        lab.run(f"set resources {workload} --requests={each}")
    lab.settle()


def passed(ex: Exercises) -> None:
    verdict = ex.case.verdict()
    assert verdict.outcome is Outcome.RIGHT and verdict.values["score"] >= PASS, ex.case.check()


def move(lab: Any, pool: str) -> None:
    """Empty a pool and give it back."""
    lab.advance(300)
    lab.run(f"drain -l kubecourse.dev/pool={pool}")
    lab.cloud.resize(pool, 0)
    lab.advance(600)


# --- answers


def test_smaller_requests_and_fewer_of_the_same_machines(ex: Exercises) -> None:
    lab = ex.case.cluster
    request(lab, USED)
    lab.run("delete pvc old-logs")
    lab.cloud.resize("base", 2)
    lab.advance(600)
    passed(ex)
    found = marks(lab)
    assert found["bill"].points == MOST["bill"] and found["service"].points == 10
    assert {pod.spec.nodeName for pod in lab.list("pods")} == {"base-1", "base-2"}


def test_a_reserved_base_and_spot_for_what_matters_less(ex: Exercises) -> None:
    lab = ex.case.cluster
    request(lab, {**USED, "deployment/web": "cpu=800m,memory=1Gi"})
    for name in ("render", "wiki"):
        patch = json.dumps({"spec": {"template": {"spec": SPOT}}})
        assert lab.run(f"patch deployment {name} -p '{patch}'").code == 0
    lab.run("scale deployment/demo --replicas=0")
    lab.cloud.add(Pool("reserved", "m5.xlarge", size=5, committed=True))
    lab.cloud.add(Pool("spot", "m5.xlarge", size=2, spot=True, taint="spot=true:NoSchedule"))
    move(lab, "base")
    passed(ex)
    found = marks(lab)
    assert found["storm"].why == "storm_ok" and found["storm"].values["number"] == 2
    spot = [p.metadata.labels["importance"] for p in lab.list("pods") if "spot" in p.spec.nodeName]
    assert spot and set(spot) == {"low"}


def test_middling_machines_balanced_by_the_descheduler(ex: Exercises) -> None:
    lab = ex.case.cluster
    request(lab, {**USED, "deployment/demo": "cpu=1m,memory=100Mi"})
    lab.run("scale deployment/demo --replicas=0")
    lab.run("scale deployment/wiki --replicas=1")
    lab.cloud.add(Pool("medium", "m6i.2xlarge", size=3))
    move(lab, "base")
    lab.run("cordon medium-1 medium-2")  # as after an outage: all of a program on one machine
    lab.run("rollout restart deployment/checkout")
    lab.advance(120)
    lab.run("uncordon medium-1 medium-2")
    assert marks(lab)["service"].points == 0
    assert lab.run("apply -f data/manifests/descheduler").code == 0
    lab.advance(600)
    passed(ex)


def test_an_autoscaler_finds_the_number(ex: Exercises) -> None:
    lab = ex.case.cluster
    request(lab, USED)
    lab.run("delete deployment demo")
    lab.cloud.add(Pool("small", "m5.xlarge", size=5, least=5, most=9))
    Autoscaler(lab.cloud).start()
    move(lab, "base")
    lab.advance(3600)
    passed(ex)


def test_the_solution_that_is_shown_passes(ex: Exercises) -> None:
    ex.case.apply_solution()
    passed(ex)


# --- marks


def test_what_is_given_is_expensive_and_fragile(ex: Exercises) -> None:
    lab = ex.case.cluster
    assert ex.case.verdict().outcome is Outcome.UNTRIED
    assert f"{hourly(lab.cloud):.2f}" == "3.36" and "3.36 USD" in ex.case.task.text("prompt")
    lab.run("scale deployment/wiki --replicas=1")
    lab.settle()
    points = {name: mark.points for name, mark in marks(lab).items()}
    assert points == {"kept": 15, "requests": 15, "room": 0, "service": 10, "storm": 15, "bill": 0}
    assert sum(MOST.values()) == 100


def test_marking_leaves_the_cluster_alone_and_is_done_again_alike(ex: Exercises) -> None:
    lab = ex.case.cluster
    request(lab, USED)
    before = lab.etcd.revision, lab.now, lab.run("get pods,nodes -o wide").stdout
    first = [str(mark) for mark in marks(lab).values()]
    chapter_5_case._tried.clear()
    assert [str(mark) for mark in marks(lab).values()] == first
    assert (lab.etcd.revision, lab.now, lab.run("get pods,nodes -o wide").stdout) == before


def test_no_part_can_be_left_out() -> None:
    assert all(100 - most < PASS for most in MOST.values())


def test_those_that_may_wait_cost_a_point_each(ex: Exercises) -> None:
    ex.case.apply_solution()
    lab = ex.case.cluster
    lab.run("scale deployment/render --replicas=12")
    lab.settle()
    assert marks(lab)["room"].values == {"node": "small-3", "names": "db"}
    assert lab.run("create priorityclass high --value=1000").code == 0
    patch = json.dumps({"spec": {"template": {"spec": {"priorityClassName": "high"}}}})
    lab.run(f"patch statefulset db -p '{patch}'")
    lab.settle()
    room = marks(lab)["room"]
    assert (room.why, room.points) == ("room_low", MOST["room"] - room.values["number"])
    assert 0 < room.values["number"] < 7


def test_an_autoscaler_is_no_room(ex: Exercises) -> None:
    """Nor are machines that come only after the loss."""
    lab = ex.case.cluster
    request(lab, USED)
    lab.cloud.add(Pool("small", "m5.xlarge", size=4, least=4, most=9))
    move(lab, "base")
    Autoscaler(lab.cloud).start()
    lab.advance(60)
    room = marks(lab)["room"]
    assert room.points < MOST["room"] and lab.cloud.sizes["small"] == 4


def test_one_thing_that_matters_on_spot_machines_is_enough_to_fail(ex: Exercises) -> None:
    ex.case.apply_solution()
    lab = ex.case.cluster
    lab.cloud.add(Pool("spot", "m5.xlarge", size=1, spot=True))
    patch = {"spec": {"template": {"spec": {"nodeSelector": {"kubecourse.dev/spot": "true"}}}}}
    lab.run(f"patch statefulset db -p '{json.dumps(patch)}'")
    lab.advance(300)
    storm = marks(lab)["storm"]
    assert (storm.why, storm.points, storm.values["names"]) == ("storm_no", 0, "db")
    assert float(storm.values["answered"]) > 99


def test_its_reasons_are_shown_point_by_point(ex: Exercises) -> None:
    ex.case.apply_solution()
    shown = repr(ex.case.check())
    assert "95 of 100" in shown and shown.count("/15 ") == 5 and "✓ 25/25 3.36 → " in shown
