"""What each kind does with a write before it is stored: what a client may not set, when it is gone.

Source: the `strategy.go` of each resource below `pkg/registry`, and
`staging/src/k8s.io/apiserver/pkg/registry/rest/{update,delete}.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, custom, errors, models, qos
from kubecourse.api.fields import FieldSelector
from kubecourse.api.memo import memo
from kubecourse.api.resources import BY_PLURAL, Resource
from kubecourse.control_plane.apiserver import job_selector, pod_selectors, service_changes

core = models.core_v1

PODS = BY_PLURAL["", "v1", "pods"]
NAMESPACES = BY_PLURAL["", "v1", "namespaces"]

_COUNTED = {
    "CronJob", "CustomResourceDefinition", "DaemonSet", "Deployment", "DeviceClass",
    "EndpointSlice", "FlowSchema", "HorizontalPodAutoscaler", "Ingress", "IngressClass", "Job",
    "MutatingAdmissionPolicy", "MutatingWebhookConfiguration", "NetworkPolicy", "Pod",
    "PodDisruptionBudget", "PriorityClass", "PriorityLevelConfiguration", "ReplicaSet",
    "ReplicationController", "ResourceSlice", "StatefulSet", "ValidatingAdmissionPolicy",
    "ValidatingWebhookConfiguration", "VerticalPodAutoscaler",
}  # fmt: skip
_STATUS_FROM_CLIENT = {"Node"}
"""Kinds whose status may come with their creation: a kubelet registers its node whole."""


def counts_generations(resource: Resource) -> bool:
    """Whether the kind's `metadata.generation` counts changes of what is wanted."""
    return resource.custom or resource.kind in _COUNTED


def spec_changed(resource: Resource, new: Any, old: Any) -> bool:
    """Whether an update changes what is wanted: anything but metadata and status.

    A Deployment's annotations count too, as its controller passes them on.
    """
    if resource.custom:
        same = {"status": old.status} if "status" in resource.subresources else {}
        return bool(replace(new, metadata=old.metadata, **same) != old)
    if resource.kind == "Deployment" and new.metadata.annotations != old.metadata.annotations:
        return True
    if hasattr(new, "spec"):
        return bool(new.spec != old.spec)
    return bool(replace(new, metadata=old.metadata) != old)


# --- creating and updating


GATED = core.PodCondition(
    type="PodScheduled",
    status="False",
    reason="SchedulingGated",
    message="Scheduling is blocked due to non-empty scheduling gates",
)


@memo
def _first_pod_status(spec: Any) -> Any:
    gated = [GATED] if spec.schedulingGates else None
    return core.PodStatus(phase="Pending", qosClass=qos.qos_class(spec), conditions=gated)


def prepare_for_create(resource: Resource, obj: Any) -> Any:
    """The object without what a client may not decide, and with its first status."""
    match "" if resource.custom else resource.kind:
        case "CustomResourceDefinition":
            return custom.accepted(obj)
        case "Pod":
            spec = pod_selectors.narrowed(obj.spec, obj.metadata.labels or {})
            return replace(obj, spec=spec, status=_first_pod_status(spec))
        case "Namespace":
            wanted = (obj.spec.finalizers if obj.spec else None) or []
            own = [] if "kubernetes" in wanted else ["kubernetes"]
            spec = core.NamespaceSpec(finalizers=[*wanted, *own])
            return replace(obj, spec=spec, status=core.NamespaceStatus(phase="Active"))
        case "PersistentVolumeClaim":
            return replace(obj, status=core.PersistentVolumeClaimStatus(phase="Pending"))
        case "PersistentVolume":
            since = obj.metadata.creationTimestamp
            status = core.PersistentVolumeStatus(phase="Pending", lastPhaseTransitionTime=since)
            return replace(obj, status=status)
        case "Job":
            obj = job_selector.generated(obj)
        case "DaemonSet":
            obj = _with_template_generation(obj, 1)
        case "StatefulSet":
            obj = _one_at_a_time(obj)
    if "status" in resource.subresources and resource.kind not in _STATUS_FROM_CLIENT:
        obj = replace(obj, status=_first_status(type(obj)))
    return custom.default(resource, obj) if resource.custom else obj  # its status may have some


