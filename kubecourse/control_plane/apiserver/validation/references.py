"""Values taken from elsewhere: fields of the pod, resources, ConfigMaps and Secrets.

Source: `pkg/apis/core/validation/validation.go`, `pkg/apis/core/pods/helpers.go`.
"""

from __future__ import annotations

import re
from typing import Any

from kubecourse.api import errors, names, quantity
from kubecourse.control_plane.apiserver.validation import checks
from kubecourse.control_plane.apiserver.validation.checks import Errors

ENV_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
FILE_FIELDS = (
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
    "metadata.uid",
)  # fmt: skip
_KNOWN_FIELDS = {
    *ENV_FIELDS, *FILE_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase",
    "spec.hostname",
}  # fmt: skip
_RENAMED = {"spec.host": "spec.nodeName"}
_SUBSCRIPTED = re.compile(r"(.+)\['(.*)'\]")

_STORES = ("cpu", "memory", "ephemeral-storage")
RESOURCES = tuple(sorted(f"{side}.{what}" for side in ("limits", "requests") for what in _STORES))
_HUGE = ("limits.hugepages-", "requests.hugepages-")
_BYTES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_DIVISORS = {
    "cpu": (("1m", "1"), "1m and 1", "cpu"),
    "memory": (_BYTES, ", ".join(_BYTES), "memory"),
    "ephemeral-storage": (_BYTES, ", ".join(_BYTES), "local ephemeral storage"),
}


def field_ref(path: str, ref: Any, allowed: tuple[str, ...], out: Errors) -> None:
    """A reference to a field of the pod itself."""
    if not checks.required(f"{path}.apiVersion", ref.apiVersion, out):
        return
    if not checks.required(f"{path}.fieldPath", ref.fieldPath, out):
        return
    match = _SUBSCRIPTED.fullmatch(ref.fieldPath)
    field = match[1] if match else _RENAMED.get(ref.fieldPath, ref.fieldPath)
    if field not in _KNOWN_FIELDS or (match and field not in FILE_FIELDS[:2]):
        known = match and field in _KNOWN_FIELDS
        trouble = "does not support subscript" if known else "not supported"
        why = f"error converting fieldPath: field label {trouble}: {ref.fieldPath}"
        out.append(errors.invalid(f"{path}.fieldPath", ref.fieldPath, why))
    elif match:
        key = match[2].lower() if field == "metadata.annotations" else match[2]
        checks.qualified(path, key, out)
    elif field not in allowed:
        out.append(errors.not_supported(f"{path}.fieldPath", field, allowed))


def resource_ref(path: str, ref: Any, out: Errors, in_volume: bool) -> None:
    """A reference to what a container requests or may use."""
    name = ref.resource or ""
    if in_volume and not ref.containerName:
        out.append(errors.required(f"{path}.containerName"))
    elif checks.required(f"{path}.resource", name, out) and not name.startswith(_HUGE):
        checks.one_of(f"{path}.resource", name, RESOURCES, out)
    divisor = ref.divisor
    if not divisor or quantity.is_zero(divisor):
        return
    allowed, text, what = _DIVISORS.get(
        name.partition(".")[2], (_BYTES, ", ".join(_BYTES), "hugepages")
    )
    known = name in RESOURCES or name.startswith(_HUGE)
    if known and quantity.canonical(divisor) not in allowed:
        why = f"only divisor's values {text} are supported with the {what} resource"
        out.append(errors.invalid(f"{path}.divisor", name, why))


def key_ref(path: str, ref: Any, out: Errors) -> None:
    """A reference to one key of a ConfigMap or Secret."""
    checks.dns_subdomain(f"{path}.name", ref.name or "", out)
    if checks.required(f"{path}.key", ref.key, out):
        checks.obeys(f"{path}.key", ref.key, names.is_config_map_key, out)


def all_keys_ref(path: str, ref: Any, out: Errors) -> None:
    """A reference to a whole ConfigMap or Secret."""
    if checks.required(f"{path}.name", ref.name, out):
        checks.dns_subdomain(f"{path}.name", ref.name, out)
