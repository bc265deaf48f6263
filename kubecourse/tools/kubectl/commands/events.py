"""`kubectl events`."""

from __future__ import annotations

from typing import Any

from kubecourse.api.resources import BY_KIND
from kubecourse.api.resources import find as find_resource
from kubecourse.tools.kubectl import flags
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.commands.describe import ServerSource
from kubecourse.tools.kubectl.describe import Description
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.tabwriter import align

Json = dict[str, Any]


def run(inv: Invocation) -> None:
    """The events of a namespace, or of one object, in the order in which they happened."""
    everywhere = inv.flags["all-namespaces"]
    fields = _about(inv, inv.flags["for"]) if inv.flags["for"] else ""
    resource = BY_KIND["v1", "Event"]
    namespace = None if everywhere else inv.namespace
    found = inv.connection.list(resource, namespace, fields=fields)
    types = {each.lower() for each in inv.flags["types"]}
    if unknown := types - {"normal", "warning"}:
        raise KubectlError(f"valid --types are Normal or Warning, not {', '.join(sorted(unknown))}")
    found = [event for event in found if not types or event.get("type", "").lower() in types]
    if not found:
        inv.error(
            "No events found." if everywhere else f"No events found in {inv.namespace} namespace."
        )
        return
    found.sort(key=_last_seen)
    clock = Description(ServerSource(inv.connection))
    rows = [_row(event, clock.seen(event), everywhere) for event in found]
    if not inv.flags["no-headers"]:
        header = "LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE"
        rows.insert(0, f"NAMESPACE\t{header}" if everywhere else header)
    inv.write(align("\n".join([*rows, ""]), padding=3, minimum=6))


def _about(inv: Invocation, text: str) -> str:
    """A field selector for the events about `TYPE/NAME`. Raises KubectlError."""
    kind, slash, name = text.partition("/")
    if not slash or not name:
        raise KubectlError("--for must be in resource/name form")
    resource = find_resource(kind)
    if resource is None:
        raise KubectlError(f'the server doesn\'t have a resource type "{kind}"')
    return (
        f"involvedObject.kind={resource.kind},involvedObject.name={name},"
        f"involvedObject.apiVersion={resource.api_version}"
    )


def _last_seen(event: Json) -> str:
    series = event.get("series") or {}
    return (
        series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or ""
    )


def _row(event: Json, seen: str, with_namespace: bool) -> str:
    about = event["involvedObject"]
    subject = f"{about.get('kind', '')}/{about.get('name', '')}"
    message = event.get("message", "").strip()
    cells = [seen, event.get("type", ""), event.get("reason", ""), subject, message]
    if with_namespace:
        cells.insert(0, event["metadata"]["namespace"])
    return "\t".join(cells)


COMMAND = Command(
    name="events",
    use="events [(-o|--output=)json|yaml] [--for TYPE/NAME] [--event=Normal,Warning]",
    short="List events",
    group="Troubleshooting and Debugging Commands",
    flags=(
        *flags.ALL_NAMESPACES,
        Flag("for", help="Only events about this object: pod/web-1."),
        Flag("types", type="strings", help="Only events of these types: Warning."),
        Flag("no-headers", type="bool", help="Leave the headings out."),
    ),
    run=run,
)
