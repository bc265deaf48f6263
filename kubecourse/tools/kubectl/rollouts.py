"""What `kubectl rollout` knows of a workload: how far it is, its history, the way back.

Sources: `staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`, `history.go`,
`rollback.go`, `objectpauser.go`, `objectrestarter.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.revisions import (
    REVISION,
    new_and_old_replica_sets,
    revision_of,
    template_without_hash,
)

Json = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
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
    return viewer(obj, obj.get("status") or {}, revision)


def _deployment(obj: Json, state: Json, revision: int) -> tuple[str, bool]:
    name = obj["metadata"]["name"]
    if revision > 0 and revision_of(obj) != revision:
        raise KubectlError(
            f"desired revision ({revision}) is different from the running revision"
            f" ({revision_of(obj)})"
        )
    if obj["metadata"].get("generation", 0) > state.get("observedGeneration", 0):
        return "Waiting for deployment spec update to be observed...", False
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


def _daemon_set(obj: Json, state: Json, revision: int) -> tuple[str, bool]:
    _check_strategy(obj)
    name = obj["metadata"]["name"]
    if obj["metadata"].get("generation", 0) > state.get("observedGeneration", 0):
        return "Waiting for daemon set spec update to be observed...", False
    desired = state.get("desiredNumberScheduled", 0)
    updated, available = state.get("updatedNumberScheduled", 0), state.get("numberAvailable", 0)
    waiting = f'Waiting for daemon set "{name}" rollout to finish: '
    if updated < desired:
        return f"{waiting}{updated} out of {desired} new pods have been updated...", False
    if available < desired:
        return f"{waiting}{available} of {desired} updated pods are available...", False
    return f'daemon set "{name}" successfully rolled out', True


def _stateful_set(obj: Json, state: Json, revision: int) -> tuple[str, bool]:
    _check_strategy(obj)
    observed = state.get("observedGeneration", 0)
    if not observed or obj["metadata"].get("generation", 0) > observed:
        return "Waiting for statefulset spec update to be observed...", False
    replicas = obj["spec"].get("replicas", 1)
    ready, updated = state.get("readyReplicas", 0), state.get("updatedReplicas", 0)
    if ready < replicas:
        return f"Waiting for {replicas - ready} pods to be ready...", False
    rolling = obj["spec"]["updateStrategy"].get("rollingUpdate") or {}
    if rolling.get("partition"):
        wanted = replicas - rolling["partition"]
        if updated < wanted:
            return (
                f"Waiting for partitioned roll out to finish: {updated} out of {wanted}"
                " new pods have been updated...",
                False,
            )
        return f"partitioned roll out complete: {updated} new pods have been updated...", True
    new = state.get("updateRevision", "")
    if new != state.get("currentRevision", ""):
        waiting = "waiting for statefulset rolling update to complete"
        return f"{waiting} {updated} pods at revision {new}...", False
    current = state.get("currentReplicas", 0)
    return f"statefulset rolling update complete {current} pods at revision {new}...", True


def _check_strategy(obj: Json) -> None:
    if obj["spec"]["updateStrategy"].get("type") != "RollingUpdate":
        raise KubectlError("rollout status is only available for RollingUpdate strategy type")


_VIEWERS: dict[str, Callable[[Json, Json, int], tuple[str, bool]]] = {
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
}

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


def pause_patch(obj: Json) -> Json:
    """Raises KubectlError for what cannot be paused, or is."""
    if obj["kind"] != "Deployment":
        raise KubectlError("pausing is not supported")
    if obj["spec"].get("paused"):
        raise KubectlError("is already paused")
    return {"spec": {"paused": True}}


def resume_patch(obj: Json) -> Json:
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
