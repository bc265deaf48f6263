"""Letting time pass until an object is as somebody wants it.

The object is watched, not asked for again and again: what waiting costs grows with what changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.tools.kubectl.connection import Connection
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.resources import Info

Json = dict[str, Any]
Test = Callable[["Json | None"], bool]
"""Whether an object, or (None) its absence, is what was waited for."""


class Watched:
    """One object as it was last seen, and whether a test holds for it."""

    def __init__(self, connection: Connection, info: Info, test: Test) -> None:
        self._test = test
        self._error: KubectlError | None = None
        self._met = False
        self.last: Json | None = None
        self._look(connection.find(info.resource, info.namespace, info.name))
        self._stream = connection.watch(
            info.resource, info.namespace, self._changed, name=info.name
        )

    def _changed(self, event: Json) -> None:
        if event["type"] != "BOOKMARK":
            self._look(None if event["type"] == "DELETED" else event["object"])

    def _look(self, obj: Json | None) -> None:
        if self._met or self._error is not None:
            return
        self.last = obj
        try:
            self._met = self._test(obj)
        except KubectlError as error:
            self._error = error

    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self._met or self._error is not None

    def result(self) -> bool:
        """Stop watching; whether the test has held. Raises what the test raised."""
        self._stream.stop()
        if self._error is not None:
            raise self._error
        return self._met


def wait_until(
    connection: Connection, info: Info, test: Test, timeout: float
) -> tuple[bool, Json | None]:
    """Let at most `timeout` virtual seconds pass until the test holds for an object.

    Returns whether it does, and the object as it was last seen. Raises what the test raises.
    """
    watched = Watched(connection, info, test)
    connection.wait_for(watched.over, max(timeout, 0.0))
    return watched.result(), watched.last


def wait_until_gone(connection: Connection, info: Info, uid: str, timeout: float) -> bool:
    """Wait until the object of that uid is gone; another of its name does not count."""

    def gone(obj: Json | None) -> bool:
        return obj is None or bool(uid and obj["metadata"].get("uid") != uid)

    return wait_until(connection, info, gone, timeout)[0]
