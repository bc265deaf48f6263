"""Pods wait for their claims, and go where the volumes are."""

from random import Random

import pytest
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.clock import START
from kubecourse.control_plane.scheduler.algorithm import Algorithm, NoFit
from kubecourse.control_plane.scheduler.cache import Cache
from kubecourse.control_plane.scheduler.framework import ClusterEvent
from kubecourse.control_plane.scheduler.plugins.volume_binding import (
    VolumeBinding,
    VolumeRestrictions,
    VolumeZone,
    bindings,
)
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


def zonal(name, **labels):
    return node(name, {f"topology.kubernetes.io/{key}": value for key, value in labels.items()})


def test_the_labels_of_a_volume_name_its_zones():
    marked = volume("disk")
    labels = {"topology.kubernetes.io/zone": "z1__z2"}
    marked = replace(marked, metadata=replace(marked.metadata, labels=labels))
    bound = claim(volumeName="disk", annotations=BOUND, phase="Bound")
    found = cache(zonal("a", zone="z1"), zonal("b", zone="z3"), zonal("c", region="r"), node("d"))
    for obj in (marked, bound):
        found.claims.set(None, obj)
    refused = "node(s) had no available volume zone"
    assert refusals(VolumeZone, user("data"), found) == {"b": refused, "c": refused}
    assert refusals(VolumeZone, user(), found) == {}


ALONE = (
    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
)


def test_a_claim_for_one_pod_is_not_for_two_wherever_they_are():
    private, shared = (
        claim(name, accessModes=[mode])
        for name, mode in (("private", "ReadWriteOncePod"), ("shared", "ReadWriteOnce"))
    )
    found = known(private, shared)
    first = user("private", "shared")
    first = replace(first, metadata=replace(first.metadata, name="first", uid="first"))
    assert refusals(VolumeRestrictions, user("private"), found) == {}
    found.place(first, "a")
    assert refusals(VolumeRestrictions, user("private"), found) == {"a": ALONE, "b": ALONE}
    assert refusals(VolumeRestrictions, user("shared"), found) == {}
    rule = VolumeRestrictions(user("private"), found)
    assert rule.might_help(ClusterEvent("pod", first, None), user("private"))
    assert not rule.might_help(ClusterEvent("pod", user("shared"), None), user("private"))


def test_a_more_important_pod_takes_such_a_claim_from_a_less_important_one():
    found = known(claim("private", accessModes=["ReadWriteOncePod"], phase="Bound",
                        volumeName="disk", annotations=BOUND), volume("disk"))  # fmt: skip
    holder = user("private")
    holder = replace(holder, metadata=replace(holder.metadata, name="holder", uid="holder"))
    found.place(holder, "b")
    algorithm = Algorithm(found, Random(0))
    chief = user("private")
    chief = replace(chief, spec=replace(chief.spec, priority=9))
    with pytest.raises(NoFit) as problem:
        algorithm.find(chief)
    assert {v.reasons[0]: n for v, n in problem.value.refusals.items()} == {ALONE: 2}
    room = algorithm.preempt(chief, problem.value, [], 0.0)
    assert (room.node.name, [v.metadata.name for v in room.victims]) == ("b", ["holder"])
