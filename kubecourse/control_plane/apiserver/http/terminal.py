"""Typing to a shell in a container: what a terminal driver does with keys."""

from __future__ import annotations

from collections.abc import Iterator

END_OF_FILE = "\x04"
INTERRUPT = "\x03"
_ENTER, _ERASE, _ESCAPE = "\r\n", "\x7f\b", "\x1b"


class Terminal:
    """Takes what is typed, shows it if it is a `tty`, and makes lines of it."""

    def __init__(self, tty: bool) -> None:
        self._tty = tty
        self._line = ""
        self._escaped = False

    def typed(self, data: bytes) -> Iterator[tuple[str, str]]:
        """For each key: what is to be shown, and the line (or control character) that it ends."""
        for char in data.decode("utf-8", "replace"):
            if self._tty:
                yield self._key(char)
            elif char == "\n":
                yield "", self._take()
            else:
                self._line += char

    def rest(self) -> str:
        """What was typed and not ended."""
        return self._take() if self._line else ""

    def shown(self, text: str) -> bytes:
        """Text as it is sent."""
        return (text.replace("\n", "\r\n") if self._tty else text).encode()

    def _key(self, char: str) -> tuple[str, str]:
        if self._escaped:  # arrows and their kin do nothing
            self._escaped = not char.isalpha() and char != "~"
        elif char == _ESCAPE:
            self._escaped = True
        elif char in _ENTER:
            return "\n", self._take()
        elif char in _ERASE:
            if self._line:
                self._line = self._line[:-1]
                return "\b \b", ""
        elif char == INTERRUPT:
            self._line = ""
            return "^C\n", INTERRUPT
        elif char == END_OF_FILE:
            return "", "" if self._line else END_OF_FILE
        elif char.isprintable():
            self._line += char
            return char, ""
        return "", ""

    def _take(self) -> str:
        line, self._line = self._line, ""
        return line + "\n"
