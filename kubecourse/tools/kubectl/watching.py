"""Letting time pass until an object is as somebody wants it.

The object is watched, not asked for again and again: what waiting costs grows with what changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api.jsonpath import JSONPathError
from kubecourse.tools.kubectl.connection import Connection
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.resources import Info

Json = dict[str, Any]
Test = Callable[["Json | None"], bool]
"""Whether an object, or (None) its absence, is what was waited for."""


class _Watched:
    """One object as it was last seen, and whether a test holds for it."""

    def __init__(self, test: Test) -> None:
        self.test = test
        self.last: Json | None = None
        self.error: KubectlError | JSONPathError | None = None
        self.over = False

    def changed(self, event: Json) -> None:
        """A change that the watch tells of."""
        if event["type"] != "BOOKMARK":
            self.look(None if event["type"] == "DELETED" else event["object"])

    def look(self, obj: Json | None) -> None:
        """See whether the test holds, unless it is known already."""
        if self.over:
            return
        self.last = obj
        try:
            self.over = self.test(obj)
        except (KubectlError, JSONPathError) as error:
            self.error, self.over = error, True


def wait_until(
    connection: Connection, info: Info, test: Test, timeout: float
) -> tuple[bool, Json | None]:
    """Let at most `timeout` virtual seconds pass until the test holds for an object.

    Returns whether it does, and the object as it was last seen. Raises what the test raises.
    """
    watched = _Watched(test)
    watched.look(connection.find(info))
    stream = connection.watch(info.resource, info.namespace, watched.changed, name=info.name)
    connection.clock.wait_for(lambda: watched.over, max(timeout, 0.0))
    stream.stop()
    if watched.error is not None:
        raise watched.error
    return watched.over, watched.last


def wait_until_gone(connection: Connection, info: Info, uid: str, timeout: float) -> bool:
    """Wait until the object of that uid is gone; another of its name does not count."""

    def gone(obj: Json | None) -> bool:
        return obj is None or bool(uid and obj["metadata"].get("uid") != uid)

    return wait_until(connection, info, gone, timeout)[0]
