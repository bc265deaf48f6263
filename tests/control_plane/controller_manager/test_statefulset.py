"""The pods of a StatefulSet have numbers, names and claims, and go in order."""

from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.client import Informer
from tests.control_plane.controller_manager.workloads import Bench

core = models.core_v1
Claim = core.PersistentVolumeClaim

SET = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: s}
spec:
  serviceName: s
  replicas: 3
  MORE
  selector: {matchLabels: {app: s}}
  template:
    metadata: {labels: {app: s}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: "nginx:1"}]
"""
CLAIMS = """volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}"""


@pytest.fixture
def bench() -> Bench:
    return Bench()


def stateful_set(bench: Bench, more: str = "minReadySeconds: 0") -> None:
    bench.create(SET.replace("MORE", more))


def alive(bench: Bench) -> list[str]:
    return [p.metadata.name for p in bench.pods() if p.metadata.deletionTimestamp is None]


def history(bench: Bench, seconds: float) -> list[list[str]]:
    """Each distinct list of pods that are not being deleted."""
    seen: list[list[str]] = []
    for _ in range(int(seconds * 20)):
        bench.advance(0.05)
        if not seen or seen[-1] != alive(bench):
            seen.append(alive(bench))
    return seen


def test_pods_come_one_after_another_and_go_the_other_way(bench: Bench):
    stateful_set(bench)
    assert history(bench, 30) == [["s-0"], ["s-0", "s-1"], ["s-0", "s-1", "s-2"]]
    bench.change("statefulset/s", replicas=1)
    assert history(bench, 30) == [["s-0", "s-1"], ["s-0"]]


def test_parallel_pods_come_and_go_at_once(bench: Bench):
    stateful_set(bench, "podManagementPolicy: Parallel")
    assert history(bench, 30) == [["s-0", "s-1", "s-2"]]
    bench.change("statefulset/s", replicas=0)
    assert history(bench, 30) == [[]]


def test_each_pod_waits_until_the_one_before_has_been_ready_for_long_enough(bench: Bench):
    stateful_set(bench, "minReadySeconds: 10")
    bench.advance(9)
    assert alive(bench) == ["s-0"]
    bench.settle()
    assert alive(bench) == ["s-0", "s-1", "s-2"]
    created = [pod.metadata.creationTimestamp for pod in bench.pods()]
    assert all((b - a).total_seconds() >= 10 for a, b in pairwise(created))


def test_numbers_can_start_elsewhere(bench: Bench):
    stateful_set(bench, "ordinals: {start: 5}")
    bench.settle()
    assert alive(bench) == ["s-5", "s-6", "s-7"]


def test_a_lost_pod_comes_back_under_its_name(bench: Bench):
    stateful_set(bench)
    bench.settle()
    before = bench.get("pod/s-1").metadata.uid
    bench.client.delete(core.Pod, "s-1", "default")
    bench.settle()
    assert bench.get("pod/s-1").metadata.uid != before
    assert bench.events("StatefulSet", "SuccessfulDelete") == []


def test_a_pod_on_a_dead_node_is_not_replaced_until_it_is_gone(bench: Bench):
    stateful_set(bench)
    bench.settle()
    pod = bench.get("pod/s-1")
    bench.cluster.fail_node(pod.spec.nodeName)
    bench.advance(500)
    stuck = bench.get("pod/s-1")
    assert stuck.metadata.uid == pod.metadata.uid and stuck.metadata.deletionTimestamp is not None
    bench.client.delete(core.Pod, "s-1", "default", grace_period=0)
    bench.settle()
    found = bench.get("pod/s-1")
    assert found.spec.nodeName != pod.spec.nodeName and found.status.phase == "Running"


def test_claims_are_made_once_and_outlive_their_pods(bench: Bench):
    stateful_set(bench, f"podManagementPolicy: Parallel\n  {CLAIMS}")
    bench.settle()
    claims = [c.metadata.name for c in bench.client.list(Claim, "default")]
    assert claims == ["data-s-0", "data-s-1", "data-s-2"]
    (volume, *_) = bench.get("pod/s-1").spec.volumes
    assert (volume.name, volume.persistentVolumeClaim.claimName) == ("data", "data-s-1")
    assert "Create Claim data-s-0 Pod s-0 in StatefulSet s success" in bench.events("StatefulSet")
    bench.change("statefulset/s", replicas=0)
    bench.settle()
    assert len(bench.client.list(Claim, "default")) == 3


def test_claims_go_with_their_pods_where_that_is_asked(bench: Bench):
    stateful_set(
        bench,
        "podManagementPolicy: Parallel\n"
        "  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete, whenDeleted: Retain}\n"
        f"  {CLAIMS}",
    )
    bench.settle()
    bench.change("statefulset/s", replicas=1)
    bench.settle()
    assert [c.metadata.name for c in bench.client.list(Claim, "default")] == ["data-s-0"]


class OwnersOfClaims:
    """What kinds of owners each claim has had, as they changed."""

    def __init__(self, bench: Bench) -> None:
        self.seen: dict[str, list[list[str]]] = {}
        informer = Informer(bench.client, Claim)
        informer.on_change(self._changed)
        informer.start()

    def _changed(self, old: Any, new: Any) -> None:
        metadata = (new or old).metadata
        kinds = [o.kind for o in metadata.ownerReferences or ()] if new is not None else ["gone"]
        history = self.seen.setdefault(metadata.name, [])
        if history[-1:] != [kinds]:
            history.append(kinds)


def policy(scaled: str, deleted: str) -> Any:
    return models.apps_v1.StatefulSetPersistentVolumeClaimRetentionPolicy(
        whenScaled=scaled, whenDeleted=deleted
    )


def test_a_claim_belongs_to_the_set_until_its_pod_is_not_wanted(bench: Bench):
    stateful_set(bench, f"podManagementPolicy: Parallel\n  {CLAIMS}")
    bench.settle()
    owners = OwnersOfClaims(bench)
    for kept in (policy("Delete", "Delete"), policy("Delete", "Retain")):
        # A change of the policy reaches the claims that are there.
        bench.change("statefulset/s", persistentVolumeClaimRetentionPolicy=kept)
        bench.settle()
        bench.change("statefulset/s", replicas=1)
        bench.settle()
    assert owners.seen == {
        "data-s-0": [[], ["StatefulSet"], []],
        "data-s-1": [[], ["StatefulSet"], ["Pod"], ["gone"]],
        "data-s-2": [[], ["StatefulSet"], ["Pod"], ["gone"]],
    }


@pytest.mark.parametrize(
    ("more", "images"),
    [
        ("updateStrategy: {type: OnDelete}", ["nginx:1"] * 3),
        (
            "updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}",
            ["nginx:1", "nginx:1", "nginx:2"],
        ),
        ("updateStrategy: {type: RollingUpdate}", ["nginx:2"] * 3),
    ],
)
def test_how_far_an_update_goes(bench: Bench, more: str, images: list[str]):
    stateful_set(bench, more)
    bench.settle()
    bench.set_image("statefulset/s", "nginx:2")
    bench.settle()
    assert list(bench.images().values()) == images
    status = bench.get("statefulset/s").status
    assert (status.updatedReplicas or 0) == images.count("nginx:2")
    assert (status.currentRevision == status.updateRevision) is (images == ["nginx:2"] * 3)


def test_below_the_partition_a_lost_pod_is_made_as_it_was(bench: Bench):
    stateful_set(bench, "updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}")
    bench.settle()
    bench.set_image("statefulset/s", "nginx:2")
    bench.settle()
    for name in ("s-0", "s-2"):
        bench.client.delete(core.Pod, name, "default")
    bench.settle()
    assert list(bench.images().values()) == ["nginx:1", "nginx:1", "nginx:2"]


def test_an_update_waits_for_a_pod_that_does_not_become_ready(bench: Bench):
    bench.cluster.images.declare("nginx:bad", pullable=False)
    stateful_set(bench)
    bench.settle()
    bench.set_image("statefulset/s", "nginx:bad")
    bench.advance(60)
    assert list(bench.images().values()) == ["nginx:1", "nginx:1", "nginx:bad"]


def test_history_is_kept_as_long_as_asked(bench: Bench):
    stateful_set(bench, "revisionHistoryLimit: 1")
    bench.settle()
    for number in range(2, 6):
        bench.set_image("statefulset/s", f"nginx:{number}")
        bench.settle()
    revisions = bench.client.list(models.apps_v1.ControllerRevision, "default")
    assert sorted(each.revision for each in revisions) == [4, 5]


def test_its_claims_may_say_of_which_kind_they_are(bench: Bench):
    """As the charts of many a database have them, and as the server always answers."""
    text = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: default}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: nginx}]}}
  volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
    head = "{.spec.volumeClaimTemplates[0].apiVersion}/{.spec.volumeClaimTemplates[0].kind}"
    for apply in ("apply -f -", "apply --server-side --force-conflicts -f -"):
        answer = bench.cluster.run(apply, text)
        assert answer.code == 0, answer.text
        shown = bench.cluster.run(f"get sts db -o jsonpath={head}").text
        assert shown == "v1/PersistentVolumeClaim"
    wrong = text.replace("    kind: P", "    colour: blue\n    kind: P")
    assert "unknown field" in bench.cluster.run("apply -f -", wrong).text


def test_no_more_than_one_pod_at_a_time_can_be_asked_for(bench: Bench):
    stateful_set(bench, "updateStrategy: {rollingUpdate: {partition: 1, maxUnavailable: 2}}")
    strategy = bench.get("statefulset/s").spec.updateStrategy
    for _ in range(2):
        rolling = bench.get("statefulset/s").spec.updateStrategy.rollingUpdate
        assert (rolling.partition, rolling.maxUnavailable) == (1, None)
        asked = replace(strategy, rollingUpdate=replace(rolling, maxUnavailable=3))
        bench.change("statefulset/s", updateStrategy=asked)
