"""Printing objects as `-o` asks, and the line that says what a command did.

Source: `staging/src/k8s.io/cli-runtime/pkg/printers`, `…/pkg/genericclioptions/print_flags.go`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubecourse.api import yaml
from kubecourse.api.patch.values import go_text
from kubecourse.api.resources import BY_KIND
from kubecourse.tools.kubectl import jsonpath
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info, kind_name
from kubecourse.tools.kubectl.tabwriter import align

Printer = Callable[[Any], str]
"""From an object, or a List of them, to text."""

FORMATS = (
    "go-template",
    "go-template-file",
    "json",
    "jsonpath",
    "jsonpath-as-json",
    "jsonpath-file",
    "name",
    "template",
    "templatefile",
    "yaml",
)
GET_FORMATS = ("custom-columns", "custom-columns-file", *FORMATS[:-1], "wide", "yaml")

PADDING, MINIMUM = 3, 6
"""Between columns, and the width of the narrowest, padding included."""


def print_result(inv: Invocation, info: Info, operation: str, obj: Any = None) -> None:
    """Say what was done: `deployment.apps/web scaled (server dry run)`, or print as -o asks.

    `obj` is the object as it came back; `info.object` otherwise.
    """
    printer = printer_for(inv)
    if printer is not None:
        inv.write(printer(info.object if obj is None else obj))
        return
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(inv.dry_run, "")
    inv.print(f"{info} {operation}{suffix}" if operation else f"{info}{suffix}")


def printer_for(inv: Invocation, formats: tuple[str, ...] = FORMATS) -> Printer | None:
    """The printer that -o asks for; None without -o (or for `wide`, where that is a format).

    Raises KubectlError for a format that is not one of `formats`, or cannot be read.
    """
    text = inv.flags.get("output") or ""
    template = inv.flags.get("template") or ""
    if not text and template:
        text = "go-template"
    name, _, argument = text.partition("=")
    if not text or (text == "wide" and "wide" in formats):
        return None
    if name in formats and (not argument or name not in ("json", "yaml", "name", "wide")):
        make = _MAKERS.get(name)
        if make is not None:
            return make(argument or template, inv)
    raise KubectlError(
        f'unable to match a printer suitable for the output format "{text}", '
        f"allowed formats are: {','.join(formats)}"
    )


def _json(argument: str, inv: Invocation) -> Printer:
    return lambda obj: go_json(obj, indent=4) + "\n"


def _yaml(argument: str, inv: Invocation) -> Printer:
    return _YAML()


class _YAML:
    """Several objects are separate documents."""

    def __init__(self) -> None:
        self.printed = 0

    def __call__(self, obj: Any) -> str:
        self.printed += 1
        return ("---\n" if self.printed > 1 else "") + yaml.dump(obj)


def _name(argument: str, inv: Invocation) -> Printer:
    return lambda obj: "".join(f"{_named(item)}\n" for item in items_of(obj))


def _named(obj: dict[str, Any]) -> str:
    resource = BY_KIND.get((obj.get("apiVersion", ""), obj.get("kind", "")))
    if resource is not None:
        return f"{kind_name(resource)}/{obj['metadata']['name']}"
    group = obj.get("apiVersion", "").rpartition("/")[0]
    kind = obj.get("kind", "").lower()
    return (
        f"{kind}.{group}/{obj['metadata']['name']}"
        if group
        else f"{kind}/{obj['metadata']['name']}"
    )


def _jsonpath(template: str, inv: Invocation) -> Printer:
    if not template:
        raise KubectlError("template format specified but no template given")
    missing = bool(inv.flags.get("allow-missing-template-keys", True))
    parsed = jsonpath.parse(template)
    return lambda obj: jsonpath.execute(parsed, obj, allow_missing=missing)


def _jsonpath_file(name: str, inv: Invocation) -> Printer:
    return _jsonpath(_file(name), inv)


def _jsonpath_as_json(template: str, inv: Invocation) -> Printer:
    if not template:
        raise KubectlError("template format specified but no template given")
    missing = bool(inv.flags.get("allow-missing-template-keys", True))
    parsed = jsonpath.parse(template)
    return lambda obj: go_json(jsonpath.find(parsed, obj, allow_missing=missing), indent=4) + "\n"


def _custom_columns(spec: str, inv: Invocation) -> Printer:
    if not spec:
        raise KubectlError("custom-columns format specified but no custom columns given")
    columns = []
    for part in spec.split(","):
        header, colon, path = part.partition(":")
        if not colon:
            raise KubectlError(
                f"unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"
            )
        columns.append((header, jsonpath.parse(jsonpath.relaxed(path))))
    return _Columns(columns, bool(inv.flags.get("no-headers")))


def _custom_columns_file(name: str, inv: Invocation) -> Printer:
    lines = _file(name).splitlines()
    if len(lines) < 2:
        raise KubectlError("custom-columns-file needs a line of headers and a line of paths")
    pairs = zip(lines[0].split(), lines[1].split(), strict=False)
    return _custom_columns(",".join(f"{header}:{path}" for header, path in pairs), inv)


class _Columns:
    """Columns of the user's choice."""

    def __init__(self, columns: list[tuple[str, jsonpath.Template]], bare: bool) -> None:
        self.columns = columns
        self.bare = bare

    def __call__(self, obj: Any) -> str:
        rows = [] if self.bare else [[header for header, _ in self.columns]]
        rows += [[self._cell(path, item) for _, path in self.columns] for item in items_of(obj)]
        return align_rows(rows)

    def _cell(self, path: jsonpath.Template, item: Any) -> str:
        found = jsonpath.find(path, item, allow_missing=True)
        return ",".join(go_text(value) for value in found) or "<none>"


def _go_template(template: str, inv: Invocation) -> Printer:
    raise KubectlError(
        "go-template output is not simulated here; "
        "-o jsonpath or -o custom-columns can say the same"
    )


_MAKERS: dict[str, Callable[[str, Invocation], Printer]] = {
    "json": _json,
    "yaml": _yaml,
    "name": _name,
    "jsonpath": _jsonpath,
    "jsonpath-file": _jsonpath_file,
    "jsonpath-as-json": _jsonpath_as_json,
    "custom-columns": _custom_columns,
    "custom-columns-file": _custom_columns_file,
    "go-template": _go_template,
    "go-template-file": _go_template,
    "template": _go_template,
    "templatefile": _go_template,
}


def _file(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise KubectlError(f"error reading --template {name}, {error.strerror}") from None


def items_of(obj: Any) -> list[Any]:
    """The objects in a List, or the object alone."""
    if isinstance(obj, dict) and str(obj.get("kind", "")).endswith("List") and "items" in obj:
        return list(obj["items"])
    return [obj]


def list_of(objects: list[Any]) -> dict[str, Any]:
    """The List in which `get` prints several objects."""
    return {
        "apiVersion": "v1",
        "items": objects,
        "kind": "List",
        "metadata": {"resourceVersion": ""},
    }


def go_json(value: Any, indent: int | None = None) -> str:
    """JSON as Go writes it: keys sorted, `<`, `>` and `&` escaped."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(
        value, indent=indent, sort_keys=True, ensure_ascii=False, separators=separators
    )
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def align_rows(rows: list[list[str]]) -> str:
    """Cells in columns, as kubectl's tables have them."""
    if not rows:
        return ""
    return align("\n".join("\t".join(row) for row in rows), PADDING, MINIMUM) + "\n"
