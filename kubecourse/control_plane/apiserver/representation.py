"""What an answer looks like: the object, a list, a Table for kubectl, or metadata alone.

The client chooses by `Accept`.
Source: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/response.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import codec, errors, versions
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import managed_fields, tables
from kubecourse.control_plane.apiserver.query import Query
from kubecourse.control_plane.apiserver.server import APIServer

INCLUDE = ("None", "Metadata", "Object")
META_VERSION = "meta.k8s.io/v1"


def _form(accept: str) -> str:
    """`Table`, `PartialObjectMetadata` (or `…List`), or '' for the object itself."""
    for choice in accept.split(","):
        media, *parameters = (part.strip() for part in choice.split(";"))
        values = dict(parameter.partition("=")[::2] for parameter in parameters)
        if media not in ("application/json", "*/*", "application/*"):
            continue
        if "as" not in values:
            return ""
        if values.get("g") == "meta.k8s.io" and values.get("v") == "v1":
            return values["as"]
    return ""


def _partial(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": META_VERSION, "metadata": metadata}


def single(
    server: APIServer, resource: Resource, obj: Any, accept: str, query: Query
) -> dict[str, Any]:
    """One object, in the form asked for."""
    form = _form(accept)
    if form == "Table":
        metadata = {"resourceVersion": obj.metadata.resourceVersion}
        return _table(server, resource, [obj], metadata, query)
    shown = versions.show(resource, managed_fields.show(server, obj))
    return _partial(shown["metadata"]) if form == "PartialObjectMetadata" else shown


def collection(
    server: APIServer,
    resource: Resource,
    found: list[Any],
    metadata: dict[str, Any],
    accept: str,
    query: Query,
) -> dict[str, Any]:
    """A list, in the form asked for. Its items do not repeat their kind."""
    form = _form(accept)
    if form == "Table":
        return _table(server, resource, found, metadata, query)
    items = [versions.show(resource, managed_fields.show(server, obj)) for obj in found]
    if form == "PartialObjectMetadataList":
        kind, version, items = form, META_VERSION, [_partial(item["metadata"]) for item in items]
    else:
        kind, version = f"{resource.kind}List", resource.api_version
        for item in items:
            del item["apiVersion"], item["kind"]
    return {
        "kind": kind,
        "apiVersion": version,
        "metadata": metadata,
        "items": items,
    }


def _table(
    server: APIServer, resource: Resource, found: list[Any], metadata: dict[str, Any], query: Query
) -> dict[str, Any]:
    """A table. Its rows' metadata lacks the managed fields, which no reader of tables wants."""
    include = query.get("includeObject") or "Metadata"
    if include not in INCLUDE:
        raise errors.bad_request(f'unrecognized includeObject value: "{include}"')
    printer, now = tables.printer(resource), server.clock.utc()
    rows = []
    for obj in found:
        row: dict[str, Any] = {"cells": printer.cells(obj, now)}
        if include == "Object":
            row["object"] = versions.show(resource, managed_fields.show(server, obj))
        elif include == "Metadata":
            row["object"] = _partial(codec.encode(obj.metadata))
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": META_VERSION,
        "metadata": metadata,
        "columnDefinitions": [column.definition for column in printer.columns],
        "rows": rows,
    }


class Events:
    """Turns the changes of one watch into events; only the first Table names its columns."""

    __slots__ = ("form", "headed", "query", "resource", "server")

    def __init__(self, server: APIServer, resource: Resource, accept: str, query: Query) -> None:
        self.server = server
        self.resource = resource
        self.form = accept
        self.query = query
        self.headed = False

    def event(self, type_: str, obj: Any) -> dict[str, Any]:
        """One event. A bookmark's object is metadata alone."""
        if type_ == "BOOKMARK":
            named = {"kind": self.resource.kind, "apiVersion": self.resource.api_version}
            return {"type": type_, "object": {**named, "metadata": codec.encode(obj)}}
        shown = single(self.server, self.resource, obj, self.form, self.query)
        if shown["kind"] == "Table":
            if self.headed:
                shown["columnDefinitions"] = None
            self.headed = True
        return {"type": type_, "object": shown}
