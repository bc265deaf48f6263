"""What kubelets tell of containers and machines, under cAdvisor's names.

Source: `github.com/google/cadvisor/metrics/prometheus.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from kubecourse.tools.metrics.families import Family, Labels, labels_of


class Measured(NamedTuple):
    """A container that a meter knows: its labels, and what it used (`Meter.samples`)."""

    labels: Labels
    samples: Callable[[float, float, float, tuple[str]], list[tuple[float, ...]]]


def _nothing(obj: Any) -> tuple[()]:
    """No object says it."""
    return ()


CONTAINERS = {
    # a family, and the field of a container's use
    Family(name, kind, help, _nothing): field
    for name, kind, help, field in (
        ("container_cpu_usage_seconds_total", "counter",
         "Cumulative cpu time consumed in seconds.", "cpu_seconds"),
        ("container_memory_working_set_bytes", "gauge",
         "Current working set in bytes.", "memory"),
        ("container_cpu_cfs_periods_total", "counter",
         "Number of elapsed enforcement period intervals.", "periods"),
        ("container_cpu_cfs_throttled_periods_total", "counter",
         "Number of throttled period intervals.", "throttled_periods"),
        ("container_cpu_cfs_throttled_seconds_total", "counter",
         "Total time duration the container has been throttled.", "throttled_seconds"),
    )
}  # fmt: skip


def containers(pods: list[Any], meter: Callable[[str], Any]) -> Iterator[Measured]:
    """The containers of pods whose nodes' meters can be read."""
    for pod in pods:
        found = meter(pod.spec.nodeName or "")
        if found is None:
            continue
        for container in pod.spec.containers:
            labels = {
                "namespace": pod.metadata.namespace, "pod": pod.metadata.name,
                "container": container.name, "image": container.image, "node": pod.spec.nodeName,
            }  # fmt: skip
            samples = partial(found.samples, pod.metadata.uid, container.name)
            yield Measured(labels_of(labels), samples)
