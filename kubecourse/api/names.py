"""What may be called what: names, label keys and values, ports, and generated suffixes.

Every `is_…` function returns the list of the server's objections, empty when the text is fine,
so that a caller can put each behind the path of a field:
`metadata.name: Invalid value: "Foo": ` + objection.

Behaviour follows `staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go`,
`…/pkg/api/validate/content` and `…/pkg/util/rand/rand.go`.
"""

from __future__ import annotations

import re
from typing import Protocol

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = rf"({_QUALIFIED})?"
_CONFIG_KEY = r"[-._a-zA-Z0-9]+"
_PERCENT = r"[0-9]+%"

_LABEL_RE = re.compile(_LABEL)
_SUBDOMAIN_RE = re.compile(_SUBDOMAIN)
_QUALIFIED_RE = re.compile(_QUALIFIED)
_LABEL_VALUE_RE = re.compile(_LABEL_VALUE)
_CONFIG_KEY_RE = re.compile(_CONFIG_KEY)
_PERCENT_RE = re.compile(_PERCENT)
_PORT_CHARACTERS_RE = re.compile(r"[-a-z0-9]+")
_LETTER_RE = re.compile(r"[a-z]")

_QUALIFIED_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)


def _shape(rule: str, pattern: str, *examples: str) -> str:
    """The server's sentence for a text that does not match: rule, examples, expression."""
    listed = " or ".join(f"'{example}', " for example in examples)
    return f"{rule} (e.g. {listed}regex used for validation is '{pattern}')"


_LABEL_SHAPE = _shape(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character",
    _LABEL,
    "my-name",
    "123-abc",
)
_SUBDOMAIN_SHAPE = _shape(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
    "'-' or '.', and must start and end with an alphanumeric character",
    _SUBDOMAIN,
    "example.com",
)
_QUALIFIED_SHAPE = _shape(_QUALIFIED_RULE, _QUALIFIED, "MyName", "my.name", "123-abc")
_LABEL_VALUE_SHAPE = _shape(
    "a valid label must be an empty string or consist of alphanumeric characters, "
    "'-', '_' or '.', and must start and end with an alphanumeric character",
    _LABEL_VALUE,
    "MyValue",
    "my_value",
    "12345",
)
_CONFIG_KEY_SHAPE = _shape(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)
_PERCENT_SHAPE = _shape(
    "a valid percent string must be a numeric string followed by an ending '%'",
    _PERCENT,
    "1%",
    "93%",
)


def _too_long(text: str, most: int, unit: str = "characters") -> list[str]:
    # The server counts bytes everywhere; only its newer messages say so.
    return [f"must be no more than {most} {unit}"] if len(text.encode()) > most else []


def is_dns1123_label(name: str) -> list[str]:
    """Objections to a name of at most 63 lower-case letters, digits and inner dashes.

    Namespaces, containers and, since 1.36, Services are named so.
    """
    problems = _too_long(name, 63)
    if not _LABEL_RE.fullmatch(name):
        dotted = _SUBDOMAIN_RE.fullmatch(name)
        problems.append("must not contain dots" if dotted else _LABEL_SHAPE)
    return problems


def is_dns1123_subdomain(name: str) -> list[str]:
    """Objections to labels joined by dots, 253 bytes at most: most objects are named so."""
    problems = _too_long(name, 253)
    if not _SUBDOMAIN_RE.fullmatch(name):
        problems.append(_SUBDOMAIN_SHAPE)
    return problems


def is_path_segment(name: str) -> list[str]:
    """Objections to a name that is only ever part of a path: those of roles and bindings."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{illegal}'" for illegal in "/%" if illegal in name]


def is_qualified_name(key: str) -> list[str]:
    """Objections to `name` or `prefix.example.com/name`: keys of labels, taints, resources."""
    prefix, slash, name = key.partition("/")
    if "/" in name:
        rule = f"a valid label key {_QUALIFIED_SHAPE}"
        return [f"{rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    problems = []
    if not slash:
        name = prefix
    elif not prefix:
        problems.append("prefix part must be non-empty")
    else:
        problems += [f"prefix part {text}" for text in _too_long(prefix, 253, "bytes")]
        if not _SUBDOMAIN_RE.fullmatch(prefix):
            problems.append(f"prefix part {_SUBDOMAIN_SHAPE}")
    if not name:
        problems.append("name part must be non-empty")
    problems += [f"name part {text}" for text in _too_long(name, 63, "bytes")]
    if not _QUALIFIED_RE.fullmatch(name):
        problems.append(f"name part {_QUALIFIED_SHAPE}")
    return problems


def validate_label_value(value: str) -> list[str]:
    """Objections to the value of a label: empty, or at most 63 of `A-Za-z0-9-_.`."""
    problems = _too_long(value, 63, "bytes")
    if not _LABEL_VALUE_RE.fullmatch(value):
        problems.append(_LABEL_VALUE_SHAPE)
    return problems


def is_config_map_key(key: str) -> list[str]:
    """Objections to a key of a ConfigMap or Secret, which may become the name of a file."""
    problems = _too_long(key, 253)
    if not _CONFIG_KEY_RE.fullmatch(key):
        problems.append(_CONFIG_KEY_SHAPE)
    elif key in (".", ".."):
        problems.append(f"must not be '{key}'")
    elif key.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def is_valid_port_name(name: str) -> list[str]:
    """Objections to the name of a port: 15 of `a-z0-9-`, at least one a letter."""
    problems = _too_long(name, 15)
    if not _PORT_CHARACTERS_RE.fullmatch(name):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _LETTER_RE.search(name):
        problems.append("must contain at least one letter (a-z)")
    if "--" in name:
        problems.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def is_valid_percent(text: str) -> list[str]:
    """Objections to a percentage such as `25%`."""
    return [] if _PERCENT_RE.fullmatch(text) else [_PERCENT_SHAPE]


SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters of generated names: no vowels and no 0, 1, 3, so that no word appears by accident."""

_SUFFIX_LENGTH = 5


class RandomSource(Protocol):
    """The part of `random.Random` that names need; a cluster has exactly one, seeded."""

    def choices(self, population: str, *, k: int) -> list[str]: ...


def random_suffix(rng: RandomSource, n: int = _SUFFIX_LENGTH) -> str:
    """Draw n characters from the safe alphabet."""
    return "".join(rng.choices(SAFE_ALPHABET, k=n))


def safe_encode(text: str) -> str:
    """Each character of a text moved into the safe alphabet, as pod-template-hash is."""
    return "".join(SAFE_ALPHABET[ord(character) % len(SAFE_ALPHABET)] for character in text)
