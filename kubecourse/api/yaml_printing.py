"""Printing YAML as kubectl does.

Keys are sorted with their numbers in order (`a2` before `a10`), lists stand below their key
without indentation, long texts are folded, what would be read as a number or boolean is quoted.
Source: `sigs.k8s.io/yaml/goyaml.v2/{encode,sorter}.go`.
"""

from __future__ import annotations

import json
import re
from functools import cmp_to_key
from typing import Any

import yaml as pyyaml

from kubecourse.api.yaml_scalars import looks_like_other

_BASE: Any = getattr(pyyaml, "CSafeDumper", pyyaml.SafeDumper)
_STRING = "tag:yaml.org,2002:str"


class _Dumper(_BASE):
    """Kubernetes' choice of styles; the rest is libyaml's."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> Any:
        style = None
        if "\n" in text:
            style = "|"
        elif looks_like_other(text):
            style = '"'
        return self.represent_scalar(_STRING, text, style=style)

    def represent_plain(self, value: Any) -> Any:
        return self.represent_scalar(_STRING, json.dumps(value))

    def represent_map(self, data: dict[str, Any]) -> Any:
        return self.represent_mapping("tag:yaml.org,2002:map", sorted_items(data))


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(dict, _Dumper.represent_map)
for _type in (bool, int, float, type(None)):
    _Dumper.add_representer(_type, _Dumper.represent_plain)
# A string that needs no quotes for Go needs none for libyaml: it has no other types to confuse.
_Dumper.yaml_implicit_resolvers = {}


def sorted_items(data: dict[str, Any]) -> list[tuple[str, Any]]:
    """A map's entries in the order in which they are printed."""
    plain = sorted(data.items())
    if not any(map(_UNUSUAL.search, data)):
        return plain
    return sorted(plain, key=lambda item: _ORDER(item[0]))


_UNUSUAL = re.compile(r"[^A-Za-z]")


def _compare(a: str, b: str) -> int:
    for index in range(min(len(a), len(b))):
        left, right = a[index], b[index]
        if left == right:
            continue
        letters = left.isalpha(), right.isalpha()
        if all(letters):
            return -1 if left < right else 1
        if any(letters):
            return -1 if letters[1] else 1
        return _compare_numbers(a, b, index)
    return len(a) - len(b)


def _compare_numbers(a: str, b: str, index: int) -> int:
    head = ""
    if "0" in (a[index], b[index]):
        digits = re.search(r"[0-9]*$", a[:index])
        head = "1" if digits and digits[0].strip("0") else ""
    left, right = _digits(a, index), _digits(b, index)
    if head:
        numbers = int(head + left), int(head + right)
    else:
        numbers = int(left or "0"), int(right or "0")
    if numbers[0] != numbers[1]:
        return -1 if numbers[0] < numbers[1] else 1
    if len(left) != len(right):
        return len(left) - len(right)
    return -1 if a[index] < b[index] else 1


def _digits(text: str, index: int) -> str:
    found = re.compile(r"[0-9]*").match(text, index)
    return found[0] if found else ""


_ORDER = cmp_to_key(_compare)


def dump(value: Any) -> str:
    """A JSON value as YAML, ending in a line break."""
    text: str = pyyaml.dump(
        value, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False
    )
    # A bare scalar is followed by an end-of-document mark that kubectl does not print.
    return text.removesuffix("...\n")
