"""PATCH: reading the three kinds of patches, applying them, and what may go wrong.

Source: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.api import codec, errors, schema, versions, yaml
from kubecourse.api.patch import PatchError, json_patch, merge_patch, strategic_merge_patch
from kubecourse.api.patch.values import go_text, json_type
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import json_errors, managed_fields
from kubecourse.control_plane.apiserver.conversion import conversion_error, not_convertible
from kubecourse.control_plane.apiserver.request import Options
from kubecourse.control_plane.apiserver.server import check_identity

if TYPE_CHECKING:
    from kubecourse.control_plane.apiserver.rest import Request

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Patch(NamedTuple):
    """A patch of one of the three content types."""

    type: str
    content: Any


def _media(request: Request) -> str:
    return request.content_type.partition(";")[0].strip()


def applies(request: Request) -> bool:
    """Whether a request is a server-side apply."""
    return _media(request) == APPLY


def read_config(request: Request, options: Options) -> dict[str, Any]:
    """The configuration that a server-side apply sends, in YAML. Raises BadRequest."""
    if isinstance(request.body, dict):
        return request.body
    raw = request.body or b""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    try:
        config, notes = yaml.load_noting(text)
    except yaml.YAMLError as error:
        raise errors.bad_request(f"error decoding YAML: {error}") from None
    if config is not None and not isinstance(config, dict):
        why = f"json: cannot unmarshal {json_type(config)} into Go value of type"
        why = f"error unmarshaling JSON: while decoding JSON: {why} map[string]interface {{}}"
        raise errors.bad_request(f"error decoding YAML: {why}")
    if notes and options.validation == "Strict":
        why = yaml.strict_problem(notes)
        raise errors.bad_request(
            f"error strict decoding YAML: error converting YAML to JSON: {why}"
        )
    if notes and options.validation == "Warn":
        options.warn(f"error converting YAML to JSON: {yaml.strict_problem(notes)}")
    return config or {}


CUSTOM = (JSON, MERGE, APPLY)
"""What custom resources can be patched with."""


def read(request: Request, custom: bool = False) -> Patch:
    """The patch in a request. Raises UnsupportedMediaType, BadRequest."""
    media = _media(request)
    if custom and media == STRATEGIC:
        message = "the body of the request was in an unknown format - accepted media types include"
        raise errors.ApiError(415, "UnsupportedMediaType", f"{message}: {', '.join(CUSTOM)}", {})
    if media not in (JSON, MERGE, STRATEGIC):
        raise errors.ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    content = request.body
    if isinstance(content, str | bytes):
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        try:
            content = json_errors.loads(text)
        except (ValueError, RecursionError) as error:
            why = json_errors.describe(text, error)
            prefix = "" if media == STRATEGIC else "error decoding patch: "
            raise errors.bad_request(f"{prefix}{why}") from None
    return Patch(media, content)


class Change:
    """Applies a patch to an object of a resource; unknown fields are treated as the options say.

    The object has managed fields where the server that stores it is given. Raises ApiError.
    """

    def __init__(
        self, resource: Resource, patch: Patch, options: Options, server: Any = None
    ) -> None:
        self.resource = resource
        self.patch = patch
        self.options = options
        self.server = server

    def __call__(self, obj: Any) -> Any:
        before = managed_fields.show(self.server, obj) if self.server else codec.encode(obj)
        before = versions.show(self.resource, before)
        try:
            data = self._apply(before)
        except PatchError as error:
            details: dict[str, Any] | None = {} if error.code == 422 else None
            raise errors.ApiError(error.code, error.reason, error.message, details) from None
        self._check_kind(data)
        try:
            changed, unknown = codec.decode(data, self.resource.schema)
        except codec.DecodeError as error:
            why = ""
            if self.patch.type == STRATEGIC:
                # Strategic patches go through a converter, which has words of its own.
                why = conversion_error(data, schema.type_of(self.resource.schema)) or ""
            raise self._refused(data, why or str(error)) from None
        problems = [f'unknown field "{path}"' for path in unknown]
        if problems and self.options.validation == "Strict":
            raise self._refused(data, f"strict decoding error: {', '.join(problems)}")
        if self.options.validation == "Warn":
            self.options.warnings += problems
        check_identity(changed, obj.metadata.name, obj.metadata.namespace)
        return versions.read(self.resource, changed)

    def _apply(self, data: dict[str, Any]) -> dict[str, Any]:
        if self.patch.type == JSON:
            return json_patch(data, self.patch.content)
        if self.patch.type == MERGE:
            return merge_patch(data, self.patch.content)
        struct = schema.struct(self.resource.schema)
        return strategic_merge_patch(data, self.patch.content, struct)

    def _check_kind(self, data: dict[str, Any]) -> None:
        """A patch that is not strategic may not make another kind of the object."""
        resource = self.resource
        version, kind = data.get("apiVersion"), data.get("kind")
        if self.patch.type == STRATEGIC or resource.custom:
            return
        if not (isinstance(version, str) and isinstance(kind, str)):
            return
        if (version, kind) != (resource.api_version, resource.kind):
            raise self._refused(data, not_convertible(version, kind, resource.schema))

    def _refused(self, data: Any, why: str) -> errors.ApiError:
        """What the patch makes of the object is not an object of that kind."""
        if self.patch.type == STRATEGIC:
            shown = go_text(self.patch.content)
        else:
            shown = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        return errors.invalid_object("", "", "", [errors.invalid("patch", shown, why)])
