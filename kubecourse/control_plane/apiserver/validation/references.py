"""Values taken from elsewhere: fields of the pod, resources, ConfigMaps and Secrets.

Source: `pkg/apis/core/validation/validation.go`, `pkg/apis/core/pods/helpers.go`.
"""

from __future__ import annotations

import re
from typing import Any

from kubecourse.api import names, quantity
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors, Rule

_ENV_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
_MAPS = ("metadata.annotations", "metadata.labels")
_FILE_FIELDS = (*_MAPS, "metadata.name", "metadata.namespace", "metadata.uid")
_KNOWN_FIELDS = {
    *_ENV_FIELDS, *_FILE_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase",
    "spec.hostname",
}  # fmt: skip
_WITH_KEY = re.compile(r"(.+)\['(.*)'\]")


def _field_ref(*allowed: str) -> Rule:
    """A reference to a field of the pod itself."""

    def check(ref: Any, out: Errors) -> None:
        path = ref.fieldPath or ""
        match = _WITH_KEY.fullmatch(path)
        field = match[1] if match else path
        if not path:
            out.required("fieldPath")
        elif field not in _KNOWN_FIELDS or (match and field not in _MAPS):
            trouble = "does not support subscript" if field in _KNOWN_FIELDS else "not supported"
            why = f"error converting fieldPath: field label {trouble}: {path}"
            out.invalid("fieldPath", path, why)
        elif match:
            r.QUALIFIED(match[2].lower() if field == "metadata.annotations" else match[2], out)
        elif field not in allowed:
            out.unsupported("fieldPath", field, allowed)

    return check


ENV_FIELD = _field_ref(*_ENV_FIELDS)
FILE_FIELD = _field_ref(*_FILE_FIELDS)

_STORES = ("cpu", "ephemeral-storage", "memory")
_RESOURCES = tuple(f"{side}.{store}" for side in ("limits", "requests") for store in _STORES)
_BYTES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_DIVISORS = {
    "cpu": (("1m", "1"), "1m and 1", "cpu"),
    "memory": (_BYTES, ", ".join(_BYTES), "memory"),
    "ephemeral-storage": (_BYTES, ", ".join(_BYTES), "local ephemeral storage"),
}


def _divisor(ref: Any, out: Errors) -> None:
    name, divisor = ref.resource, ref.divisor
    if name not in _RESOURCES or not divisor or quantity.is_zero(divisor):
        return
    allowed, text, what = _DIVISORS[name.partition(".")[2]]
    if quantity.canonical(divisor) not in allowed:
        why = f"only divisor's values {text} are supported with the {what} resource"
        out.invalid("divisor", name, why)


RESOURCE = r.struct(("resource", r.given(r.one_of(*_RESOURCES))), _divisor)
"""A reference to what the container itself requests or may use."""
RESOURCE_OF = r.struct(("containerName", r.REQUIRED), RESOURCE)
"""The same in a volume, where the container must be named."""
KEY = r.struct(
    ("name", r.even_absent(r.obeys(names.is_dns1123_subdomain))), ("key", r.given(r.CONFIG_KEY))
)
"""A reference to one key of a ConfigMap or Secret."""
ALL_KEYS = r.struct(("name", r.given(r.SUBDOMAIN)))
"""A reference to a whole ConfigMap or Secret."""
