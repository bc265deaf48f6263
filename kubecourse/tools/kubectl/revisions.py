"""A Deployment's revisions, as its ReplicaSets remember them.

Behaviour follows `staging/src/k8s.io/kubectl/pkg/util/deployment/deployment.go` and
`…/kubectl/pkg/polymorphichelpers/history.go`.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
HASH_LABEL = "pod-template-hash"


def owned_replica_sets(deployment: Json, candidates: list[Json]) -> list[Json]:
    """The ReplicaSets that a Deployment controls, oldest first."""
    uid = deployment["metadata"].get("uid")
    owned = [
        each
        for each in candidates
        if any(
            owner.get("controller") and owner.get("uid") == uid
            for owner in each["metadata"].get("ownerReferences") or []
        )
    ]
    return sorted(
        owned, key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["name"])
    )


def new_and_old_replica_sets(
    deployment: Json, candidates: list[Json]
) -> tuple[Json | None, list[Json]]:
    """The ReplicaSet of the present template, or None, and all others, oldest first."""
    owned = owned_replica_sets(deployment, candidates)
    template = template_without_hash(deployment)
    new = next((each for each in owned if template_without_hash(each) == template), None)
    return new, [each for each in owned if each is not new]


def template_without_hash(obj: Json) -> Json:
    """An object's pod template without the label that tells the ReplicaSets apart."""
    template: Json = obj["spec"]["template"]
    metadata = dict(template.get("metadata") or {})
    labels = {key: v for key, v in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    metadata.pop("labels", None)
    metadata.pop("creationTimestamp", None)
    if labels:
        metadata["labels"] = labels
    return {**template, "metadata": metadata}


def revision_of(replica_set: Json) -> int:
    """The number of a ReplicaSet's revision; 0 where the controller has not given it one."""
    text = (replica_set["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def change_cause(obj: Json) -> str:
    """Why a revision came to be, as its maker noted it."""
    return str((obj["metadata"].get("annotations") or {}).get(CHANGE_CAUSE, ""))
