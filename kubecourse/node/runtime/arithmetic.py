"""Shell arithmetic: `$((2 * 3 + 1))`, on integers."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(r"\s*(\d+|<=|>=|==|!=|&&|\|\||[-+*/%()<>!])")

_LEVELS: tuple[dict[str, Callable[[int, int], int]], ...] = (
    {"||": lambda a, b: int(bool(a or b))},
    {"&&": lambda a, b: int(bool(a and b))},
    {"==": lambda a, b: int(a == b), "!=": lambda a, b: int(a != b)},
    {
        "<": lambda a, b: int(a < b),
        ">": lambda a, b: int(a > b),
        "<=": lambda a, b: int(a <= b),
        ">=": lambda a, b: int(a >= b),
    },
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {
        "*": lambda a, b: a * b,
        "/": lambda a, b: int(a / b) if b else 0,
        "%": lambda a, b: a - b * int(a / b) if b else 0,
    },
)


def evaluate(text: str) -> int:
    """What an expression comes to; 0 where it makes no sense."""
    tokens = _TOKEN.findall(text)
    value, rest = _binary(tokens, 0)
    return value if not rest else 0


def _binary(tokens: list[str], level: int) -> tuple[int, list[str]]:
    if level == len(_LEVELS):
        return _unary(tokens)
    value, tokens = _binary(tokens, level + 1)
    while tokens and tokens[0] in _LEVELS[level]:
        operator = _LEVELS[level][tokens[0]]
        other, tokens = _binary(tokens[1:], level + 1)
        value = operator(value, other)
    return value, tokens


def _unary(tokens: list[str]) -> tuple[int, list[str]]:
    if not tokens:
        return 0, []
    first, rest = tokens[0], tokens[1:]
    if first == "(":
        value, rest = _binary(rest, 0)
        return value, rest[1:]
    if first in "-+!":
        value, rest = _unary(rest)
        return {"-": -value, "+": value, "!": int(not value)}[first], rest
    return (int(first), rest) if first.isdigit() else (0, rest)
