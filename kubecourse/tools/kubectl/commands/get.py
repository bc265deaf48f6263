"""`kubectl get`: tables, and objects in other forms.

Source: `staging/src/k8s.io/kubectl/pkg/cmd/get/get.go`.
"""

from __future__ import annotations

import json
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import Resource
from kubecourse.tools.kubectl import flags, output, resources, sorting
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info, Target
from kubecourse.tools.kubectl.table import TableOptions, TablePrinter

NOTHING = (
    "You must specify the type of resource to get. "
    'Use "kubectl api-resources" for a complete list of supported resources.\n'
)
REQUIRED = (
    "Required resource not specified.\n"
    'Use "kubectl explain <resource>" for a detailed description of that resource '
    "(e.g. kubectl explain pods)."
)


def run(inv: Invocation) -> None:
    """Show objects."""
    if inv.flags["raw"]:
        answer = inv.connection.request("GET", inv.flags["raw"])
        return inv.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))
    if not inv.args and not inv.flags["filename"]:
        inv.error(NOTHING)
        raise inv.usage_error(REQUIRED)
    printer = output.printer_for(inv, output.GET_FORMATS)
    targets = _targets(inv)
    if inv.flags["watch"] or inv.flags["watch-only"]:
        return _watch(inv, targets, printer)
    if printer is not None:
        return _print_objects(inv, targets, printer)
    return _print_tables(inv, targets)


def _targets(inv: Invocation) -> list[Target]:
    if inv.flags["filename"]:
        return [Target(info.resource, info.name) for info in resources.from_files(inv)]
    targets = resources.parse_arguments(inv.args)
    selected = inv.flags["selector"] or inv.flags["field-selector"]
    resources.check_combination(targets, selected, inv.flags["all-namespaces"], everything=True)
    return targets


def _where(inv: Invocation, resource: Resource) -> str | None:
    return None if inv.flags["all-namespaces"] else resources.namespace_of(inv, resource)


def _ignored(inv: Invocation, error: ApiError) -> bool:
    return bool(inv.flags["ignore-not-found"]) and error.reason == "NotFound"


# --- objects


def _print_objects(inv: Invocation, targets: list[Target], printer: output.Printer) -> None:
    errors: list[Exception] = []
    found: list[dict[str, Any]] = []
    for target in targets:
        try:
            found += [info.object for info in _fetch(inv, target)]
        except ApiError as error:
            if not _ignored(inv, error):
                errors.append(error)
    if inv.flags["sort-by"]:
        found = sorting.sort_objects(found, inv.flags["sort-by"])
    single = len(targets) == 1 and targets[0].name is not None
    if single and found:
        inv.write(printer(found[0]))
    elif not single and (found or not errors):
        inv.write(printer(output.list_of(found)))
    raise_all(errors)


def _fetch(inv: Invocation, target: Target) -> list[Info]:
    return resources.resolve(
        inv,
        target,
        inv.flags["selector"],
        inv.flags["field-selector"],
        bool(inv.flags["all-namespaces"]),
        fetch=True,
    )


# --- tables


def _print_tables(inv: Invocation, targets: list[Target]) -> None:
    errors: list[Exception] = []
    merged: dict[Resource, list[dict[str, Any]]] = {}
    for target in targets:
        try:
            merged.setdefault(target.resource, []).append(_table(inv, target))
        except ApiError as error:
            if not _ignored(inv, error):
                errors.append(error)
    options = _options(inv, several=len({target.resource for target in targets}) > 1)
    texts = []
    for resource, tables in merged.items():
        rows = [row for table in tables for row in table["rows"]]
        if inv.flags["sort-by"]:
            rows = sorting.sort_rows(rows, inv.flags["sort-by"])
        if rows:
            columns = tables[0]["columnDefinitions"]
            texts.append(TablePrinter(resource, options).print(columns, rows))
    inv.write("\n".join(texts))
    if not texts and not errors and not (inv.flags["ignore-not-found"] and _all_named(targets)):
        inv.error(_nothing_found(inv, targets))
    raise_all(errors)


def _all_named(targets: list[Target]) -> bool:
    return all(target.name is not None for target in targets)


def _table(inv: Invocation, target: Target) -> dict[str, Any]:
    whole = bool(inv.flags["sort-by"])
    where = _where(inv, target.resource)
    if target.name is not None:
        with resources.name_errors(inv.connection, where):
            return inv.connection.table(target.resource, where, target.name, whole_objects=whole)
    labels, fields = inv.flags["selector"], inv.flags["field-selector"]
    with resources.selection_errors(target.resource, labels, fields):
        return inv.connection.table(
            target.resource, where, labels=labels, fields=fields, whole_objects=whole
        )


