"""Claims and volumes find each other, say why they do not, and do not go while in use."""

import json

import pytest
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.volumes import reference_to
from tests.control_plane.controller_manager.double import Lab, Pod

core = models.core_v1
Claim = core.PersistentVolumeClaim
Volume = core.PersistentVolume


@pytest.fixture
def lab():
    return Lab()


def volume(lab, name, size="1Gi", mode="ReadWriteOnce", **spec):
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": {"disk": name}},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": [mode],
            "hostPath": {"path": f"/tmp/{name}"},
            **spec,
        },
    }
    return lab.create(json.dumps(body))


def claim(lab, name="c", size="1Gi", mode="ReadWriteOnce", **spec):
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": [mode],
            "resources": {"requests": {"storage": size}},
            **spec,
        },
    }
    return lab.create(json.dumps(body))


def storage_class(lab, name, provisioner, **more):
    body = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, **more.pop("metadata", {})},
        "provisioner": provisioner,
        **more,
    }
    return lab.create(json.dumps(body))


def pod_with(lab, *claims, node=None):
    volumes = [
        {"name": f"v{number}", "persistentVolumeClaim": {"claimName": name}}
        for number, name in enumerate(claims)
    ]
    spec = {"volumes": volumes, "containers": [{"name": "c", "image": "nginx"}]}
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    return lab.create(json.dumps(body))


def the_claim(lab, name="c"):
    return lab.client.get(Claim, name, "default")


def phase(lab, name):
    return lab.client.get(Volume, name).status.phase


def said(lab, name="c"):
    return [
        (e.type, e.reason, e.message)
        for e in lab.client.list(core.Event, "default")
        if e.involvedObject.name == name
    ]


# --- binding


def test_a_claim_takes_the_smallest_volume_that_will_do(lab):
    for name, size in (("large", "5Gi"), ("small", "500Mi"), ("right", "2Gi")):
        volume(lab, name, size)
    volume(lab, "shared", "1Gi", "ReadWriteMany")
    claim(lab)
    lab.settle()
    found = the_claim(lab)
    assert (found.spec.volumeName, found.status.phase) == ("right", "Bound")
    assert found.status.capacity == {"storage": "2Gi"}
    assert found.status.accessModes == ["ReadWriteOnce"]
    assert found.metadata.annotations == {
        "pv.kubernetes.io/bind-completed": "yes",
        "pv.kubernetes.io/bound-by-controller": "yes",
    }
    kept = lab.client.get(Volume, "right")
    assert (kept.status.phase, kept.spec.claimRef.uid) == ("Bound", found.metadata.uid)
    assert [phase(lab, name) for name in ("large", "small", "shared")] == ["Available"] * 3


def test_a_volume_may_come_later(lab):
    claim(lab)
    lab.settle()
    assert the_claim(lab).status.phase == "Pending"
    volume(lab, "late")
    lab.settle()
    assert the_claim(lab).spec.volumeName == "late"


def test_two_claims_do_not_get_one_volume(lab):
    volume(lab, "only")
    claim(lab, "a")
    claim(lab, "b")
    lab.settle()
    assert {the_claim(lab, name).status.phase for name in "ab"} == {"Bound", "Pending"}


@pytest.mark.parametrize(
    ("kept", "wanted"),
    [
        ({}, {"storageClassName": "gold"}),
        ({"storageClassName": "gold"}, {}),
        ({"volumeMode": "Block"}, {}),
        ({}, {"selector": {"matchLabels": {"disk": "other"}}}),
        ({"claimRef": {"namespace": "default", "name": "other"}}, {}),
        ({}, {"volumeName": "other"}),
    ],
)
def test_what_does_not_fit_is_left_alone(lab, kept, wanted):
    volume(lab, "v", **kept)
    claim(lab, **wanted)
    lab.settle()
    assert (the_claim(lab).status.phase, phase(lab, "v")) == ("Pending", "Available")


def test_a_volume_may_be_kept_for_a_claim_and_a_claim_may_name_its_volume(lab):
    volume(lab, "small")
    volume(lab, "kept", "9Gi", claimRef={"namespace": "default", "name": "c"})
    volume(lab, "named", "9Gi")
    claim(lab)
    claim(lab, "d", volumeName="named")
    lab.settle()
    assert the_claim(lab).spec.volumeName == "kept"
    assert the_claim(lab, "d").status.phase == "Bound"


# --- why not


def test_without_volumes_and_classes_the_recorded_event_is_written(lab):
    """`describe pvc` in the recorded tables: nothing to bind, said every 15 seconds."""
    found = claim(lab)
    assert found.metadata.finalizers == ["kubernetes.io/pvc-protection"]
    assert lab.settle(limit=10), "looking again keeps nobody waiting"
    text = "no persistent volumes available for this claim and no storage class is set"
    assert said(lab) == [("Normal", "FailedBinding", text)]
    lab.clock.advance(16)
    (event,) = lab.client.list(core.Event, "default")
    assert (event.count, event.source.component) == (2, "persistentvolume-controller")


