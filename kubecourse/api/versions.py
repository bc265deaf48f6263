"""Older versions of kinds: other words for the same objects.

Objects are stored in one version; a request in another is translated on its way in and out.
Sources: `pkg/apis/autoscaling/v1/conversion.go`, `pkg/apis/core/v1/conversion.go`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kubecourse.api import codec, errors
from kubecourse.api.resources import BY_KIND, Resource

Json = dict[str, Any]
Translation = Callable[[Json], Json]

_KEPT = "autoscaling.alpha.kubernetes.io/"
"""Annotations that begin so keep what v1 has no fields for."""
_CPU = "targetCPUUtilizationPercentage"
_CPU_NOW = "currentCPUUtilizationPercentage"


@dataclass(frozen=True)
class OlderVersion(Resource):
    """A kind in a version that it is not stored in; `model` is that of the stored version."""

    stored: Resource | None = None
    into: Translation = field(default=dict, compare=False)
    """From this version to the stored one."""
    out_of: Translation = field(default=dict, compare=False)

    @cached_property
    def model(self) -> type[Any]:
        assert self.stored is not None
        return self.stored.model


def read(resource: Resource, obj: Any) -> Any:
    """An object that was decoded as one of a resource's, as it is stored."""
    if not isinstance(resource, OlderVersion) or resource.stored is None:
        return obj
    try:
        return codec.decode(resource.into(codec.encode(obj)), resource.stored.schema)[0]
    except codec.DecodeError as error:
        raise errors.bad_request(str(error)) from None


def show(resource: Resource, data: Json) -> Json:
    """A stored object's JSON value in a resource's version."""
    if type(resource) is Resource:
        return data
    if isinstance(resource, OlderVersion):
        data = resource.out_of(data)
    return data | {"apiVersion": resource.api_version}


def applied(resource: Resource, config: Json) -> tuple[Resource, Json]:
    """A configuration that is to be applied, and the resource that it is merged as."""
    if not isinstance(resource, OlderVersion) or resource.stored is None:
        return resource, config
    wanted = {key: value for key, value in resource.into(config).items() if value != {}}
    return resource.stored, wanted | {"apiVersion": resource.stored.api_version}


# --- HorizontalPodAutoscaler: v1 knows one metric, and keeps the others in an annotation


def _is_cpu(metric: Json) -> bool:
    about = metric.get("resource") or {}
    return about.get("name") == "cpu" and "averageUtilization" in (
        about.get("target") or about.get("current") or {}
    )


def _autoscaler_into(data: Json) -> Json:
    spec, metadata = dict(data.get("spec") or {}), dict(data.get("metadata") or {})
    annotations = dict(metadata.pop("annotations", None) or {})
    for name, kind in (("behavior", dict), ("metrics", list)):
        with suppress(KeyError, ValueError):
            kept = json.loads(annotations.pop(_KEPT + name))
            if type(kept) is kind:
                spec[name] = kept
    if annotations:
        metadata["annotations"] = annotations
    percent = spec.pop(_CPU, None)
    if percent is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
        cpu = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
        spec["metrics"] = [cpu, *spec.get("metrics", ())]
    status = dict(data.get("status") or {})
    percent = status.pop(_CPU_NOW, None)
    if percent is not None:
        current = {"averageUtilization": percent, "averageValue": "0"}
        about = {"name": "cpu", "current": current}
        status["currentMetrics"] = [{"type": "Resource", "resource": about}]
    return {**data, "metadata": metadata, "spec": spec, "status": status}


def _autoscaler_out_of(data: Json) -> Json:
    spec, status = dict(data["spec"]), dict(data.get("status") or {})
    metadata = dict(data["metadata"])
    others = []
    for metric in spec.pop("metrics", None) or ():
        if _is_cpu(metric) and _CPU not in spec:
            spec[_CPU] = metric["resource"]["target"]["averageUtilization"]
        else:
            others.append(metric)
    annotations = dict(metadata.get("annotations") or {})
    for name, kept in (("behavior", spec.pop("behavior", None)), ("metrics", others)):
        if kept:
            annotations[_KEPT + name] = json.dumps(kept, separators=(",", ":"))
    if annotations:
        metadata["annotations"] = annotations
    now = status.pop("currentMetrics", None) or ()
    status.pop("conditions", None)
    for metric in filter(_is_cpu, now):
        status[_CPU_NOW] = metric["resource"]["current"]["averageUtilization"]
    status.setdefault("currentReplicas", 0)
    return {**data, "metadata": metadata, "spec": spec, "status": status}


# --- Event: the newer group has other names for the same fields

_RENAMED = {
    "regarding": "involvedObject", "note": "message", "reportingController": "reportingComponent",
    "deprecatedSource": "source", "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp", "deprecatedCount": "count",
}  # fmt: skip
_NAMED = {old: new for new, old in _RENAMED.items()}


def _event_into(data: Json) -> Json:
    return {_RENAMED.get(key, key): value for key, value in data.items()}


def _event_out_of(data: Json) -> Json:
    return {_NAMED.get(key, key): value for key, value in data.items()}


OLDER = (
    OlderVersion(
        "events.k8s.io", "v1", "Event", "events", True, ("ev",), (), (),
        stored=BY_KIND["v1", "Event"], into=_event_into, out_of=_event_out_of,
    ),
    OlderVersion(
        "autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, ("hpa",),
        ("all",), ("status",), stored=BY_KIND["autoscaling/v2", "HorizontalPodAutoscaler"],
        into=_autoscaler_into, out_of=_autoscaler_out_of,
    ),
)  # fmt: skip
BY_OLDER_PLURAL = {(each.group, each.version, each.plural): each for each in OLDER}
