"""Which PersistentVolume a claim gets, from where it is reached, and which claims a pod has.

Sources: `pkg/controller/volume/persistentvolume/index.go`,
`staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go` (FindMatchingVolume),
`staging/src/k8s.io/component-helpers/storage/ephemeral/ephemeral.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubecourse.api import models
from kubecourse.api.labels import EVERYTHING, selector_from_label_selector
from kubecourse.api.placement import NodeTerm
from kubecourse.api.quantity import ZERO, Quantity, parse_quantity
from kubecourse.api.quota import storage_class_of

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
PROVISIONER = "volume.kubernetes.io/storage-provisioner"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""Annotation of a claim for which the scheduler has chosen a node: its name."""
NO_PROVISIONER = "kubernetes.io/no-provisioner"

Reference = tuple[str, str]
"""A claim's namespace and name."""


def claim_of(volume: Any, pod: Any) -> str | None:
    """The name of the claim that a pod's volume is about, if it is about one."""
    if volume.persistentVolumeClaim is not None:
        return str(volume.persistentVolumeClaim.claimName)
    return f"{pod.metadata.name}-{volume.name}" if volume.ephemeral is not None else None


def claims_of(pod: Any) -> list[Reference]:
    """The claims that a pod's volumes are about."""
    if not pod.spec.volumes:
        return []
    names = [claim_of(volume, pod) for volume in pod.spec.volumes]
    return [(pod.metadata.namespace, name) for name in names if name is not None]


def by_claim(pod: Any) -> Iterable[str]:
    """Index: the claims of a pod, as `namespace/name`."""
    if not pod.spec.volumes:
        return ()
    return [f"{namespace}/{name}" for namespace, name in claims_of(pod)]


def is_bound(claim: Any) -> bool:
    """Whether a claim has its volume, and its controller has said so."""
    return bool(claim.spec.volumeName) and BIND_COMPLETED in (claim.metadata.annotations or {})


def waits(storage_class: Any) -> bool:
    """Whether the claims of a storage class (None: it is not there) wait for a pod."""
    return storage_class is not None and storage_class.volumeBindingMode == "WaitForFirstConsumer"


def size_of(volume: Any) -> Quantity:
    """What a volume holds."""
    return parse_quantity((volume.spec.capacity or {}).get("storage", "0"))


def size_wanted(claim: Any) -> Quantity:
    """What a claim asks for."""
    resources = claim.spec.resources
    text = (resources.requests or {}).get("storage") if resources is not None else None
    return parse_quantity(text) if text else ZERO


def is_reached(volume: Any, node: Any) -> bool:
    """Whether a volume can be used from a node."""
    affinity = volume.spec.nodeAffinity
    if affinity is None or affinity.required is None:
        return True
    name, labels = node.metadata.name, node.metadata.labels or {}
    return any(NodeTerm(term).matches(name, labels) for term in affinity.required.nodeSelectorTerms)


def is_for(volume: Any, claim: Any) -> bool:
    """Whether a volume is bound to a claim, or kept for it."""
    kept = volume.spec.claimRef
    return (
        kept is not None
        and (kept.namespace, kept.name) == (claim.metadata.namespace, claim.metadata.name)
        and (not kept.uid or kept.uid == claim.metadata.uid)
    )


def serves(volume: Any, claim: Any) -> bool:
    """Whether a volume is large enough, of the right mode, and gives the access asked for."""
    modes = volume.spec.accessModes or ()
    return (
        all(mode in modes for mode in claim.spec.accessModes or ())
        and size_of(volume) >= size_wanted(claim)
        and (volume.spec.volumeMode or "Filesystem") == (claim.spec.volumeMode or "Filesystem")
        and volume.metadata.deletionTimestamp is None
    )


def is_free_for(volume: Any, claim: Any) -> bool:
    """Whether a claim may take a volume that nobody has."""
    wanted = claim.spec.selector
    selector = EVERYTHING if wanted is None else selector_from_label_selector(wanted)
    return (
        volume.spec.claimRef is None
        and volume.status.phase == "Available"
        and storage_class_of(volume) == storage_class_of(claim)
        and selector.matches(volume.metadata.labels)
    )


def best_match(claim: Any, volumes: Iterable[Any], kept_only: bool = False) -> Any | None:
    """The volume kept for a claim, else the free one with fewest other uses that is smallest.

    `kept_only`: the claim waits for its first pod, and free volumes are not for it yet.
    """
    candidates = [volume for volume in volumes if serves(volume, claim)]
    for volume in candidates:
        if is_for(volume, claim):
            return volume
    if kept_only:
        return None
    free = [volume for volume in candidates if is_free_for(volume, claim)]
    return min(free, key=_preference) if free else None


def _preference(volume: Any) -> tuple[int, int, str]:
    return len(volume.spec.accessModes or ()), size_of(volume).nano, volume.metadata.name


def reference_to(claim: Any) -> Any:
    """What a volume's `claimRef` says when it is bound to a claim."""
    place = claim.metadata
    return models.core_v1.ObjectReference(
        kind="PersistentVolumeClaim", apiVersion="v1", namespace=place.namespace, name=place.name,
        uid=place.uid, resourceVersion=place.resourceVersion,
    )  # fmt: skip
