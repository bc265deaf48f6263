"""Programs of images that talk to the API server, as the descheduler does."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from kubecourse.client import Client

PROGRAMS = {
    "argocd": "argocd", "descheduler": "descheduler", "kube-webhook-certgen": "certgen",
}  # fmt: skip
"""The programs that there are, and the module here of each."""


class Program:
    """A program for containers: it speaks to the API server as its pod's service account.

    `addon` is the module here whose `main` it is, read when somebody runs it. That is given its
    words, how to read a file, and a connection; it returns an exit code and what it writes.
    """

    def __init__(self, addon: str, connect: Callable[[str], Client]) -> None:
        self._addon = addon
        self._connect = connect

    def __call__(self, call: Any) -> tuple[int, str]:
        sandbox = call.script.container.sandbox
        user = f"system:serviceaccount:{sandbox.namespace}:{sandbox.account}"
        addon = import_module(f"kubecourse.addons.{self._addon}")
        found: tuple[int, str] = addon.main(call.words, call.files.read, self._connect(user))
        return found
