"""Nodes are tainted until they are ready, pods bear it for a while when theirs is lost.

Sources: `plugin/pkg/admission/{nodetaint,defaulttolerationseconds,runtimeclass}/admission.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.memo import memo
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver.admission.attempt import Attempt

core = models.core_v1
NOT_READY = core.Taint(key="node.kubernetes.io/not-ready", effect="NoSchedule")
TOLERATED = tuple(
    core.Toleration(key=key, operator="Exists", effect="NoExecute", tolerationSeconds=300)
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
)


def taint_new_node(attempt: Attempt) -> Any:
    """A node being created carries the taint not-ready."""
    new = attempt.new
    spec = new.spec or core.NodeSpec()
    if any(t.key == NOT_READY.key and t.effect == NOT_READY.effect for t in spec.taints or ()):
        return new
    return replace(new, spec=replace(spec, taints=[*(spec.taints or []), NOT_READY]))


@memo
def _tolerant(spec: Any) -> Any:
    given = spec.tolerations or []
    said = [t.key for t in given if t.effect in ("NoExecute", None)]
    added = [each for each in TOLERATED if each.key not in said and None not in said]
    return replace(spec, tolerations=[*given, *added]) if added else spec


def tolerate_lost_node(attempt: Attempt) -> Any:
    """A pod tolerates its node being lost for five minutes, unless it says otherwise."""
    if attempt.keeps_spec:
        return attempt.new
    spec = _tolerant(attempt.new.spec)
    return attempt.new if spec is attempt.new.spec else replace(attempt.new, spec=spec)


RUNTIMES = BY_PLURAL["node.k8s.io", "v1", "runtimeclasses"]


def runtime_class(attempt: Attempt) -> Any:
    """A pod may ask for a way to run containers that the cluster has, and bears what that costs."""
    new = attempt.new
    name = new.spec.runtimeClassName
    if name is None:
        return new
    found = attempt.server.find(RUNTIMES, None, name)
    if found is None:
        raise attempt.forbidden(f'pod rejected: RuntimeClass "{name}" not found')
    spec, scheduling = new.spec, found.scheduling
    overhead = found.overhead.podFixed if found.overhead else None
    if spec.overhead and spec.overhead != overhead:
        why = "Pod's Overhead doesn't match RuntimeClass's defined Overhead"
        raise attempt.forbidden(f"pod rejected: {why}")
    if overhead:
        spec = replace(spec, overhead=overhead)
    if scheduling is not None and scheduling.nodeSelector:
        given = spec.nodeSelector or {}
        for key, value in scheduling.nodeSelector.items():
            if given.get(key, value) != value:
                why = f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value};"
                why += f" pod.spec.nodeSelector[{key}] = {given[key]}"
                raise attempt.forbidden(f"pod rejected: {why}")
        spec = replace(spec, nodeSelector={**given, **scheduling.nodeSelector})
    if scheduling is not None and scheduling.tolerations:
        given = spec.tolerations or []
        added = [each for each in scheduling.tolerations if each not in given]
        spec = replace(spec, tolerations=[*given, *added])
    return replace(new, spec=spec)
