"""What may be called what, in the server's words."""

import random

import pytest

from kubecourse.api import names

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    r"for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
QUALIFIED = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
CONFIG_KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',"
    "  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or "
    "'93%', regex used for validation is '[0-9]+%')"
)


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (names.is_dns1123_label, ["web", "1abc", "a-b", "x" * 63]),
        (names.is_dns1123_subdomain, ["web", "a.b-c.d", "1.2"]),
        (names.is_qualified_name, ["app", "App_1.x", "example.com/app"]),
        (names.validate_label_value, ["", "a", "A_b.c-1", "x" * 63]),
        (names.is_config_map_key, ["app.conf", "_", "..."[:1] + "x"]),
        (names.is_valid_port_name, ["http", "a-1", "8080a"]),
        (names.is_valid_percent, ["0%", "250%"]),
    ],
)
def test_nothing_to_object(check, good):
    assert {name: check(name) for name in good} == {name: [] for name in good}


@pytest.mark.parametrize(
    ("check", "bad", "objections"),
    [
        (names.is_dns1123_label, "My_C", [LABEL]),
        (names.is_dns1123_label, "", [LABEL]),
        (names.is_dns1123_label, "web\n", [LABEL]),
        (names.is_dns1123_label, "a.b", ["must not contain dots"]),
        (names.is_dns1123_label, "s" * 64, ["must be no more than 63 characters"]),
        (names.is_dns1123_subdomain, "Foo_1", [SUBDOMAIN]),
        (names.is_dns1123_subdomain, "g" * 254, ["must be no more than 253 characters"]),
        (names.is_valid_percent, "abc", [PERCENT]),
        (names.is_config_map_key, "a b", [CONFIG_KEY]),
        (names.is_config_map_key, "..", ["must not be '..'"]),
        (names.is_config_map_key, "..a", ["must not start with '..'"]),
        (names.validate_label_value, "a b", [VALUE]),
        (names.validate_label_value, "x" * 64, ["must be no more than 63 bytes"]),
        (names.validate_label_value, "é" * 32, ["must be no more than 63 bytes", VALUE]),
        (names.is_qualified_name, "-bad", [f"name part {QUALIFIED}"]),
        (names.is_qualified_name, "a b", [f"name part {QUALIFIED}"]),
        (names.is_qualified_name, "Bad_Prefix/x", [f"prefix part {SUBDOMAIN}"]),
        (names.is_qualified_name, "/x", ["prefix part must be non-empty"]),
        (
            names.is_qualified_name,
            "a/",
            ["name part must be non-empty", f"name part {QUALIFIED}"],
        ),
        (names.is_qualified_name, "k" * 64, ["name part must be no more than 63 bytes"]),
        (
            names.is_qualified_name,
            "a/b/c",
            [
                f"a valid label key {QUALIFIED} with an optional DNS subdomain prefix and '/' "
                "(e.g. 'example.com/MyName')"
            ],
        ),
        (
            names.is_valid_port_name,
            "-Very--long-port-name",
            [
                "must be no more than 15 characters",
                "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
                "must not contain consecutive hyphens",
                "must not begin or end with a hyphen",
            ],
        ),
        (names.is_valid_port_name, "80", ["must contain at least one letter (a-z)"]),
    ],
)
def test_objections(check, bad, objections):
    assert check(bad) == objections


def test_suffixes_spell_no_words():
    suffix = names.random_suffix(random.Random(0), 1000)
    assert len(suffix) == 1000
    assert set(suffix) == set(names.SAFE_ALPHABET)
    assert not set(names.SAFE_ALPHABET) & set("aeiou013")


def test_encoding_moves_each_character_into_the_alphabet():
    assert names.safe_encode("0123456789") == "".join(
        names.SAFE_ALPHABET[code % 27] for code in range(48, 58)
    )
