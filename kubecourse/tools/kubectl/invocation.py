"""A command in progress: what it was given, whom it talks to, what it has said."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kubecourse.tools.kubectl.failure import KubectlError

if TYPE_CHECKING:
    from kubecourse.tools.kubectl.connection import Connection


@dataclass
class Invocation:
    """What a command's `run` gets.

    `path`: `kubectl rollout status`; `args`: what is left of the command line; `flags`: every
    flag by its long name; `changed`: the flags that were given; `dash`: how many arguments stood
    before `--`, or None; `stdin`: text piped in, or None.
    """

    path: str
    args: list[str]
    flags: dict[str, Any]
    connection: Connection
    stdin: str | None = None
    changed: frozenset[str] = frozenset()
    dash: int | None = None
    said: list[tuple[str, bool]] = field(default_factory=list)
    """What it has printed, in order, and whether to stderr."""
    warned: set[str] = field(default_factory=set)
    """What the server has warned of, each once."""

    @property
    def namespace(self) -> str:
        """The namespace of -n, else that of the current context."""
        return self.flags["namespace"] or self.connection.namespace

    @property
    def namespace_given(self) -> bool:
        """Whether -n was used: then manifests may not name another."""
        return "namespace" in self.changed

    @cached_property
    def dry_run(self) -> str:
        """`none`, `client` or `server`."""
        value = str(self.flags.get("dry-run", "none"))
        if value == "unchanged":
            self.error("--dry-run is deprecated and can be replaced with --dry-run=client.")
            return "client"
        return value

    @property
    def validation(self) -> str:
        """What --validate asks of the server: Strict, Warn or Ignore."""
        text = self.flags.get("validate", "strict")
        return {"warn": "Warn", "ignore": "Ignore", "false": "Ignore"}.get(text, "Strict")

    def write(self, text: str) -> None:
        """Print to stdout as it stands."""
        self._say(text, False)

    def print(self, line: str = "") -> None:
        """Print a line to stdout."""
        self._say(f"{line}\n", False)

    def complain(self, text: str) -> None:
        """Print to stderr as it stands."""
        self._say(text, True)

    def error(self, line: str) -> None:
        """Print a line to stderr; the command goes on."""
        self.complain(f"{line}\n")

    def warn(self, message: str) -> None:
        """Print a warning to stderr."""
        self.error(f"Warning: {message}")

    def pass_on_warnings(self) -> None:
        """Print the server's warnings: they came with its answer, before what is made of it."""
        came, self.connection.warnings = self.connection.warnings, []
        for warning in came:
            if warning not in self.warned:
                self.warned.add(warning)
                self.warn(warning)

    def _say(self, text: str, is_error: bool) -> None:
        self.pass_on_warnings()
        self.said.append((text, is_error))

    def usage_error(self, message: str) -> KubectlError:
        """An error for arguments that make no sense, to be raised."""
        return KubectlError(f"{message}\nSee '{self.path} -h' for help and examples")