def _options(inv: Invocation, several: bool) -> TableOptions:
    return TableOptions(
        wide=inv.flags["output"] == "wide",
        headers=not inv.flags["no-headers"],
        namespaces=bool(inv.flags["all-namespaces"]),
        kinds=several or bool(inv.flags["show-kind"]),
        all_labels=bool(inv.flags["show-labels"]),
        labels=tuple(inv.flags["label-columns"]),
        events=bool(inv.flags["output-watch-events"]),
    )


def _nothing_found(inv: Invocation, targets: list[Target]) -> str:
    namespaced = all(target.resource.namespaced for target in targets)
    if inv.flags["all-namespaces"] or not namespaced:
        return "No resources found"
    return f"No resources found in {inv.namespace} namespace."


# --- watching


class _Watcher:
    """Prints what is there, then each change as virtual time passes."""

    def __init__(self, inv: Invocation, target: Target, printer: output.Printer | None) -> None:
        self.inv = inv
        self.resource = target.resource
        self.printer = printer
        self.table = TablePrinter(target.resource, _options(inv, several=False))

    def show(self, event: dict[str, Any]) -> None:
        obj = event["object"]
        if self.printer is not None:
            return self.inv.write(self.printer(obj))
        if event["type"] == "ERROR":
            raise KubectlError(obj["message"])
        rows = [{**row, "event": event["type"]} for row in obj["rows"]]
        return self.inv.write(self.table.print(obj["columnDefinitions"], rows))


def _watch(inv: Invocation, targets: list[Target], printer: output.Printer | None) -> None:
    if len(targets) > 1:
        raise inv.usage_error(
            "watch is only supported on individual resources and resource collections - "
            f"{len(targets)} resources were found"
        )
    target = targets[0]
    watcher = _Watcher(inv, target, printer)
    where = _where(inv, target.resource)
    table = _table(inv, target)
    if not inv.flags["watch-only"]:
        if printer is None and table["rows"]:
            rows = [{**row, "event": "ADDED"} for row in table["rows"]]
            inv.write(watcher.table.print(table["columnDefinitions"], rows))
        elif printer is not None:
            for info in _fetch(inv, target):
                inv.write(printer(info.object))
    stream = inv.connection.watch(
        target.resource,
        where,
        watcher.show,
        name=target.name or "",
        labels=inv.flags["selector"],
        fields=inv.flags["field-selector"],
        after=table["metadata"]["resourceVersion"]
        if target.name is None
        else inv.connection.revision,
        table=printer is None,
    )
    try:
        inv.connection.settle(_limit(inv))
    finally:
        stream.stop()


def _limit(inv: Invocation) -> float:
    """How many virtual seconds a watch lasts that nobody interrupts."""
    from kubecourse.tools.kubectl.cli import parse_duration
    from kubecourse.tools.kubectl.connection import WATCH_LIMIT

    text = inv.flags["request-timeout"]
    try:
        return (float(text) if text.isdigit() else parse_duration(text)) or WATCH_LIMIT
    except ValueError:
        raise KubectlError(
            f'invalid timeout value "{text}". Timeout must be a single integer in seconds, or an '
            "integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)"
        ) from None


COMMAND = Command(
    name="get",
    use="get [(-o|--output=)FORMAT] (TYPE[.VERSION][.GROUP] [NAME | -l label] | "
    "TYPE[.VERSION][.GROUP]/NAME ...)",
    short="Display one or many resources",
    group="Basic Commands (Intermediate)",
    examples="# All pods of the namespace\nkubectl get pods\n\n# A deployment and a service\n"
    "kubectl get deployment/web service/web -o wide\n\n# One field\n"
    "kubectl get pod web-1 -o jsonpath={.status.phase}",
    flags=(
        *flags.FILENAME,
        *flags.SELECTOR,
        *flags.FIELD_SELECTOR,
        *flags.ALL_NAMESPACES,
        *flags.OUTPUT,
        Flag("watch", "w", type="bool", help="Then print changes until nothing more happens."),
        Flag("watch-only", type="bool", help="Only print changes."),
        Flag("output-watch-events", type="bool", help="Say which kind of change each is."),
        Flag("show-labels", type="bool", help="A last column with all labels."),
        Flag("label-columns", "L", type="strings", help="Columns for these labels."),
        Flag("show-kind", type="bool", help="The type before each name."),
        Flag("no-headers", type="bool", help="Leave the headers out."),
        Flag("sort-by", help="JSONPath of the field to sort by, such as .metadata.name."),
        Flag("ignore-not-found", type="bool", help="What is not there is no error."),
        Flag(
            "chunk-size",
            type="int",
            default=500,
            help="Objects per request; all come at once here.",
        ),
        Flag("server-print", type="bool", default=True, help="Let the server make the table."),
        Flag("raw", help="A path to GET as it is."),
    ),
    run=run,
)
