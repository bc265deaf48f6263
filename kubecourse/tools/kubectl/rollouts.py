"""What `kubectl rollout` knows of a workload: how far it is, its history, the way back.

Sources: `staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`, `history.go`,
`rollback.go`, `objectpauser.go`, `objectrestarter.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kubecourse.tools.kubectl.changing import LAST_APPLIED
from kubecourse.tools.kubectl.failure import KubectlError

Json = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
HASH_LABEL = "pod-template-hash"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
KEPT_ANNOTATIONS = frozenset(
    (
        LAST_APPLIED,
        REVISION,
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    )
)
"""A Deployment's annotations that going back to a revision leaves as they are."""

# --- how far it is


def status(obj: Json, revision: int = 0) -> tuple[str, bool]:
    """One line on how far a rollout is, and whether it is done.

    With a revision it must be the present one. Raises KubectlError for a rollout that failed, or
    for a kind that has none.
    """
    viewer = _VIEWERS.get(obj["kind"])
    if viewer is None:
        raise KubectlError(f"no status viewer has been implemented for {obj['kind']}")
    if revision > 0 and obj["kind"] == "Deployment" and revision_of(obj) != revision:
        raise KubectlError(
            f"desired revision ({revision}) is different from the running revision"
            f" ({revision_of(obj)})"
        )
    strategy = obj["spec"].get("updateStrategy")
    if strategy and strategy.get("type") != "RollingUpdate":
        raise KubectlError("rollout status is only available for RollingUpdate strategy type")
    what, view = viewer
    state = obj.get("status") or {}
    if obj["metadata"].get("generation", 1) > state.get("observedGeneration", 0):
        return f"Waiting for {what} spec update to be observed...", False
    return view(obj, state)


def _deployment(obj: Json, state: Json) -> tuple[str, bool]:
    name = obj["metadata"]["name"]
    for condition in state.get("conditions") or []:
        timed_out = condition.get("reason") == "ProgressDeadlineExceeded"
        if condition["type"] == "Progressing" and timed_out:
            raise KubectlError(f'deployment "{name}" exceeded its progress deadline')
    replicas = obj["spec"].get("replicas", 0)
    updated, total = state.get("updatedReplicas", 0), state.get("replicas", 0)
    available = state.get("availableReplicas", 0)
    waiting = f'Waiting for deployment "{name}" rollout to finish: '
    if updated < replicas:
        return f"{waiting}{updated} out of {replicas} new replicas have been updated...", False
    if total > updated:
        return f"{waiting}{total - updated} old replicas are pending termination...", False
    if available < updated:
        return f"{waiting}{available} of {updated} updated replicas are available...", False
    return f'deployment "{name}" successfully rolled out', True


def _daemon_set(obj: Json, state: Json) -> tuple[str, bool]:
    name = obj["metadata"]["name"]
    desired = state.get("desiredNumberScheduled", 0)
    updated, available = state.get("updatedNumberScheduled", 0), state.get("numberAvailable", 0)
    waiting = f'Waiting for daemon set "{name}" rollout to finish: '
    if updated < desired:
        return f"{waiting}{updated} out of {desired} new pods have been updated...", False
    if available < desired:
        return f"{waiting}{available} of {desired} updated pods are available...", False
    return f'daemon set "{name}" successfully rolled out', True


def _stateful_set(obj: Json, state: Json) -> tuple[str, bool]:
    replicas = obj["spec"].get("replicas", 1)
    ready, updated = state.get("readyReplicas", 0), state.get("updatedReplicas", 0)
    if ready < replicas:
        return f"Waiting for {replicas - ready} pods to be ready...", False
    rolling = obj["spec"]["updateStrategy"].get("rollingUpdate") or {}
    new_pods = "new pods have been updated..."
    if rolling.get("partition"):
        wanted = replicas - rolling["partition"]
        if updated < wanted:
            waiting = "Waiting for partitioned roll out to finish:"
            return f"{waiting} {updated} out of {wanted} {new_pods}", False
        return f"partitioned roll out complete: {updated} {new_pods}", True
    new = state.get("updateRevision", "")
    if new != state.get("currentRevision", ""):
        waiting = "waiting for statefulset rolling update to complete"
        return f"{waiting} {updated} pods at revision {new}...", False
    current = state.get("currentReplicas", 0)
    return f"statefulset rolling update complete {current} pods at revision {new}...", True


