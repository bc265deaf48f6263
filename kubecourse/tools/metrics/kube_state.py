"""What kube-state-metrics tells of the objects in a cluster, under its names.

Each row is a family: what it is about, and where its value is. An object's series follow from the
object alone, so they are known for every past version of it too.
Source: `github.com/kubernetes/kube-state-metrics/internal/store`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any

from kubecourse.api import models, quantity
from kubecourse.api.resources import BY_MODEL
from kubecourse.tools.metrics.families import Family, Sample

core = models.core_v1
apps = models.apps_v1
batch = models.batch_v1

PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
UNITS = {"cpu": "core", "memory": "byte", "ephemeral-storage": "byte", "pods": "integer"}


def _resources(amounts: dict[str, str] | None) -> Iterator[Sample]:
    for resource, text in sorted((amounts or {}).items()):
        value = quantity.parse_quantity(text).nano / 1e9
        yield (
            {"resource": resource.replace("-", "_"), "unit": UNITS.get(resource, "integer")},
            value,
        )


def _one_of(label: str, all: tuple[str, ...], now: Any) -> Iterator[Sample]:
    """A series for each state that there is, 1 for the present one."""
    for each in all:
        yield {label: each}, float(each == now)


def _condition(label: str, conditions: Any, type: str) -> Iterator[Sample]:
    found = next((c.status for c in conditions or () if c.type == type), None)
    if found is not None:
        yield from _one_of(label, ("true", "false", "unknown"), found.lower())


def _conditions(conditions: Any) -> Iterator[Sample]:
    for condition in conditions or ():
        for labels, value in _condition("status", [condition], condition.type):
            yield {"condition": condition.type, **labels}, value


# --- pods


def _pod_info(pod: Any) -> Iterator[Sample]:
    owners = pod.metadata.ownerReferences or ()
    kind, name = next(((o.kind, o.name) for o in owners if o.controller), ("", ""))
    yield {
        "host_ip": pod.status.hostIP, "pod_ip": pod.status.podIP, "node": pod.spec.nodeName,
        "created_by_kind": kind, "created_by_name": name,
        "priority_class": pod.spec.priorityClassName,
    }, 1  # fmt: skip


def _node_info(node: Any) -> Iterator[Sample]:
    info = node.status.nodeInfo
    yield {"kubelet_version": info.kubeletVersion if info is not None else ""}, 1


def _taints(node: Any) -> Iterator[Sample]:
    for taint in node.spec.taints or ():
        yield {"key": taint.key, "value": taint.value, "effect": taint.effect}, 1


def _storage(claim: Any) -> Iterator[Sample]:
    for labels, value in _resources(claim.spec.resources.requests):
        if labels["resource"] == "storage":
            yield {}, value


def _owners(obj: Any) -> Iterator[Sample]:
    for owner in obj.metadata.ownerReferences or ():
        controls = str(bool(owner.controller)).lower()
        yield {"owner_kind": owner.kind, "owner_name": owner.name,
               "owner_is_controller": controls}, 1  # fmt: skip


def _asked(field: str) -> Callable[[Any], Iterator[Sample]]:
    def samples(pod: Any) -> Iterator[Sample]:
        for container in pod.spec.containers:
            given = getattr(container.resources, field) if container.resources else None
            for labels, value in _resources(given):
                yield {"container": container.name, "node": pod.spec.nodeName, **labels}, value

    return samples


def _only(value: Callable[[Any], float]) -> Callable[[Any], list[Sample]]:
    """One series, without labels of its own."""
    return lambda obj: [({}, float(value(obj)))]


def _of_containers(state: Callable[[Any], Iterable[Sample]]) -> Callable[[Any], Iterator[Sample]]:
    def samples(pod: Any) -> Iterator[Sample]:
        for status in pod.status.containerStatuses or ():
            for labels, value in state(status):
                yield {"container": status.name, **labels}, value

    return samples


def _reason(state: str, kind: str) -> Callable[[Any], Iterator[Sample]]:
    def samples(status: Any) -> Iterator[Sample]:
        found = getattr(getattr(status, state), kind) if getattr(status, state) else None
        if found is not None and found.reason:
            yield {"reason": found.reason}, 1

    return samples


# --- the table

Row = tuple[str, str, Any]
"""A name after the kind's, its help, and the path of a value or a function of samples."""

