"""The subresource `scale`: any workload's number of replicas, in one shape for all.

Source: `pkg/registry/apps/deployment/storage/storage.go` (ScaleREST).
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import codec, errors, models
from kubecourse.api.custom import at
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.api.resources import Resource, resource_of

autoscaling = models.autoscaling_v1

SCALE = Resource("autoscaling", "v1", "Scale", "scales")
"""Not served by itself; what bodies are decoded as."""


def of(obj: Any) -> Any:
    """The Scale of a workload, or of a custom resource that says where its numbers are."""
    metadata = obj.metadata
    if isinstance(obj, models.CustomObject):
        where, value = _where(obj), codec.encode(obj)
        wanted = at(value, where.specReplicasPath)
        have = at(value, where.statusReplicasPath) or 0
        selector = at(value, where.labelSelectorPath) if where.labelSelectorPath else None
    else:
        wanted = obj.spec.replicas
        have = (obj.status.replicas or 0) if obj.status else 0
        selector = str(selector_from_label_selector(obj.spec.selector))
    return autoscaling.Scale(
        apiVersion="autoscaling/v1",
        kind="Scale",
        metadata=models.meta_v1.ObjectMeta(
            name=metadata.name,
            namespace=metadata.namespace,
            uid=metadata.uid,
            resourceVersion=metadata.resourceVersion,
            creationTimestamp=metadata.creationTimestamp,
        ),
        spec=autoscaling.ScaleSpec(replicas=wanted),
        status=autoscaling.ScaleStatus(replicas=have, selector=selector),
    )


def _where(obj: Any) -> Any:
    """What a definition says of scaling."""
    resource: Any = resource_of(obj)
    return resource.version_info.subresources.scale


def _with(value: Any, keys: list[str], leaf: int) -> Any:
    if not keys:
        return leaf
    return {**(value or {}), keys[0]: _with((value or {}).get(keys[0]), keys[1:], leaf)}


def show(obj: Any) -> dict[str, Any]:
    """The Scale of a workload as clients see it."""
    return codec.encode(of(obj))


class Resize:
    """Gives a workload the number of replicas of a Scale. Raises Invalid, Conflict."""

    def __init__(self, resource: Resource, wanted: Any) -> None:
        self.resource = resource
        self.wanted = wanted

    def __call__(self, obj: Any) -> Any:
        spec = self.wanted.spec
        replicas = (spec.replicas or 0) if spec else 0
        name = obj.metadata.name
        if replicas < 0:
            why = "must be greater than or equal to 0"
            problem = errors.invalid("spec.replicas", replicas, why)
            raise errors.invalid_object("Scale", "autoscaling", name, [problem])
        for key in ("resourceVersion", "uid"):
            given = getattr(self.wanted.metadata, key, None)
            if given and given != getattr(obj.metadata, key):
                raise errors.conflict(self.resource.plural, self.resource.group, name)
        if isinstance(obj, models.CustomObject):
            first, *rest = _where(obj).specReplicasPath.split(".")[1:]
            return replace(obj, **{first: _with(getattr(obj, first), rest, replicas)})
        return replace(obj, spec=replace(obj.spec, replicas=replicas))
