"""Pods wait for their claims, and go where the volumes are."""

import pytest

from kubecourse.api import models
from kubecourse.clock import START
from kubecourse.control_plane.scheduler.cache import Cache
from kubecourse.control_plane.scheduler.framework import ClusterEvent
from kubecourse.control_plane.scheduler.plugins.volume_binding import VolumeBinding, bindings
from tests.control_plane.scheduler.objects import cache, node, pod, refusals

core, meta, storage = models.core_v1, models.meta_v1, models.storage_v1

BOUND = {"pv.kubernetes.io/bind-completed": "yes"}
LATER, NOW, NEVER = (
    storage.StorageClass(
        metadata=meta.ObjectMeta(name=name), provisioner=provisioner, volumeBindingMode=mode
    )
    for name, mode, provisioner in (
        ("later", "WaitForFirstConsumer", "disks.example.com"),
        ("now", "Immediate", "disks.example.com"),
        ("never", "WaitForFirstConsumer", "kubernetes.io/no-provisioner"),
    )
)


def claim(name="data", phase="Pending", ending=False, annotations=None, size="1Gi", **spec):
    return core.PersistentVolumeClaim(
        metadata=meta.ObjectMeta(
            name=name, namespace="default", uid=name, annotations=annotations,
            deletionTimestamp=START if ending else None,
        ),
        spec=core.PersistentVolumeClaimSpec(
            resources=core.VolumeResourceRequirements(requests={"storage": size}), **spec
        ),
        status=core.PersistentVolumeClaimStatus(phase=phase),
    )  # fmt: skip


def volume(name, on=None, size="1Gi", storage_class="never"):
    affinity = None
    if on:
        rule = core.NodeSelectorRequirement(
            key="kubernetes.io/hostname", operator="In", values=[on]
        )
        terms = [core.NodeSelectorTerm(matchExpressions=[rule])]
        affinity = core.VolumeNodeAffinity(required=core.NodeSelector(nodeSelectorTerms=terms))
    return core.PersistentVolume(
        metadata=meta.ObjectMeta(name=name, uid=name),
        spec=core.PersistentVolumeSpec(
            capacity={"storage": size}, nodeAffinity=affinity, storageClassName=storage_class
        ),
        status=core.PersistentVolumeStatus(phase="Available"),
    )


def user(*claims):
    return pod(
        "p",
        volumes=[
            core.Volume(
                name=name,
                persistentVolumeClaim=core.PersistentVolumeClaimVolumeSource(claimName=name),
            )
            for name in claims
        ],
    )


def known(*objects, nodes=("a", "b")):
    found = cache(*map(node, nodes))
    for obj in (LATER, NOW, NEVER, *objects):
        found.claims.set(None, obj)
    return found


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        (None, 'persistentvolumeclaim "data" not found'),
        (claim(ending=True), 'persistentvolumeclaim "data" is being deleted'),
        (
            claim(phase="Lost", volumeName="v"),
            'persistentvolumeclaim "data" bound to non-existent persistentvolume "v"',
        ),
        (claim(storageClassName="now"), "pod has unbound immediate PersistentVolumeClaims"),
        (claim(storageClassName="gone"), "pod has unbound immediate PersistentVolumeClaims"),
        (claim(storageClassName="later", volumeName="v"), "pod has unbound immediate "
         "PersistentVolumeClaims"),
        (claim(storageClassName="later"), None),
        (claim(annotations=BOUND, volumeName="v"), None),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_claim(there, problem):
    found = known(*([there] if there is not None else []))
    plugin = VolumeBinding(user("data"), found)
    assert plugin.reject(user("data")) == problem
    assert plugin.might_help(ClusterEvent("claim", None, claim()), user("data"))
    assert plugin.might_help(ClusterEvent("claim", None, volume("v")), user("data"))
    assert not plugin.might_help(ClusterEvent("claim", None, claim(name="other")), user("data"))


def test_an_ephemeral_volume_has_a_claim_of_its_own():
    one = pod("p", volumes=[core.Volume(name="v", ephemeral=core.EphemeralVolumeSource())])
    missing = 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v"'
    assert VolumeBinding(one, Cache()).reject(one) == missing
    found = known(claim(name="p-v", annotations=BOUND, volumeName="x"), volume("x"))
    assert VolumeBinding(one, found).reject(one) is None


def test_a_pod_goes_where_its_bound_volume_is_reached():
    bound = claim(annotations=BOUND, volumeName="v")
    here = known(bound, volume("v", on="b"))
    elsewhere = "node(s) didn't match PersistentVolume's node affinity"
    assert refusals(VolumeBinding, user("data"), here) == {"a": elsewhere}
    gone = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
    assert refusals(VolumeBinding, user("data"), known(bound)) == {"a": gone, "b": gone}


NOTHING = "node(s) didn't find available persistent volumes to bind"


def test_a_waiting_claim_goes_where_a_volume_is_or_can_be_made():
    waiting = claim(storageClassName="never")
    found = known(waiting, volume("v", on="b"))
    assert refusals(VolumeBinding, user("data"), found) == {"a": NOTHING}
    assert refusals(VolumeBinding, user("data"), known(claim(storageClassName="later"))) == {}


def test_two_claims_of_a_pod_do_not_get_one_volume():
    large, small = claim("large", size="5Gi", storageClassName="never"), claim(
        "small", storageClassName="never"
    )  # fmt: skip
    found = known(large, small, volume("v", on="a", size="5Gi"), volume("w", on="b", size="5Gi"),
                  volume("x", on="b"))  # fmt: skip
    assert refusals(VolumeBinding, user("large", "small"), found) == {"a": NOTHING}
    chosen = bindings(user("large", "small"), found.nodes["b"], found)
    assert [(c.metadata.name, v.metadata.name) for c, v in chosen] == [
        ("small", "x"), ("large", "w"),
    ]  # fmt: skip


def test_a_node_that_was_chosen_before_stays_the_one():
    chosen = {"volume.kubernetes.io/selected-node": "b"}
    found = known(claim(storageClassName="later", annotations=chosen))
    assert refusals(VolumeBinding, user("data"), found) == {"a": NOTHING}


def test_a_class_may_serve_some_topologies_only():
    terms = [
        core.TopologySelectorTerm(
            matchLabelExpressions=[
                core.TopologySelectorLabelRequirement(key="kubernetes.io/hostname", values=["b"])
            ]
        )
    ]
    zonal = storage.StorageClass(
        metadata=meta.ObjectMeta(name="zonal"), provisioner="disks.example.com",
        volumeBindingMode="WaitForFirstConsumer", allowedTopologies=terms,
    )  # fmt: skip
    found = known(zonal, claim(storageClassName="zonal"))
    assert refusals(VolumeBinding, user("data"), found) == {"a": NOTHING}
