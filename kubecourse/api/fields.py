"""Field selectors: `metadata.name=web,status.phase!=Running`.

Unlike labels, only a few fields of each kind can be selected by. Behaviour follows
`staging/src/k8s.io/apimachinery/pkg/fields/selector.go` and `…/pkg/runtime/conversion.go`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_TERMS = re.compile(r"(?:[^\\,]|\\.|\\$)+", re.DOTALL)
_TERM = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)


class FieldSelectorError(ValueError):
    """A text is not a field selector; the message is the API server's (400)."""


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
def parse_field_selector(text: str) -> FieldSelector:
    """Read a field selector. `=` and `==` are the same; a backslash goes before `,` or `=`.

    Raises FieldSelectorError for a text that cannot be read.
    """
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
