"""A cluster's metrics for Prometheus: as they are now, and over a stretch of virtual time.

What objects say is worked out from etcd's history, what containers use from what their kubelets
measure; nothing is sampled while time passes. Of pods that are gone only what objects say is known.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

from kubecourse.api.resources import BY_MODEL, RESOURCES
from kubecourse.clock import START
from kubecourse.tools.metrics.containers import CONTAINERS, containers
from kubecourse.tools.metrics.families import Family, Labels, labels_of, number, series, text
from kubecourse.tools.metrics.kube_state import FAMILIES, core

SECOND_0 = START.timestamp()
"""Virtual second 0 as Unix time."""

_OBJECTS = Family(
    "apiserver_storage_objects", "gauge", "Number of stored objects at the time of last check.",
    lambda row: [({"resource": row[0]}, row[1])],
)  # fmt: skip


def now(cluster: Any) -> str:
    """All metrics as they are, in Prometheus' text format."""
    at = cluster.now
    state = (
        (family, cluster.client.list(cls))
        for cls, families in FAMILIES.items()
        for family in families
    )
    counts = [(each.qualified, cluster.etcd.count(each.prefix)) for each in RESOURCES]
    return "".join([*text(state), *_used_now(cluster, at), *text([(_OBJECTS, counts)])])


def _used_now(cluster: Any, at: float) -> Iterator[str]:
    measured = list(containers(cluster.client.list(core.Pod), cluster._meter))
    for family, field in CONTAINERS.items():
        lines = [
            f"{series(family.name, labels)} {number(value)}\n"
            for labels, samples in measured
            for _, _, value in samples(at, at, 1.0, (field,))
        ]
        if lines:
            yield family.head() + "".join(lines)


# --- over time


def totals(
    cluster: Any, start: float, end: float | None = None, step: float = 60.0, by: str = "namespace"
) -> dict[str, tuple[array[float], array[float], array[float]]]:
    """What pods used: times, cores and bytes, each `step` seconds, by `namespace` or by `pod`.

    Cores are the mean since the time before. Only pods that still exist are known.
    """
    end = cluster.now if end is None else end
    times = array("d", (start + n * step for n in range(int((end - start) // step) + 1)))
    found: dict[str, tuple[array[float], array[float], array[float]]] = {}
    for pod in cluster.client.list(core.Pod):
        meter, metadata = cluster._meter(pod.spec.nodeName or ""), pod.metadata
        name = metadata.namespace if by == "namespace" else f"{metadata.namespace}/{metadata.name}"
        for container in pod.spec.containers if meter is not None else ():
            rows = meter.samples(metadata.uid, container.name, start - step, end, step)
            if not rows:
                continue
            _, cores, memory = found.setdefault(
                name, (times, array("d", bytes(8 * len(times))), array("d", bytes(8 * len(times))))
            )
            for before, row in pairwise([(0.0, -1, 0.0, 0.0), *rows]):
                at = round((row[0] - start) / step)
                if at >= 0:
                    used = row[2] - before[2] if before[1] == row[1] else row[2]
                    cores[at] += used / step
                    memory[at] += row[3]
    return found


def write(
    cluster: Any, path: str | Path, start: float, end: float | None = None, step: float = 60.0
) -> int:
    """Write an OpenMetrics file with a sample each `step` virtual seconds; returns how many.

    `promtool tsdb create-blocks-from openmetrics FILE DIRECTORY` makes a database of it.
    """
    end = cluster.now if end is None else end
    count = 0
    with Path(path).open("w", encoding="utf-8") as file:
        for lines in _all(cluster, start, end, step):
            file.write(lines)
            count += lines.count("\n") - 2 * lines.startswith("# ")
        file.write("# EOF\n")
    return count


def _all(cluster: Any, start: float, end: float, step: float) -> Iterator[str]:
    count = int((end - start) / step + 0.5) + 1
    ends = [f" {SECOND_0 + start + n * step:.3f}\n" for n in range(count)]
    for cls, families in FAMILIES.items():
        spans = [
            (first, last, obj)
            for since, until, obj in cluster.etcd.spans(BY_MODEL[cls].prefix, end + 1)
            if (first := max(0, ceil((since - start) / step)))
            < (last := min(count, ceil((until - start) / step)))
        ]
        for family in families:
            found: dict[Labels, list[Run]] = {}
            for first, last, obj in spans:
                for labels, value in family.samples(obj):
                    _add(found.setdefault(labels_of(labels), []), first, last, value)
            yield from _written(family, found.items(), ends)
    for family, field in CONTAINERS.items():
        measured = containers(cluster.client.list(core.Pod), cluster._meter)
        rows = ((labels, _runs(samples(start, end, step, (field,)), start, step))
                for labels, samples in measured)  # fmt: skip
        yield from _written(family, rows, ends)


Run = tuple[int, int, float]
"""From which sample on, until which other, and their common value."""


def _add(runs: list[Run], first: int, last: int, value: float) -> None:
    """A value holds for some samples more."""
    if runs and runs[-1][1:] == (first, value):
        first = runs.pop()[0]
    runs.append((first, last, value))


def _runs(samples: list[tuple[float, ...]], start: float, step: float) -> list[Run]:
    """What a meter's samples come to."""
    runs: list[Run] = []
    for time, _, value in samples:
        first = round((time - start) / step)
        _add(runs, first, first + 1, value)
    return runs


def _written(
    family: Family, found: Iterable[tuple[Labels, list[Run]]], ends: list[str]
) -> Iterator[str]:
    head = family.head(open_metrics=True)
    for labels, runs in found:
        if runs:
            name = series(family.name, labels)
            lines = [head]
            for first, last, value in runs:
                line = f"{name} {number(value)}"
                lines += line, line.join(ends[first:last])
            yield "".join(lines)
            head = ""
