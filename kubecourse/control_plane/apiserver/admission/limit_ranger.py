"""LimitRanges: containers get the requests and limits that they leave out, then all is checked.

What follows for a pod depends on its spec alone, so it is worked out once for all pods of a
template, and they go on sharing their spec.
Source: `plugin/pkg/admission/limitranger/admission.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.memo import IdentityMemo, memo
from kubecourse.api.pod_resources import Amounts, amounts, pod_resources
from kubecourse.api.quantity import parse_quantity
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver.admission.attempt import Attempt

RANGES = BY_PLURAL["", "v1", "limitranges"]
ANNOTATION = "kubernetes.io/limit-ranger"
core = models.core_v1


def _ranges(server: Any, namespace: str) -> list[Any]:
    if not server.etcd.count(RANGES.prefix):
        return []
    return [each for each in server.list(RANGES, namespace) if each.spec is not None]


# --- filling in


def admit(attempt: Attempt) -> Any:
    """Give the containers of a pod being created what the namespace has for those that ask not."""
    new = attempt.new
    for each in _ranges(attempt.server, new.metadata.namespace):
        spec, note = _filler(each)(new.spec)
        if note:
            annotations = {**(new.metadata.annotations or {}), ANNOTATION: note}
            metadata = replace(new.metadata, annotations=annotations)
            new = replace(new, spec=spec, metadata=metadata)
    return new


@memo
def _filler(limit_range: Any) -> IdentityMemo[tuple[Any, str]]:
    return IdentityMemo(partial(_filled, limit_range))


def _filled(limit_range: Any, spec: Any) -> tuple[Any, str]:
    """The spec with the defaults, and the note that says what they are; '' where none was used."""
    own: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for item in limit_range.spec.limits or ():
        if item.type == "Container":
            own["requests"] |= item.defaultRequest or {}
            own["limits"] |= item.default or {}
    notes: list[str] = []
    changes = {}
    for field, title in (("containers", "container"), ("initContainers", "init container")):
        containers = getattr(spec, field)
        if containers:
            changes[field] = [_fill(each, title, own, notes) for each in containers]
    if not notes:
        return spec, ""
    return replace(spec, **changes), f"LimitRanger plugin set: {'; '.join(notes)}"


def _fill(container: Any, title: str, own: dict[str, dict[str, str]], notes: list[str]) -> Any:
    resources = container.resources or core.ResourceRequirements()
    for field, values in own.items():
        given = getattr(resources, field) or {}
        added = sorted(values.keys() - given.keys())
        if added:
            resources = replace(resources, **{field: {**given, **{n: values[n] for n in added}}})
            notes.append(f"{', '.join(added)} {field[:-1]} for {title} {container.name}")
    if resources is container.resources:
        return container
    return replace(container, resources=resources)


# --- checking


def check(attempt: Attempt) -> None:
    """Refuse a pod being created, or a claim, that asks for less or more than is allowed."""
    if attempt.keeps_spec:
        return
    for each in _ranges(attempt.server, attempt.new.metadata.namespace):
        found = _judge(each)(attempt.new.spec)
        if found:
            why = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
            raise attempt.forbidden(why)


@memo
def _judge(limit_range: Any) -> IdentityMemo[list[str]]:
    return IdentityMemo(partial(_problems, limit_range))


def _problems(limit_range: Any, spec: Any) -> list[str]:
    """What is wrong with a pod's or a claim's spec, each thing once."""
    found: dict[str, None] = {}
    for item in limit_range.spec.limits or ():
        for requests, limits in _subjects(item.type, spec):
            for problem in _broken(item, requests, limits):
                found[problem] = None
    return list(found)


def _subjects(kind: str, spec: Any) -> Iterator[tuple[Amounts, Amounts | None]]:
    """Requests and limits of each thing that an item of this type is about; None for claims."""
    if isinstance(spec, core.PersistentVolumeClaimSpec):
        if kind == "PersistentVolumeClaim":
            yield amounts(spec.resources, "requests"), None
    elif kind == "Container":
        for container in [*(spec.containers or ()), *(spec.initContainers or ())]:
            resources = container.resources
            yield amounts(resources, "requests"), amounts(resources, "limits")
    elif kind == "Pod":
        yield pod_resources(spec, "requests"), pod_resources(spec, "limits")


def _broken(item: Any, requests: Amounts, limits: Amounts | None) -> Iterator[str]:
    """The constraints of an item that are not kept; of each resource's only the first."""
    for word, given in (("minimum", item.min), ("maximum", item.max)):
        for name in sorted(given or ()):
            problem = _outside(word, name, given[name], requests.get(name), limits)
            if problem:
                yield f"{word} {name} usage per {item.type} is {given[name]}{problem}"
    ratios = item.maxLimitRequestRatio or {}
    for name in sorted(ratios):
        problem = _steep(ratios[name], requests.get(name), (limits or {}).get(name))
        if problem:
            bound = f"{name} max limit to request ratio per {item.type} is {ratios[name]}"
            yield f"{bound}, but {problem}"


def _outside(word: str, name: str, text: str, request: Any, limits: Amounts | None) -> str:
    """A minimum asks for a request, a maximum for a limit; both look at what else there is."""
    limit = (limits or {}).get(name)
    asked = [("limit", limit), ("request", request)]
    if word == "minimum" or limits is None:
        asked.reverse()
    if asked[0][1] is None:
        return f".  No {asked[0][0]} is specified"
    bound = parse_quantity(text)
    for title, amount in asked:
        if amount is not None and (amount < bound if word == "minimum" else amount > bound):
            return f", but {title} is {amount}"
    return ""


def _steep(text: str, request: Any, limit: Any) -> str:
    for title, amount in (("request", request), ("limit", limit)):
        if amount is None or amount.is_zero:
            return f"no {title} is specified or {title} is 0"
    ratio = limit.nano / request.nano
    return f"provided ratio is {ratio:f}" if ratio > parse_quantity(text).nano / 10**9 else ""
