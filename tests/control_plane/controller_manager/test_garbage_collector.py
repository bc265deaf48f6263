"""What belongs to something that goes: with it, before it, or on its own."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from tests.control_plane.controller_manager.double import (
    Deployment,
    Lab,
    ObjectMeta,
    Pod,
    ReplicaSet,
)

core = models.core_v1
OwnerReference = models.meta_v1.OwnerReference
RECORDS = {
    record["scenario"]: record
    for record in json.loads(
        (Path(__file__).parents[2] / "data/records/controllers.json").read_text()
    )
}
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  replicas: 2
  selector: {matchLabels: {app: d}}
  template:
    metadata: {labels: {app: d}}
    spec: {containers: [{name: d, image: nginx}]}
"""


@pytest.fixture
def lab():
    lab = Lab()
    lab.create(WEB)
    lab.settle()
    return lab


def there(lab):
    """What is left, in the form of the recordings."""
    found = lab.client.list(Deployment, "default")
    return {
        "deployment": shown(found[0]) if found else None,
        "rs": [shown(rs) for rs in lab.replicasets()],
        "pods": [shown(pod) for pod in lab.pods()],
    }


def shown(obj):
    metadata = obj.metadata
    return {
        "dt": metadata.deletionTimestamp is not None,
        "fin": metadata.finalizers,
        "owners": len(metadata.ownerReferences or ()),
    }


def trace(lab, seconds=10.0):
    """Each distinct state from now on."""
    states = [there(lab)]
    for _ in range(int(seconds * 1000)):
        lab.clock.advance(0.001)
        now = there(lab)
        if now != states[-1]:
            states.append(now)
    return states


def test_in_the_background_the_owner_goes_first(lab):
    record = RECORDS["gc-Background"]
    lab.client.delete(Deployment, "d", "default", propagation="Background")
    recorded = [{k: v for k, v in s.items() if k != "t"} for s in record["trace"]]
    states = trace(lab)
    assert [state for state in states if state in recorded] == recorded
    assert states[0] == recorded[0] and states[-1] == recorded[-1]


def test_in_the_foreground_the_owner_stays_until_its_last_pod_has_gone(lab):
    lab.client.delete(Deployment, "d", "default", propagation="Foreground")
    states = trace(lab)
    waiting = {"dt": True, "fin": ["foregroundDeletion"], "owners": 0}
    for state in states:
        if state["pods"]:
            assert state["deployment"] == waiting
            assert len(state["rs"]) == 1
    assert states[-1] == {"deployment": None, "rs": [], "pods": []}


def test_orphans_stay_and_belong_to_nobody(lab):
    assert "replicaset" in RECORDS["gc-kubectl-orphan"]["left"]["stdout"]
    lab.client.delete(Deployment, "d", "default", propagation="Orphan")
    lab.settle()
    state = there(lab)
    assert state["deployment"] is None
    assert state["rs"] == [{"dt": False, "fin": None, "owners": 0}]
    assert [pod["owners"] for pod in state["pods"]] == [1, 1]

    lab.create(WEB)
    lab.settle()
    assert len(lab.replicasets()) == 1, "a new Deployment adopts the set that is as it wants it"
    assert len(lab.pods()) == 2


def test_an_object_whose_owner_never_was_is_deleted(lab):
    lab.client.create(config("stray", owner("Deployment", "nobody", "no-such-uid")))
    lab.settle()
    assert config_names(lab) == []


def test_an_owner_of_the_same_name_is_not_the_owner(lab):
    real = lab.deployment("d").metadata
    lab.client.create(config("stray", owner("Deployment", "d", "some-other-uid")))
    lab.client.create(config("kept", owner("Deployment", "d", real.uid)))
    lab.settle()
    assert config_names(lab) == ["kept"]


def test_one_owner_left_is_enough(lab):
    first = lab.client.create(config("first"))
    second = lab.client.create(config("second"))
    refs = [owner("ConfigMap", each.metadata.name, each.metadata.uid) for each in (first, second)]
    lab.client.create(config("shared", *refs))
    lab.settle()
    lab.client.delete(core.ConfigMap, "first", "default")
    lab.settle()
    kept = lab.client.get(core.ConfigMap, "shared", "default")
    assert [ref.name for ref in kept.metadata.ownerReferences] == ["second"]
    lab.client.delete(core.ConfigMap, "second", "default")
    lab.settle()
    assert config_names(lab) == []


