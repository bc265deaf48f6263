"""Custom resources: the kinds that CustomResourceDefinitions add to a cluster.

Such a kind is a `Resource` like any other, made of its definition: the schema becomes rows as
`schema.json` has them, so that its objects are pruned, applied and explained as others are. What
only these have, defaults by the schema itself, is here too, and checks are in `custom_checks`.
Source: `staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any

from msgspec.structs import replace

from kubecourse.api import codec, errors, models, schema
from kubecourse.api.errors import FieldError
from kubecourse.api.memo import memo
from kubecourse.api.resources import BY_MODEL, BY_PLURAL, Resource

Json = dict[str, Any]

DEFINITIONS = BY_PLURAL["apiextensions.k8s.io", "v1", "customresourcedefinitions"]
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
"""The finalizer of a definition, until its objects are gone."""

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_SCALARS = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}
_ANYTHING = ("spec", "status", "data")
"""What an object may have at its top if its schema allows everything there."""


@dataclass(frozen=True)
class CustomResource(Resource):
    """One served version of a custom resource; its objects are those of the stored version."""

    name: str = ""
    """`crontab`, as kubectl calls one."""
    digest: str = ""
    """Of all that the definition says."""
    version_info: Any = field(default=None, compare=False)
    """What the definition says of the version."""

    @property
    def custom(self) -> bool:
        return True

    @cached_property
    def schema(self) -> str:
        return f"{self.package}.{self.kind}"

    @cached_property
    def singular(self) -> str:
        return self.name

    @cached_property
    def prefix(self) -> str:
        return f"/registry/{self.plural}.{self.group}/"

    @property
    def deprecation(self) -> str:
        said = self.version_info.deprecationWarning
        plainly = f"{self.api_version} {self.kind} is deprecated"
        return (said or plainly) if self.version_info.deprecated else ""

    @cached_property
    def openapi(self) -> Json:
        """The schema of this version."""
        return openapi_of(self.version_info)


def openapi_of(version: Any) -> Json:
    """The schema of a version; one that has none allows everything."""
    found = version.schema.openAPIV3Schema if version.schema else None
    return found or {"type": "object", _PRESERVE: True}


@memo
def resources_of(definition: Any) -> tuple[CustomResource, ...]:
    """The versions of a definition that are served, the newest first."""
    spec = definition.spec
    names = spec.names
    stored = next((each for each in spec.versions if each.storage), None)
    if stored is None:
        return ()
    found = []
    text = json.dumps(codec.encode(spec), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    for version in sorted(spec.versions, key=lambda each: _priority(each.name), reverse=True):
        if version.served:
            found.append(
                CustomResource(
                    spec.group, version.name, names.kind, names.plural,
                    spec.scope == "Namespaced", tuple(names.shortNames or ()),
                    tuple(names.categories or ()), _subresources(version),
                    _package(spec.group, names.kind, stored), name=names.singular, digest=digest,
                    version_info=version,
                )
            )  # fmt: skip
    for resource in sorted(found, key=lambda each: each.version != stored.name)[:1]:
        BY_MODEL.setdefault(resource.model, resource)
    return tuple(found)


def _priority(version: str) -> tuple[int, int, int]:
    """`v1` before `v1beta1` before `v1alpha1`; newer before older."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if match is None:
        return (0, 0, 0)
    level = {None: 3, "beta": 2, "alpha": 1}[match[2]]
    return (level, int(match[1]), int(match[3] or 0))


def _subresources(version: Any) -> tuple[str, ...]:
    given = version.subresources
    if given is None:
        return ()
    status = ("status",) if given.status is not None else ()
    return (*status, "scale") if given.scale else status


def at(value: Any, path: str) -> Any:
    """What stands at `.spec.replicas` of a JSON value."""
    for key in path.split(".")[1:]:
        value = (value or {}).get(key)
    return value


