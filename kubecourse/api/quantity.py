"""Quantities: the numbers with suffixes that Kubernetes uses for CPU, memory and counts.

`100m` of CPU is a tenth of a core, `64Mi` of memory is 64 times 2**20 bytes. The amount is
exact: it is kept as a whole number of nano-units, the finest the API knows, never as a float.

Behaviour follows `staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go`.

The functions that take text are what the simulation calls millions of times with a few hundred
different texts; they remember their answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

FORMAT_WRONG = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
NUMERIC_WRONG = "unable to parse numeric part of quantity"
SUFFIX_WRONG = "unable to parse quantity's suffix"

_NANO = 10**9
_MILLI_IN_NANO = 10**6
_BINARY_CAP = (2**63 - 1) * _NANO

# Looser than the expression in the message, as the server's scanner is: it takes "Ki" for zero.
_SHAPE = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)")
_EXPONENT = re.compile(r"[eE][+-]?[0-9]+")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = ["", *_BINARY]

# Python would happily build a number with a billion digits from "1e999999999".
_MOST_DIGITS = 1000
_REMEMBERED = 1 << 14


class QuantityError(ValueError):
    """A text is not a quantity; the message is the API server's."""


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """An exact amount and the family of suffixes it is written in.

    nano: the amount in units of 10**-9 (of a core, of a byte, of a thing).
    format: DecimalSI (`1500m`, `2k`), BinarySI (`64Mi`) or DecimalExponent (`1e3`).

    Two quantities are equal when their amounts are, however they are written: `1` and `1000m`.
    """

    nano: int
    format: Format = "DecimalSI"

    def __str__(self) -> str:
        """The canonical form: no fraction, the largest suffix that keeps a whole number."""
        return _write(self.nano, self.format)

    def __eq__(self, other: object) -> bool:
        return self.nano == other.nano if isinstance(other, Quantity) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.nano)

    def __lt__(self, other: Quantity) -> bool:
        return self.nano < other.nano

    def __le__(self, other: Quantity) -> bool:
        return self.nano <= other.nano

    def __gt__(self, other: Quantity) -> bool:
        return self.nano > other.nano

    def __ge__(self, other: Quantity) -> bool:
        return self.nano >= other.nano

    def __add__(self, other: Quantity) -> Quantity:
        """The sum, written like the left operand, or like the right one if the left is zero."""
        return Quantity(self.nano + other.nano, self.format if self.nano else other.format)

    def __sub__(self, other: Quantity) -> Quantity:
        """The difference, written like the left operand unless that is zero."""
        return Quantity(self.nano - other.nano, self.format if self.nano else other.format)

    def __neg__(self) -> Quantity:
        return Quantity(-self.nano, self.format)

    @property
    def value(self) -> int:
        """Whole units; a fraction is rounded up (away from zero)."""
        return _divide_up(self.nano, _NANO)

    @property
    def milli(self) -> int:
        """Thousandths of a unit, such as millicores; a finer part is rounded up."""
        return _divide_up(self.nano, _MILLI_IN_NANO)

    @property
    def is_zero(self) -> bool:
        return self.nano == 0

    @property
    def is_negative(self) -> bool:
        return self.nano < 0

    def round_up(self, scale: int) -> Quantity:
        """Rounded away from zero to a multiple of 10**scale (scale -3: thousandths)."""
        step = 10 ** max(scale + 9, 0)
        return Quantity(_divide_up(self.nano, step) * step, self.format)


ZERO = Quantity(0)