_TABLE: dict[type[Any], tuple[str, tuple[Row, ...]]] = {
    core.Node: ("node", (
        ("info", "Information about a cluster node.", _node_info),
        ("created", "Unix creation timestamp", "= created"),
        ("spec_unschedulable", "Whether a node can schedule new pods.", "spec.unschedulable"),
        ("spec_taint", "The taint of a cluster node.", _taints),
        ("status_condition", "The condition of a cluster node.",
         lambda n: _conditions(n.status.conditions)),
        ("status_capacity", "The total amount of resources available for a node.",
         lambda n: _resources(n.status.capacity)),
        ("status_allocatable", "The amount of resources allocatable for pods.",
         lambda n: _resources(n.status.allocatable)),
    )),
    core.Pod: ("pod", (
        ("info", "Information about pod.", _pod_info),
        ("created", "Unix creation timestamp", "= created"),
        ("owner", "Information about the Pod's owner.", _owners),
        ("status_phase", "The pods current phase.",
         lambda p: _one_of("phase", PHASES, p.status.phase)),
        ("status_ready", "Describes whether the pod is ready to serve requests.",
         lambda p: _condition("condition", p.status.conditions, "Ready")),
        ("status_scheduled", "Describes the status of the scheduling process for the pod.",
         lambda p: _condition("condition", p.status.conditions, "PodScheduled")),
        ("container_resource_requests",
         "The number of requested request resource by a container.", _asked("requests")),
        ("container_resource_limits",
         "The number of requested limit resource by a container.", _asked("limits")),
        ("container_status_ready", "Describes whether the containers readiness check succeeded.",
         _of_containers(_only(lambda s: bool(s.ready)))),
        ("container_status_restarts_total", "The number of container restarts per container.",
         _of_containers(_only(lambda s: s.restartCount or 0))),
        ("container_status_running",
         "Describes whether the container is currently in running state.",
         _of_containers(_only(lambda s: bool(s.state and s.state.running)))),
        ("container_status_waiting_reason",
         "Describes the reason the container is currently in waiting state.",
         _of_containers(_reason("state", "waiting"))),
        ("container_status_terminated_reason",
         "Describes the reason the container is currently in terminated state.",
         _of_containers(_reason("state", "terminated"))),
        ("container_status_last_terminated_reason",
         "Describes the last reason the container was in terminated state.",
         _of_containers(_reason("lastState", "terminated"))),
    )),
    apps.Deployment: ("deployment", (
        ("created", "Unix creation timestamp", "= created"),
        ("spec_replicas", "Number of desired pods for a deployment.", "spec.replicas"),
        ("status_replicas", "The number of replicas per deployment.", "status.replicas"),
        ("status_replicas_ready", "The number of ready replicas per deployment.",
         "status.readyReplicas"),
        ("status_replicas_available", "The number of available replicas per deployment.",
         "status.availableReplicas"),
        ("status_replicas_unavailable", "The number of unavailable replicas per deployment.",
         "status.unavailableReplicas"),
        ("status_replicas_updated", "The number of updated replicas per deployment.",
         "status.updatedReplicas"),
    )),
    apps.ReplicaSet: ("replicaset", (
        ("owner", "Information about the ReplicaSet's owner.", _owners),
        ("spec_replicas", "Number of desired pods for a ReplicaSet.", "spec.replicas"),
        ("status_ready_replicas", "The number of ready replicas per ReplicaSet.",
         "status.readyReplicas"),
    )),
    apps.StatefulSet: ("statefulset", (
        ("replicas", "Number of desired pods for a StatefulSet.", "spec.replicas"),
        ("status_replicas_ready", "The number of ready replicas per StatefulSet.",
         "status.readyReplicas"),
    )),
    apps.DaemonSet: ("daemonset", (
        ("status_desired_number_scheduled", "The number of nodes that should be running the "
         "daemon pod.", "status.desiredNumberScheduled"),
        ("status_number_ready", "The number of nodes that should be running the daemon pod and "
         "have one or more of the daemon pod running and ready.", "status.numberReady"),
    )),
    batch.Job: ("job", (
        ("owner", "Information about the Job's owner.", _owners),
        ("status_active", "The number of actively running pods.", "status.active"),
        ("status_succeeded", "The number of pods which reached Phase Succeeded.",
         "status.succeeded"),
        ("status_failed", "The number of pods which reached Phase Failed.", "status.failed"),
    )),
    core.PersistentVolumeClaim: ("persistentvolumeclaim", (
        ("info", "Information about persistent volume claim.", lambda c: [(
            {"storageclass": c.spec.storageClassName, "volumename": c.spec.volumeName}, 1)]),
        ("resource_requests_storage_bytes", "The capacity of storage requested by the persistent "
         "volume claim.", _storage),
        ("status_phase", "The phase the persistent volume claim is currently in.",
         lambda c: _one_of("phase", ("Lost", "Bound", "Pending"), c.status.phase)),
    )),
    models.autoscaling_v2.HorizontalPodAutoscaler: ("horizontalpodautoscaler", (
        ("spec_max_replicas", "Upper limit for the number of pods that can be set by the "
         "autoscaler.", "spec.maxReplicas"),
        ("status_current_replicas", "Current number of replicas of pods managed by this "
         "autoscaler.", "status.currentReplicas"),
        ("status_desired_replicas", "Desired number of replicas of pods managed by this "
         "autoscaler.", "status.desiredReplicas"),
    )),
    models.policy_v1.PodDisruptionBudget: ("poddisruptionbudget", (
        ("status_current_healthy", "Current number of healthy pods", "status.currentHealthy"),
        ("status_desired_healthy", "Minimum desired number of healthy pods",
         "status.desiredHealthy"),
        ("status_pod_disruptions_allowed", "Number of pod disruptions that are currently allowed",
         "status.disruptionsAllowed"),
    )),
    core.Namespace: ("namespace", (
        ("created", "Unix creation timestamp", "= created"),
        ("status_phase", "kubernetes namespace status phase.",
         lambda n: _one_of("phase", ("Active", "Terminating"), n.status.phase)),
    )),
}  # fmt: skip


def _value(path: str) -> Callable[[Any], list[Sample]]:
    if path == "= created":
        return _only(lambda obj: obj.metadata.creationTimestamp.timestamp())
    get = attrgetter(path)
    return _only(lambda obj: get(obj) or 0)


def _family(cls: type[Any], noun: str, row: Row) -> Family:
    name, help, source = row
    samples = _value(source) if isinstance(source, str) else source
    # A pod has its uid among its labels, as two pods of a StatefulSet may have had one name.
    names = ("namespace", noun) if BY_MODEL[cls].namespaced else (noun,)

    def named(obj: Any) -> Iterator[Sample]:
        metadata = obj.metadata
        common = dict(zip(reversed(names), (metadata.name, metadata.namespace), strict=False))
        common = {key: common[key] for key in names}
        if noun == "pod":
            common["uid"] = metadata.uid
        for labels, value in samples(obj):
            yield {**common, **labels}, value

    kind = "counter" if name.endswith("_total") else "gauge"
    return Family(f"kube_{noun}_{name}", kind, help, named)


FAMILIES: dict[type[Any], tuple[Family, ...]] = {
    cls: tuple(_family(cls, noun, row) for row in rows) for cls, (noun, rows) in _TABLE.items()
}
"""The families of each class of objects."""
