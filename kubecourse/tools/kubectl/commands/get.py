"""`kubectl get`: the server's tables, and objects in other forms.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/get/{get,table_printer}.go`,
`staging/src/k8s.io/cli-runtime/pkg/printers/tableprinter.go`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from kubecourse.api.duration import parse_duration
from kubecourse.api.errors import ApiError
from kubecourse.api.resources import Resource
from kubecourse.tools.kubectl import output
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.connection import WATCH_LIMIT
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.manifests import from_files
from kubecourse.tools.kubectl.output import MINIMUM, PADDING
from kubecourse.tools.kubectl.resources import (
    Selection,
    Target,
    kind_name,
    name_errors,
    parse_arguments,
    resolve,
    selection_errors,
)

Json = dict[str, Any]

NOTHING = (
    "You must specify the type of resource to get. "
    'Use "kubectl api-resources" for a complete list of supported resources.\n'
)
REQUIRED = (
    "Required resource not specified.\n"
    'Use "kubectl explain <resource>" for a detailed description of that resource '
    "(e.g. kubectl explain pods)."
)


@command("get")
def get(inv: Invocation) -> None:
    """Show objects."""
    if inv.flags["raw"]:
        answer = inv.connection.request("GET", inv.flags["raw"])
        return inv.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))
    if not inv.args and not inv.flags["filename"]:
        inv.error(NOTHING)
        raise inv.usage_error(REQUIRED)
    printer = output.printer_for(inv, output.GET_FORMATS)
    selection = Selection.of(inv, everything=True)
    if inv.flags["filename"]:
        targets = [Target(info.resource, info.name) for info in from_files(inv)]
    else:
        targets = parse_arguments(inv, inv.args)
        selection.check(targets)
    if inv.flags["watch"] or inv.flags["watch-only"]:
        return _watch(inv, targets, selection, printer)
    fetch = _table if printer is None else _objects
    errors: list[Exception] = []
    answers: list[tuple[Target, Any]] = []
    for target in targets:
        try:
            answers.append((target, fetch(inv, target, selection)))
        except ApiError as error:
            if not inv.flags["ignore-not-found"] or error.reason != "NotFound":
                errors.append(error)
    single = len(targets) == 1 and targets[0].name is not None
    if printer is None:
        if not _print_tables(inv, answers, several=len({t.resource for t in targets}) > 1):
            _say_that_there_is_nothing(inv, targets, errors)
    elif answers or not (single or errors):
        found = [obj for _, objects in answers for obj in objects]
        if by := inv.flags["sort-by"]:
            found = output.sorted_objects(found, by)
        inv.write(printer(found[0] if single else output.list_of(found)))
    return raise_all(errors)


def _say_that_there_is_nothing(
    inv: Invocation, targets: list[Target], errors: list[Exception]
) -> None:
    named = all(target.name is not None for target in targets)
    if not errors and not (named and inv.flags["ignore-not-found"]):
        everywhere = not all(target.resource.namespaced for target in targets)
        everywhere = everywhere or inv.flags["all-namespaces"]
        where = "" if everywhere else f" in {inv.namespace} namespace."
        inv.error(f"No resources found{where}")


def _objects(inv: Invocation, target: Target, selection: Selection) -> list[Json]:
    return [info.object for info in resolve(inv, target, selection)]


def _table(inv: Invocation, target: Target, selection: Selection) -> Json:
    connection, resource = inv.connection, target.resource
    whole, where = bool(inv.flags["sort-by"]), selection.namespace(inv, resource)
    if target.name is not None:
        with name_errors(connection, where):
            return connection.table(resource, where, target.name, whole_objects=whole)
    with selection_errors(resource, selection):
        return connection.table(resource, where, "", selection.labels, selection.fields, whole)


def _print_tables(inv: Invocation, answers: list[tuple[Target, Json]], several: bool) -> bool:
    """Print a table for each type; whether there was anything to print."""
    merged: dict[Resource, tuple[list[Json], list[Json]]] = {}
    for target, table in answers:
        columns = table["columnDefinitions"]
        merged.setdefault(target.resource, (columns, []))[1].extend(table["rows"])
    texts = []
    for resource, (columns, rows) in merged.items():
        if by := inv.flags["sort-by"]:
            rows = output.sorted_rows(rows, by)
        if rows:
            texts.append(_Table(inv, resource, several).print(columns, rows))
    inv.write("\n".join(texts))
    return bool(texts)


class _Table:
    """Prints the rows of one resource. Columns never get narrower from one call to the next."""

    def __init__(self, inv: Invocation, resource: Resource, several: bool = False) -> None:
        self.flags = inv.flags
        self.resource = resource
        self.with_kinds = several or inv.flags["show-kind"]
        self.columns: list[Json] = []
        self.widths: list[int] = []
        self.headed = bool(inv.flags["no-headers"])

    def print(self, columns: list[Json] | None, rows: list[Json]) -> str:
        """Lines for the rows, headers before the first."""
        self.columns = columns or self.columns
        lines = [] if self.headed else [self._headers()]
        self.headed = True
        lines += [self._row(row) for row in rows]
        for line in lines:
            self.widths += [0] * (len(line) - 1 - len(self.widths))
            for index, cell in enumerate(line[:-1]):
                self.widths[index] = max(self.widths[index], len(cell) + PADDING, MINIMUM)
        return "".join(map(self._padded, lines))

    def _padded(self, line: list[str]) -> str:
        cells = (cell.ljust(width) for cell, width in zip(line[:-1], self.widths, strict=False))
        return f"{''.join(cells)}{line[-1]}\n"

    def _headers(self) -> list[str]:
        names = [column["name"].upper() for column in self.columns if self._is_shown(column)]
        labels = [label.rpartition("/")[2].upper() for label in self.flags["label-columns"]]
        labels += ["LABELS"] if self.flags["show-labels"] else []
        return self._framed("EVENT", "NAMESPACE", names, labels)

    def _row(self, row: Json) -> list[str]:
        metadata, cells = row["object"]["metadata"], []
        for column, cell in zip(self.columns, row["cells"], strict=True):
            if self._is_shown(column):
                kind = self.with_kinds and column["format"] == "name"
                cells.append(f"{kind_name(self.resource)}/{cell}" if kind else _text(cell))
        own = metadata.get("labels") or {}
        labels = [own.get(label, "") for label in self.flags["label-columns"]]
        if self.flags["show-labels"]:
            labels.append(",".join(f"{key}={own[key]}" for key in sorted(own)) or "<none>")
        return self._framed(row.get("event", ""), metadata.get("namespace", ""), cells, labels)

    def _is_shown(self, column: Json) -> bool:
        return self.flags["output"] == "wide" or not column["priority"]

    def _framed(self, event: str, namespace: str, cells: list[str], labels: list[str]) -> list[str]:
        """The server's cells between those that kubectl adds."""
        before = [event] if self.flags["output-watch-events"] else []
        if self.flags["all-namespaces"] and self.resource.namespaced:
            before.append(namespace)
        return [*before, *cells, *labels]


