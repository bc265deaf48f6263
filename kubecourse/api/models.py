"""Kubernetes' own types, as msgspec structs: `models.core_v1.Pod` and all the others.

They come from `lightkube-models`, generated from Kubernetes' OpenAPI document. Importing
`lightkube.models` in the ordinary way first runs `lightkube/__init__.py`, which loads an HTTP
client that a simulated cluster never uses and that costs three times the models themselves.
So the models are imported below a bare package of that name, which is then taken away again:
a later `import lightkube` gets the real thing.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import types
from typing import TYPE_CHECKING, Any

import msgspec

from kubecourse.api import schema

__all__ = [
    "admissionregistration_v1",
    "apps_v1",
    "autoscaling_v1",
    "autoscaling_v2",
    "batch_v1",
    "certificates_v1",
    "coordination_v1",
    "core_v1",
    "discovery_v1",
    "events_v1",
    "flowcontrol_v1",
    "meta_v1",
    "modules",
    "networking_v1",
    "node_v1",
    "policy_v1",
    "rbac_v1",
    "resource_v1",
    "scheduling_v1",
    "storage_v1",
]

_GROUPS = tuple(name for name in __all__ if name != "modules")


def _import_without_client(names: tuple[str, ...]) -> list[types.ModuleType]:
    if "lightkube" in sys.modules:
        return [importlib.import_module(f"lightkube.models.{name}") for name in names]
    spec = importlib.util.find_spec("lightkube")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("lightkube is not installed: pip install lightkube lightkube-models")
    bare = types.ModuleType("lightkube")
    bare.__path__ = list(spec.submodule_search_locations)
    sys.modules["lightkube"] = bare
    try:
        return [importlib.import_module(f"lightkube.models.{name}") for name in names]
    finally:
        del sys.modules["lightkube"]


if TYPE_CHECKING:
    from lightkube.models import (
        admissionregistration_v1,
        apps_v1,
        autoscaling_v1,
        autoscaling_v2,
        batch_v1,
        certificates_v1,
        coordination_v1,
        core_v1,
        discovery_v1,
        events_v1,
        flowcontrol_v1,
        meta_v1,
        networking_v1,
        node_v1,
        policy_v1,
        rbac_v1,
        resource_v1,
        scheduling_v1,
        storage_v1,
    )
else:
    globals().update(zip(_GROUPS, _import_without_client(_GROUPS), strict=True))


def has_kind(api_version: str, kind: str) -> bool:
    """Whether a real v1.36 server serves a kind in a stable version, whatever is served here."""
    group, _, version = api_version.rpartition("/")
    name = f"{group.removesuffix('.k8s.io').partition('.')[0] or 'core'}_{version}"
    if not re.fullmatch(r"[a-z]+_v[0-9]+", name):
        return False
    try:
        (module,) = _import_without_client((name,))
    except ImportError:
        return False
    return "metadata" in getattr(getattr(module, kind, None), "__struct_fields__", ())


def _custom_modules() -> dict[str, types.ModuleType]:
    """The packages of kinds that add-ons bring, with a class for each struct of the table.

    Every field may be absent. A kind is what has metadata, and knows its apiVersion and kind.
    """
    table = schema.custom()
    found = {name: types.ModuleType(name.replace("/", "_")) for name in table["packages"]}
    for name, rows in table["types"].items():
        package, _, local = name.rpartition(".")
        setattr(found[package], local, struct(name, rows, table["packages"][package]))
    return found


class CustomObject(msgspec.Struct):
    """What all objects are that a CustomResourceDefinition describes.

    Besides their metadata they are JSON values, which nobody may change.
    """


def struct(name: str, rows: list[list[Any]], api_version: str, *bases: type[Any]) -> type[Any]:
    """A class for the struct of that name and with those fields."""
    package, _, local = name.rpartition(".")
    fields: list[tuple[str, Any, Any]] = [(row[0], Any, None) for row in rows]
    if rows[0][0] == "metadata":
        given = {"apiVersion": api_version, "kind": local}
        fields += [(field, Any, value) for field, value in given.items()]
    module = package.replace("/", "_")
    return msgspec.defstruct(local, fields, bases=bases or None, module=module)


modules: dict[str, Any] = {
    "/".join(name.rsplit("_", 1)): sys.modules[f"lightkube.models.{name}"] for name in _GROUPS
} | _custom_modules()
"""The models by group and version as in `schema.json`: `modules["core/v1"] is core_v1`."""
