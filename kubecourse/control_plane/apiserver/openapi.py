"""OpenAPI v3: what kubectl reads to explain fields, and to see that the server validates them.

A document for each group and version, made of the schema. Source:
`staging/src/k8s.io/apiserver/pkg/server/routes/openapi.go`, `api/openapi-spec/v3`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

from kubecourse.api import custom, schema
from kubecourse.api.resources import RESOURCES, Resource

Json = dict[str, Any]

ROOT = "/openapi/v3"
TYPE_META = "meta/v1.TypeMeta"
PATCHES = (
    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)  # fmt: skip
WRITES = ("dryRun", "fieldManager", "fieldValidation")
_STRING: Json = {"type": "string"}
_SPECIAL: dict[str, tuple[str, Json]] = {
    "time": ("apimachinery.pkg.apis.meta.v1.Time", {**_STRING, "format": "date-time"}),
    "microtime": ("apimachinery.pkg.apis.meta.v1.MicroTime", {**_STRING, "format": "date-time"}),
    "meta/v1.FieldsV1": ("apimachinery.pkg.apis.meta.v1.FieldsV1", {"type": "object"}),
    "quantity": (
        "apimachinery.pkg.api.resource.Quantity",
        {"oneOf": [_STRING, {"type": "number"}]},
    ),
    "intorstring": (
        "apimachinery.pkg.util.intstr.IntOrString",
        {"oneOf": [{"type": "integer"}, _STRING], "format": "int-or-string"},
    ),
}
"""Types whose JSON is their own, by form or name: the name of each definition, and that."""
_SCALARS: dict[str, Json] = {
    "string": _STRING,
    "bool": {"type": "boolean"},
    "float": {"type": "number", "format": "double"},
    "bytes": {**_STRING, "format": "byte"},
    "any": {"type": "object"},
}


def _place(resource: Resource) -> str:
    return f"{'apis' if resource.group else 'api'}/{resource.api_version}"


@cache
def _fingerprint(resources: tuple[Resource, ...]) -> str:
    """What changes whenever a document does."""
    served = hashlib.sha256(repr([_identity(r) for r in resources]).encode())
    served.update(schema.fingerprint())
    return served.hexdigest()[:32].upper()


def _identity(resource: Resource) -> tuple[Any, ...]:
    names = (resource.plural, resource.namespaced, resource.subresources)
    return (resource.schema, *names, getattr(resource, "digest", ""))


def document(path: str, served: Sequence[Resource] = RESOURCES) -> Json | None:
    """The index or a group version's document; None where there is none."""
    place = path.removeprefix(ROOT).strip("/")
    resources = tuple(resource for resource in served if _place(resource) == place)
    return _document(resources) if resources else None if place else _index(served)


def _index(served: Sequence[Resource]) -> Json:
    places: dict[str, list[Resource]] = {}
    for resource in served:
        places.setdefault(_place(resource), []).append(resource)
    return {
        "paths": {
            place: {"serverRelativeURL": f"{ROOT}/{place}?hash={_fingerprint(tuple(resources))}"}
            for place, resources in places.items()
        }
    }


@cache
def _document(resources: tuple[Resource, ...]) -> Json:
    definitions = _Definitions()
    for resource in resources:
        if isinstance(resource, custom.CustomResource):
            definitions.found[_name(resource.schema)] = _own(resource, definitions)
        else:
            definitions.add(schema.type_of(resource.schema))
        definitions.found[_name(resource.schema)]["x-kubernetes-group-version-kind"] = [
            _kind(resource)
        ]
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.2"},
        "paths": {path: item for resource in resources for path, item in _paths(resource).items()},
        "components": {"schemas": definitions.found},
    }


def _own(resource: custom.CustomResource, definitions: _Definitions) -> Json:
    """The schema of a custom resource, with what all objects have."""
    made = dict(resource.openapi)
    fields = schema.struct(TYPE_META)
    common = {n: {**_STRING, "description": fields.describe(n)} for n in ("apiVersion", "kind")}
    metadata = {"allOf": [{"$ref": definitions.add(schema.type_of("meta/v1.ObjectMeta"))}]}
    made["properties"] = {**(made.get("properties") or {}), **common, "metadata": metadata}
    return made


# --- paths


def _kind(resource: Resource) -> Json:
    return {"group": resource.group, "kind": resource.kind, "version": resource.version}


