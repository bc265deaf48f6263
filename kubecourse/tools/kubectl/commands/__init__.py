"""The commands, one module each. A module joins by defining `COMMAND`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from kubecourse.tools.kubectl.cli import Command


@cache
def _modules() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


@cache
def _command(module: str) -> Command | None:
    return getattr(importlib.import_module(f"{__name__}.{module}"), "COMMAND", None)


def find_command(word: str) -> Command | None:
    """The command of that name or alias. Its module is imported only now."""
    module = word.replace("-", "_")
    if module in _modules() and "_" not in word:
        found = _command(module)
        if found is not None and found.name == word:
            return found
    return next((c for c in all_commands() if word == c.name or word in c.aliases), None)


def all_commands() -> list[Command]:
    """Every command, by name."""
    found = [command for module in _modules() if (command := _command(module)) is not None]
    return sorted(found, key=lambda command: command.name)
