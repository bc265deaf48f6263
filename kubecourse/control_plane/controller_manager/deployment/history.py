"""Revisions: which ReplicaSet is the new one, what it is called, which old ones are kept.

Source: `pkg/controller/deployment/util/deployment_util.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from kubecourse.control_plane.controller_manager.revisions import template_hash as template_hash

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
HASH_LABEL = "pod-template-hash"
MAX_HISTORY_LENGTH = 2000
UNLIMITED = 2**31 - 1

_NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
}


# --- templates


def same_template(a: Any, b: Any) -> bool:
    """Whether two pod templates are equal but for the hash label."""
    if a.spec is not b.spec and a.spec != b.spec:
        return False
    return bool(_bare(a.metadata) == _bare(b.metadata))


def _bare(metadata: Any) -> Any:
    labels = metadata.labels or {}
    if HASH_LABEL in labels:
        labels = {key: value for key, value in labels.items() if key != HASH_LABEL}
    return replace(metadata, labels=labels or None)


def by_creation(replicaset: Any) -> tuple[Any, str]:
    """Sorting key: oldest first."""
    return (replicaset.metadata.creationTimestamp, replicaset.metadata.name)


def find_new(replicasets: Iterable[Any], template: Any) -> Any | None:
    """The oldest ReplicaSet made from a template: a rollback finds the one of long ago again."""
    for replicaset in sorted(replicasets, key=by_creation):
        if same_template(replicaset.spec.template, template):
            return replicaset
    return None


# --- annotations


def revision(obj: Any) -> int:
    """The number in an object's revision annotation; 0 without one, or if it is no number."""
    return number_in(obj, REVISION) or 0


def number_in(obj: Any, annotation: str) -> int | None:
    """The number in an annotation, if there is one."""
    try:
        return int((obj.metadata.annotations or {})[annotation])
    except (KeyError, ValueError):
        return None


def replica_annotations(replicas: int, surge: int) -> dict[str, str]:
    """What a ReplicaSet notes of its Deployment's size, to find its share when that changes."""
    return {DESIRED_REPLICAS: str(replicas), MAX_REPLICAS: str(replicas + surge)}


def annotations_for(
    deployment: Any, existing: dict[str, str] | None, number: int
) -> dict[str, str]:
    """A new ReplicaSet's annotations: its Deployment's, its revision, and those it had before."""
    result = dict(existing or {})
    for key, value in (deployment.metadata.annotations or {}).items():
        if key not in _NOT_COPIED:
            result[key] = value
    before = result.get(REVISION)
    try:
        if before and int(before) >= number:
            return result
    except ValueError:
        return result
    result[REVISION] = str(number)
    if before is not None:
        result[REVISION_HISTORY] = _with_revision(result.get(REVISION_HISTORY, ""), before)
    return result


def _with_revision(history: str, number: str) -> str:
    """The list of former revisions with one more, forgetting the oldest when it grows too long."""
    kept = [*history.split(","), number] if history else [number]
    while len(",".join(kept)) > MAX_HISTORY_LENGTH and len(kept) > 1:
        del kept[0]
    return ",".join(kept)


# --- keeping old ones


def to_prune(old: Iterable[Any], limit: int | None) -> list[Any]:
    """The old ReplicaSets beyond the revision history limit that can go: empty and up to date."""
    if limit is None or limit == UNLIMITED:
        return []
    alive = [rs for rs in old if rs.metadata.deletionTimestamp is None]
    alive.sort(key=lambda rs: (revision(rs), by_creation(rs)))
    return [rs for rs in alive[: max(0, len(alive) - limit)] if _is_idle(rs)]


def _is_idle(replicaset: Any) -> bool:
    return not (
        replicaset.status.replicas
        or replicaset.spec.replicas
        or replicaset.metadata.generation > (replicaset.status.observedGeneration or 0)
    )
