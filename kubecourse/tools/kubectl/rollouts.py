"""What `kubectl rollout` knows of a workload: how far it is, its history, the way back.

Sources: `staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`, `history.go`,
`rollback.go`, `objectpauser.go`, `objectrestarter.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubecourse.tools.kubectl.changing import LAST_APPLIED
from kubecourse.tools.kubectl.failure import KubectlError

Json = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
HASH_LABEL = "pod-template-hash"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_KEPT = ("revision-history", "desired-replicas", "max-replicas")
KEPT_ANNOTATIONS = {
    LAST_APPLIED, REVISION, "deprecated.deployment.rollback.to",
    *(f"deployment.kubernetes.io/{n}" for n in _KEPT),
}  # fmt: skip
"""A Deployment's annotations that going back to a revision leaves as they are."""

# --- how far it is


def status(obj: Json, revision: int = 0) -> tuple[str, bool]:
    """One line on how far a rollout is, and whether it is done.

    With a revision it must be the present one. Raises KubectlError for a rollout that failed, or
    for a kind that has none.
    """
    viewer = _VIEWERS.get(obj["kind"])
    if viewer is None:
        group = f".{obj.get('apiVersion', '').rpartition('/')[0]}".rstrip(".")
        raise KubectlError(f"no status viewer has been implemented for {obj['kind']}{group}")
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


def _finishing(kind: str, obj: Json, *stages: tuple[bool, str]) -> tuple[str, bool]:
    """The first stage that has not passed."""
    what = f'{kind} "{obj["metadata"]["name"]}"'
    for present, text in stages:
        if present:
            return f"Waiting for {what} rollout to finish: {text}...", False
    return f"{what} successfully rolled out", True


def _deployment(obj: Json, state: Json) -> tuple[str, bool]:
    name = obj["metadata"]["name"]
    for condition in state.get("conditions") or []:
        late = condition.get("reason") == "ProgressDeadlineExceeded"
        if condition["type"] == "Progressing" and late:
            raise KubectlError(f'deployment "{name}" exceeded its progress deadline')
    keys = ("updatedReplicas", "replicas", "availableReplicas")
    wanted, (updated, total, available) = obj["spec"].get("replicas", 0), _numbers(state, *keys)
    return _finishing(
        "deployment",
        obj,
        (updated < wanted, f"{updated} out of {wanted} new replicas have been updated"),
        (total > updated, f"{total - updated} old replicas are pending termination"),
        (available < updated, f"{available} of {updated} updated replicas are available"),
    )


def _daemon_set(obj: Json, state: Json) -> tuple[str, bool]:
    keys = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    wanted, updated, available = _numbers(state, *keys)
    return _finishing(
        "daemon set",
        obj,
        (updated < wanted, f"{updated} out of {wanted} new pods have been updated"),
        (available < wanted, f"{available} of {wanted} updated pods are available"),
    )


def _numbers(state: Json, *keys: str) -> list[int]:
    return [state.get(key, 0) for key in keys]


def _stateful_set(obj: Json, state: Json) -> tuple[str, bool]:
    replicas = obj["spec"].get("replicas", 1)
    ready, updated, current = _numbers(state, "readyReplicas", "updatedReplicas", "currentReplicas")
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
    return f"statefulset rolling update complete {current} pods at revision {new}...", True


_VIEWERS: dict[str, tuple[str, Callable[[Json, Json], tuple[str, bool]]]] = {
    "DaemonSet": ("daemon set", _daemon_set),
    "Deployment": ("deployment", _deployment),
    "StatefulSet": ("statefulset", _stateful_set),
}

# --- revisions, as ReplicaSets and ControllerRevisions remember them


@dataclass(frozen=True)
class Revision:
    """A template that a workload had, and what remembers it."""

    number: int
    template: Json
    keeper: Json

    @property
    def cause(self) -> str:
        """Why it came to be, as its maker noted it."""
        return str((self.keeper["metadata"].get("annotations") or {}).get(CHANGE_CAUSE, ""))


