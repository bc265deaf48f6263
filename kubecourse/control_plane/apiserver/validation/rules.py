"""The language of validation: questions to values, put together along an object's fields.

A rule looks at one value and adds what is wrong with it to `Errors`, by paths that begin at that
value. `rules.txt` says which rule is asked of which field; a block of it is compiled into one rule
when it is first asked for. Paths are lengthened only where something is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from kubecourse.api import codec, errors, schema
from kubecourse.api.errors import FieldError
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import blocks


class Errors(list[FieldError]):
    """What is wrong, in the server's order.

    `old` is what the object replaces, `pod` the pod's spec that is being looked at and `volumes`
    its good volumes by name, for rules deep inside that must know of them.
    """

    old: Any = None
    pod: Any = None
    volumes: Mapping[str, Any] = {}

    def required(self, path: str, why: str = "") -> None:
        self.append(errors.required(path, why))

    def invalid(self, path: str, value: Any, why: str) -> None:
        self.append(errors.invalid(path, value, why))

    def forbidden(self, path: str, why: str) -> None:
        self.append(errors.field_forbidden(path, why))

    def unsupported(self, path: str, value: Any, choices: Iterable[str]) -> None:
        self.append(errors.not_supported(path, "" if value is None else value, choices))

    def unknown(self, path: str, value: Any) -> None:
        self.append(errors.field_not_found(path, value))

    def duplicate(self, path: str, value: Any) -> None:
        self.append(errors.duplicate(path, value))

    def below(self, prefix: str, start: int) -> None:
        """Put the errors since the one numbered `start` behind a field's name or an index."""
        for number in range(start, len(self)):
            error = self[number]
            dot = "" if not error.field or not prefix or error.field[0] == "[" else "."
            path = f"{prefix}{dot}{error.field}"
            self[number] = FieldError(path, error.type, error.value, error.detail)


Rule = Callable[[Any, Errors], None]
_EVEN_ABSENT: set[Rule] = set()
NAMES: dict[str, Any] = {}
"""What rules and conditions of the table may call by name."""


def even_absent(rule: Rule) -> Rule:
    """Mark a rule that is asked also of values that are not there."""
    _EVEN_ABSENT.add(rule)
    return rule


def named(function: Callable[..., Any]) -> Any:
    """Let the table call a function by its name."""
    NAMES[function.__name__] = function
    return function


def at(path: str, rule: Rule, value: Any, out: Errors) -> bool:
    """Ask a rule of a value that has this path; whether nothing was wrong."""
    if value is None and rule not in _EVEN_ABSENT:
        return True
    start = len(out)
    rule(value, out)
    if len(out) == start:
        return True
    out.below(path, start)
    return False


# --- rules of rules


class _Row(NamedTuple):
    """A rule of an attribute that errors call `path`, or with an empty `attribute` of it all.

    `condition`: an expression without which the rule finds nothing.
    """

    attribute: str
    rule: Rule
    path: str = ""
    condition: str = ""

    def ready(self) -> _Ready:
        return self.attribute, self.rule, self.rule in _EVEN_ABSENT, self.path


class _Once(NamedTuple):
    """Of all items of a list, what `key` gives may be there only once."""

    path: str
    key: Callable[..., Any]
    condition: str = ""

    def ready(self) -> _Ready:
        """The rule for one list."""
        seen = set()

        def check(item: Any, out: Errors) -> None:
            value = self.key(item, None, None)
            if value in seen:
                out.duplicate(self.path, value)
            elif value is not None:
                seen.add(value)

        return "", check, False, ""


_Ready = tuple[str, Rule, bool, str]
"""A row as it is asked: attribute, rule, whether even if absent, path."""


def _ready(parts: Iterable[_Row | _Once]) -> list[Any]:
    """Rows ready to be asked, and between them what has to be made for each list."""
    ready: list[Any] = []
    for conditional, group in groupby(parts, key=lambda part: bool(part.condition)):
        if conditional:
            ready.append(("", _any_of(list(group)), False, ""))
            continue
        ready += [part if isinstance(part, _Once) else part.ready() for part in group]
    return ready


def _any_of(rows: list[Any]) -> Rule:
    """Rules with conditions, as one question: nearly always none of them holds."""
    holds = _expression(" or ".join(f"({row.condition})" for row in rows))

    def check(obj: Any, out: Errors) -> None:
        if holds(obj, out.old, out.pod):
            for row in rows:
                row.rule(obj, out)

    return check


