"""PATCH: reading the three kinds of patches, applying them, and what may go wrong.

Source: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.api import codec, errors, schema
from kubecourse.api.patch import PatchError, json_patch, merge_patch, strategic_merge_patch
from kubecourse.api.patch.values import go_text
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import body, json_errors

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


def read(request: Request) -> Patch:
    """The patch in a request. Raises UnsupportedMediaType, BadRequest."""
    media = request.content_type.partition(";")[0].strip()
    if media == APPLY:
        raise body.unsupported_media(", ".join((JSON, MERGE, STRATEGIC)))
    if media not in (JSON, MERGE, STRATEGIC):
        raise errors.ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    content = request.body
    if isinstance(content, str | bytes):
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            why = json_errors.describe(text, error)
            prefix = "" if media == STRATEGIC else "error decoding patch: "
            raise errors.bad_request(f"{prefix}{why}") from None
    return Patch(media, content)


class Change:
    """Applies a patch to an object of a resource; unknown fields are treated as `validation` says.

    Raises ApiError.
    """

    def __init__(
        self, resource: Resource, patch: Patch, validation: str, warnings: list[str]
    ) -> None:
        self.resource = resource
        self.patch = patch
        self.validation = validation
        self.warnings = warnings

    def __call__(self, obj: Any) -> Any:
        try:
            data = self._apply(codec.encode(obj))
        except PatchError as error:
            details: dict[str, Any] | None = {} if error.code == 422 else None
            raise errors.ApiError(error.code, error.reason, error.message, details) from None
        try:
            changed, unknown = codec.decode(data, self.resource.schema)
        except codec.DecodeError as error:
            why = ""
            if self.patch.type == STRATEGIC:
                # Strategic patches go through a converter, which has words of its own.
                why = _conversion_error(data, schema.type_of(self.resource.schema)) or ""
            raise self._refused(data, why or str(error)) from None
        problems = [f'unknown field "{path}"' for path in unknown]
        if problems and self.validation == "Strict":
            raise self._refused(data, f"strict decoding error: {', '.join(problems)}")
        if self.validation == "Warn":
            self.warnings += problems
        self._check_identity(changed, obj)
        return changed

    def _apply(self, data: dict[str, Any]) -> dict[str, Any]:
        if self.patch.type == JSON:
            return json_patch(data, self.patch.content)
        if self.patch.type == MERGE:
            return merge_patch(data, self.patch.content)
        struct = schema.struct(self.resource.schema)
        return strategic_merge_patch(data, self.patch.content, struct)

    def _refused(self, data: Any, why: str) -> errors.ApiError:
        """What the patch makes of the object is not an object of that kind."""
        if self.patch.type == STRATEGIC:
            shown = go_text(self.patch.content)
        else:
            shown = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        return errors.invalid_object("", "", "", [errors.invalid("patch", shown, why)])

    def _check_identity(self, changed: Any, obj: Any) -> None:
        new, old = changed.metadata, obj.metadata
        for part in ("name", "namespace"):
            given, known = getattr(new, part) if new else None, getattr(old, part)
            if given and given != known:
                raise errors.bad_request(
                    f"the {part} of the object ({given}) does not match "
                    f"the {part} on the URL ({known})"
                )
        if new is None or not new.name:
            raise errors.bad_request("name must be provided")


_SIMPLE: dict[str, tuple[type, ...]] = {
    "string": (str,), "bool": (bool,), "int": (int,), "float": (int, float),
}  # fmt: skip
_GO_KIND = {str: "string", bool: "bool", int: "int64", float: "float64", list: "slice", dict: "map"}


def _conversion_error(value: Any, kind: schema.Type) -> str | None:
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
        found = (_conversion_error(item, kind.element) for item in value)
    elif kind.form == "map" and kind.element is not None:
        if type(value) is not dict:
            return f"cannot restore map from {_GO_KIND[type(value)]}"
        found = (_conversion_error(item, kind.element) for item in value.values())
    elif kind.form == "struct":
        if type(value) is not dict:
            return f"cannot restore struct from: {_GO_KIND[type(value)]}"
        fields = schema.struct(kind.name).fields
        found = (_conversion_error(v, fields[k].type) for k, v in value.items() if k in fields)
    else:
        return None
    return next((error for error in found if error), None)
