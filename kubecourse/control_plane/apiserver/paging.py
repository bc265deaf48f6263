"""Lists in pages, and lists of the past.

All pages of a list show the same moment: the `continue` token has its revision and where the last
page ended. Source: `staging/src/k8s.io/apiserver/pkg/storage/continue.go`, `…/etcd3/store.go`.
"""

from __future__ import annotations

import json
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

from kubecourse.api import errors
from kubecourse.api.labels import Selector
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import json_errors, strategy
from kubecourse.control_plane.apiserver.call import Call
from kubecourse.control_plane.etcd import Compacted

EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can "
    "start a new list without the continue parameter."
)
_TOKEN_VERSION = "meta.k8s.io/v1"
_ALPHABET = frozenset(string.ascii_letters + string.digits + "-_")


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
        if revision:
            why = "specifying resource version is not allowed when using continue"
            raise errors.bad_request(why)
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
    """The revision and the start that a token has. Raises BadRequest, with Go's words."""
    end = len(token) if len(token) % 4 != 1 else len(token) - 1
    bad = next((at for at, char in enumerate(token) if char not in _ALPHABET), None)
    if bad is not None or end < len(token):
        raise _unreadable(f": illegal base64 data at input byte {end if bad is None else bad}")
    text = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("utf-8", "replace")
    try:
        said = json_errors.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(f": {json_errors.describe(text, error)}") from None
    if not isinstance(said, dict):
        found = json_errors.kind_of(said)
        raise _unreadable(
            f": json: cannot unmarshal {found} into Go value of type storage.continueToken"
        )
    if said.get("v") != _TOKEN_VERSION:
        raise _unreadable(": server does not recognize this encoded version")
    revision, start = said.get("rv"), said.get("start")
    if type(revision) is not int or not revision:
        raise _unreadable(f": incorrect encoded start resourceVersion (version {_TOKEN_VERSION})")
    if type(start) is not str or not start:
        raise _unreadable(f": encoded start key empty (version {_TOKEN_VERSION})")
    return revision, start


def _unreadable(why: str) -> errors.ApiError:
    return errors.bad_request(f"invalid continue token: continue key is not valid{why}")


def _too_large(asked: int, current: int) -> errors.ApiError:
    message = f"Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return errors.ApiError(504, "Timeout", f"Timeout: {message}", details)
