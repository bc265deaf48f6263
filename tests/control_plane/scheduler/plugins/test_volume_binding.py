"""Pods wait for their claims."""

import pytest
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.clock import START
from kubecourse.control_plane.scheduler.cache import Cache
from kubecourse.control_plane.scheduler.framework import ClusterEvent
from kubecourse.control_plane.scheduler.plugins.volume_binding import VolumeBinding
from tests.control_plane.scheduler.objects import pod

core, meta, storage = models.core_v1, models.meta_v1, models.storage_v1


def claim(name="data", phase="Pending", ending=False, **spec):
    return core.PersistentVolumeClaim(
        metadata=meta.ObjectMeta(
            name=name, namespace="default", deletionTimestamp=START if ending else None
        ),
        spec=core.PersistentVolumeClaimSpec(**spec),
        status=core.PersistentVolumeClaimStatus(phase=phase),
    )


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
        (claim(storageClassName="later"), None),
        (claim(phase="Bound", volumeName="v"), None),
    ],
)
def test_what_is_wrong_with_a_claim(there, problem):
    known = Cache()
    claims = known.claims
    for name, mode in (("now", "Immediate"), ("later", "WaitForFirstConsumer")):
        metadata = meta.ObjectMeta(name=name)
        made = storage.StorageClass(metadata=metadata, provisioner="p", volumeBindingMode=mode)
        claims.set_class(None, made)
    if there is not None:
        claims.set_claim(None, there)
    source = core.PersistentVolumeClaimVolumeSource(claimName="data")
    user = pod("p", volumes=[core.Volume(name="v", persistentVolumeClaim=source)])
    plugin = VolumeBinding(user, known)
    assert plugin.reject(user) == problem
    assert plugin.might_help(ClusterEvent("claim", None, claim()), user)
    other = claim(name="other")
    assert not plugin.might_help(ClusterEvent("claim", None, other), user)


def test_an_ephemeral_volume_has_a_claim_of_its_own():
    user = pod("p", volumes=[core.Volume(name="v", ephemeral=core.EphemeralVolumeSource())])
    known = Cache()
    claims = known.claims
    plugin = VolumeBinding(user, known)
    assert plugin.reject(user) == 'persistentvolumeclaim "p-v" not found'
    bound = claim(name="p-v", volumeName="x")
    claims.set_claim(None, bound)
    assert plugin.reject(user) is None
    claims.set_claim(replace(bound), None)
    assert plugin.reject(user) is not None
