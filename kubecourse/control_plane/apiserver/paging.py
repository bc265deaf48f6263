"""Lists in pages, and lists of the past.

All pages of a list show the same moment: the `continue` token has its revision and where the last
page ended. Source: `staging/src/k8s.io/apiserver/pkg/storage/continue.go`, `…/etcd3/store.go`.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

from kubecourse.api import errors
from kubecourse.api.labels import Selector
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import strategy
from kubecourse.control_plane.apiserver.call import Call
from kubecourse.control_plane.etcd import Compacted

EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can "
    "start a new list without the continue parameter."
)
_TOKEN_VERSION = "meta.k8s.io/v1"


class Page(NamedTuple):
    """A part of a list, and the list's metadata."""

    items: list[Any]
    metadata: dict[str, Any]


def page(call: Call) -> Page:
    """What a list request asks for. Raises BadRequest, Expired, Timeout."""
    query, server = call.query, call.server
    limit, token = max(query.integer("limit"), 0), query.get("continue")
    revision, current = query.version(), server.etcd.revision
    if revision > current:
        raise _too_large(revision, current)
    start, at = "", current
    if token:
        at, start = _read(token)
        at = current if at <= 0 else at
    elif revision and query.get("resourceVersionMatch") == "Exact":
        at = revision
    labels, fields = query.labels(), query.fields()
    if not limit and not start and at == current:
        return Page(call.selected(), {"resourceVersion": str(current)})
    resource = call.target.resource
    found = [each for each in _at(call, at) if each[0] >= start]
    matches = strategy.field_filter(resource, fields) if fields is not None else None
    found = [(key, obj) for key, obj in found if _selected(obj, labels, matches)]
    metadata: dict[str, Any] = {"resourceVersion": str(at)}
    if limit and len(found) > limit:
        metadata["continue"] = _write(at, f"{found[limit - 1][0]}\0")
        if labels is None and fields is None:
            metadata["remainingItemCount"] = len(found) - limit
        found = found[:limit]
    return Page([obj for _, obj in found], metadata)


def _selected(obj: Any, labels: Selector | None, matches: Any) -> bool:
    return (labels is None or labels.matches(obj.metadata.labels)) and (
        matches is None or matches(obj)
    )


def _at(call: Call, revision: int) -> list[tuple[str, Any]]:
    """A collection as it was at a revision, by key below that of its kind."""
    resource, namespace = call.target.resource, call.target.namespace
    etcd = call.server.etcd
    prefix = resource.key(namespace, "") if namespace else resource.prefix
    found = {_key(resource, kv.value): kv.value for kv in etcd.range(prefix)}
    if revision < etcd.revision:
        try:
            before = etcd.before(revision, prefix)
        except Compacted:
            raise errors.ApiError(410, "Expired", EXPIRED) from None
        found |= {key.removeprefix(resource.prefix): obj for key, obj in before.items()}
    return sorted((key, obj) for key, obj in found.items() if obj is not None)


def _key(resource: Resource, obj: Any) -> str:
    return resource.key(obj.metadata.namespace, obj.metadata.name).removeprefix(resource.prefix)


def _write(revision: int, start: str) -> str:
    token = {"v": _TOKEN_VERSION, "rv": revision, "start": start}
    text = json.dumps(token, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _read(token: str) -> tuple[int, str]:
    try:
        said = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        revision, start = said["rv"], said["start"]
        if said["v"] != _TOKEN_VERSION or type(revision) is not int or type(start) is not str:
            raise ValueError("incorrect encoded version")
    except (binascii.Error, ValueError, LookupError, TypeError) as error:
        raise errors.bad_request(f"continue key is not valid: {error}") from None
    return revision, start


def _too_large(asked: int, current: int) -> errors.ApiError:
    message = f"Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return errors.ApiError(504, "Timeout", f"Timeout: {message}", details)
