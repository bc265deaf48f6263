"""Printing objects as `-o` asks, and the line that says what a command did.

Sources: `staging/src/k8s.io/cli-runtime/pkg/printers`, `…/pkg/genericclioptions/print_flags.go`;
for --sort-by `staging/src/k8s.io/kubectl/pkg/cmd/get/sorter.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

from kubecourse.api import jsonpath, yaml
from kubecourse.api.jsonpath import go_json
from kubecourse.api.patch.values import go_text
from kubecourse.api.quantity import QuantityError, parse_quantity
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info

Printer = Callable[[Any], str]
"""From an object, or a List of them, to text."""

FORMATS = (
    "go-template", "go-template-file", "json", "jsonpath", "jsonpath-as-json", "jsonpath-file",
    "name", "template", "templatefile", "yaml",
)  # fmt: skip
GET_FORMATS = ("custom-columns", "custom-columns-file", *FORMATS[:-1], "wide", "yaml")

PADDING, MINIMUM = 3, 6
"""Between columns, and the width of the narrowest, padding included."""

_DRY_RUN = {"none": "", "client": " (dry run)", "server": " (server dry run)"}


def print_result(inv: Invocation, info: Info, operation: str, obj: Any = None) -> None:
    """Say what was done: `deployment.apps/web scaled (server dry run)`, or print as -o asks.

    `obj` is the object as it came back; `info.object` otherwise.
    """
    printer = printer_for(inv)
    if printer is not None:
        inv.write(printer(info.object if obj is None else obj))
    else:
        inv.print(f"{info} {operation}{dry_run_suffix(inv)}")


def dry_run_suffix(inv: Invocation) -> str:
    """What stands behind what a dry run has not done."""
    return _DRY_RUN[inv.dry_run]


def printer_for(inv: Invocation, formats: tuple[str, ...] = FORMATS) -> Printer | None:
    """The printer that -o asks for; None without -o (or for `wide`, where that is a format).

    Raises KubectlError for a format that is not one of `formats`, or cannot be read.
    """
    template = inv.flags.get("template") or ""
    text = inv.flags.get("output") or ("go-template" if template else "")
    name, _, argument = text.partition("=")
    if not text or (text == "wide" and "wide" in formats):
        return None
    if name not in formats or (argument and name in ("json", "yaml", "name", "wide")):
        raise KubectlError(
            f'unable to match a printer suitable for the output format "{text}", '
            f"allowed formats are: {','.join(formats)}"
        )
    argument = argument or template
    match name:
        case "json":
            return lambda obj: go_json(_shown(inv, obj), indent=4) + "\n"
        case "yaml":
            return _yaml(inv)
        case "name":
            return lambda obj: "".join(f"{_named(item)}\n" for item in items_of(obj))
        case "jsonpath" | "jsonpath-as-json":
            return _jsonpath(inv, argument, as_json=name != "jsonpath")
        case "custom-columns":
            return _custom_columns(inv, argument)
    raise KubectlError(
        f"{name} output is not simulated here; -o jsonpath or -o custom-columns can say the same"
    )


def _yaml(inv: Invocation) -> Printer:
    """Several objects are separate documents."""
    separators = chain([""], repeat("---\n"))
    return lambda obj: next(separators) + yaml.dump(_shown(inv, obj))


def _shown(inv: Invocation, obj: Any) -> Any:
    """An object, or a List, as json and yaml print it."""
    if inv.flags.get("show-managed-fields") or not isinstance(obj, dict):
        return obj
    if "items" in obj and str(obj.get("kind", "")).endswith("List"):
        return {**obj, "items": [unmanaged(item) for item in obj["items"]]}
    return unmanaged(obj)


def unmanaged(obj: Any) -> Any:
    """An object without its managed fields."""
    metadata = obj.get("metadata") or {}
    if "managedFields" not in metadata:
        return obj
    left = {key: value for key, value in metadata.items() if key != "managedFields"}
    return {**obj, "metadata": left}


def _named(obj: dict[str, Any]) -> str:
    group = obj.get("apiVersion", "").rpartition("/")[0]
    kind = ".".join(filter(None, (obj.get("kind", "").lower(), group)))
    return f"{kind}/{obj['metadata']['name']}"


def _jsonpath(inv: Invocation, template: str, as_json: bool) -> Printer:
    if not template:
        raise KubectlError("template format specified but no template given")
    missing = bool(inv.flags.get("allow-missing-template-keys", True))
    parsed = jsonpath.parse(template)
    if as_json:
        return lambda obj: go_json(jsonpath.find(parsed, obj, missing), indent=4) + "\n"
    return lambda obj: jsonpath.execute(parsed, obj, missing)


def _custom_columns(inv: Invocation, spec: str) -> Printer:
    if not spec:
        raise KubectlError("custom-columns format specified but no custom columns given")
    headers, paths = [], []
    for part in spec.split(","):
        header, colon, path = part.partition(":")
        if not colon:
            raise KubectlError(
                f"unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"
            )
        headers.append(header)
        paths.append(jsonpath.parse(jsonpath.relaxed(path)))

    def cell(path: jsonpath.Template, item: Any) -> str:
        return ",".join(map(go_text, jsonpath.find(path, item))) or "<none>"

    def text(obj: Any) -> str:
        rows = [] if inv.flags.get("no-headers") else [headers]
        return align_rows(rows + [[cell(path, item) for path in paths] for item in items_of(obj)])

    return text


def items_of(obj: Any) -> list[Any]:
    """The objects in a List, or the object alone."""
    if isinstance(obj, dict) and str(obj.get("kind", "")).endswith("List") and "items" in obj:
        return list(obj["items"])
    return [obj]


def list_of(objects: list[Any]) -> dict[str, Any]:
    """The List in which `get` prints several objects."""
    metadata = {"resourceVersion": ""}
    return {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": metadata}


def align(text: str, padding: int = 2, minimum: int = 0) -> str:
    """Replace the tabs of a text by as many spaces as its columns need, as Go's tabwriter does.

    What follows a line's last tab belongs to no column. A column reaches over neighbouring lines
    that have that cell, so a line without it ends the column; the next one may be narrower.
    """
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[0] * (len(line) - 1) for line in lines]
    for column in range(max(map(len, widths), default=0)):
        start = 0
        while start < len(lines):
            end = start
            while end < len(lines) and len(widths[end]) > column:
                end += 1
            width = max((len(line[column]) for line in lines[start:end]), default=0)
            for row in range(start, end):
                widths[row][column] = max(minimum, width + padding)
            start = end + 1
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(line, row, strict=False)) + line[-1]
        for line, row in zip(lines, widths, strict=True)
    )


def align_rows(rows: list[list[str]]) -> str:
    """Cells in columns, as kubectl's tables have them."""
    return align("\n".join(map("\t".join, rows)), PADDING, MINIMUM) + "\n" if rows else ""


