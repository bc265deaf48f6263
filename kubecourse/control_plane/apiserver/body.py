"""Reading a request's body into an object, and wording what is wrong with it.

Sources: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/{create,rest}.go`,
`staging/src/k8s.io/apimachinery/pkg/runtime/serializer/json/json.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kubecourse.api import codec, errors, schema, versions, yaml
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import json_errors, protobuf
from kubecourse.control_plane.apiserver.conversion import (
    META_SCHEME,
    conversion_error,
    not_convertible,
    not_registered,
    struct_name,
)

if TYPE_CHECKING:
    from kubecourse.control_plane.apiserver.rest import Request

ACCEPTED = f"application/json, application/yaml, {protobuf.MEDIA}"
LIMIT = 3 * 1024 * 1024
"""The largest body that is read, in bytes."""

_SNIPPET = 30
_PACKAGES = ("meta/v1", "core/v1", "policy/v1", "authentication/v1", "authorization/v1")
"""Where the kinds of subresources and reviews are."""
_TYPE_META = (
    r'struct { APIVersion string "json:\"apiVersion,omitempty\""; '
    r'Kind string "json:\"kind,omitempty\"" }'
)


class _Unreadable(ValueError):
    """The body is not a JSON value with a kind; the message is the decoder's."""


def read_object(request: Request, resource: Resource, validation: str, warnings: list[str]) -> Any:
    """The object in the body, as a struct of the resource's kind.

    `validation` says what to do with unknown and repeated fields: refuse (Strict), add to
    `warnings` (Warn), or nothing. Raises BadRequest, UnsupportedMediaType.
    """
    try:
        data, problems = _parse(request, resource.kind)
    except _Unreadable as error:
        raise _unrecognized(request, resource.kind, str(error)) from None
    kind = data.get("kind") or resource.kind
    version = data.get("apiVersion") or resource.api_version
    own = (version, kind) == (resource.api_version, resource.kind)
    name = resource.schema if own else struct_name(version, kind)
    local = version.rpartition("/")[2]
    if name is None:
        raise _not_handled(kind, local, resource, not_convertible(version, kind, ""))
    try:
        obj, unknown = codec.decode(data, name) if schema.known(name) else (None, [])
    except codec.DecodeError as error:
        raise _not_handled(kind, local, resource, str(error)) from None
    problems += [f'unknown field "{path}"' for path in unknown]
    if problems and validation == "Strict":
        raise _not_handled(kind, local, resource, f"strict decoding error: {', '.join(problems)}")
    if name != resource.schema:
        why = not_convertible(version, kind, resource.schema)
        raise _not_handled(kind, local, resource, why)
    if validation == "Warn":
        warnings += problems
    return versions.read(resource, obj)


def read(request: Request, kind: str) -> dict[str, Any]:
    """The body as a JSON object, for the small kinds of subresources. Raises BadRequest."""
    try:
        data = _parse(request, kind)[0]
    except _Unreadable as error:
        raise _unrecognized(request, kind, str(error)) from None
    name = next(f"{p}.{kind}" for p in _PACKAGES if schema.known(f"{p}.{kind}"))
    if data.get("kind") not in (None, "", kind):
        raise _another(data, kind, name)
    if why := conversion_error(data, schema.type_of(name)):
        version = str(data.get("apiVersion") or "").rpartition("/")[2]
        raise errors.bad_request(
            f'{kind} in version "{version}" cannot be handled as a {kind}: {why}'
        )
    return data


def _another(data: dict[str, Any], kind: str, name: str) -> errors.ApiError:
    """What a body says that is of another kind than that of its path."""
    given, version = data["kind"], data.get("apiVersion") or "v1"
    if kind == "DeleteOptions":
        return errors.ApiError(500, "", not_registered(version, given, META_SCHEME))
    local = version.rpartition("/")[2]
    why = not_convertible(version, given, name)
    return errors.bad_request(f'{given} in version "{local}" cannot be handled as a {kind}: {why}')


def read_options(request: Request) -> dict[str, Any]:
    """The DeleteOptions in the body; {} without one."""
    return read(request, "DeleteOptions") if request.body else {}


def _not_handled(kind: str, version: str, resource: Resource, why: str) -> errors.ApiError:
    return errors.bad_request(
        f'{kind} in version "{version}" cannot be handled as a {resource.kind}: {why}'
    )


def _unrecognized(request: Request, kind: str, why: str) -> errors.ApiError:
    return errors.bad_request(
        f"the object provided is unrecognized (must be of type {kind}): {why} ({_snippet(request)})"
    )


def _snippet(request: Request) -> str:
    """The first bytes of the body, as hexadecimal digits unless it looks like JSON."""
    data = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
    if not data:
        return "<empty>"
    head = data[:_SNIPPET]
    text = head.decode("utf-8", "replace") if data[:1] == b"{" else head.hex()
    return f"{text} ..." if len(data) > _SNIPPET else text


def _parse(request: Request, kind: str) -> tuple[dict[str, Any], list[str]]:
    """The body as a JSON object, and what a strict reader objects to in its text."""
    data: Any = request.body
    problems: list[str] = []
    if not isinstance(data, dict | list):
        data, problems = _parse_text(request)
    else:
        check_size(len(msgspec.json.encode(data)))
    if type(data) is not dict:
        found = json_errors.kind_of(data)
        why = f"json: cannot unmarshal {found} into Go value of type {_TYPE_META}"
        raise _Unreadable(f"couldn't get version/kind; json parse error: {why}")
    for key in ("apiVersion", "kind"):
        if type(data.get(key, "")) is not str and data[key] is not None:
            found = json_errors.kind_of(data[key])
            why = f"json: cannot unmarshal {found} into Go struct field .{key} of type string"
            raise _Unreadable(f"couldn't get version/kind; json parse error: {why}")
    return data, problems


def check_size(length: int) -> None:
    """Raises RequestEntityTooLarge for a body of more bytes than are read."""
    if length > LIMIT:
        message = f"Request entity too large: limit is {LIMIT}"
        raise errors.ApiError(413, "RequestEntityTooLarge", message)


def _parse_text(request: Request) -> tuple[Any, list[str]]:
    media = request.content_type.partition(";")[0].strip()
    raw = request.body or b""
    check_size(len(raw))
    if media == protobuf.MEDIA:
        return _parse_protobuf(raw), []
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    if media in ("application/json", ""):
        return _parse_json(text)
    if media == "application/yaml":
        try:
            data, notes = yaml.load_noting(text)
        except yaml.YAMLError as error:
            raise _Unreadable(str(error)) from None
        return ({} if data is None else data), [yaml.strict_problem(notes)] if notes else []
    raise unsupported_media(ACCEPTED)


def _parse_protobuf(raw: bytes | str) -> dict[str, Any]:
    try:
        return protobuf.decode(raw.encode() if isinstance(raw, str) else raw)
    except (protobuf.Malformed, RecursionError) as error:
        raise _Unreadable(str(error)) from None


def unsupported_media(accepted: str) -> errors.ApiError:
    """415 for a body of another type."""
    message = "the body of the request was in an unknown format - accepted media types include: "
    return errors.ApiError(415, "UnsupportedMediaType", message + accepted)


def _parse_json(text: str) -> tuple[Any, list[str]]:
    try:
        data = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, RecursionError):
        try:
            data = json_errors.loads(text)
        except (ValueError, RecursionError) as error:
            why = json_errors.describe(text, error)
            raise _Unreadable(f"couldn't get version/kind; json parse error: {why}") from None
    return data, [f'duplicate field "{path}"' for path in json_errors.duplicates(text)]