def _ask(rows: list[_Ready], obj: Any, out: Errors) -> None:
    for attribute, rule, even_if_absent, path in rows:
        if not attribute:
            rule(obj, out)
            continue
        value = getattr(obj, attribute)
        if value is not None or even_if_absent:
            start = len(out)
            rule(value, out)
            if len(out) > start:
                out.below(path, start)


def _all_of(parts: list[_Row]) -> Rule:
    rows = _ready(parts)

    def check(obj: Any, out: Errors) -> None:
        _ask(rows, obj, out)

    return check


def _each(parts: list[_Row | _Once], indexed: bool) -> Rule:
    """Ask of every item of a list. Of some lists the server gives the paths without the index."""
    ready = _ready(parts)
    repeats = any(isinstance(part, _Once) for part in parts)

    def check(items: Any, out: Errors) -> None:
        rows = ready
        if repeats:
            rows = [part.ready() if isinstance(part, _Once) else part for part in ready]
        for index, item in enumerate(items):
            start = len(out)
            _ask(rows, item, out)
            if len(out) > start and indexed:
                out.below(f"[{index}]", start)

    return check


def _needed(parts: list[_Row], why: str) -> Rule:
    """A value must be there, and not empty; of one that is, the rest is asked."""
    rows = _ready(parts)

    @even_absent
    def check(value: Any, out: Errors) -> None:
        if value:
            _ask(rows, value, out)
        else:
            out.required("", why)

    return check


def _either(what: str, members: dict[str, Rule]) -> Rule:
    """Exactly one of these fields must be set."""

    def check(obj: Any, out: Errors) -> None:
        found = False
        for name, member in members.items():
            value = getattr(obj, name)
            if value is None:
                continue
            if found:
                out.forbidden(name, f"may not specify more than 1 {what}")
                continue
            found = at(name, member, value, out) or True
        if not found:
            out.required("", f"must specify a {what}")

    return check


def _one_of(choices: tuple[str, ...]) -> Rule:
    def check(value: str | None, out: Errors) -> None:
        if value not in choices:
            out.unsupported("", value, choices)

    return check


def refuse(when: Callable[[Any], object], why: str) -> Rule:
    """A value is invalid when something is so."""

    def check(value: Any, out: Errors) -> None:
        if when(value):
            out.invalid("", value, why)

    return check


def between(low: int, high: int) -> Rule:
    """A number between two others, both allowed."""
    why = f"must be between {low} and {high}, inclusive"
    return refuse(lambda value: not low <= value <= high, why)


NAMES[">= 0"] = refuse(lambda value: value < 0, "must be greater than or equal to 0")
NAMES["> 0"] = refuse(lambda value: value <= 0, "must be greater than 0")

# --- the table


class _Block(NamedTuple):
    type: str
    lines: list[str]


@cache
def _blocks() -> dict[str, _Block]:
    """The table's blocks by name."""
    found: dict[str, _Block] = {}
    for heading, lines in blocks.read(__package__, "rules.txt"):
        go, _, names = heading.partition(" as ")
        for name in names.split(", ") if names else [go.rpartition(".")[2]]:
            found[name] = _Block(go, lines)
    return found


@cache
def rule(text: str) -> Rule:
    """The rule that a text means: a function's name, a block, `each Container`, `one of A B`."""
    word, _, rest = text.partition(" ")
    if word == "surely":
        meant = rule(rest)
        return even_absent(lambda value, out: meant(value, out))
    if word == "each":
        item = rest.removeprefix("at once ")
        block = _blocks().get(item)
        parts: list[Any] = _parts(*block) if block else [_Row("", rule(item))]
        return _each(parts, indexed=item == rest)
    if word == "one":
        return _one_of(tuple(choice.strip("'") for choice in text.split()[2:]))
    if word == "between":
        return between(*map(int, rest.split()))
    if text in NAMES:
        return NAMES[text]
    return _all_of(_parts(*_blocks()[text]))  # type: ignore[arg-type]


def block(kind: str, when: str = "") -> Rule | None:
    """The rule of a kind, or of a change to it; None if the table has nothing of it."""
    name = f"{kind} {when}" if when else kind
    return rule(name) if name in _blocks() else None


@cache
def of_kind(resource: Resource) -> Rule | None:
    """What is asked of a new object; of a kind without a block it is that of its spec."""
    if resource.kind in _blocks():
        return rule(resource.kind)
    spec = schema.struct(resource.schema).field("spec")
    found = block(spec.type.name.rpartition(".")[2]) if spec is not None else None
    return _all_of([_Row("spec", found, "spec")]) if found is not None else None


