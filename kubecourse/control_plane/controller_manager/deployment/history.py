"""Revisions: which ReplicaSet is the new one, what it is called, which old ones are kept.

Source: `pkg/controller/deployment/util/deployment_util.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from kubecourse.control_plane.controller_manager.pods import by_age
from kubecourse.control_plane.controller_manager.revisions import template_hash as template_hash

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
HASH_LABEL = "pod-template-hash"
MAX_HISTORY_LENGTH = 2000
UNLIMITED = 2**31 - 1

_NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration", "deprecated.deployment.rollback.to",
    REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS,
}  # fmt: skip


def same_template(a: Any, b: Any) -> bool:
    """Whether two pod templates are equal but for the hash label."""
    if a.spec is not b.spec and a.spec != b.spec:
        return False
    return bool(_bare(a.metadata) == _bare(b.metadata))


def _bare(metadata: Any) -> Any:
    labels = {key: v for key, v in (metadata.labels or {}).items() if key != HASH_LABEL}
    return replace(metadata, labels=labels or None)


def find_new(replicasets: Iterable[Any], template: Any) -> Any | None:
    """The oldest ReplicaSet made from a template: a rollback finds the one of long ago again."""
    for replicaset in sorted(replicasets, key=by_age):
        if same_template(replicaset.spec.template, template):
            return replicaset
    return None


def number_in(obj: Any, annotation: str) -> int | None:
    """The number in an annotation, if there is one."""
    try:
        return int((obj.metadata.annotations or {})[annotation])
    except (KeyError, ValueError):
        return None


def revision(obj: Any) -> int:
    """The number in an object's revision annotation; 0 without one, or if it is no number."""
    return number_in(obj, REVISION) or 0


def replica_annotations(replicas: int, surge: int) -> dict[str, str]:
    """What a ReplicaSet notes of its Deployment's size, to find its share when that changes."""
    return {DESIRED_REPLICAS: str(replicas), MAX_REPLICAS: str(replicas + surge)}


def annotations_for(
    deployment: Any, existing: dict[str, str] | None, number: int
) -> dict[str, str]:
    """A new ReplicaSet's annotations: its Deployment's, its revision, and those it had before."""
    given = deployment.metadata.annotations or {}
    result = dict(existing or {})
    result |= {key: value for key, value in given.items() if key not in _NOT_COPIED}
    before = result.get(REVISION, "")
    if before and not (before.isdigit() and int(before) < number):
        return result
    result[REVISION] = str(number)
    if before:
        known = result.get(REVISION_HISTORY)
        kept = [*(known.split(",") if known else ()), before]
        while len(",".join(kept)) > MAX_HISTORY_LENGTH and len(kept) > 1:
            del kept[0]
        result[REVISION_HISTORY] = ",".join(kept)
    return result


def to_prune(old: Iterable[Any], limit: int | None) -> list[Any]:
    """The old ReplicaSets beyond the revision history limit that can go: empty and up to date."""
    if limit is None or limit == UNLIMITED:
        return []
    alive = [rs for rs in old if rs.metadata.deletionTimestamp is None]
    alive.sort(key=lambda rs: (revision(rs), by_age(rs)))
    return [rs for rs in alive[: max(0, len(alive) - limit)] if _is_idle(rs)]


def _is_idle(replicaset: Any) -> bool:
    status = replicaset.status
    seen = replicaset.metadata.generation <= (status.observedGeneration or 0)
    return seen and not status.replicas and not replicaset.spec.replicas