def fields(resource: Any) -> dict[str, Callable[[Any], str]]:
    """The fields that a definition lets objects be selected by, and how they are read."""
    given = resource.version_info.selectableFields or ()
    return {each.jsonPath[1:]: partial(_field, each.jsonPath) for each in given}


def _field(path: str, obj: Any) -> str:
    value = at(codec.encode(obj), path)
    return json.dumps(value) if isinstance(value, bool) else "" if value is None else str(value)


# --- schemas become structs


def _package(group: str, kind: str, stored: Any) -> str:
    """The package of a stored version. What is the same has the same name in every cluster."""
    node, below = openapi_of(stored), _subresources(stored)
    text = json.dumps([group, stored.name, kind, node, below], sort_keys=True, default=str)
    package = f"crd{hashlib.sha256(text.encode()).hexdigest()[:16]}/{stored.name}"
    _define(f"{package}.{kind}", f"{group}/{stored.name}", node, "status" in below)
    return package


def _define(name: str, api_version: str, node: Json, status: bool) -> None:
    if schema.known(name):
        return
    types: dict[str, list[list[Any]]] = {name: []}
    said: dict[str, dict[str, str]] = {name: _described(node)}
    properties = _properties(node)
    rows: list[list[Any]] = [["metadata", "meta/v1.ObjectMeta", "omitempty"]]
    rows += [
        _row(key, below, types, said, pointer=True)
        for key, below in properties.items()
        if key not in ("apiVersion", "kind", "metadata")
    ]
    anything = _ANYTHING if node.get(_PRESERVE) else ("status",) if status else ()
    rows += [[key, "*any", "omitempty"] for key in anything if key not in properties]
    types[name] = rows
    schema.define(types, said)
    package, _, local = name.rpartition(".")
    cls = models.struct(name, rows, api_version, models.CustomObject)
    models.modules[package] = SimpleNamespace(**{local: cls})


def _described(node: Json) -> dict[str, str]:
    """What a schema says of an object, and of its fields."""
    fields = {key: below.get("description", "") for key, below in _properties(node).items()}
    return {"": node.get("description", ""), **fields}


def _properties(node: Json) -> dict[str, Json]:
    return node.get("properties") or {}


def _row(
    key: str,
    node: Json,
    types: dict[str, Any],
    said: dict[str, Any],
    pointer: bool = False,
    omit: str = "omitempty",
) -> list[Any]:
    go = _go(node, types, said)
    if pointer and not go.startswith(("[", "map[")):
        go = f"*{go}"
    relation = node.get("x-kubernetes-list-type") or node.get("x-kubernetes-map-type") or ""
    return [key, go, omit, "", "", 0, relation, node.get("x-kubernetes-list-map-keys") or []]


def _go(node: Json, types: dict[str, Any], said: dict[str, Any]) -> str:
    """A part of a schema as a Go type."""
    if node.get("x-kubernetes-int-or-string"):
        return "intstr.IntOrString"
    if node.get(_PRESERVE) or node.get("x-kubernetes-embedded-resource"):
        return "any"
    kind = node.get("type")
    if kind == "array":
        return f"[]{_go(node.get('items') or {}, types, said)}"
    if properties := _properties(node):
        name = f"{next(iter(types))}-{len(types)}"
        types[name] = []
        said[name], needed = _described(node), node.get("required") or ()
        types[name] = [
            _row(key, below, types, said, omit="" if key in needed else "omitempty")
            for key, below in properties.items()
        ]
        return name
    more = node.get("additionalProperties")
    if isinstance(more, dict):
        return f"map[string]{_go(more, types, said)}"
    if kind == "object":
        return "any"
    return _SCALARS.get(kind or "", "any")


# --- defaults


def default(resource: Any, obj: Any) -> Any:
    """The object with what its schema says of absent fields."""
    changes = {}
    for key, node in _properties(resource.openapi).items():
        if key in ("apiVersion", "kind", "metadata") or key not in obj.__struct_fields__:
            continue
        value = getattr(obj, key)
        filled = _defaulted(value, node)
        if filled is not value:
            changes[key] = filled
    return replace(obj, **changes) if changes else obj