def _paths(resource: Resource) -> dict[str, Json]:
    namespace = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"/{_place(resource)}{namespace}/{resource.plural}"
    body = {"schema": {"$ref": f"#/components/schemas/{_name(resource.schema)}"}}

    def operation(action: str, query: tuple[str, ...] = (), media: tuple[str, ...] = ()) -> Json:
        made: Json = {
            "responses": {"200": {"description": "OK", "content": {"application/json": body}}},
            "parameters": [{"name": n, "in": "query", "schema": _STRING} for n in query],
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": _kind(resource),
        }
        if media:
            made["requestBody"] = {"content": dict.fromkeys(media, body), "required": True}
        return made

    return {
        collection: {
            "get": operation("list", ("labelSelector", "fieldSelector", "limit", "watch")),
            "post": operation("post", WRITES, ("*/*",)),
        },
        f"{collection}/{{name}}": {
            "get": operation("get"),
            "put": operation("put", WRITES, ("*/*",)),
            # Without the last kubectl computes patches of custom resources as it should.
            "patch": operation(
                "patch", (*WRITES, "force"), PATCHES[:3] if resource.custom else PATCHES
            ),
            "delete": operation("delete", ("dryRun", "gracePeriodSeconds", "propagationPolicy")),
        },
    }


# --- definitions


def _name(go: str) -> str:
    """`core/v1.Pod` as OpenAPI has it: `io.k8s.api.core.v1.Pod`."""
    package = go.replace("/", ".")
    if go.startswith("meta/"):
        return f"io.k8s.apimachinery.pkg.apis.{package}"
    return f"io.k8s.api.{package}"


def _special(kind: schema.Type) -> tuple[str, Json] | None:
    return _SPECIAL.get(kind.name) or _SPECIAL.get(kind.form)


class _Definitions:
    """The definitions of types, and of all that they refer to."""

    def __init__(self) -> None:
        self.found: dict[str, Json] = {}

    def add(self, kind: schema.Type) -> str:
        """Define a struct or special type; returns where."""
        name = _name(kind.name)
        if special := _special(kind):
            name = f"io.k8s.{special[0]}"
            self.found[name] = special[1]
        elif name not in self.found:
            self.found[name] = {}  # it may refer to itself
            self.found[name] |= self._struct(schema.struct(kind.name))
        return f"#/components/schemas/{name}"

    def _struct(self, struct: schema.Struct) -> Json:
        fields = dict(struct.fields)
        optional = dict(schema.struct(TYPE_META).fields) if _is_object(fields) else {}
        made: Json = {"type": "object"}
        if description := struct.describe():
            made["description"] = description
        required = [name for name, field in sorted(fields.items()) if not field.omit]
        made["properties"] = {
            name: self._property(struct, field)
            for name, field in sorted((fields | optional).items())
        }
        if required:
            made["required"] = required
        if struct.atomic:
            made["x-kubernetes-map-type"] = "atomic"
        return made

    def _property(self, struct: schema.Struct, field: schema.Field) -> Json:
        kind = field.type
        text = struct.describe(field.name) or schema.struct(TYPE_META).describe(field.name)
        made: Json = {"description": text} if text else {}
        if values := schema.enum(kind):
            lines = [f' - `"{v}"`' + (f" {said}" if said else "") for v, said in values.items()]
            made["description"] = "\n".join([f"{text}\n\nPossible enum values:", *lines])
            made["enum"] = list(values)
        shape = self._shape(kind)
        made |= {"allOf": [shape]} if "$ref" in shape else shape
        relation = "map" if kind.form == "map" else "list"
        for key, value in (
            ("patch-merge-key", field.merge_key),
            ("patch-strategy", field.strategy),
            (f"{relation}-type", field.list_type),
            ("list-map-keys", field.list_keys),
        ):
            if value:
                made[f"x-kubernetes-{key}"] = value
        return made

    def _shape(self, kind: schema.Type) -> Json:
        if kind.form == "struct" or _special(kind):
            return {"$ref": self.add(kind)}
        if kind.form == "int":
            return {"type": "integer", "format": "int32" if kind.name == "int32" else "int64"}
        if kind.element is None:
            return _SCALARS[kind.form]
        shape = self._shape(kind.element)
        inner: Json = {"allOf": [shape]} if "$ref" in shape else shape
        if kind.form == "list":
            return {"type": "array", "items": inner}
        return {"type": "object", "additionalProperties": inner}


def _is_object(fields: dict[str, schema.Field]) -> bool:
    return "metadata" in fields and fields["metadata"].type.name == "meta/v1.ObjectMeta"
