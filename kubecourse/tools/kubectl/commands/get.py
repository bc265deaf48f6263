"""`kubectl get`: tables, and objects in other forms.

Source: `staging/src/k8s.io/kubectl/pkg/cmd/get/get.go`.
"""

from __future__ import annotations

import json
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import Resource
from kubecourse.tools.kubectl import output
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.connection import WATCH_LIMIT
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.flags import parse_duration
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.manifests import from_files
from kubecourse.tools.kubectl.resources import (
    Selection,
    Target,
    name_errors,
    parse_arguments,
    resolve,
    selection_errors,
)
from kubecourse.tools.kubectl.table import TableOptions, TablePrinter

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
        targets = parse_arguments(inv.args)
        selection.check(targets)
    getting = _Get(inv, targets, selection)
    if inv.flags["watch"] or inv.flags["watch-only"]:
        getting.watch(printer)
    elif printer is not None:
        getting.print_objects(printer)
    else:
        getting.print_tables()
    return raise_all(getting.errors)


class _Get:
    """What is to be shown; `errors` collects what is wrong with single targets."""

    def __init__(self, inv: Invocation, targets: list[Target], selection: Selection) -> None:
        self.inv = inv
        self.targets = targets
        self.selection = selection
        self.errors: list[Exception] = []

    def _failed(self, error: ApiError) -> None:
        if not self.inv.flags["ignore-not-found"] or error.reason != "NotFound":
            self.errors.append(error)

    def print_objects(self, printer: output.Printer) -> None:
        """One object, or a List of them."""
        found: list[Json] = []
        for target in self.targets:
            try:
                found += [info.object for info in resolve(self.inv, target, self.selection)]
            except ApiError as error:
                self._failed(error)
        if by := self.inv.flags["sort-by"]:
            found = output.sorted_objects(found, by)
        single = len(self.targets) == 1 and self.targets[0].name is not None
        if found or not (single or self.errors):
            self.inv.write(printer(found[0] if single else output.list_of(found)))

    def print_tables(self) -> None:
        """A table for each type."""
        merged: dict[Resource, list[Json]] = {}
        columns: dict[Resource, list[Json]] = {}
        for target in self.targets:
            try:
                table = self._table(target)
            except ApiError as error:
                self._failed(error)
                continue
            columns.setdefault(target.resource, table["columnDefinitions"])
            merged.setdefault(target.resource, []).extend(table["rows"])
        several = len({target.resource for target in self.targets}) > 1
        texts = []
        for resource, rows in merged.items():
            if by := self.inv.flags["sort-by"]:
                rows = output.sorted_rows(rows, by)
            if rows:
                printer = TablePrinter(resource, self._options(several))
                texts.append(printer.print(columns[resource], rows))
        self.inv.write("\n".join(texts))
        named = all(target.name is not None for target in self.targets)
        silent = self.inv.flags["ignore-not-found"] and named
        if not texts and not self.errors and not silent:
            nowhere = not all(target.resource.namespaced for target in self.targets)
            everywhere = nowhere or self.selection.all_namespaces
            where = "" if everywhere else f" in {self.inv.namespace} namespace."
            self.inv.error(f"No resources found{where}")

    def _table(self, target: Target) -> Json:
        connection, resource, chosen = self.inv.connection, target.resource, self.selection
        whole = bool(self.inv.flags["sort-by"])
        where = chosen.namespace(self.inv, resource)
        if target.name is not None:
            with name_errors(connection, where):
                return connection.table(resource, where, target.name, whole_objects=whole)
        with selection_errors(resource, chosen):
            return connection.table(resource, where, "", chosen.labels, chosen.fields, whole)

    def _options(self, several: bool) -> TableOptions:
        given = self.inv.flags
        return TableOptions(
            wide=given["output"] == "wide",
            headers=not given["no-headers"],
            namespaces=self.selection.all_namespaces,
            kinds=several or given["show-kind"],
            all_labels=given["show-labels"],
            labels=tuple(given["label-columns"]),
            events=given["output-watch-events"],
        )

    def watch(self, printer: output.Printer | None) -> None:
        """What is there, then each change as virtual time passes."""
        if len(self.targets) > 1:
            raise self.inv.usage_error(
                "watch is only supported on individual resources and resource collections - "
                f"{len(self.targets)} resources were found"
            )
        connection, (target,), chosen = self.inv.connection, self.targets, self.selection
        lines = TablePrinter(target.resource, self._options(several=False))

        def show(event: Json) -> None:
            obj = event["object"]
            if event["type"] == "ERROR":
                raise KubectlError(obj["message"])
            if printer is not None:
                return self.inv.write(printer(obj))
            rows = [{**row, "event": event["type"]} for row in obj["rows"]]
            return self.inv.write(lines.print(obj["columnDefinitions"], rows) if rows else "")

        table = self._table(target)
        if not self.inv.flags["watch-only"]:
            present = [table]
            if printer is not None:
                present = [info.object for info in resolve(self.inv, target, chosen)]
            for obj in present:
                show({"type": "ADDED", "object": obj})
        stream = connection.watch(
            target.resource,
            chosen.namespace(self.inv, target.resource),
            show,
            name=target.name or "",
            labels=chosen.labels,
            fields=chosen.fields,
            after=str(connection.server.etcd.revision),
            table=printer is None,
        )
        try:
            connection.clock.settle(self._limit())
        finally:
            stream.stop()

    def _limit(self) -> float:
        """How many virtual seconds a watch lasts that nobody interrupts."""
        text = self.inv.flags["request-timeout"]
        try:
            return (float(text) if text.isdigit() else parse_duration(text)) or WATCH_LIMIT
        except ValueError:
            raise KubectlError(
                f'invalid timeout value "{text}". Timeout must be a single integer in seconds, or '
                "an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)"
            ) from None
