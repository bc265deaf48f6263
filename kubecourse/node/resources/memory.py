"""Memory: whom the kernel kills when there is none left.

Source: `pkg/kubelet/qos/policy.go` (GetContainerOOMScoreAdjust), the kernel's `mm/oom_kill.c`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import quantity
from kubecourse.api.pod_resources import is_sidecar
from kubecourse.api.qos import qos_class

GUARANTEED, BEST_EFFORT = -997, 1000
CRITICAL = 2_000_000_000
"""The least priority of pods that the system needs (`pkg/kubelet/types/pod_update.go`)."""


def is_critical(spec: Any) -> bool:
    """Whether a pod is so important that its node must not refuse or evict it."""
    return (spec.priority or 0) >= CRITICAL


def oom_score_adj(spec: Any, container: Any, capacity: int) -> int:
    """What the kubelet adds to a container's score, from -999 (never) to 1000 (first).

    `capacity` is the node's memory in bytes.
    """
    if is_critical(spec) and spec.priorityClassName == "system-node-critical":
        return GUARANTEED
    quality = qos_class(spec)
    if quality != "Burstable":
        return GUARANTEED if quality == "Guaranteed" else BEST_EFFORT
    found = _by_request(_memory_request(container), capacity)
    if container in (spec.initContainers or ()) and is_sidecar(container):
        # A sidecar goes no earlier than the hungriest container that it serves.
        found = min(found, *(_by_request(_memory_request(c), capacity) for c in spec.containers))
    return found


def _by_request(request: int, capacity: int) -> int:
    adjusted = 1000 - 1000 * request // capacity
    if adjusted < 1000 + GUARANTEED:
        return 1000 + GUARANTEED
    return adjusted - 1 if adjusted == BEST_EFFORT else adjusted


def _memory_request(container: Any) -> int:
    resources = container.resources
    requests = resources.requests if resources is not None else None
    return quantity.value((requests or {}).get("memory", "0"))


def oom_score(used: float, adjustment: int, capacity: int) -> float:
    """The kernel kills the container with the highest score: thousandths of memory, adjusted."""
    return 1000.0 * used / capacity + adjustment