def _defaulted(value: Any, node: Json) -> Any:
    if value is None:
        value = node.get("default")
    if type(value) is dict:
        filled = dict(value)
        properties = _properties(node)
        for key, below in properties.items():
            new = _defaulted(value.get(key), below)
            if new is not None:
                filled[key] = new
        if isinstance(more := node.get("additionalProperties"), dict):
            filled |= {k: _defaulted(v, more) for k, v in value.items() if k not in properties}
        return filled if filled != value else value
    if type(value) is list and (items := node.get("items")):
        filled_items = [_defaulted(item, items) for item in value]
        return filled_items if filled_items != value else value
    return value


# --- definitions


def accepted(definition: Any) -> Any:
    """A new definition, its names accepted: nothing has to be waited for here."""
    spec, since = definition.spec, definition.metadata.creationTimestamp
    api = models.modules["apiextensions/v1"]
    said = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    conditions = [
        api.CustomResourceDefinitionCondition(
            type=type_, status="True", lastTransitionTime=since, reason=reason, message=message,
            observedGeneration=1,
        )
        for type_, reason, message in said
    ]  # fmt: skip
    stored = [version.name for version in spec.versions or () if version.storage]
    status = api.CustomResourceDefinitionStatus(
        conditions=conditions, acceptedNames=spec.names, storedVersions=stored
    )
    finalizers = [*(definition.metadata.finalizers or ()), CLEANUP]
    metadata = replace(definition.metadata, finalizers=list(dict.fromkeys(finalizers)))
    return replace(definition, metadata=metadata, status=status)


def changed(definition: Any) -> Any:
    """A changed definition; its status says what it is called and stored as."""
    status, spec = definition.status, definition.spec
    stored = [version.name for version in spec.versions or () if version.storage]
    names = list(dict.fromkeys([*(status.storedVersions or ()), *stored]))
    status = replace(status, acceptedNames=spec.names, storedVersions=names)
    return replace(definition, status=status)


def of_definition(definition: Any) -> list[FieldError]:
    """What is wrong with a definition."""
    found: list[FieldError] = []
    spec, metadata = definition.spec, definition.metadata
    names, group = spec.names, spec.group or ""
    if metadata.name != f"{names.plural}.{group}":
        why = 'must be spec.names.plural+"."+spec.group'
        found.append(errors.invalid("metadata.name", metadata.name, why))
    approved = (metadata.annotations or {}).get("api-approved.kubernetes.io")
    if re.search(r"(^|\.)(k8s|kubernetes)\.io$", group) and not approved:
        why = (
            'protected groups must have approval annotation "api-approved.kubernetes.io", '
            "see https://github.com/kubernetes/enhancements/pull/1111"
        )
        path = "metadata.annotations[api-approved.kubernetes.io]"
        found.append(errors.required(path, why))
    for path, value in (
        ("spec.group", group), ("spec.scope", spec.scope), ("spec.names.plural", names.plural),
        ("spec.names.singular", names.singular), ("spec.names.kind", names.kind),
        ("spec.names.listKind", names.listKind),
    ):  # fmt: skip
        if not value:
            found.append(errors.required(path))
    if spec.scope and spec.scope not in ("Cluster", "Namespaced"):
        found.append(errors.not_supported("spec.scope", spec.scope, ("Cluster", "Namespaced")))
    versions = spec.versions or []
    if sum(bool(version.storage) for version in versions) != 1:
        why = "must have exactly one version marked as storage version"
        found.append(errors.invalid("spec.versions", versions, why))
    for index, version in enumerate(versions):
        if version.schema is None or version.schema.openAPIV3Schema is None:
            path = f"spec.versions[{index}].schema.openAPIV3Schema"
            found.append(errors.required(path, "schemas are required"))
    return found
