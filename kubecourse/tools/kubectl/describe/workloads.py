"""What makes pods: Deployments and ReplicaSets, StatefulSets and DaemonSets."""

from __future__ import annotations

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl.describe.containers import describe_template, label_selector
from kubecourse.tools.kubectl.describe.description import (
    NONE,
    Description,
    Json,
    at,
    controller_of,
)
from kubecourse.tools.kubectl.rollouts import new_and_old_replica_sets


def describe_deployment(d: Description, deployment: Json) -> None:
    """A Deployment: how far it is, how it rolls out, its ReplicaSets."""
    spec, status = deployment["spec"], deployment.get("status") or {}
    d.name(deployment)
    d.fields(deployment, "CreationTimestamp: metadata.creationTimestamp | time")
    d.labels("Labels", at(deployment, "metadata", "labels"))
    d.annotations("Annotations", at(deployment, "metadata", "annotations"))
    d.field("Selector", label_selector(spec.get("selector")))
    counts = [
        f"{spec.get('replicas', 0)} desired",
        f"{status.get('updatedReplicas', 0)} updated",
        f"{status.get('replicas', 0)} total",
        f"{status.get('availableReplicas', 0)} available",
        f"{status.get('unavailableReplicas', 0)} unavailable",
    ]
    d.field("Replicas", " | ".join(counts))
    d.fields(spec, "StrategyType: strategy.type\nMinReadySeconds: minReadySeconds | number")
    if rolling := at(spec, "strategy", "rollingUpdate"):
        unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
        d.field("RollingUpdateStrategy", f"{unavailable} max unavailable, {surge} max surge")
    describe_template(d, spec["template"])
    d.conditions(status.get("conditions"))
    _replica_sets(d, deployment)
    d.events(deployment)


def _replica_sets(d: Description, deployment: Json) -> None:
    selector = label_selector(deployment["spec"].get("selector"))
    namespace = deployment["metadata"].get("namespace")
    try:
        candidates = d.source.list("apps/v1", "ReplicaSet", namespace, labels=selector)
    except ApiError:
        return
    new, old = new_and_old_replica_sets(deployment, candidates)
    if new or old:
        d.field("OldReplicaSets", _sizes(old))
        d.field("NewReplicaSet", _sizes([new] if new else []))


def _sizes(replica_sets: list[Json]) -> str:
    return ", ".join(
        f"{each['metadata']['name']} "
        f"({at(each, 'status', 'replicas', default=0)}/{each['spec'].get('replicas', 0)}"
        " replicas created)"
        for each in replica_sets
    ) or NONE  # fmt: skip


def _begin(d: Description, obj: Json, more: str = "") -> None:
    """Name, selector, labels and annotations; `more` fields come before the labels."""
    d.field("Selector", label_selector(obj["spec"].get("selector")))
    d.fields(obj, more)
    d.labels("Labels", at(obj, "metadata", "labels"))
    d.annotations("Annotations", at(obj, "metadata", "annotations"))


def describe_replica_set(d: Description, replica_set: Json) -> None:
    """A ReplicaSet and how its pods are."""
    spec, status = replica_set["spec"], replica_set.get("status") or {}
    d.name(replica_set)
    _begin(d, replica_set)
    if owner := controller_of(replica_set):
        d.field("Controlled By", f"{owner['kind']}/{owner['name']}")
    d.field("Replicas", f"{status.get('replicas', 0)} current / {spec.get('replicas', 0)} desired")
    _pod_phases(d, replica_set)
    describe_template(d, spec["template"])
    d.conditions(status.get("conditions"))
    d.events(replica_set)


def describe_stateful_set(d: Description, stateful_set: Json) -> None:
    """A StatefulSet."""
    spec, status = stateful_set["spec"], stateful_set.get("status") or {}
    d.name(stateful_set)
    d.fields(stateful_set, "CreationTimestamp: metadata.creationTimestamp | time")
    _begin(d, stateful_set)
    d.field("Replicas", f"{spec.get('replicas', 0)} desired | {status.get('replicas', 0)} total")
    d.fields(spec, "Update Strategy: updateStrategy.type")
    d.fields(spec, "Partition?: updateStrategy.rollingUpdate.partition", 1)
    d.fields(spec, "MaxUnavailable?: updateStrategy.rollingUpdate.maxUnavailable", 1)
    _pod_phases(d, stateful_set)
    describe_template(d, spec["template"])
    claims = spec.get("volumeClaimTemplates") or []
    d.line("Volume Claims:" if claims else f"Volume Claims:\t{NONE}")
    for claim in claims:
        d.fields(claim, "Name: metadata.name\nStorageClass: spec.storageClassName", 1)
        d.labels("Labels", at(claim, "metadata", "labels"), "  ")
        d.labels("Annotations", at(claim, "metadata", "annotations"), "  ")
        capacity = at(claim, "spec", "resources", "requests", "storage", default="<default>")
        d.field("Capacity", capacity, 1)
        d.field("Access Modes", at(claim, "spec", "accessModes", default=[]), 1)
    d.events(stateful_set)


def describe_daemon_set(d: Description, daemon_set: Json) -> None:
    """A DaemonSet."""
    status = daemon_set.get("status") or {}
    d.name(daemon_set)
    _begin(d, daemon_set, "Node-Selector: spec.template.spec.nodeSelector | labels")
    for title, key in (
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ):
        d.line(f"{title}: {status.get(key, 0)}")
    _pod_phases(d, daemon_set)
    describe_template(d, daemon_set["spec"]["template"])
    d.events(daemon_set)


def _pod_phases(d: Description, owner: Json) -> None:
    """How many of the pods that it controls are in which phase."""
    selector = label_selector(owner["spec"].get("selector"))
    counts = {"Running": 0, "Pending": 0, "Succeeded": 0, "Failed": 0}
    for pod in d.source.list("v1", "Pod", owner["metadata"].get("namespace"), labels=selector):
        controller, phase = controller_of(pod), at(pod, "status", "phase")
        if controller and controller["uid"] == owner["metadata"].get("uid") and phase in counts:
            counts[phase] += 1
    running, waiting, succeeded, failed = counts.values()
    d.field(
        "Pods Status",
        f"{running} Running / {waiting} Waiting / {succeeded} Succeeded / {failed} Failed",
    )
