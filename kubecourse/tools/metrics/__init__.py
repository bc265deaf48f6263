"""A cluster's metrics for Prometheus: as they are now, and over a stretch of virtual time.

What objects say is worked out from etcd's history, what containers use from what their kubelets
measure; nothing is sampled while time passes. Of pods that are gone only what objects say is known.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from kubecourse.api.resources import BY_MODEL, RESOURCES
from kubecourse.clock import START
from kubecourse.tools.metrics.containers import CONTAINERS, Measured, containers
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
    rows = [
        (measured, measured.series(at, at, 1.0))
        for measured in containers(cluster.client.list(core.Pod), cluster._meter)
    ]
    for family in CONTAINERS:
        lines = [
            f"{series(family.name, measured.labels)} {number(value)}\n"
            for measured, found in rows
            for row in found
            for _, value in family.samples(row)
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
    for cls, families in FAMILIES.items():
        spans = list(_versions(cluster, cls, end))
        for family in families:
            yield from _expanded(family, spans, start, end, step)
    for family in CONTAINERS:
        measured = containers(cluster.client.list(core.Pod), cluster._meter)
        yield from _measured(family, measured, start, end, step)


Span = tuple[float, float, Any]
"""From when on, until when, and what an object was then."""


def _versions(cluster: Any, cls: type[Any], end: float) -> Iterator[Span]:
    """All that objects of a class have been, those of one object in order."""
    etcd, prefix = cluster.etcd, BY_MODEL[cls].prefix
    known: dict[str, tuple[float, Any]] = {}
    for event in etcd.history(prefix, 0):
        time = etcd.time_of(event.revision)
        if event.key in known:
            since, obj = known.pop(event.key)
            yield since, time, obj
        if event.new is not None:
            known[event.key] = (time, event.new)
    for since, obj in known.values():
        yield since, end + 1, obj


def _expanded(
    family: Family, spans: list[Span], start: float, end: float, step: float
) -> Iterator[str]:
    """A family's series over time: a value holds until the object changes."""
    found: dict[Labels, list[tuple[float, float]]] = {}
    for since, until, obj in spans:
        first = start + max(0, -(-(since - start) // step)) * step
        last = min(until, end + step / 2)
        if first >= last:
            continue
        times = [first + n * step for n in range(int(-(-(last - first) // step)))]
        for labels, value in family.samples(obj):
            found.setdefault(labels_of(labels), []).extend((time, value) for time in times)
    yield from _written(family, found.items())


def _measured(
    family: Family, measured: Iterable[Measured], start: float, end: float, step: float
) -> Iterator[str]:
    rows = (
        (each.labels, [(row.time, value) for row in each.series(start, end, step)
                       for _, value in family.samples(row)])
        for each in measured
    )  # fmt: skip
    yield from _written(family, rows)


def _written(
    family: Family, found: Iterable[tuple[Labels, list[tuple[float, float]]]]
) -> Iterator[str]:
    head = family.head(open_metrics=True)
    for labels, samples in found:
        if samples:
            name = series(family.name, labels)
            yield head + "".join(
                f"{name} {number(value)} {SECOND_0 + time:.3f}\n" for time, value in samples
            )
            head = ""
