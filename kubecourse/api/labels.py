"""Label selectors: which objects belong together.

As text, in queries and on kubectl's command line: `app=web,tier in (a,b),!legacy`. As an object,
in specs: `matchLabels` and `matchExpressions`. Both become a `Selector`.

Behaviour follows `staging/src/k8s.io/apimachinery/pkg/labels/selector.go` and
`…/pkg/apis/meta/v1/helpers.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kubecourse.api.memo import memo
from kubecourse.api.names import is_qualified_name, validate_label_value

_SIGNS = {"=": "=", "==": "==", "!=": "!=", "in": " in ", "notin": " notin ", "gt": ">", "lt": "<"}
_INTEGER = re.compile(r"[+-]?[0-9]+")
_OBJECT_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


class SelectorError(ValueError):
    """A text or an object is not a selector; the message is the API server's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label.

    operator: `=`, `==`, `!=`, `in`, `notin`, `gt`, `lt`, `exists` or `!` (does not exist).
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet it. `!=` and `notin` also hold where the label is absent."""
        found = labels.get(self.key)
        match self.operator:
            case "=" | "==" | "in":
                return found in self.values
            case "!=" | "notin":
                return found not in self.values
            case "exists":
                return found is not None
            case "!":
                return found is None
        if found is None or not _INTEGER.fullmatch(found):
            return False
        limit = int(self.values[0])
        return int(found) > limit if self.operator == "gt" else int(found) < limit

    def __str__(self) -> str:
        if self.operator == "exists":
            return self.key
        if self.operator == "!":
            return f"!{self.key}"
        listed = ",".join(sorted(self.values))
        if self.operator in ("in", "notin"):
            listed = f"({listed})"
        return f"{self.key}{_SIGNS[self.operator]}{listed}"


class Selector:
    """Conditions on labels that must all hold. Immutable; without any, it selects everything."""

    __slots__ = ("_equal", "_others", "requirements")

    def __init__(self, requirements: Iterable[Requirement] = ()) -> None:
        self.requirements = tuple(sorted(requirements, key=lambda requirement: requirement.key))
        # Nearly every selector is a few equalities, asked millions of times.
        self._equal = tuple((r.key, r.values[0]) for r in self.requirements if _is_equality(r))
        self._others = tuple(r for r in self.requirements if not _is_equality(r))

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Whether an object with these labels (None: no labels) is selected."""
        labels = labels or {}
        for key, value in self._equal:
            if labels.get(key) != value:
                return False
        # Usually empty, and then a generator costs more than all the rest.
        for requirement in self._others:  # noqa: SIM110
            if not requirement.matches(labels):
                return False
        return True

    @property
    def empty(self) -> bool:
        """Whether it selects everything."""
        return not self.requirements

    @property
    def exact(self) -> dict[str, str]:
        """The labels that a selected object has for certain: what an index can look up."""
        return dict(self._equal)

    def __str__(self) -> str:
        """As kubectl and the API write it, sorted by key: `app=web,tier in (a,b)`."""
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selector):
            return NotImplemented
        return type(self) is type(other) and self.requirements == other.requirements

    def __hash__(self) -> int:
        return hash(self.requirements)


class _Nothing(Selector):
    __slots__ = ()

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        return False

    @property
    def empty(self) -> bool:
        return False


EVERYTHING = Selector()
NOTHING: Selector = _Nothing()


def _is_equality(requirement: Requirement) -> bool:
    return requirement.operator in ("=", "==", "in") and len(requirement.values) == 1


def requirement(key: str, operator: str, values: Iterable[str] = ()) -> Requirement:
    """A checked requirement. Raises SelectorError with the server's text."""
    listed = tuple(values)
    problems = _about("key", key, is_qualified_name(key))
    if operator in ("in", "notin") and not listed:
        problems.append(
            _bad_values(listed, "for 'in', 'notin' operators, values set can't be empty")
        )
    if operator in ("exists", "!") and listed:
        problems.append(
            _bad_values(listed, "values set must be empty for exists and does not exist")
        )
    for place, value in enumerate(listed):
        if operator in ("gt", "lt") and not _INTEGER.fullmatch(value):
            problem = "for 'Gt', 'Lt' operators, the value must be an integer"
            problems += _about(f"values[{place}]", value, [problem])
        problems += _about(f"values[{place}][{key}]", value, validate_label_value(value))
    if problems:
        unique = list(dict.fromkeys(problems))
        raise SelectorError(unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]")
    return Requirement(key, operator, listed)


def _about(path: str, value: str, objections: list[str]) -> list[str]:
    return [f'{path}: Invalid value: "{value}": {"; ".join(objections)}'] if objections else []


def _bad_values(values: tuple[str, ...], objection: str) -> str:
    listed = ",".join(f'"{value}"' for value in values)
    return f"values: Invalid value: [{listed}]: {objection}"