def _text(cell: Any) -> str:
    """A cell on one line."""
    if cell is None or isinstance(cell, bool):
        return {None: "", True: "true", False: "false"}[cell]
    first, *rest = re.split(r"[\f\n\r]", str(cell), maxsplit=1)
    return f"{first}..." if rest else first


# --- watching


def _watch(
    inv: Invocation, targets: list[Target], selection: Selection, printer: output.Printer | None
) -> None:
    """Print what is there, then each change as virtual time passes."""
    if len(targets) > 1:
        raise inv.usage_error(
            "watch is only supported on individual resources and resource collections - "
            f"{len(targets)} resources were found"
        )
    connection, (target,) = inv.connection, targets
    lines = _Table(inv, target.resource)

    def show(event: Json) -> None:
        obj = event["object"]
        if event["type"] == "ERROR":
            raise KubectlError(obj["message"])
        if printer is not None:
            return inv.write(printer(obj))
        rows = [{**row, "event": event["type"]} for row in obj["rows"]]
        return inv.write(lines.print(obj["columnDefinitions"], rows) if rows else "")

    table = _table(inv, target, selection)
    if not inv.flags["watch-only"]:
        for obj in [table] if printer is None else _objects(inv, target, selection):
            show({"type": "ADDED", "object": obj})
    namespace = selection.namespace(inv, target.resource)
    stream = connection.watch(
        target.resource,
        namespace,
        show,
        name=target.name or "",
        labels=selection.labels,
        fields=selection.fields,
        after=connection.revision(target.resource, namespace),
        table=printer is None,
    )
    try:
        connection.clock.settle(_limit(inv.flags["request-timeout"]))
    finally:
        stream.stop()


def _limit(text: str) -> float:
    """How many virtual seconds a watch lasts that nobody interrupts."""
    try:
        return (float(text) if text.isdigit() else parse_duration(text)) or WATCH_LIMIT
    except ValueError:
        raise KubectlError(
            f'invalid timeout value "{text}". Timeout must be a single integer in seconds, or '
            "an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)"
        ) from None
