"""Pod specs inside of objects."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from kubecourse.tools.kubectl.failure import KubectlError

Json = dict[str, Any]
Change = Callable[[Json], Json]

_TEMPLATED = (
    "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet",
)  # fmt: skip
_PATHS: dict[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(_TEMPLATED, ("spec", "template", "spec")),
}


def pod_spec(obj: Json) -> Json:
    """The pod spec of an object. Raises KubectlError for kinds without one."""
    kind = obj["kind"]
    if kind not in _PATHS:
        raise KubectlError(f"the object is not a pod or does not have a pod template: {kind}")
    for key in _PATHS[kind]:
        obj = obj[key]
    return obj


def change_containers(
    obj: Json, pattern: str, change: Change, keys: tuple[str, ...] = ("containers",)
) -> Json:
    """The object with other containers where their names match the pattern."""
    spec = pod_spec(obj)
    changed = {
        key: [change(each) if fnmatchcase(each["name"], pattern) else each for each in spec[key]]
        for key in keys
        if spec.get(key)
    }

    def inside(value: Json, path: tuple[str, ...]) -> Json:
        return {**value, path[0]: inside(value[path[0]], path[1:])} if path else value | changed

    return inside(obj, _PATHS[obj["kind"]])
