"""What kubelets tell of containers and machines, under cAdvisor's names.

Source: `github.com/google/cadvisor/metrics/prometheus.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from kubecourse.tools.metrics.families import Family, Labels, labels_of


class Measured(NamedTuple):
    """A container or a machine that a meter knows: its labels, and what it used over time."""

    labels: Labels
    series: Callable[[float, float, float], list[Any]]


def _row(name: str, type: str, help: str, field: str) -> Family:
    get = attrgetter(field)
    return Family(name, type, help, lambda row: [({}, float(get(row)))])


CONTAINERS = (
    _row("container_cpu_usage_seconds_total", "counter",
         "Cumulative cpu time consumed in seconds.", "cpu_seconds"),
    _row("container_memory_working_set_bytes", "gauge", "Current working set in bytes.", "memory"),
    _row("container_cpu_cfs_periods_total", "counter",
         "Number of elapsed enforcement period intervals.", "periods"),
    _row("container_cpu_cfs_throttled_periods_total", "counter",
         "Number of throttled period intervals.", "throttled_periods"),
    _row("container_cpu_cfs_throttled_seconds_total", "counter",
         "Total time duration the container has been throttled.", "throttled_seconds"),
)  # fmt: skip


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
            yield Measured(labels_of(labels), _Series(found, pod.metadata.uid, container.name))


class _Series:
    """A container's rows between two times."""

    def __init__(self, meter: Any, uid: str, name: str) -> None:
        self._of = meter, uid, name

    def __call__(self, start: float, end: float, step: float) -> list[Any]:
        meter, uid, name = self._of
        return list(meter.series(uid, name, start, end, step))