_VIEWERS: dict[str, tuple[str, Callable[[Json, Json], tuple[str, bool]]]] = {
    "DaemonSet": ("daemon set", _daemon_set),
    "Deployment": ("deployment", _deployment),
    "StatefulSet": ("statefulset", _stateful_set),
}

# --- revisions, as ReplicaSets remember them


def owned_replica_sets(deployment: Json, candidates: list[Json]) -> list[Json]:
    """The ReplicaSets that a Deployment controls, oldest first."""
    uid = deployment["metadata"].get("uid")
    owned = [
        each
        for each in candidates
        for owner in each["metadata"].get("ownerReferences") or []
        if owner.get("controller") and owner["uid"] == uid
    ]
    return sorted(owned, key=_age_and_name)


def _age_and_name(obj: Json) -> tuple[str, str]:
    return obj["metadata"]["creationTimestamp"], obj["metadata"]["name"]


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


# --- the way back


def rollback_target(deployment: Json, replica_sets: list[Json], to_revision: int) -> Json:
    """The ReplicaSet to go back to: of that revision, or (0) of the one before the present.

    Raises KubectlError where there is none.
    """
    new, old = new_and_old_replica_sets(deployment, replica_sets)
    candidates = [*old, new] if new else old
    if to_revision:
        for each in candidates:
            if revision_of(each) == to_revision:
                return each
        raise KubectlError(f"unable to find specified revision {to_revision} in history")
    by_revision = sorted(candidates, key=revision_of)
    if len(by_revision) < 2:
        name = deployment["metadata"]["name"]
        raise KubectlError(f'no rollout history found for deployment "{name}"')
    return by_revision[-2]


def rollback_patch(deployment: Json, target: Json) -> list[Json] | None:
    """The JSON patch that restores a revision; None where it is the present one.

    Raises KubectlError for a paused Deployment.
    """
    if deployment["spec"].get("paused"):
        raise KubectlError(
            "you cannot rollback a paused deployment; resume it first with"
            " 'kubectl rollout resume' and try again"
        )
    template = template_without_hash(target)
    if template == template_without_hash(deployment):
        return None
    own, past = (obj["metadata"].get("annotations") or {} for obj in (deployment, target))
    annotations = {key: value for key, value in own.items() if key in KEPT_ANNOTATIONS}
    annotations |= {key: value for key, value in past.items() if key not in KEPT_ANNOTATIONS}
    return [
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ]


# --- pausing, resuming, restarting


def pause_patch(obj: Json, now: datetime | None = None) -> Json:
    """Raises KubectlError for what cannot be paused, or is."""
    if obj["kind"] != "Deployment":
        raise KubectlError("pausing is not supported")
    if obj["spec"].get("paused"):
        raise KubectlError("is already paused")
    return {"spec": {"paused": True}}


def resume_patch(obj: Json, now: datetime | None = None) -> Json:
    """Raises KubectlError for what cannot be resumed, or is not paused."""
    if obj["kind"] != "Deployment":
        raise KubectlError("resuming is not supported")
    if not obj["spec"].get("paused"):
        raise KubectlError("is not paused")
    return {"spec": {"paused": None}}


def restart_patch(obj: Json, now: datetime) -> Json:
    """An annotation on the template, so that all pods are replaced.

    Empty where the same restart was asked for within this second. Raises KubectlError for what
    cannot be restarted.
    """
    if obj["kind"] not in _VIEWERS:
        raise KubectlError("restarting is not supported")
    if obj["spec"].get("paused"):
        raise KubectlError("can't restart paused deployment (run rollout resume first)")
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    annotations = (obj["spec"]["template"].get("metadata") or {}).get("annotations") or {}
    if annotations.get(RESTARTED_AT) == stamp:
        return {}
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}}}