def _divide_up(amount: int, step: int) -> int:
    return -(-amount // step) if amount >= 0 else amount // step


@lru_cache(maxsize=_REMEMBERED)
def parse_quantity(text: str) -> Quantity:
    """Read a quantity such as `100m`, `1.5Gi` or `2e3`.

    A part finer than nano is rounded away from zero: who asks for something gets something.
    Binary amounts stop silently at 2**63-1. White space is refused; a decoder of JSON or YAML
    strips what surrounds the text before it comes here, as the server's does.

    Raises QuantityError with the server's message.
    """
    match = _SHAPE.fullmatch(text)
    if match is None or not text:
        raise QuantityError(FORMAT_WRONG)
    sign, whole, fraction, suffix = match.groups(default="")
    base, exponent, form = _read_suffix(suffix)
    digits = whole + fraction
    if not digits:
        # The server's fast path makes this zero; its slow path, for large powers, gives up.
        if base == 2 and exponent >= 50:
            raise QuantityError(NUMERIC_WRONG)
        digits = "0"
    if len(digits) > _MOST_DIGITS:
        raise QuantityError(NUMERIC_WRONG)
    mantissa = int(digits)
    shift = 9 - len(fraction)
    if base == 2:
        mantissa <<= exponent
    else:
        shift += exponent
    nano = _shifted(mantissa, shift)
    if form == "BinarySI":
        nano = min(nano, _BINARY_CAP)
        if 0 < nano < _NANO:
            form = "DecimalSI"
    return Quantity(-nano if sign == "-" else nano, form)


def _read_suffix(suffix: str) -> tuple[int, int, Format]:
    """The base (10 or 2), its power and the format that a suffix stands for."""
    if suffix in _DECIMAL:
        return 10, _DECIMAL[suffix], "DecimalSI"
    if suffix in _BINARY:
        return 2, _BINARY[suffix], "BinarySI"
    if _EXPONENT.fullmatch(suffix) and len(suffix) < 20:
        return 10, int(suffix[1:]), "DecimalExponent"
    raise QuantityError(SUFFIX_WRONG)


def _shifted(mantissa: int, shift: int) -> int:
    """Multiply by a power of ten, rounding up."""
    if mantissa == 0 or shift == 0:
        return mantissa
    if shift > _MOST_DIGITS:
        raise QuantityError(NUMERIC_WRONG)
    if shift > 0:
        power: int = 10**shift
        return mantissa * power
    if -shift > 2 * _MOST_DIGITS:
        return 1
    step: int = 10**-shift
    return _divide_up(mantissa, step)


def _write(nano: int, form: Format) -> str:
    if nano == 0:
        return "0"
    if form == "BinarySI" and nano % _NANO == 0 and abs(nano) >= 1024 * _NANO:
        number, power = nano // _NANO, 0
        while number % 1024 == 0 and power < 6:
            number //= 1024
            power += 1
        return f"{number}{_BINARY_SUFFIX[power]}"
    number, exponent = nano, -9
    while number % 1000 == 0:
        number //= 1000
        exponent += 3
    # Beyond E there is no letter left, so large decimal amounts fall back to an exponent too.
    if form == "DecimalExponent" or exponent > 18:
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_DECIMAL_SUFFIX[exponent]}"


@lru_cache(maxsize=_REMEMBERED)
def canonical(text: str) -> str:
    """The canonical form of a quantity: `0.5` → `500m`, `1024Mi` → `1Gi`. Raises QuantityError.

    Outside resource lists the server returns some texts as they were written though they are
    not quite canonical (`+1`, `005`, `1.`); this does not.
    """
    return str(parse_quantity(text))


@lru_cache(maxsize=_REMEMBERED)
def canonical_milli(text: str) -> str:
    """The canonical form after rounding up to thousandths: how resource lists are stored.

    `0.0005` → `1m`. Raises QuantityError. Source: `pkg/apis/core/v1/defaults.go`.
    """
    return str(parse_quantity(text).round_up(-3))


@lru_cache(maxsize=_REMEMBERED)
def value(text: str) -> int:
    """Whole units (bytes, cores, things), rounded up. Raises QuantityError."""
    return parse_quantity(text).value


@lru_cache(maxsize=_REMEMBERED)
def milli(text: str) -> int:
    """Thousandths of a unit (millicores), rounded up. Raises QuantityError."""
    return parse_quantity(text).milli


def add(a: str, b: str) -> str:
    """The canonical sum of two quantities. Raises QuantityError."""
    return str(parse_quantity(a) + parse_quantity(b))


def compare(a: str, b: str) -> int:
    """-1, 0 or 1: whether a is less than, equal to or more than b. Raises QuantityError."""
    left, right = parse_quantity(a).nano, parse_quantity(b).nano
    return (left > right) - (left < right)


def is_negative(text: str) -> bool:
    """Whether the amount is below zero. Raises QuantityError."""
    return parse_quantity(text).nano < 0


def is_zero(text: str) -> bool:
    """Whether the amount is nothing. Raises QuantityError."""
    return parse_quantity(text).nano == 0


def format_resources(resources: Mapping[str, str]) -> str:
    """A resource list on one line, as quota messages print it: `cpu=100m,memory=64Mi`.

    Raises QuantityError. `staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota`.
    """
    return ",".join(f"{name}={canonical(resources[name])}" for name in sorted(resources))
