"""Kubernetes' errors: the Status that the API answers with, and the field errors inside it.

Sources: `staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go`,
`pkg/util/validation/field/errors.go` there, `pkg/apis/meta/v1/types.go` there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec


class ApiError(Exception):
    """What the API server answers instead of an object.

    `reason` and `code` are those of the Status (`NotFound`, 404); `str()` is its message;
    `details` is its details object, causes included.
    """

    def __init__(
        self, code: int, reason: str, message: str, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}
        self._has_details = details is not None

    def status(self) -> dict[str, Any]:
        """The Status object as the server sends it."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }
        if not self._has_details:
            del status["details"]
        if not self.reason:
            del status["reason"]
        return status


class Unreachable(ApiError):
    """No API server answers: it does not run, or messages do not get there. No Status at all."""

    address = "127.0.0.1:6443"

    def __init__(self, asked: str = "") -> None:
        said = f"dial tcp {self.address}: connect: connection refused"
        super().__init__(503, "", f"{asked}: {said}" if asked else said)


class ignoring:
    """`with ignoring("NotFound")`: go on after an error of one of these reasons."""

    def __init__(self, *reasons: str) -> None:
        self._reasons = reasons

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return isinstance(error, ApiError) and error.reason in self._reasons


# --- the server's errors, by reason


def _details(name: str, group: str, kind: str, **more: Any) -> dict[str, Any]:
    details = {"name": name, "group": group, "kind": kind, **more}
    return {key: value for key, value in details.items() if value}


def qualified(resource: str, group: str) -> str:
    """`pods` in the core group, `deployments.apps` in another."""
    return f"{resource}.{group}" if group else resource


def not_found(resource: str, group: str, name: str) -> ApiError:
    """404 NotFound."""
    message = f'{qualified(resource, group)} "{name}" not found'
    return ApiError(404, "NotFound", message, _details(name, group, resource))


def already_exists(resource: str, group: str, name: str, being_deleted: bool = False) -> ApiError:
    """409 AlreadyExists."""
    message = f'{qualified(resource, group)} "{name}" already exists'
    if being_deleted:
        message = f"object is being deleted: {message}"
    return ApiError(409, "AlreadyExists", message, _details(name, group, resource))


def conflict(resource: str, group: str, name: str, why: str = "") -> ApiError:
    """409 Conflict; by default because the object has been modified."""
    why = why or (
        "the object has been modified; "
        "please apply your changes to the latest version and try again"
    )
    message = f'Operation cannot be fulfilled on {qualified(resource, group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(name, group, resource))


def forbidden(resource: str, group: str, name: str, why: str, **details: Any) -> ApiError:
    """403 Forbidden."""
    subject = f'{qualified(resource, group)} "{name}"' if name else qualified(resource, group)
    message = f"{subject} is forbidden: {why}"
    return ApiError(403, "Forbidden", message, _details(name, group, resource, **details))


def bad_request(message: str) -> ApiError:
    """400 BadRequest."""
    return ApiError(400, "BadRequest", message)


def no_such_path() -> ApiError:
    """404 for a path that the server does not serve."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> ApiError:
    """405 for a verb that the resource does not have."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, {})


def expired(asked: int, oldest: int) -> ApiError:
    """410 for a watch from a revision that has been compacted."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def too_many_requests(
    message: str, causes: list[dict[str, str]] | None = None, retry_after: int = 0
) -> ApiError:
    """429, such as an eviction that a disruption budget refuses; `retry_after` is in seconds."""
    details: dict[str, Any] = {"causes": causes} if causes else {}
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    return ApiError(429, "TooManyRequests", message, details)


def internal(message: str) -> ApiError:
    """500 InternalError."""
    details = {"causes": [{"message": message}]}
    return ApiError(500, "InternalError", f"Internal error occurred: {message}", details)


# --- field errors

_CAUSES = {
    "Required value": "FieldValueRequired",
    "Invalid value": "FieldValueInvalid",
    "Unsupported value": "FieldValueNotSupported",
    "Duplicate value": "FieldValueDuplicate",
    "Not found": "FieldValueNotFound",
    "Forbidden": "FieldValueForbidden",
    "Too long": "FieldValueTooLong",
    "Too many": "FieldValueTooMany",
    "Internal error": "InternalError",
}
_WITHOUT_VALUE = {"Required value", "Forbidden", "Too long", "Internal error"}
NO_VALUE = object()


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: `spec.replicas: Invalid value: -1: must be …`."""

    field: str
    type: str
    value: Any = NO_VALUE
    detail: str = ""

    @property
    def body(self) -> str:
        """The message without the path."""
        parts = [self.type]
        if self.type not in _WITHOUT_VALUE and self.value is not NO_VALUE:
            parts.append(shown(self.value))
        if self.detail:
            parts.append(self.detail)
        return ": ".join(parts)

    def __str__(self) -> str:
        return f"{self.field}: {self.body}"

    @property
    def cause(self) -> dict[str, str]:
        """As an entry of the Status' `details.causes`."""
        return {"reason": _CAUSES[self.type], "message": self.body, "field": self.field}


def shown(value: Any) -> str:
    """A value as field errors print it: as JSON, an object by its set fields."""
    if isinstance(value, msgspec.Struct):
        from kubecourse.api.codec import encode  # the codec depends on nothing here

        value = encode(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def required(path: str, detail: str = "") -> FieldError:
    """A field that must be there is not."""
    return FieldError(path, "Required value", detail=detail)


def invalid(path: str, value: Any, detail: str) -> FieldError:
    """A value that may not be."""
    return FieldError(path, "Invalid value", value, detail)


def not_supported(path: str, value: Any, supported: Iterable[str]) -> FieldError:
    """A value outside a fixed set."""
    choices = ", ".join(f'"{choice}"' for choice in supported)
    return FieldError(path, "Unsupported value", value, f"supported values: {choices}")


def duplicate(path: str, value: Any) -> FieldError:
    """A value that may be there once only."""
    return FieldError(path, "Duplicate value", value)


def field_not_found(path: str, value: Any) -> FieldError:
    """A reference to something that is not there."""
    return FieldError(path, "Not found", value)


def field_forbidden(path: str, detail: str) -> FieldError:
    """A field that may not be set, or not changed."""
    return FieldError(path, "Forbidden", detail=detail)


def too_long(path: str, limit: int) -> FieldError:
    """A value of too many bytes."""
    return FieldError(path, "Too long", detail=f"may not be more than {limit} bytes")


def invalid_object(kind: str, group: str, name: str, errors: list[FieldError]) -> ApiError:
    """422 Invalid, from the field errors found."""
    unique = list(dict.fromkeys(str(error) for error in errors))
    text = unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
    causes = [error.cause for error in errors]
    message = f'{qualified(kind, group)} "{name or ""}" is invalid: {text}'
    return ApiError(422, "Invalid", message, _details(name, group, kind, causes=causes))