# --- from text


@lru_cache(maxsize=4096)
def parse_selector(text: str) -> Selector:
    """Read a selector such as `app=web,tier in (a,b),!legacy,size>3`.

    Raises SelectorError; the API server answers with its message as a 400.
    """
    return Selector(_Parser(text).requirements())


_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+)")


class _Parser:
    """A recursive descent over tokens; '' is the end, everything that is no sign a word."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = [*_TOKEN.findall(text), ""]
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at]

    def _next(self) -> str:
        token = self._tokens[self._at]
        # The end is there for whoever asks again.
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while (token := self._peek()) != "":
            if not _is_word(token) and token != "!":
                raise SelectorError(f"found '{token}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            token = self._next()
            if token == "":
                break
            if token != ",":
                raise SelectorError(f"found '{token}', expected: ',' or 'end of string'")
            after = self._peek()
            if not _is_word(after) and after != "!":
                raise SelectorError(f"found '{after}', expected: identifier after ','")
        return found

    def _requirement(self) -> Requirement:
        token = self._next()
        absent = token == "!"
        key = self._next() if absent else token
        if not _is_word(key):
            raise SelectorError(f"found '{key}', expected: identifier")
        if objections := is_qualified_name(key):
            # The server has no path for a key here, and prints that it has none.
            raise SelectorError(_about("<nil>", key, objections)[0])
        if absent or self._peek() in ("", ","):
            return requirement(key, "!" if absent else "exists")
        operator = self._next()
        if operator in ("in", "notin"):
            return requirement(key, operator, self._values())
        if operator not in ("=", "==", "!=", ">", "<"):
            raise SelectorError(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")
        operator = {">": "gt", "<": "lt"}.get(operator, operator)
        if self._peek() in ("", ","):
            return requirement(key, operator, ("",))
        value = self._next()
        if not _is_word(value):
            raise SelectorError(f"found '{value}', expected: identifier")
        return requirement(key, operator, (value,))

    def _values(self) -> list[str]:
        """The values in brackets, sorted, once each; nothing between commas is the empty one."""
        token = self._next()
        if token != "(":
            raise SelectorError(f"found '{token}' expected: '('")
        first = self._peek()
        if not _is_word(first) and first not in (",", ")"):
            raise SelectorError(f"found '{first}', expected: ',', ')' or identifier")
        values: set[str] = set()
        while True:
            token = self._next()
            if _is_word(token):
                values.add(token)
                token = self._next()
                if token not in (",", ")"):
                    raise SelectorError(f"found '{token}', expected: ',' or ')'")
                if token == "," and self._peek() in (",", ")"):
                    values.add("")
            elif token in (",", ")"):
                values.add("")
            else:
                raise SelectorError(f"found '{token}', expected: ',', or identifier")
            if token == ")":
                return sorted(values)


def _is_word(token: str) -> bool:
    return token != "" and token not in ("=", "==", "!=", "!", "(", ")", ",", "<", ">")


# --- from objects


def selector_from_map(labels: Mapping[str, str] | None) -> Selector:
    """The selector of a Service or a nodeSelector: each label must be there with its value.

    No labels select everything; that a Service without a selector selects nothing is the
    business of whoever looks for its pods.
    """
    return _shared(tuple(Requirement(key, "=", (value,)) for key, value in (labels or {}).items()))


@lru_cache(maxsize=4096)
def _shared(requirements: tuple[Requirement, ...]) -> Selector:
    return Selector(requirements) if requirements else EVERYTHING


def selector_from_label_selector(obj: Any) -> Selector:
    """The selector that a LabelSelector object stands for.

    obj has `matchLabels` and `matchExpressions` (items with `key`, `operator`, `values`), any of
    them None; it is remembered by identity, so it must never be changed in place. None selects
    nothing, an empty LabelSelector everything. A plain map, as a ReplicationController has it,
    selects what carries all of it.

    Raises SelectorError for an operator or a label that is not valid.
    """
    if isinstance(obj, dict):
        return selector_from_map(obj)
    return NOTHING if obj is None else _convert(obj)


@memo
def _convert(obj: Any) -> Selector:
    found = [requirement(key, "=", (value,)) for key, value in (obj.matchLabels or {}).items()]
    for expression in obj.matchExpressions or ():
        operator = _OBJECT_OPERATORS.get(expression.operator)
        if operator is None:
            raise SelectorError(f'"{expression.operator}" is not a valid label selector operator')
        found.append(requirement(expression.key, operator, expression.values or ()))
    return _shared(tuple(found))


def format_label_selector(obj: Any) -> str:
    """A LabelSelector as kubectl's tables print it: `app=web,tier in (a,b)`, `<none>`."""
    try:
        return str(selector_from_label_selector(obj)) or "<none>"
    except SelectorError:
        return "<error>"