def revisions(workload: Json, candidates: list[Json]) -> list[Revision]:
    """The revisions of a workload among the objects that its selector matches, by number."""
    found = []
    for keeper in _controlled(workload, candidates):
        if keeper["kind"] == "ReplicaSet":
            found.append(Revision(revision_of(keeper), keeper["spec"]["template"], keeper))
        else:
            template = {k: v for k, v in keeper["data"]["spec"]["template"].items() if k[0] != "$"}
            found.append(Revision(keeper["revision"], template, keeper))
    return sorted(found, key=lambda revision: revision.number)


def _controlled(workload: Json, candidates: list[Json]) -> list[Json]:
    """Those that a workload controls, oldest first."""
    uid = workload["metadata"].get("uid")
    owned = [
        each
        for each in candidates
        for owner in each["metadata"].get("ownerReferences") or []
        if owner.get("controller") and owner["uid"] == uid
    ]
    return sorted(owned, key=lambda o: (o["metadata"]["creationTimestamp"], o["metadata"]["name"]))


def new_and_old_replica_sets(
    deployment: Json, candidates: list[Json]
) -> tuple[Json | None, list[Json]]:
    """The ReplicaSet of the present template, or None, and all others, oldest first."""
    owned = _controlled(deployment, candidates)
    template = without_hash(deployment["spec"]["template"])
    new = next((e for e in owned if without_hash(e["spec"]["template"]) == template), None)
    return new, [each for each in owned if each is not new]


def without_hash(template: Json) -> Json:
    """A pod template without the label that tells the ReplicaSets apart."""
    metadata = dict(template.get("metadata") or {})
    labels = {key: v for key, v in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    metadata.pop("labels", None)
    metadata.pop("creationTimestamp", None)
    if labels:
        metadata["labels"] = labels
    return {**template, "metadata": metadata}


def revision_of(obj: Json) -> int:
    """The number that the controller wrote to a Deployment or ReplicaSet; 0 without one."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


# --- the way back


def rollback_target(workload: Json, found: list[Revision], number: int) -> Revision:
    """The revision to go back to: of that number, or (0) the one before the present.

    Raises KubectlError where there is none.
    """
    if number:
        for revision in found:
            if revision.number == number:
                return revision
        raise KubectlError(f"unable to find specified revision {number} in history")
    if len(found) < 2:
        name, kind = workload["metadata"]["name"], workload["kind"]
        if kind == "Deployment":
            raise KubectlError(f'no rollout history found for deployment "{name}"')
        raise KubectlError("no last revision to roll back to")
    return found[-2]


def rollback_patch(workload: Json, target: Revision) -> list[Json] | None:
    """The JSON patch that restores a revision; None where it is the present one.

    Raises KubectlError for a paused Deployment.
    """
    if workload["spec"].get("paused"):
        raise KubectlError(
            "you cannot rollback a paused deployment; resume it first with"
            " 'kubectl rollout resume' and try again"
        )
    template = without_hash(target.template)
    if template == without_hash(workload["spec"]["template"]):
        return None
    patch = [{"op": "replace", "path": "/spec/template", "value": template}]
    if workload["kind"] != "Deployment":
        return patch
    own, past = (obj["metadata"].get("annotations") or {} for obj in (workload, target.keeper))
    annotations = {key: value for key, value in own.items() if key in KEPT_ANNOTATIONS}
    annotations |= {key: value for key, value in past.items() if key not in KEPT_ANNOTATIONS}
    return [*patch, {"op": "replace", "path": "/metadata/annotations", "value": annotations}]


# --- pausing, resuming, restarting


def pause_patch(obj: Json, now: datetime | None = None, pause: bool = True) -> Json:
    """To pause, or resume, a Deployment. Raises KubectlError for what cannot be, or is already."""
    if obj["kind"] != "Deployment":
        raise KubectlError(f"{'pausing' if pause else 'resuming'} is not supported")
    if bool(obj["spec"].get("paused")) == pause:
        raise KubectlError("is already paused" if pause else "is not paused")
    return {"spec": {"paused": pause or None}}


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
