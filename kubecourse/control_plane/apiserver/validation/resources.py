"""Requests and limits. Source: `pkg/apis/core/validation/validation.go`, `pkg/apis/core/helper`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api import errors, names, quantity
from kubecourse.control_plane.apiserver.validation import checks
from kubecourse.control_plane.apiserver.validation.checks import Errors

HUGE = "hugepages-"
_STORAGE = ("storage", "ephemeral-storage")
_COMPUTE = ("cpu", "memory")
_OBJECTS = (
    "pods", "persistentvolumeclaims", "services", "services.nodeports", "services.loadbalancers",
    "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
)  # fmt: skip
QUOTA = frozenset(
    (
        *_COMPUTE, "ephemeral-storage", *_OBJECTS, "requests.cpu", "requests.memory",
        "requests.storage", "requests.ephemeral-storage", "limits.cpu", "limits.memory",
        "limits.ephemeral-storage",
    )
)  # fmt: skip
STANDARD = QUOTA | {"storage"}
INTEGERS = frozenset(_OBJECTS)
POD_LEVEL = ("cpu", "memory")
NOT_WHOLE = "must be an integer"

NameCheck = Callable[[str, str, Errors], None]


def is_native(name: str) -> bool:
    """Whether Kubernetes itself accounts for the resource."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """Whether it is a resource that somebody else brings, such as `nvidia.com/gpu`."""
    if is_native(name) or name.startswith("requests."):
        return False
    return not names.is_qualified_name(f"requests.{name}")


def may_overcommit(name: str) -> bool:
    """Whether a request may be less than the limit."""
    return is_native(name) and not name.startswith(HUGE)


def standard_name(path: str, name: str, out: Errors) -> None:
    """A resource's name must be known, or have a prefix."""
    if not checks.obeys(path, name, names.is_qualified_name, out):
        return
    if "/" not in name and name not in STANDARD and not is_huge(name):
        why = "must be a standard resource type or fully qualified"
        out.append(errors.invalid(path, name, why))


def is_huge(name: str) -> bool:
    """Whether it is a size of huge pages."""
    return name.startswith((HUGE, f"requests.{HUGE}"))


def container_name(path: str, name: str, out: Errors) -> None:
    """A resource's name must be one that containers can have."""
    standard_name(path, name, out)
    if "/" not in name:
        if name not in (*_COMPUTE, "ephemeral-storage") and not name.startswith(HUGE):
            out.append(errors.invalid(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        out.append(errors.invalid(path, name, "doesn't follow extended resource name standard"))


def pod_name(path: str, name: str, out: Errors) -> None:
    """A resource's name must be one that a pod as a whole can have."""
    before = len(out)
    standard_name(path, name, out)
    if len(out) == before and name not in POD_LEVEL and not name.startswith(HUGE):
        out.append(errors.not_supported(path, name, (*POD_LEVEL, "hugepages-")))


def amount(path: str, name: str, text: str, out: Errors) -> None:
    """An amount may not be negative, and of some resources only whole."""
    nano = quantity.parse_quantity(text).nano
    if nano < 0:
        out.append(errors.invalid(path, text, checks.NOT_NEGATIVE))
    if (name in INTEGERS or is_extended(name)) and nano % 10**9:
        out.append(errors.invalid(path, text, NOT_WHOLE))


def _huge_page(path: str, name: str, text: str, out: Errors) -> None:
    if not name.startswith(HUGE):
        return
    try:
        size = quantity.parse_quantity(name.removeprefix(HUGE)).nano
    except quantity.QuantityError:
        size = 0
    if size <= 0 or quantity.parse_quantity(text).nano % size:
        why = f"{text} is not positive integer multiple of {name}"
        out.append(errors.invalid(path, text, why))


def requirements(
    path: str, value: Any, out: Errors, name_check: NameCheck = container_name, claims: Any = ()
) -> None:
    """What a container (or a pod) asks for and may use."""
    limits, requests = value.limits or {}, value.requests or {}
    if not limits and not requests and not value.claims:
        return
    for name, text in sorted(limits.items()):
        key = f"{path}.limits[{name}]"
        name_check(key, name, out)
        amount(key, name, text, out)
        _huge_page(key, name, text, out)
    for name, text in sorted(requests.items()):
        key = f"{path}.requests[{name}]"
        name_check(key, name, out)
        amount(key, name, text, out)
        _within_limit(path, name, text, limits.get(name), out)
        _huge_page(key, name, text, out)
    named = {*limits, *requests}
    if not named & set(_COMPUTE) and any(name.startswith(HUGE) for name in named):
        out.append(errors.field_forbidden(path, "HugePages require cpu or memory"))
    if value.claims:
        _claims(f"{path}.claims", value.claims, claims, out)


def _within_limit(path: str, name: str, text: str, limit: str | None, out: Errors) -> None:
    if limit is None:
        if not may_overcommit(name):
            why = "Limit must be set for non overcommitable resources"
            out.append(errors.required(f"{path}.limits", why))
        return
    asked, most = quantity.parse_quantity(text).nano, quantity.parse_quantity(limit).nano
    if asked != most and not may_overcommit(name):
        why = f"must be equal to {name} limit of {limit}"
        out.append(errors.invalid(f"{path}.requests", text, why))
    elif asked > most:
        why = f"must be less than or equal to {name} limit of {limit}"
        out.append(errors.invalid(f"{path}.requests", text, why))


def _claims(path: str, used: list[Any], known: Any, out: Errors) -> None:
    seen: set[str] = set()
    for index, claim in enumerate(used):
        at = f"{path}[{index}]"
        if not checks.required(at, claim.name, out):
            continue
        checks.distinct(
            at, f"{claim.name}/{claim.request}" if claim.request else claim.name, seen, out
        )
        if claim.name not in known:
            why = "must be one of the names in pod.spec.resourceClaims"
            why += f": {', '.join(sorted(known))}" if known else " which is empty"
            out.append(errors.FieldError(at, "Not found", claim.name, why))