def _one_at_a_time(obj: Any) -> Any:
    """A StatefulSet without `maxUnavailable`: that feature is off in 1.36."""
    strategy = obj.spec.updateStrategy
    rolling = strategy.rollingUpdate if strategy is not None else None
    if rolling is None or rolling.maxUnavailable is None:
        return obj
    strategy = replace(strategy, rollingUpdate=replace(rolling, maxUnavailable=None))
    return replace(obj, spec=replace(obj.spec, updateStrategy=strategy))


_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def _with_template_generation(obj: Any, generation: int) -> Any:
    """A DaemonSet that says how often its template has changed, as it did before 1.9."""
    annotations = {**(obj.metadata.annotations or {}), _TEMPLATE_GENERATION: str(generation)}
    return replace(obj, metadata=replace(obj.metadata, annotations=annotations))


def _first_status(cls: type[Any]) -> Any:
    """The zero status of a kind, as Go has it."""
    from kubecourse.api import codec

    package = "/".join(cls.__module__.rpartition(".")[2].rsplit("_", 1))
    obj, _ = codec.decode({}, f"{package}.{cls.__name__}")
    return obj.status


def prepare_for_update(resource: Resource, new: Any, old: Any) -> Any:
    """An update of the object proper leaves its status, and a namespace's finalizers, alone."""
    if "status" in resource.subresources and new.status is not old.status:
        new = replace(new, status=old.status)
    if resource is custom.DEFINITIONS:
        new = custom.changed(new)
    elif resource.custom:
        return new
    elif resource.kind == "Namespace":
        new = replace(new, spec=old.spec)
    elif resource.kind == "DaemonSet":
        had = (old.metadata.annotations or {}).get(_TEMPLATE_GENERATION, "1")
        changed = new.spec.template != old.spec.template
        new = _with_template_generation(new, int(had) + changed)
    elif resource.kind == "StatefulSet":
        new = _one_at_a_time(new)
    elif resource.kind == "Service":
        new = replace(new, spec=service_changes.carried_over(new.spec, old.spec))
    return new


def prepare_status_update(resource: Resource, new: Any, old: Any) -> Any:
    """An update of the status leaves everything else alone, but for a Deployment's annotations.

    The Deployment controller writes the revision there together with the status.
    """
    if resource.kind == "Deployment" and new.metadata.annotations != old.metadata.annotations:
        metadata = replace(old.metadata, annotations=new.metadata.annotations)
        return replace(old, metadata=metadata, status=new.status)
    return replace(old, status=new.status)


def prepare_finalize(resource: Resource, new: Any, old: Any) -> Any:
    """An update of a namespace's `finalize` changes its spec's finalizers and nothing else."""
    return replace(old, spec=new.spec)


def bound(pod: Any, node: str, now: datetime) -> Any:
    """A pod assigned to a node, and its PodScheduled condition."""
    scheduled = core.PodCondition(
        type="PodScheduled",
        status="True",
        lastTransitionTime=now,
    )
    placed = conditions.put(pod.status.conditions, scheduled)
    # The promise that preemption made, if it did, is kept now.
    status = replace(pod.status, conditions=placed, nominatedNodeName=None)
    return replace(pod, spec=replace(pod.spec, nodeName=node), status=status)


# --- deleting


def grace_period(resource: Resource, obj: Any, asked: int | None) -> int:
    """Seconds until a deleted object goes. Only pods that a kubelet may be running have any."""
    if resource is not PODS:
        return 0
    grace = asked if asked is not None else obj.spec.terminationGracePeriodSeconds
    if grace is None:
        grace = 30
    if not obj.spec.nodeName or obj.status.phase in ("Succeeded", "Failed"):
        grace = 0
    return int(grace) if grace >= 0 else 1


def finalizers_for_deletion(obj: Any, propagation: str | None) -> list[str]:
    """The object's finalizers, with the garbage collector's own as the propagation policy asks."""
    finalizers = list(obj.metadata.finalizers or [])
    if propagation is None:
        return finalizers
    own = {"Foreground": "foregroundDeletion", "Orphan": "orphan", "Background": ""}[propagation]
    finalizers = [f for f in finalizers if f not in ("foregroundDeletion", "orphan")]
    return [*finalizers, own] if own else finalizers


