"""What a YAML scalar means: a string, unless it looks like something else.

Source: `sigs.k8s.io/yaml/goyaml.v2/resolve.go`.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from typing import Any

TAG = "tag:yaml.org,2002:"

_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    ".nan": float("nan"),
    ".NaN": float("nan"),
    ".NAN": float("nan"),
}
for _value, _texts in (
    (True, "y Y yes Yes YES true True TRUE on On ON"),
    (False, "n N no No NO false False FALSE off Off OFF"),
    (None, "null Null NULL"),
    (float("inf"), ".inf .Inf .INF +.inf +.Inf +.INF"),
    (float("-inf"), "-.inf -.Inf -.INF"),
):
    _WORDS.update(dict.fromkeys(_texts.split(), _value))

_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASES = {"0x": 16, "0X": 16, "0o": 8, "0O": 8, "0b": 2, "0B": 2}
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]*)?"
    r"(?:Z|[ \t]*[-+][0-9]{1,2}(?::[0-9]{2})?)?)?"
)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


@lru_cache(maxsize=8192)
def resolve(text: str) -> Any:
    """The value of a plain scalar without a tag. Dates stay strings."""
    if text in _WORDS:
        return _WORDS[text]
    if not text or text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "")
    number = _integer(plain)
    if number is not None:
        return number
    if _FLOAT.fullmatch(plain):
        return _json_number(float(plain))
    return text


def _integer(text: str) -> int | None:
    """Go's strconv.ParseInt with base 0: a leading 0 means octal."""
    sign = -1 if text[:1] == "-" else 1
    digits = text[1:] if text[:1] in ("-", "+") else text
    base = _BASES.get(digits[:2], 0)
    if base:
        digits = digits[2:]
    elif len(digits) > 1 and digits[0] == "0":
        base, digits = 8, digits[1:]
    try:
        if not digits.isascii() or not digits.isalnum():
            return None
        number = sign * int(digits, base or 10)
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**64 else _json_number(float(number))


def _json_number(number: float) -> Any:
    """A float as it comes out of JSON again: whole ones are integers there."""
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def looks_like_other(text: str) -> bool:
    """Whether a string printed plain would be read as something else, so that Go quotes it."""
    if not isinstance(resolve(text), str):
        return True
    return bool(_DATE.fullmatch(text) or _BASE_60.fullmatch(text))


def scalar(text: str, tag: str | None, plain: bool) -> Any:
    """The value of a scalar that is quoted or has a tag. Raises ValueError."""
    kind = (tag or "").removeprefix(TAG)
    if kind in ("", "!", "str") or kind not in ("int", "float", "bool", "null", "binary"):
        return resolve(text) if plain and not tag else text
    if kind == "binary":
        try:
            return base64.b64decode(text, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            raise ValueError("!!binary value contains invalid base64 data") from None
    value = resolve(text)
    matches: Any = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}[kind]
    if not isinstance(value, matches) or (kind != "bool" and isinstance(value, bool)):
        found = {bool: "bool", int: "int", float: "float", type(None): "null"}.get(
            type(value), "str"
        )
        raise ValueError(f"cannot decode !!{found} `{text}` as a !!{kind}")
    return value
