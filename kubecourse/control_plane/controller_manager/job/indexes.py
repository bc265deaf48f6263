"""The completion indexes of an Indexed Job's pods.

Source: `pkg/controller/job/indexed_job_utils.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.memo import memo

core = models.core_v1

INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"

_VARIABLE = core.EnvVar(
    name="JOB_COMPLETION_INDEX",
    valueFrom=core.EnvVarSource(
        fieldRef=core.ObjectFieldSelector(apiVersion="v1", fieldPath=f"metadata.labels['{INDEX}']")
    ),
)


def parse(text: str | None) -> set[int]:
    """Read indexes from a status: `1,3-5`."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, dash, last = part.partition("-")
        if first:
            found.update(range(int(first), int(last if dash else first) + 1))
    return found


def text_of(indexes: Iterable[int]) -> str:
    """Indexes as a status has them: three and more in a row as a range, `0,1,3-5`."""
    rows: list[list[int]] = []
    for index in sorted(indexes):
        if rows and rows[-1][-1] == index - 1:
            rows[-1].append(index)
        else:
            rows.append([index])
    return ",".join(
        f"{row[0]}-{row[-1]}" if len(row) > 2 else ",".join(map(str, row)) for row in rows
    )


def number_in(pod: Any, annotation: str) -> int | None:
    """The number in one of a pod's annotations, if there is one."""
    text = (pod.metadata.annotations or {}).get(annotation, "")
    return int(text) if text.isascii() and text.isdigit() else None


def index_of(pod: Any, completions: int | None = None) -> int | None:
    """A pod's completion index, if it has a right one."""
    index = number_in(pod, INDEX)
    return None if index is None or (completions is not None and index >= completions) else index


def failures(pod: Any) -> tuple[int, int]:
    """How often the pods of its index had failed before this one: those that count, the others."""
    return number_in(pod, FAILURES) or 0, number_in(pod, IGNORED_FAILURES) or 0


@memo
def indexed_spec(spec: Any) -> Any:
    """A pod's spec whose containers are told the index; all pods of the Job share it."""

    def told(containers: list[Any] | None) -> list[Any] | None:
        return containers and [
            each
            if any(v.name == _VARIABLE.name for v in each.env or ())
            else replace(each, env=[*(each.env or ()), _VARIABLE])
            for each in containers
        ]

    return replace(spec, containers=told(spec.containers), initContainers=told(spec.initContainers))
