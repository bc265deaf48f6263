"""Field selectors: `metadata.name=web,status.phase!=Running`.

Unlike labels, only a few fields of each kind can be selected by. Behaviour follows
`staging/src/k8s.io/apimachinery/pkg/fields/selector.go` and `…/pkg/runtime/conversion.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

METADATA_FIELDS = ("metadata.name", "metadata.namespace")
"""The fields that every kind can be selected by."""

_TERMS = re.compile(r"(?:[^\\,]|\\.|\\$)+", re.DOTALL)
_TERM = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)


class FieldSelectorError(ValueError):
    """A text is not a field selector for this kind; the message is the API server's (400)."""


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One condition: the field has the value (`=`) or not (`!=`)."""

    field: str
    operator: str
    value: str

    def __str__(self) -> str:
        escaped = re.sub(r"([\\,=])", r"\\\1", self.value)
        return f"{self.field}{self.operator}{escaped}"


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Conditions on fields that must all hold."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, fields: Mapping[str, str] | Callable[[str], str]) -> bool:
        """Whether an object is selected, given its fields by name; an absent one is ''."""
        for requirement in self.requirements:
            name = requirement.field
            found = fields.get(name, "") if isinstance(fields, Mapping) else fields(name)
            if (found == requirement.value) != (requirement.operator == "="):
                return False
        return True

    @property
    def exact(self) -> dict[str, str]:
        """The values that a selected object has for certain: what an index can look up."""
        return {r.field: r.value for r in self.requirements if r.operator == "="}

    @property
    def empty(self) -> bool:
        """Whether it selects everything."""
        return not self.requirements

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


@lru_cache(maxsize=4096)
def _parse(text: str) -> FieldSelector:
    requirements = []
    for term in sorted(_TERMS.findall(text)):
        match = _TERM.fullmatch(term)
        if match is None:
            raise FieldSelectorError(f"invalid selector: '{text}'; can't understand '{term}'")
        field, operator, value = match.groups()
        operator = "!=" if operator == "!=" else "="
        requirements.append(FieldRequirement(field, operator, _unescape(value)))
    return FieldSelector(tuple(requirements))


def _unescape(value: str) -> str:
    plain = ""
    characters = iter(value)
    for character in characters:
        if character == "\\":
            character = next(characters, "")
            if character not in ("\\", ",", "="):
                raise FieldSelectorError(
                    f"invalid field selector: invalid escape sequence: \\{character}"
                )
        elif character in (",", "="):
            # Go prints the code of the character, not the character.
            code = ord(character)
            raise FieldSelectorError(
                f"invalid field selector: unescaped character in value: {code}"
            )
        plain += character
    return plain


def parse_field_selector(text: str, supported: Collection[str] | None = None) -> FieldSelector:
    """Read a field selector. `=` and `==` are the same; a backslash goes before `,` or `=`.

    supported: the fields that objects of this kind can be selected by; None allows any. Raises
    FieldSelectorError for a text that cannot be read or a field that is not supported. Kinds
    with nothing but METADATA_FIELDS get the server's general message, others its shorter one.
    """
    selector = _parse(text)
    if supported is not None:
        for requirement in selector.requirements:
            if requirement.field not in supported:
                raise FieldSelectorError(_unsupported(requirement.field, supported))
    return selector


def _unsupported(field: str, supported: Collection[str]) -> str:
    if set(supported) <= set(METADATA_FIELDS):
        return (
            f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
        )
    return f"field label not supported: {field}"
