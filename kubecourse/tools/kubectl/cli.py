"""Commands and flags as data; how pflag reads a command line and cobra words its objections.

Sources: `github.com/spf13/pflag` `flag.go`, `github.com/spf13/cobra` `command.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kubecourse.tools.kubectl.failure import flag_error

if TYPE_CHECKING:
    from kubecourse.tools.kubectl.invocation import Invocation

Action = Callable[["Invocation"], int | None]


@dataclass(frozen=True)
class Flag:
    """One flag. `type` is a key of `PARSERS`.

    `bare` is the value of a flag given without one (`--dry-run`); such a flag never takes the next
    word as its value. Flags of type strings (comma separated) and array may be repeated.
    """

    name: str
    short: str = ""
    type: str = "string"
    default: Any = None
    help: str = ""
    bare: Any = None
    required: bool = False

    @property
    def initial(self) -> Any:
        """The value when it is not given."""
        return _ZERO[self.type] if self.default is None else self.default

    @property
    def label(self) -> str:
        """As error texts name it: `-c, --container`."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


@dataclass(frozen=True)
class Command:
    """One command, or a group of them. `use` is its usage line without `kubectl`."""

    name: str
    run: Action | None = None
    use: str = ""
    short: str = ""
    long: str = ""
    examples: str = ""
    flags: tuple[Flag, ...] = ()
    aliases: tuple[str, ...] = ()
    children: tuple[Command, ...] = ()
    group: str = "Other Commands"
    minimum: int = 0
    """Fewest arguments; fewer is cobra's error."""

    def child(self, word: str) -> Command | None:
        """The subcommand of that name or alias."""
        return next((c for c in self.children if word == c.name or word in c.aliases), None)


@dataclass
class Parsed:
    """A command line taken apart. `dash` is where `--` stood among the arguments, or None."""

    args: list[str] = field(default_factory=list)
    flags: dict[str, Any] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    dash: int | None = None


# --- the values of flags

_INT = re.compile(r"[+-]?[0-9]+")
_DURATION = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_bool(text: str) -> bool:
    """Go's strconv.ParseBool."""
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def parse_int(text: str) -> int:
    """Go's strconv.ParseInt."""
    if not _INT.fullmatch(text):
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    value = int(text)
    if not -(2**31) <= value < 2**31:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def parse_duration(text: str) -> float:
    """Go's time.ParseDuration, in seconds."""
    if text in ("0", "+0", "-0"):
        return 0.0
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    parts = _DURATION.findall(rest)
    if not rest or "".join(parts) != rest:
        if re.fullmatch(r"[0-9]+(\.[0-9]*)?", rest):
            raise ValueError(f'time: missing unit in duration "{text}"')
        unit = re.fullmatch(r"(?:[0-9.]+[a-zµ]+)*?[0-9.]+([^0-9.]+).*", rest)
        if unit:
            raise ValueError(f'time: unknown unit "{unit[1]}" in duration "{text}"')
        raise ValueError(f'time: invalid duration "{text}"')
    total = 0.0
    for part in parts:
        number = part.rstrip("nuµmsh")
        total += float(number) * _UNITS[part[len(number) :]]
    return sign * total


def _strings(text: str) -> list[str]:
    return text.split(",") if text else []


PARSERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "bool": parse_bool,
    "int": parse_int,
    "duration": parse_duration,
    "strings": _strings,
    "array": lambda text: [text],
}
_ZERO: dict[str, Any] = {
    "string": "", "bool": False, "int": 0, "duration": 0.0, "strings": (), "array": (),
}  # fmt: skip


# --- reading a command line


class FlagError(ValueError):
    """A command line that pflag cannot read; the message is its own."""


class _Reader:
    def __init__(self, words: list[str], known: Iterable[Flag]) -> None:
        flags = list(known)
        self.words = list(words)
        self.by_name = {flag.name: flag for flag in flags}
        self.by_short = {flag.short: flag for flag in flags if flag.short}
        self.out = Parsed(flags={flag.name: flag.initial for flag in flags})

    def read(self) -> Parsed:
        while self.words:
            word = self.words.pop(0)
            if word == "--":
                self.out.dash = len(self.out.args)
                self.out.args += self.words
                break
            if word.startswith("--"):
                self._long(word)
            elif word.startswith("-") and len(word) > 1:
                self._short(word)
            else:
                self.out.args.append(word)
        return self.out

    def _long(self, word: str) -> None:
        name, equals, value = word[2:].partition("=")
        if not name or name[0] == "-":
            raise FlagError(f"bad flag syntax: {word}")
        flag = self.by_name.get(name)
        if flag is None:
            raise FlagError(f"unknown flag: --{name}")
        if equals:
            self._set(flag, value)
        elif flag.type == "bool":
            self._set(flag, "true")
        elif flag.bare is not None:
            self._set(flag, flag.bare)
        elif self.words:
            self._set(flag, self.words.pop(0))
        else:
            raise FlagError(f"flag needs an argument: --{name}")

    def _short(self, word: str) -> None:
        rest = word[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            flag = self.by_short.get(letter)
            if flag is None:
                raise FlagError(f"unknown shorthand flag: '{letter}' in {word}")
            if rest.startswith("="):
                return self._set(flag, rest[1:])
            if flag.type == "bool" or flag.bare is not None:
                self._set(flag, "true" if flag.type == "bool" else flag.bare)
                continue
            if not rest and not self.words:
                raise FlagError(f"flag needs an argument: '{letter}' in {word}")
            return self._set(flag, rest or self.words.pop(0))
        return None

    def _set(self, flag: Flag, text: str) -> None:
        try:
            value = PARSERS[flag.type](text)
        except ValueError as error:
            raise FlagError(f'invalid argument "{text}" for "{flag.label}" flag: {error}') from None
        if flag.type in ("strings", "array") and flag.name in self.out.changed:
            value = [*self.out.flags[flag.name], *value]
        self.out.flags[flag.name] = value
        self.out.changed.add(flag.name)


def parse(words: list[str], known: Iterable[Flag], path: str) -> Parsed:
    """Separate flags from arguments. Raises KubectlError in pflag's words."""
    try:
        return _Reader(words, known).read()
    except FlagError as error:
        raise flag_error(path, str(error)) from None


def first_argument(words: list[str], known: Iterable[Flag]) -> int | None:
    """Where the first word stands that is not a flag nor a flag's value.

    Cobra looks for the command's name before it knows the command's flags.
    """
    flags = {f"--{flag.name}": flag for flag in known} | {
        f"-{flag.short}": flag for flag in known if flag.short
    }
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return None
        if not word.startswith("-") or word == "-":
            return index
        flag = flags.get(word)
        takes_next = flag is not None and flag.type != "bool" and flag.bare is None
        index += 2 if takes_next else 1
    return None
