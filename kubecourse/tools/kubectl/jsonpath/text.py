"""Values as Go prints them."""

from __future__ import annotations

import json
from typing import Any


def go_print(value: Any) -> str:
    """A value as Go prints it: text as it stands, objects and lists as JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return str(value)


def go_quote(text: str) -> str:
    """Text escaped as between the quotes of Go source."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def go_syntax(value: Any) -> str:
    """A value as Go source, as `%#v` prints it."""
    if isinstance(value, dict):
        items = ", ".join(f'"{go_quote(key)}":{go_syntax(value[key])}' for key in sorted(value))
        return f"map[string]interface {{}}{{{items}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(go_syntax, value))}}}"
    if isinstance(value, str):
        return f'"{go_quote(value)}"'
    return "interface {}(nil)" if value is None else go_print(value)