@pytest.mark.parametrize(
    ("provisioner", "event"),
    [
        (None, ("Warning", "ProvisioningFailed", 'storageclass.storage.k8s.io "gold" not found')),
        (
            "kubernetes.io/no-provisioner",
            (
                "Warning",
                "ProvisioningFailed",
                "no volume plugin matched name: kubernetes.io/no-provisioner",
            ),
        ),
        (
            "disks.example.com",
            (
                "Normal",
                "ExternalProvisioning",
                "Waiting for a volume to be created either by the external provisioner "
                "'disks.example.com' or manually by the system administrator. If volume creation "
                "is delayed, please verify that the provisioner is running and correctly "
                "registered.",
            ),
        ),
    ],
)
def test_a_class_without_volumes_needs_a_provisioner(lab, provisioner, event):
    if provisioner:
        storage_class(lab, "gold", provisioner)
    claim(lab, storageClassName="gold")
    lab.settle()
    assert (the_claim(lab).status.phase, said(lab)) == ("Pending", [event])


def test_the_default_class_is_that_of_claims_that_name_none(lab):
    default = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    storage_class(lab, "usual", "disks.example.com", metadata=default)
    assert claim(lab).spec.storageClassName == "usual"
    assert claim(lab, "none", storageClassName="").spec.storageClassName == ""


def test_a_claim_that_waits_for_its_first_pod_goes_where_the_pod_is(lab):
    storage_class(
        lab,
        "local",
        "kubernetes.io/no-provisioner",
        volumeBindingMode="WaitForFirstConsumer",
    )
    for node in ("node-1", "node-2"):
        rule = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        terms = {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}
        volume(lab, f"on-{node}", storageClassName="local", nodeAffinity=terms)
    claim(lab, storageClassName="local")
    lab.settle()
    waiting = "waiting for first consumer to be created before binding"
    assert said(lab) == [("Normal", "WaitForFirstConsumer", waiting)]
    lab.nodes.hold = True
    pod_with(lab, "c")
    lab.settle()
    lab.clock.advance(16)
    assert "waiting for pod p to be scheduled" in [message for _, _, message in said(lab)]
    # The scheduler keeps a volume for the claim.
    kept = lab.client.get(Volume, "on-node-2")
    reference = reference_to(the_claim(lab))
    lab.client.update(replace(kept, spec=replace(kept.spec, claimRef=reference)))
    lab.settle()
    assert (the_claim(lab).spec.volumeName, phase(lab, "on-node-2")) == ("on-node-2", "Bound")


# --- going


def test_a_claim_in_use_stays_until_its_pod_has_gone(lab):
    volume(lab, "v")
    claim(lab)
    pod_with(lab, "c")
    lab.settle()
    lab.client.delete(Claim, "c", "default")
    lab.settle()
    assert the_claim(lab).metadata.deletionTimestamp is not None
    lab.client.delete(Volume, "v")
    lab.settle()
    assert lab.client.get(Volume, "v").metadata.deletionTimestamp is not None
    lab.client.delete(Pod, "p", "default")
    lab.settle()
    assert lab.client.list(Claim, "default") == []
    assert lab.client.list(Volume) == [], "it was only waiting for its claim"


@pytest.mark.parametrize(
    ("spec", "left"),
    [
        ({}, "Released"),
        ({"persistentVolumeReclaimPolicy": "Retain"}, "Released"),
        ({"persistentVolumeReclaimPolicy": "Delete"}, None),
        ({"persistentVolumeReclaimPolicy": "Delete", "hostPath": {"path": "/data"}}, "Failed"),
        (
            {
                "persistentVolumeReclaimPolicy": "Delete",
                "hostPath": None,
                "csi": {"driver": "disks.example.com", "volumeHandle": "1"},
            },
            "Released",
        ),
    ],
)
def test_what_becomes_of_a_volume_is_its_policys_choice(lab, spec, left):
    volume(lab, "v", **spec)
    claim(lab)
    lab.settle()
    lab.client.delete(Claim, "c", "default")
    lab.settle()
    assert [v.status.phase for v in lab.client.list(Volume)] == ([left] if left else [])


def test_a_volume_that_cannot_be_deleted_says_why(lab):
    volume(lab, "v", persistentVolumeReclaimPolicy="Delete", hostPath={"path": "/data"})
    claim(lab)
    lab.settle()
    lab.client.delete(Claim, "c", "default")
    lab.settle()
    why = "host_path deleter only supports /tmp/.+ but received provided /data"
    assert lab.client.get(Volume, "v").status.message == why
    assert ("Warning", "VolumeFailedDelete", why) in said(lab, "v")


def test_a_released_volume_is_not_given_to_another_claim(lab):
    volume(lab, "v")
    claim(lab)
    lab.settle()
    lab.client.delete(Claim, "c", "default")
    claim(lab, "next")
    lab.settle()
    assert (phase(lab, "v"), the_claim(lab, "next").status.phase) == ("Released", "Pending")


def test_a_claim_whose_volume_was_taken_away_is_lost(lab):
    found = volume(lab, "v")
    lab.settle()
    claim(lab)
    lab.settle()
    lab.server.etcd.delete("/registry/persistentvolumes/v")  # by force, past its finalizer
    assert found.metadata.finalizers == ["kubernetes.io/pv-protection"]
    lab.settle()
    assert the_claim(lab).status.phase == "Lost"
    assert said(lab) == [
        (
            "Warning",
            "ClaimLost",
            "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
        )
    ]
