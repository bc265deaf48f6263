"""Why a value is not an object of a kind: another kind, none that is known, a wrong type in it.

Sources: `staging/src/k8s.io/apimachinery/pkg/runtime/{error,converter}.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models, schema
from kubecourse.api.resources import BY_KIND

SCHEME = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"
META_SCHEME = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"
"""Where Go keeps the kinds of Kubernetes, and those that every request may have."""

_SIMPLE: dict[str, tuple[type, ...]] = {
    "string": (str,), "bool": (bool,), "int": (int,), "float": (int, float),
}  # fmt: skip
_GO_KIND = {str: "string", bool: "bool", int: "int64", float: "float64", list: "slice", dict: "map"}


def struct_name(version: str, kind: str) -> str | None:
    """The struct of a kind in a version, served here or not; None if Kubernetes has none."""
    if (version, kind) in BY_KIND:
        return BY_KIND[version, kind].schema
    group, _, local = version.rpartition("/")
    package = f"{group.removesuffix('.k8s.io').partition('.')[0] or 'core'}/{local}"
    cls = getattr(models.modules.get(package), kind, None)
    return f"{package}.{kind}" if "kind" in getattr(cls, "__struct_fields__", ()) else None


def not_convertible(version: str, kind: str, name: str) -> str:
    """Why an object of a kind is not one of the struct of that name."""
    if struct_name(version, kind) is None:
        return not_registered(version, kind, SCHEME)
    package, _, wanted = name.partition(".")
    internal = f"{package.partition('/')[0]}.{wanted}"
    return f"converting ({version.rpartition('/')[2]}.{kind}) to ({internal}): unknown conversion"


def not_registered(version: str, kind: str, scheme: str) -> str:
    """What Go says of a kind that a scheme does not have."""
    return f'no kind "{kind}" is registered for version "{version}" in scheme "{scheme}"'


def conversion_error(value: Any, kind: schema.Type) -> str | None:
    """The first wrong type in a value.

    Source: `staging/src/k8s.io/apimachinery/pkg/runtime/converter.go` (fromUnstructured).
    """
    if value is None:
        return None
    if kind.form in _SIMPLE:
        go_name = {"float": "float64", "int": kind.name}.get(kind.form, kind.form)
        return None if type(value) in _SIMPLE[kind.form] else f"unrecognized type: {go_name}"
    if kind.form == "list" and kind.element is not None:
        if type(value) is not list:
            return f"cannot restore slice from {_GO_KIND[type(value)]}"
        found = (conversion_error(item, kind.element) for item in value)
    elif kind.form == "map" and kind.element is not None:
        if type(value) is not dict:
            return f"cannot restore map from {_GO_KIND[type(value)]}"
        found = (conversion_error(item, kind.element) for item in value.values())
    elif kind.form == "struct":
        if type(value) is not dict:
            return f"cannot restore struct from: {_GO_KIND[type(value)]}"
        fields = schema.struct(kind.name).fields
        found = (conversion_error(v, fields[k].type) for k, v in value.items() if k in fields)
    else:
        return None
    return next((error for error in found if error), None)
