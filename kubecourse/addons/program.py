"""Programs of images that talk to the API server, as the descheduler does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.client import Client

Main = Callable[[list[str], Callable[[str], str], Client], tuple[int, str]]
"""Given its words, how to read a file, and a connection: an exit code, and what it writes."""


class Program:
    """A program for containers: it speaks to the API server as its pod's service account."""

    def __init__(self, main: Main, connect: Callable[[str], Client]) -> None:
        self._main = main
        self._connect = connect

    def __call__(self, call: Any) -> tuple[int, str]:
        sandbox = call.script.container.sandbox
        user = f"system:serviceaccount:{sandbox.namespace}:{sandbox.account}"
        return self._main(call.words, call.files.read, self._connect(user))
