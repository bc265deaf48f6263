"""Requests and limits. Source: `pkg/apis/core/validation/validation.go`, `pkg/apis/core/helper`."""

from __future__ import annotations

from functools import reduce
from typing import Any

from kubecourse.api import names, quantity
from kubecourse.api.errors import FieldError
from kubecourse.control_plane.apiserver.validation.rules import NAMES, Errors, Rule, at, named
from kubecourse.control_plane.apiserver.validation.values import QUALIFIED

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_COUNTED = (
    "pods", "persistentvolumeclaims", "services", "services.nodeports", "services.loadbalancers",
    "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
)  # fmt: skip
_LIMITED = tuple(f"{side}.{name}" for side in ("requests", "limits") for name in _COMPUTE)
_QUOTA = frozenset((*_COMPUTE, *_COUNTED, *_LIMITED, "requests.storage"))
_HUGE = ("hugepages-", "requests.hugepages-")
_OF_PODS = ("cpu", _HUGE[0], "memory")


def _is_native(name: str) -> bool:
    """Whether Kubernetes itself accounts for the resource."""
    return "/" not in name or "kubernetes.io/" in name


def _is_extended(name: str) -> bool:
    """Whether it is a resource that somebody else brings, such as `nvidia.com/gpu`."""
    native = _is_native(name) or name.startswith("requests.")
    return not native and not names.is_qualified_name(f"requests.{name}")


def standard_name(name: str, out: Errors) -> None:
    """A resource's name must be known, or have a prefix."""
    start = len(out)
    QUALIFIED(name, out)
    known = "/" in name or name in _QUOTA or name == "storage" or name.startswith(_HUGE)
    if len(out) == start and not known:
        out.invalid("", name, "must be a standard resource type or fully qualified")


def is_standard_for_quota(name: str) -> bool:
    """Whether a quota knows the resource by itself."""
    return name in _QUOTA or name.startswith(_HUGE)


def may_be_shared(name: str) -> bool:
    """Whether more of a resource may be used than is asked for."""
    return _is_native(name) and not name.startswith(_HUGE)


def quota_name(name: str, out: Errors) -> None:
    """A resource's name must be one that a quota can limit."""
    standard_name(name, out)
    if "/" not in name and not is_standard_for_quota(name):
        out.invalid("", name, "must be a standard resource for quota")


def container_name(name: str, out: Errors) -> None:
    """A resource's name must be one that containers can have."""
    standard_name(name, out)
    if "/" not in name:
        if name not in _COMPUTE and not name.startswith(_HUGE[0]):
            out.invalid("", name, "must be a standard resource for containers")
    elif not _is_native(name) and not _is_extended(name):
        out.invalid("", name, "doesn't follow extended resource name standard")


def pod_name(name: str, out: Errors) -> None:
    """A resource's name must be one that a pod as a whole can have."""
    start = len(out)
    standard_name(name, out)
    if len(out) == start and name not in _OF_PODS and not name.startswith(_HUGE[0]):
        out.unsupported("", name, _OF_PODS)


def amount(name: str, text: str, out: Errors) -> None:
    """An amount of one resource: not negative, and of some resources only a whole one."""
    nano = quantity.parse_quantity(text).nano
    if nano < 0:
        out.invalid("", text, "must be greater than or equal to 0")
    if (name in _COUNTED or _is_extended(name)) and nano % 10**9:
        out.invalid("", text, "must be an integer")


def amounts(name_rule: Rule) -> Rule:
    """Amounts of resources that may be called so."""

    def check(values: dict[str, str], out: Errors) -> None:
        for name, text in sorted(values.items()):
            start = len(out)
            name_rule(name, out)
            amount(name, text, out)
            out.below(f"[{name}]", start)

    return check


CONTAINER_AMOUNTS, _POD_AMOUNTS = amounts(container_name), amounts(pod_name)
NAMES["quota_amounts"] = amounts(quota_name)


@named
def requirements(value: Any, out: Errors) -> None:
    """What a container asks for and may use."""
    _requirements(value.limits or {}, value.requests or {}, CONTAINER_AMOUNTS, out)
    at("claims", _claims, value.claims, out)


