"""Helm's command line: which commands there are, their arguments and flags.

Flags are read as kubectl's are: both clients use pflag.
Source of the complaints: helm's `pkg/cmd/require/args.go`.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

from kubecourse.tools.kubectl.flags import FlagError, first_argument, read, read_flags

FLAGS = {
    flag.name: flag
    for flag in read_flags(
        """\
-n --namespace=string        Where the release is.
-f --values=array            Values from a file.
--set=array                  Values, as Helm writes them.
--set-string=array           Values that are all text.
--set-json=array             Values in JSON.
--wait=string?watcher        Wait until all of it is ready.
--timeout=duration:5m0s      How long to wait.
--dry-run=string?client      Only say what would be done.
--create-namespace           Make the namespace if it is not there.
--rollback-on-failure        Undo what failed.
--description=string         What the history says of it.
--version=string             The chart's version.
--repo=string                Where the chart is from.
-i --install                 Install what is not there.
--reuse-values               Keep the last values.
--reset-values               Forget the last values.
--history-max=int            Revisions to keep.
--cleanup-on-fail            Delete what a failed upgrade made.
--keep-history               Keep what is uninstalled in the history.
--ignore-not-found           Nothing to uninstall is no failure.
-a --all                     All states, or computed values too.
-A --all-namespaces          Everywhere.
-q --short                   Names alone.
--filter=string              Names that match.
--revision=int               Of this revision.
--max=int                    So many at most.
--strict                     Warnings are failures.
--no-hooks                   Leave hooks out.
--logs                       What test pods wrote.
-d --destination=string:.    Where to write.
""".splitlines()
    )
}
"""Every flag, by its name."""
SYNONYMS = {"--atomic": "--rollback-on-failure"}
VALUES = "--values --set --set-string --set-json"
CHART = f"{VALUES} --version --repo"
CHANGE = "--wait --timeout --description --rollback-on-failure --create-namespace --dry-run"


class Command(NamedTuple):
    """A command: how it is used, its fewest and most arguments, its flags."""

    usage: str
    fewest: int
    most: int | None
    flags: str = ""


COMMANDS = {
    "install": Command("[NAME] [CHART] [flags]", 1, None, f"{CHART} {CHANGE}"),
    "upgrade": Command(
        "[RELEASE] [CHART] [flags]", 2, 2,
        f"{CHART} {CHANGE} --install --reuse-values --reset-values --history-max --cleanup-on-fail",
    ),
    "rollback": Command("<RELEASE> [REVISION] [flags]", 1, None, "--wait --timeout --dry-run"),
    "uninstall": Command(
        "RELEASE_NAME [...] [flags]", 1, None,
        "--keep-history --ignore-not-found --wait --timeout --description --dry-run",
    ),
    "list": Command("[flags]", 0, 0, "--all --all-namespaces --short --filter --max"),
    "status": Command("RELEASE_NAME [flags]", 1, 1, "--revision"),
    "history": Command("RELEASE_NAME [flags]", 1, 1, "--max"),
    "get values": Command("RELEASE_NAME [flags]", 1, 1, "--revision --all"),
    "get manifest": Command("RELEASE_NAME [flags]", 1, 1, "--revision"),
    "get notes": Command("RELEASE_NAME [flags]", 1, 1, "--revision"),
    "get hooks": Command("RELEASE_NAME [flags]", 1, 1, "--revision"),
    "template": Command("[NAME] [CHART] [flags]", 1, None, f"{CHART} --no-hooks"),
    "lint": Command("PATH [flags]", 0, None, f"{VALUES} --strict"),
    "show values": Command("[CHART] [flags]", 1, 1, "--version --repo"),
    "show chart": Command("[CHART] [flags]", 1, 1, "--version --repo"),
    "show all": Command("[CHART] [flags]", 1, 1, "--version --repo"),
    "dependency list": Command("CHART [flags]", 1, 1),
    "dependency update": Command("CHART [flags]", 1, 1),
    "dependency build": Command("CHART [flags]", 1, 1),
    "create": Command("NAME [flags]", 1, 1),
    "package": Command("[CHART_PATH] [...] [flags]", 1, 1, "--destination --version"),
    "test": Command("[RELEASE] [flags]", 1, 1, "--timeout --logs"),
    "version": Command("[flags]", 0, 0),
}  # fmt: skip
ALIASES = {
    "ls": "list", "hist": "history", "dep": "dependency", "dependencies": "dependency",
    "inspect": "show", "del": "uninstall", "delete": "uninstall", "un": "uninstall",
}  # fmt: skip


class UsageError(Exception):
    """A command line that Helm does not understand."""


def parse(words: list[str]) -> argparse.Namespace:
    """Read a command line, with or without the word `helm`. Raises UsageError.

    What comes back has `command`, `args` and the flags of that command; None for those that are
    not given and have no default.
    """
    words = words[1:] if words[:1] == ["helm"] else words
    name, rest = _command([SYNONYMS.get(word, word) for word in words])
    command = COMMANDS[name]
    known = [FLAGS[flag.removeprefix("--")] for flag in (*command.flags.split(), "--namespace")]
    try:
        found = read(rest, known)
    except FlagError as error:
        raise UsageError(str(error)) from None
    _count(name, command, len(found.args))
    given = argparse.Namespace(command=name, args=found.args)
    for flag in known:
        missing = flag.default is None and flag.type in ("string", "int")
        value = None if missing and flag.name not in found.changed else found.flags[flag.name]
        setattr(given, flag.name.replace("-", "_"), value)
    given.namespace = given.namespace or "default"
    return given


def _command(words: list[str]) -> tuple[str, list[str]]:
    """The command that words name, and the words without its name."""
    at = first_argument(words, FLAGS.values())
    if at is None:
        known = ", ".join(dict.fromkeys(name.partition(" ")[0] for name in COMMANDS))
        raise UsageError(f"give a command: {known}")
    first, rest = ALIASES.get(words[at], words[at]), words[:at] + words[at + 1 :]
    if first in COMMANDS:
        return first, rest
    below = [name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{first} ")]
    at = first_argument(rest, FLAGS.values()) if below else None
    if at is not None and rest[at] in below:
        return f"{first} {rest[at]}", rest[:at] + rest[at + 1 :]
    if below:
        raise UsageError(f'"helm {first}" needs one of: {", ".join(below)}')
    raise UsageError(f'unknown command "{first}" for "helm"')


def _count(name: str, command: Command, given: int) -> None:
    said, usage = f'"helm {name}"', f"\n\nUsage:  helm {name} {command.usage}"
    fewest, most = command.fewest, command.most
    plural = "" if fewest == 1 else "s"
    if most == 0 and given:
        raise UsageError(f"{said} accepts no arguments{usage}")
    if given < fewest or (most is not None and given > most):
        least = "" if most == fewest else "at least "
        raise UsageError(f"{said} requires {least}{fewest} argument{plural}{usage}")
