"""Which PersistentVolume a claim gets: the smallest that will do.

Source: `pkg/controller/volume/persistentvolume/index.go`,
`staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go` (FindMatchingVolume).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubecourse.api.labels import EVERYTHING, selector_from_label_selector
from kubecourse.api.quantity import ZERO, Quantity, parse_quantity
from kubecourse.api.quota import storage_class_of


def size_of(volume: Any) -> Quantity:
    """What a volume holds."""
    return parse_quantity((volume.spec.capacity or {}).get("storage", "0"))


def size_wanted(claim: Any) -> Quantity:
    """What a claim asks for."""
    resources = claim.spec.resources
    text = (resources.requests or {}).get("storage") if resources is not None else None
    return parse_quantity(text) if text else ZERO


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