@named
def overhead_amounts(values: dict[str, str], out: Errors) -> None:
    """What a pod takes besides what its containers do; the server takes it for a limit."""
    _requirements(values, {}, CONTAINER_AMOUNTS, out)


def _requirements(
    limits: dict[str, str], requests: dict[str, str], of_one: Rule, out: Errors
) -> None:
    for side, given in (("limits", limits), ("requests", requests)):
        for name, text in sorted(given.items()):
            at(side, of_one, {name: text}, out)
            if given is requests:
                _within_limit(name, text, limits.get(name), out)
            if name.startswith(_HUGE[0]) and not _whole_pages(name, text):
                why = f"{text} is not positive integer multiple of {name}"
                out.invalid(f"{side}[{name}]", text, why)
    asked = limits.keys() | requests.keys()
    if not asked & {"cpu", "memory"} and any(name.startswith(_HUGE[0]) for name in asked):
        out.forbidden("", "HugePages require cpu or memory")


def _whole_pages(name: str, text: str) -> bool:
    try:
        page = quantity.parse_quantity(name.removeprefix(_HUGE[0])).nano
    except quantity.QuantityError:
        return False
    return page > 0 and quantity.parse_quantity(text).nano % page == 0


def _fits_in_pod(of_pod: Any, out: Errors) -> None:
    """All containers together ask for no more than the pod, and none may use more."""
    containers = out.pod.containers or ()
    for name, text in sorted((of_pod.requests or {}).items()):
        asked = (_given(container, "requests").get(name, "0") for container in containers)
        total = reduce(quantity.add, asked, "0")
        if quantity.compare(total, text) > 0:
            why = f"must be greater than or equal to aggregate container requests of {total}"
            out.invalid(f"resources.requests[{name}]", text, why)
    for index, container in enumerate(containers):
        for name, text in sorted(_given(container, "limits").items()):
            most = (of_pod.limits or {}).get(name)
            if most is not None and quantity.compare(text, most) > 0:
                path = f"resources.containers[{index}][{name}].limits"
                out.invalid(path, text, f"must be less than or equal to pod limits of {most}")


def _given(container: Any, side: str) -> dict[str, str]:
    return (getattr(container.resources, side) if container.resources is not None else None) or {}


@named
def pod_requirements(spec: Any, out: Errors) -> None:
    """What a whole pod asks for and may use."""
    if spec.resources is not None:
        at("resources", _whole_pod, spec.resources, out)
        _fits_in_pod(spec.resources, out)


def _whole_pod(value: Any, out: Errors) -> None:
    if value.claims:
        out.forbidden("claims", "claims may not be set for Resources at pod-level")
    _requirements(value.limits or {}, value.requests or {}, _POD_AMOUNTS, out)


def _claims(used: list[Any], out: Errors) -> None:
    known = sorted(claim.name or "" for claim in out.pod.resourceClaims or ())
    which = f": {', '.join(known)}" if known else " which is empty"
    seen = set()
    for index, claim in enumerate(used):
        path, shown = f"[{index}]", "/".join(filter(None, (claim.name, claim.request)))
        if not claim.name:
            out.required(path)
            continue
        if shown in seen:
            out.duplicate(path, shown)
        seen.add(shown)
        if claim.name not in known:
            why = f"must be one of the names in pod.spec.resourceClaims{which}"
            out.append(FieldError(path, "Not found", claim.name, why))


def _within_limit(name: str, text: str, limit: str | None, out: Errors) -> None:
    may_differ = may_be_shared(name)
    if limit is None:
        if not may_differ:
            out.required("limits", "Limit must be set for non overcommitable resources")
        return
    asked, most = quantity.parse_quantity(text).nano, quantity.parse_quantity(limit).nano
    if asked != most and not may_differ:
        out.invalid("requests", text, f"must be equal to {name} limit of {limit}")
    elif asked > most:
        out.invalid("requests", text, f"must be less than or equal to {name} limit of {limit}")