# --- --sort-by


def sorted_rows(rows: list[dict[str, Any]], expression: str) -> list[dict[str, Any]]:
    """A Table's rows in the order of a field of their objects.

    Where they cannot be sorted kubectl shows none, and says nothing of it.
    """
    if len(rows) < 2:
        return rows
    try:
        return [rows[index] for index in _order([row["object"] for row in rows], expression)]
    except (KubectlError, jsonpath.JSONPathError):
        return []


def sorted_objects(objects: list[Any], expression: str) -> list[Any]:
    """Objects in the order of a field; those without it come first. Raises KubectlError."""
    return [objects[index] for index in _order(objects, expression)]


def _order(objects: list[Any], expression: str) -> list[int]:
    path = jsonpath.relaxed(expression)
    template = jsonpath.parse(path)
    values = [next(iter(jsonpath.find(template, obj)), None) for obj in objects]
    if objects and all(value is None for value in values):
        raise KubectlError(f'couldn\'t find any field with path "{path}" in the list of objects')
    for value in values:
        if isinstance(value, dict | list):
            kind = "map" if isinstance(value, dict) else "slice"
            raise KubectlError(f"Unexpected type found in sort: {kind}")
    return sorted(range(len(objects)), key=lambda index: _sort_key(values[index]))


def _sort_key(value: Any) -> tuple[Any, ...]:
    """Numbers and quantities by size, text in natural order: `web-2` before `web-10`."""
    if value is None:
        return (0,)
    if isinstance(value, bool | int | float):
        return (1, float(value))
    try:
        return (1, float(parse_quantity(value).nano))
    except QuantityError:
        parts = re.split(r"([0-9]+)", value)
        return (2, *((int(part), "") if part.isdigit() else (-1, part) for part in parts))