def _parts(go: str, lines: list[str]) -> list[_Row | _Once]:
    return [part for line in lines for part in _line(line, go)]


_VERDICT = re.compile(
    r"(required|invalid|forbidden|unsupported) (\S+)(?: as (.+?))? if (.+?)(?: \|(.*))?"
)
_FIELDS = re.compile(r"(.+?)(?: as (\S+))?(?: if (.+?))? ?: (.+)")
_NEEDED = re.compile(r"needed(?: \((.*)\))?")


def _line(line: str, go: str) -> list[_Row | _Once]:
    """What a line of a block about a Go type asks."""
    word, _, rest = line.partition(" ")
    if word == "=":
        return [_Row("", NAMES[rest])]
    if word == "+":
        other = _blocks()[rest]
        return _parts(other.type if go == "any" else go, other.lines)
    if word == "once":
        path, _, key = rest.partition(" by ")
        return [_Once("" if path == "." else path, _expression(key or f"self.{path} or None"))]
    if word == "either":
        what, _, members = rest.partition(": ")
        fields = [field for name in members.split() if (field := schema.struct(go).field(name))]
        return [_Row("", _either(what, {field.name: _member(field) for field in fields}))]
    if match := _VERDICT.fullmatch(line):
        return [_verdict(go, field, *match.group(1, 3, 4, 5)) for field in match[2].split(",")]
    match = _FIELDS.fullmatch(line)
    assert match is not None, line
    return [row for field in match[1].split() for row in _field(go, field, *match.group(2, 3, 4))]


def _member(field: schema.Field) -> Rule:
    """The block of a type, or what a type without one always writes: that must be there."""
    struct = schema.struct(field.type.name)
    if struct.kind in _blocks():
        return rule(struct.kind)
    texts = [field for field in struct.fields.values() if field.type.form in ("string", "list")]
    always = [field for field in texts if not field.omit and not field.type.pointer]
    return _all_of([_Row(_attribute(struct.name, f.name), _needed([], ""), f.name) for f in always])


def _attribute(go: str, field: str) -> str:
    """What Python calls a field; it must be there."""
    return codec.model(go)[1][field] if "/" in go else field


def _field(
    go: str, field: str, path: str | None, condition: str | None, rules: str
) -> list[_Row | _Once]:
    first, *others = re.split(r" ?; ?", rules)
    if match := _NEEDED.fullmatch(first):
        found = [_needed([_Row("", rule(text)) for text in others], match[1] or "")]
    else:
        found = [rule(text) for text in (first, *others)]
    attribute = "" if field == "." else _attribute(go, field)
    path = "" if path == "." else path or field
    if condition is None:
        return [_Row(attribute, asked, path) for asked in found]
    holds = _expression(condition)

    def check(obj: Any, out: Errors) -> None:
        if holds(obj, out.old, out.pod):
            for asked in found:
                if attribute:
                    at(path, asked, getattr(obj, attribute), out)
                else:
                    asked(obj, out)

    return [_Row("", check, condition=condition)]


# --- conditions


def _expression(text: str) -> Callable[..., Any]:
    return eval(f"lambda self, old, pod: {text}", NAMES)


_VALUE = re.compile(r"(?<![.\w])value\b")
_FIELD = re.compile(r"(?<![.\w])field\b")


def _verdict(
    go: str, field: str, verdict: str, shown: str | None, condition: str, why: str | None
) -> _Row:
    """A verdict on a field, or on a path that is none."""
    target = "self" if field == "." else f"self.{field}"

    def meaning(text: str) -> str:
        return _FIELD.sub(repr(field), _VALUE.sub(target, text))

    if _VALUE.search(condition):
        condition = f"{target} is not None and ({condition})"
    condition, path = meaning(condition), field.removeprefix(".")
    why = (why or "").strip().replace("{field}", field)
    holds = _expression(condition)
    words = _expression(f"f{why!r}") if "{" in why else None
    plain = verdict in ("required", "forbidden")
    value = _expression("None" if plain else meaning(shown or "value"))

    def judge(obj: Any, out: Errors) -> None:
        args = (obj, out.old, out.pod)
        if not holds(*args):
            return
        text = words(*args) if words else why
        if plain:
            getattr(out, verdict)(path, text)
        elif verdict == "unsupported":
            out.unsupported(path, value(*args), text.split() or [""])
        else:
            out.invalid(path, value(*args), text)

    return _Row("", judge, condition=condition)
