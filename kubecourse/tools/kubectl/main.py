"""Running a command line, and wording what went wrong."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from kubecourse.api.errors import ApiError
from kubecourse.api.jsonpath import JSONPathError
from kubecourse.tools.kubectl import cli, commands, flags
from kubecourse.tools.kubectl.connection import Connection
from kubecourse.tools.kubectl.failure import KubectlError, SeveralErrors, explain
from kubecourse.tools.kubectl.invocation import Invocation

assert commands  # importing them gives each its place in the tree


@dataclass(frozen=True)
class Output:
    """What a command printed, and its exit code."""

    stdout: str
    stderr: str
    code: int
    shown: bool = field(default=False, repr=False, compare=False)
    """Whether it has been printed; a notebook then does not show it once more."""
    text: str = field(default="", repr=False, compare=False)
    """Both, in the order in which they were printed."""

    def show(self) -> Output:
        """Print it as a terminal would."""
        print(self.text or self.stdout + self.stderr, end="")
        return replace(self, shown=True)

    def _ipython_display_(self) -> None:
        if not self.shown:
            self.show()

    def __str__(self) -> str:
        return self.stdout


def run(cluster: Any, args: str | list[str], stdin: str | None = None) -> Output:
    """Run a kubectl command on a cluster, an API server or a `Connection`.

    `args` is the command line with or without `kubectl` before it, or its words; `stdin` is what
    `-f -` reads.
    """
    connection = cluster if isinstance(cluster, Connection) else _connection(cluster)
    try:
        words = shlex.split(args, comments=False) if isinstance(args, str) else list(args)
    except ValueError as error:
        return Output("", f"error: cannot read the command line: {error}\n", 1)
    inv = Invocation("kubectl", [], {}, connection, stdin)
    try:
        code = _run(inv, words[1:] if words[:1] == ["kubectl"] else words) or 0
    except (ApiError, KubectlError, JSONPathError, SeveralErrors) as error:
        text, code = explain(error)
        inv.complain(text)
    inv.pass_on_warnings()
    out, err = (
        "".join(text for text, is_error in inv.said if is_error is wanted)
        for wanted in (False, True)
    )
    return Output(out, err, code, text="".join(text for text, _ in inv.said))


_ONWARDS = re.compile(
    r"""((?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^'"\\])*?)\s(\||>>?)\s*(\S.*)""",
    re.S,
)
"""A command line with `| grep web` or `> web.yaml` behind it, outside of quotes."""


def shown(cluster: Any, line: str, stdin: str | None = None) -> Output:
    """Run a command line and print what it prints, through this machine's shell if it says so."""
    onwards = _ONWARDS.fullmatch(line)
    output = run(cluster, onwards[1] if onwards else line, stdin)
    if onwards:
        _, pipe, rest = onwards.groups()
        rest = rest if pipe == "|" else f"cat {pipe} {rest}"
        done = subprocess.run(rest, shell=True, input=output.stdout, capture_output=True, text=True)
        code = done.returncode or output.code
        output = Output(done.stdout, output.stderr + done.stderr, code)
    return output.show()


_CONNECTIONS: WeakKeyDictionary[Any, Connection] = WeakKeyDictionary()
"""What a kubeconfig file remembers from one command to the next: each cluster's namespace."""


def _connection(cluster: Any) -> Connection:
    connection: Connection | None = _CONNECTIONS.get(cluster)
    if connection is None:
        connection = getattr(cluster, "connection", None) or Connection(cluster)
        _CONNECTIONS[cluster] = connection
    return connection


def _run(inv: Invocation, line: list[str]) -> int | None:
    words, command, inv.path = cli.find(line)
    if (done := inv.connection.passed_on(inv.path, line, inv.stdin)) is not None:
        inv.write(done.stdout)
        inv.complain(done.stderr)
        return int(done.returncode)
    if command is not cli.ROOT:
        own = {flag.name for flag in command.flags} | {flag.short for flag in command.flags}
        known = [flag for flag in cli.GLOBAL if not own & {flag.name, flag.short or flag.name}]
        parsed = flags.parse(words, [*command.flags, *known], inv.path)
        inv.args, inv.flags, inv.dash = parsed.args, parsed.flags, parsed.dash
        inv.changed = frozenset(parsed.changed)
    if command is cli.ROOT or inv.flags["help"]:
        inv.write(cli.help_text(command, inv.path))
        return 0
    if command.by_name and command.run is None:
        if inv.args:
            raise inv.usage_error(f'unknown command "{" ".join(inv.args)}"')
        inv.write(cli.help_text(command, inv.path))
        return 1
    required = [flag.name for flag in command.flags if flag.required]
    if missing := [f'"{name}"' for name in required if name not in inv.changed]:
        raise KubectlError(f"required flag(s) {', '.join(missing)} not set")
    for objection in command.objections:
        objection.check(inv)
    assert command.run is not None, inv.path
    return command.run(inv)
