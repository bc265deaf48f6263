"""`kubectl describe` and `kubectl events`: objects and what happened to them, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_KIND, Resource
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.connection import Connection
from kubecourse.tools.kubectl.describe import describe
from kubecourse.tools.kubectl.describe.related import seen
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import align_rows
from kubecourse.tools.kubectl.resources import (
    Info,
    Selection,
    find_resource,
    from_arguments,
    from_flags,
)

Json = dict[str, Any]


class ServerSource:
    """Describers' look-ups, answered by the API server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def now(self) -> datetime:
        """The time of day."""
        return self._connection.clock.utc_precise()

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Json:
        """One object."""
        return self._connection.get(Info(_resource(api_version, kind), namespace, name))

    def list(
        self, api_version: str, kind: str, namespace: str | None, labels: str = "", fields: str = ""
    ) -> list[Json]:
        """The objects that the selectors match."""
        return self._connection.list(_resource(api_version, kind), namespace, labels, fields)


def _resource(api_version: str, kind: str) -> Resource:
    resource = BY_KIND.get((api_version, kind))
    if resource is None:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    return resource


@command("describe")
def describe_objects(inv: Invocation) -> None:
    """Describe each object, two empty lines between them."""
    errors: list[Exception] = []
    try:
        infos = from_flags(inv, everything=True, errors=errors)
    except ApiError as error:
        infos, errors = [], [*errors, error]
    end = ""
    if len(inv.args) == 2 and errors and getattr(errors[0], "reason", "") == "NotFound":
        kind, prefix = inv.args
        found = from_arguments(inv, [kind], Selection(everything=True))
        if similar := [info for info in found if info.name.startswith(prefix)]:
            infos, errors, end = similar, [], "\n"
    source = ServerSource(inv.connection)
    texts: list[str] = []
    for info in infos:
        try:
            texts.append(describe(info.object, source, inv.flags["show-events"]))
        except ApiError as error:
            errors.append(error)
    inv.write((end or "\n\n").join(texts) + end)
    if not texts and not errors:
        everywhere = inv.flags["all-namespaces"]
        inv.error(f"No resources found{'' if everywhere else f' in {inv.namespace} namespace.'}")
    raise_all(errors)


@command("events")
def events(inv: Invocation) -> None:
    """The events of a namespace, or of one object, in the order in which they happened."""
    everywhere, types = inv.flags["all-namespaces"], {t.lower() for t in inv.flags["types"]}
    fields = _about(inv.flags["for"], inv.connection.resources) if inv.flags["for"] else ""
    if types - {"normal", "warning"}:
        raise KubectlError("valid --types are Normal or Warning")
    namespace = None if everywhere else inv.namespace
    found = inv.connection.list(BY_KIND["v1", "Event"], namespace, fields=fields)
    found = [event for event in found if not types or event.get("type", "").lower() in types]
    if not found:
        where = "." if everywhere else f" in {inv.namespace} namespace."
        return inv.error(f"No events found{where}")
    found.sort(key=_last_seen)
    now = inv.connection.clock.utc_precise()
    headers = ["NAMESPACE", "LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    rows = [] if inv.flags["no-headers"] else [headers]
    for event in found:
        about = event["involvedObject"]
        row = [
            event["metadata"]["namespace"],
            seen(now, event),
            event.get("type", ""),
            event.get("reason", ""),
            f"{about.get('kind', '')}/{about.get('name', '')}",
            event.get("message", "").strip(),
        ]
        rows.append(row)
    return inv.write(align_rows(rows if everywhere else [row[1:] for row in rows]))


def _about(text: str, served: Sequence[Resource]) -> str:
    """A field selector for the events about `TYPE/NAME`. Raises KubectlError."""
    kind, _, name = text.partition("/")
    if not name:
        raise KubectlError("--for must be in resource/name form")
    resource = find_resource(kind, served)
    return (
        f"involvedObject.kind={resource.kind},involvedObject.name={name},"
        f"involvedObject.apiVersion={resource.api_version}"
    )


def _last_seen(event: Json) -> str:
    series = event.get("series") or {}
    return (
        series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or ""
    )
