"""How kubectl words what went wrong, and with which exit code.

Source: `staging/src/k8s.io/kubectl/pkg/cmd/util/helpers.go` (checkErr, StandardErrorMessage).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from kubecourse.api.errors import ApiError, Unreachable
from kubecourse.api.jsonpath import JSONPathError

_Item = TypeVar("_Item")


class KubectlError(Exception):
    """Something that kubectl itself objects to: `error: <message>` on stderr.

    With `bare` the message is printed as it stands.
    """

    def __init__(self, message: str, code: int = 1, bare: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.bare = bare


class SeveralErrors(Exception):
    """What went wrong with several objects, in order. The rest of the command was done."""

    def __init__(self, errors: list[Exception]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors


def raise_all(errors: list[Exception]) -> None:
    """Raise what was collected: nothing, the one error, or all."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SeveralErrors(errors)


def each(
    items: Iterable[_Item],
    action: Callable[[_Item], object],
    errors: list[Exception] | None = None,
) -> None:
    """Do something with each item; one that fails does not keep the others back.

    What failed, after the `errors` there are already, is raised at the end.
    """
    collected = errors or []
    for item in items:
        try:
            action(item)
        except (ApiError, KubectlError, JSONPathError) as error:
            collected.append(error)
        except SeveralErrors as several:
            collected += several.errors
    raise_all(collected)


@contextmanager
def prefixing(prefix: str, *reasons: str) -> Iterator[None]:
    """Put words before the server's message: `error when creating "STDIN": …`.

    With `reasons` only before those of them.
    """
    try:
        yield
    except Unreachable:
        raise
    except ApiError as error:
        if reasons and error.reason not in reasons:
            raise
        message = f"{prefix}: {error.message}"
        raise ApiError(error.code, error.reason, message, error.details) from None


def explain(error: Exception, joined: bool = False) -> tuple[str, int]:
    """The text for stderr, line breaks included, and the exit code."""
    if isinstance(error, SeveralErrors):
        return "".join(explain(each, joined=True)[0] for each in error.errors), 1
    if isinstance(error, ApiError):
        return _server_message(error) + "\n", 1
    if isinstance(error, JSONPathError):
        error = KubectlError(str(error))
    assert isinstance(error, KubectlError)
    text = str(error.args[0]) if error.bare or joined else f"error: {error}"
    return (text if text.endswith("\n") else f"{text}\n"), error.code


def _server_message(error: ApiError) -> str:
    """What kubectl makes of a failure Status, or of not getting one."""
    if isinstance(error, Unreachable):
        return (
            f"The connection to the server {error.address} was refused"
            " - did you specify the right host or port?"
        )
    if error.reason == "Invalid":
        return _invalid(error)
    if not error.reason or error.reason == "Unknown":
        return f"Error from server: {error.message}"
    return f"Error from server ({error.reason}): {error.message}"


def _invalid(error: ApiError) -> str:
    kind, name = error.details.get("kind", ""), error.details.get("name", "")
    subject = f'The {kind} "{name}" is invalid' if kind or name else "The request is invalid"
    causes = error.details.get("causes") or []
    if not causes:
        return f"{subject}: {error.message}" if error.message else subject
    named = (f"{c['field']}: {c['message']}" if c.get("field") else c["message"] for c in causes)
    lines = list(dict.fromkeys(named))
    if len(lines) == 1:
        return f"{subject}: {lines[0]}"
    return f"{subject}: \n" + "\n".join(f"* {line}" for line in lines)
