"""Flags as data: a line of text each; and how pflag reads a command line.

A line is what a help text would say of the flag, with the type of its value, its default, and
after `?` the value that it has when it is given without one::

    -f --follow                  Stay and print what comes.
    --tail=int:-1                Only so many lines from the end.
    --image=string!              The image; it must be given.
    --cascade=string:background?background    …

Sources: `github.com/spf13/pflag` `flag.go`; for the shared flags
`staging/src/k8s.io/cli-runtime/pkg/genericclioptions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kubecourse.api.duration import parse_duration
from kubecourse.tools.kubectl.failure import KubectlError

# --- the values of flags


def parse_bool(text: str) -> bool:
    """Go's strconv.ParseBool."""
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def parse_int(text: str) -> int:
    """Go's strconv.ParseInt."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if not -(2**31) <= int(text) < 2**31:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)


PARSERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "bool": parse_bool,
    "int": parse_int,
    "duration": parse_duration,
    "strings": lambda text: text.split(",") if text else [],
    "array": lambda text: [text],
}
_ZERO: dict[str, Any] = {
    "string": "", "bool": False, "int": 0, "duration": 0.0, "strings": (), "array": (),
}  # fmt: skip


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
    def takes_word(self) -> bool:
        """Whether the next word is its value."""
        return self.type != "bool" and self.bare is None


_LINE = re.compile(
    r"(?:-(?P<short>\w) )?--(?P<name>[\w-]+)"
    r"(?:=(?P<type>\w+)(?P<required>!)?(?::(?P<default>[^\s?]*))?(?:\?(?P<bare>\S+))?)?"
    r"\s+(?P<help>.+)"
)


def read_flags(lines: Iterable[str]) -> tuple[Flag, ...]:
    """The flags of a command's lines."""
    flags: list[Flag] = []
    for line in lines:
        match = _LINE.fullmatch(line)
        assert match is not None, line
        short, name, kind, required, default, bare, words = match.groups()
        kind = kind or "bool"
        value = PARSERS[kind](default) if default else None
        flags.append(Flag(name, short or "", kind, value, words, bare, bool(required)))
    return tuple(flags)


# --- reading a command line


@dataclass
class Parsed:
    """A command line taken apart. `dash` is where `--` stood among the arguments, or None."""

    args: list[str] = field(default_factory=list)
    flags: dict[str, Any] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    dash: int | None = None


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
        elif not flag.takes_word:
            self._set(flag, flag.bare or "true")
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
            if flag.takes_word:
                if not rest and not self.words:
                    raise FlagError(f"flag needs an argument: '{letter}' in {word}")
                return self._set(flag, rest or self.words.pop(0))
            self._set(flag, flag.bare or "true")
        return None

    def _set(self, flag: Flag, text: str) -> None:
        try:
            value = PARSERS[flag.type](text)
        except ValueError as error:
            label = f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"
            raise FlagError(f'invalid argument "{text}" for "{label}" flag: {error}') from None
        if flag.type in ("strings", "array") and flag.name in self.out.changed:
            value = [*self.out.flags[flag.name], *value]
        self.out.flags[flag.name] = value
        self.out.changed.add(flag.name)


def read(words: list[str], known: Iterable[Flag]) -> Parsed:
    """Separate flags from arguments. Raises FlagError."""
    return _Reader(words, known).read()


def parse(words: list[str], known: Iterable[Flag], path: str) -> Parsed:
    """The same for kubectl. Raises KubectlError."""
    try:
        return read(words, known)
    except FlagError as error:
        raise KubectlError(f"{error}\nSee '{path} --help' for usage.") from None


def first_argument(words: list[str], known: Iterable[Flag]) -> int | None:
    """Where the first word stands that is not a flag nor a flag's value.

    Cobra looks for the command's name before it knows the command's flags.
    """
    taking = {f"--{flag.name}" for flag in known if flag.takes_word}
    taking |= {f"-{flag.short}" for flag in known if flag.short and flag.takes_word}
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return None
        if not word.startswith("-") or word == "-":
            return index
        index += 2 if word in taking else 1
    return None