def test_in_the_foreground_only_those_who_block_are_waited_for(lab):
    top = lab.client.create(config("top"))
    reference = owner("ConfigMap", "top", top.metadata.uid)
    finalizers = {"finalizers": ["example.com/wait"]}
    blocking = replace(reference, blockOwnerDeletion=True)
    lab.client.create(config("loose", reference, **finalizers))
    lab.client.create(config("tight", blocking, **finalizers))
    lab.settle()
    lab.client.delete(core.ConfigMap, "top", "default", propagation="Foreground")
    lab.settle()
    assert config_names(lab) == ["loose", "tight", "top"]
    unfinalize(lab, "tight")
    lab.settle()
    assert config_names(lab) == ["loose"]


def test_what_loses_its_last_reference_stays(lab):
    top = lab.client.create(config("top"))
    made = lab.client.create(config("mine", owner("ConfigMap", "top", top.metadata.uid)))
    lab.settle()
    lab.client.update(replace(made, metadata=replace(made.metadata, ownerReferences=None)))
    lab.client.delete(core.ConfigMap, "top", "default")
    lab.settle()
    assert config_names(lab) == ["mine"]


def test_an_owner_of_a_kind_that_is_not_served_is_left_to_others(lab):
    reference = OwnerReference(apiVersion="example.com/v1", kind="Thing", name="x", uid="u")
    lab.client.create(config("kept", reference))
    lab.settle()
    assert config_names(lab) == ["kept"]


def test_what_goes_while_the_collector_is_stopped_is_collected_later(lab):
    lab.manager.stop("garbage-collector-controller")
    lab.client.delete(Deployment, "d", "default", propagation="Background")
    lab.settle()
    assert len(lab.pods()) == 2
    lab.manager.start("garbage-collector-controller")
    lab.settle()
    assert lab.pods() == [] and lab.client.list(ReplicaSet, "default") == []


def test_deleting_a_pod_in_the_foreground_is_deleting_it(lab):
    pod = lab.pods()[0].metadata.name
    lab.client.delete(Pod, pod, "default", propagation="Foreground")
    lab.settle()
    assert pod not in [each.metadata.name for each in lab.pods()]


def test_an_owner_in_another_namespace_is_none(lab):
    stored = lab.client.create(config("far"))
    uid = stored.metadata.uid
    near = config("near", owner("ConfigMap", "far", uid))
    lab.client.create(replace(near, metadata=replace(near.metadata, namespace="kube-public")))
    lab.settle()
    assert [c.metadata.name for c in lab.client.list(core.ConfigMap, "kube-public")] == [
        "kube-root-ca.crt"
    ]
    (event,) = (e for e in lab.client.list(core.Event, "kube-public") if "ownerRef" in e.message)
    assert (event.type, event.reason, event.message) == (
        "Warning",
        "OwnerRefInvalidNamespace",
        f"ownerRef [v1/ConfigMap, namespace: kube-public, name: far, uid: {uid}] "
        'does not exist in namespace "kube-public"',
    )


def owner(kind, name, uid):
    version = "apps/v1" if kind in ("Deployment", "ReplicaSet") else "v1"
    return OwnerReference(apiVersion=version, kind=kind, name=name, uid=uid)


def config(name, *owners, finalizers=None):
    return core.ConfigMap(
        metadata=ObjectMeta(
            name=name,
            namespace="default",
            ownerReferences=list(owners) or None,
            finalizers=finalizers,
        )
    )


def config_names(lab):
    found = [each.metadata.name for each in lab.client.list(core.ConfigMap, "default")]
    return [name for name in found if name != "kube-root-ca.crt"]


def unfinalize(lab, name):
    obj = lab.client.get(core.ConfigMap, name, "default")
    try:
        lab.client.update(replace(obj, metadata=replace(obj.metadata, finalizers=None)))
    except ApiError as error:
        assert error.reason == "NotFound"