def begin_deletion(resource: Resource, obj: Any) -> Any:
    """What else changes when an object begins to terminate."""
    if resource is NAMESPACES and obj.status.phase != "Terminating":
        return replace(obj, status=replace(obj.status, phase="Terminating"))
    return obj


def is_finished(resource: Resource, obj: Any) -> bool:
    """Whether a terminating object has nothing left to wait for."""
    metadata = obj.metadata
    if (
        metadata.deletionTimestamp is None
        or metadata.finalizers
        or metadata.deletionGracePeriodSeconds
    ):
        return False
    return not (resource is NAMESPACES and obj.spec.finalizers)


# --- field selectors

Getter = Callable[[Any], str]

_FIELDS: dict[str, dict[str, Getter]] = {
    "Pod": {
        "spec.nodeName": lambda o: o.spec.nodeName or "",
        "spec.restartPolicy": lambda o: o.spec.restartPolicy or "",
        "spec.schedulerName": lambda o: o.spec.schedulerName or "",
        "spec.serviceAccountName": lambda o: o.spec.serviceAccountName or "",
        "spec.hostNetwork": lambda o: "true" if o.spec.hostNetwork else "false",
        "status.phase": lambda o: o.status.phase or "",
        "status.podIP": lambda o: o.status.podIP or "",
        "status.nominatedNodeName": lambda o: o.status.nominatedNodeName or "",
    },
    "Event": {
        "involvedObject.kind": lambda o: o.involvedObject.kind or "",
        "involvedObject.namespace": lambda o: o.involvedObject.namespace or "",
        "involvedObject.name": lambda o: o.involvedObject.name or "",
        "involvedObject.uid": lambda o: o.involvedObject.uid or "",
        "involvedObject.apiVersion": lambda o: o.involvedObject.apiVersion or "",
        "involvedObject.resourceVersion": lambda o: o.involvedObject.resourceVersion or "",
        "involvedObject.fieldPath": lambda o: o.involvedObject.fieldPath or "",
        "reason": lambda o: o.reason or "",
        "reportingComponent": lambda o: o.reportingComponent or "",
        "source": lambda o: (o.source.component if o.source else "") or "",
        "type": lambda o: o.type or "",
    },
    "Node": {"spec.unschedulable": lambda o: "true" if o.spec.unschedulable else "false"},
    "Namespace": {"status.phase": lambda o: o.status.phase or ""},
    "Secret": {"type": lambda o: o.type or ""},
    "ReplicaSet": {"status.replicas": lambda o: str(o.status.replicas or 0)},
    "Service": {
        "spec.clusterIP": lambda o: o.spec.clusterIP or "",
        "spec.type": lambda o: o.spec.type or "",
    },
}
_METADATA: dict[str, Getter] = {
    "metadata.name": lambda o: o.metadata.name,
    "metadata.namespace": lambda o: o.metadata.namespace or "",
}


class field_filter:
    """Whether objects of a resource match a field selector. Raises BadRequest for other fields.

    Source: `AddFieldLabelConversionsFor…` in `pkg/apis/*/v1/conversion.go`.
    """

    __slots__ = ("_tests",)

    def __init__(self, resource: Resource, selector: FieldSelector) -> None:
        fields = custom.fields(resource) if resource.custom else _FIELDS.get(resource.kind, {})
        getters = _METADATA | fields
        self._tests: list[tuple[Getter, str, bool]] = []
        for term in selector.requirements:
            if term.field not in getters:
                raise errors.bad_request(f"field label not supported: {term.field}")
            self._tests.append((getters[term.field], term.value, term.operator == "="))

    def __call__(self, obj: Any) -> bool:
        return all((get(obj) == value) is equal for get, value, equal in self._tests)


def allocate(server: Any, resource: Resource, new: Any, old: Any, dry_run: bool) -> Any:
    """Give an object what only the cluster can give: a Service its addresses and node ports."""
    if resource.kind == "Service" and not resource.custom:
        from kubecourse.control_plane.apiserver import service_allocation

        return service_allocation.allocate(server, new, old, dry_run)
    return new
