"""Helm's command line: which commands there are, their arguments and flags.

Source of the complaints: helm's `pkg/cmd/require/args.go` and spf13/pflag.
"""

from __future__ import annotations

import argparse
import re
from typing import Any, NamedTuple, NoReturn

FLAGS: dict[str, dict[str, Any]] = {
    "-n --namespace": {},
    "-f --values": {"action": "append", "default": []},
    "--set": {"action": "append", "default": []},
    "--set-string": {"action": "append", "default": []},
    "--set-json": {"action": "append", "default": []},
    "--wait": {"nargs": "?", "const": "watcher"},
    "--timeout": {"default": "5m0s"},
    "--dry-run": {"nargs": "?", "const": "client"},
    "--create-namespace": {"action": "store_true"},
    "--rollback-on-failure --atomic": {"action": "store_true"},
    "--description": {},
    "--version": {},
    "--repo": {},
    "-i --install": {"action": "store_true"},
    "--reuse-values": {"action": "store_true"},
    "--reset-values": {"action": "store_true"},
    "--history-max": {"type": int},
    "--cleanup-on-fail": {"action": "store_true"},
    "--keep-history": {"action": "store_true"},
    "--ignore-not-found": {"action": "store_true"},
    "-a --all": {"action": "store_true"},
    "-A --all-namespaces": {"action": "store_true"},
    "-q --short": {"action": "store_true"},
    "--filter": {},
    "--revision": {"type": int},
    "--max": {"type": int},
    "--strict": {"action": "store_true"},
    "--no-hooks": {"action": "store_true"},
    "--logs": {"action": "store_true"},
    "-d --destination": {"default": "."},
}
"""Every flag, and how argparse reads it."""
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
_SPELT = {word: key for key in FLAGS for word in key.split()}
_DURATION = {"h": 3600, "m": 60, "s": 1}


class UsageError(Exception):
    """A command line that Helm does not understand."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(words: list[str]) -> argparse.Namespace:
    """Read a command line, with or without the word `helm`. Raises UsageError.

    What comes back has `command`, `args` and the flags of that command.
    """
    words = words[1:] if words[:1] == ["helm"] else words
    start = _Parser(add_help=False, allow_abbrev=False)
    start.add_argument("-n", "--namespace", default="default")
    first, rest = _first(words)
    early, _ = start.parse_known_args(first)
    name, rest = _command(rest)
    command = COMMANDS[name]
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("args", nargs="*")
    for key in dict.fromkeys(_SPELT[flag] for flag in (*command.flags.split(), "--namespace")):
        parser.add_argument(*key.split(), **FLAGS[key])
    given, unknown = parser.parse_known_intermixed_args(rest)
    if unknown:
        long = unknown[0].startswith("--")
        what = (
            f"unknown flag: {unknown[0].partition('=')[0]}"
            if long
            else (f"unknown shorthand flag: '{unknown[0][1:2]}' in {unknown[0]}")
        )
        raise UsageError(what)
    _count(name, command, len(given.args))
    given.command = name
    given.namespace = given.namespace or early.namespace
    return given


def seconds(duration: str) -> int:
    """A duration such as `5m0s`, in seconds. Raises UsageError."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", duration)
    if not parts or "".join(map("".join, parts)) != duration:
        raise UsageError(
            f'invalid argument "{duration}" for "--timeout" flag: time: invalid duration '
            f'"{duration}"'
        )
    return round(sum(float(number) * _DURATION[unit] for number, unit in parts))


def _first(words: list[str]) -> tuple[list[str], list[str]]:
    """The flags before the command, and the rest."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 1 if "=" in words[at] else 2
    return words[:at], words[at:]


def _command(words: list[str]) -> tuple[str, list[str]]:
    """The command that words begin with, and what follows it."""
    if not words:
        known = ", ".join(dict.fromkeys(name.partition(" ")[0] for name in COMMANDS))
        raise UsageError(f"give a command: {known}")
    first = ALIASES.get(words[0], words[0])
    if first in COMMANDS:
        return first, words[1:]
    second = f"{first} {' '.join(words[1:2])}"
    if second in COMMANDS:
        return second, words[2:]
    below = [name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{first} ")]
    if below:
        raise UsageError(f'"helm {first}" needs one of: {", ".join(below)}')
    raise UsageError(f'unknown command "{words[0]}" for "helm"')


def _count(name: str, command: Command, given: int) -> None:
    said, usage = f'"helm {name}"', f"\n\nUsage:  helm {name} {command.usage}"
    fewest, most = command.fewest, command.most
    plural = "" if fewest == 1 else "s"
    if most == 0 and given:
        raise UsageError(f"{said} accepts no arguments{usage}")
    if given < fewest or (most is not None and given > most):
        least = "" if most == fewest else "at least "
        raise UsageError(f"{said} requires {least}{fewest} argument{plural}{usage}")
