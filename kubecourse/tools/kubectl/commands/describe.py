"""`kubectl describe`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_KIND
from kubecourse.tools.kubectl import flags, resources
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.connection import Connection
from kubecourse.tools.kubectl.describe import describe
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info


class ServerSource:
    """Describers' look-ups, answered by the API server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def now(self) -> datetime:
        """The time of day."""
        return self._connection.clock.utc_precise()

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> dict[str, Any]:
        """One object."""
        return self._connection.get(_resource(api_version, kind), namespace, name)

    def list(
        self, api_version: str, kind: str, namespace: str | None, labels: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        """The objects that the selectors match."""
        return self._connection.list(_resource(api_version, kind), namespace, labels, fields)


def _resource(api_version: str, kind: str) -> Any:
    resource = BY_KIND.get((api_version, kind))
    if resource is None:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    return resource


def run(inv: Invocation) -> None:
    """Describe each object, two empty lines between them."""
    if not inv.args and not inv.flags["filename"]:
        raise KubectlError(
            'You must specify the type of resource to describe. Use "kubectl api-resources" for a'
            " complete list of supported resources."
        )
    errors: list[Exception] = []
    try:
        infos = resources.from_flags(inv, everything=True, errors=errors)
    except ApiError as error:
        infos, errors = [], [*errors, error]
    if _is_not_found(errors) and len(inv.args) == 2 and (similar := _prefixed(inv)):
        inv.write("".join(f"{text}\n" for text in _texts(inv, similar, [])))
        return
    texts = _texts(inv, infos, errors)
    inv.write("\n\n".join(texts))
    if not texts and not errors:
        everywhere = inv.flags["all-namespaces"]
        where = "" if everywhere else f" in {inv.namespace} namespace."
        inv.error(f"No resources found{where}")
    raise_all(errors)


def _texts(inv: Invocation, infos: list[Info], errors: list[Exception]) -> list[str]:
    source = ServerSource(inv.connection)
    texts: list[str] = []
    for info in infos:
        try:
            texts.append(describe(info.object, source, inv.flags["show-events"]))
        except ApiError as error:
            errors.append(error)
    return texts


def _is_not_found(errors: list[Exception]) -> bool:
    return bool(errors) and isinstance(errors[0], ApiError) and errors[0].reason == "NotFound"


def _prefixed(inv: Invocation) -> list[Info]:
    """The objects whose names begin as the argument says."""
    kind, prefix = inv.args
    found = resources.from_arguments(inv, [kind], everything=True)
    return [info for info in found if info.name.startswith(prefix)]


COMMAND = Command(
    name="describe",
    use="describe (-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
    short="Show details of a specific resource or group of resources",
    group="Troubleshooting and Debugging Commands",
    flags=(
        *flags.FILENAME,
        *flags.SELECTOR,
        *flags.ALL_NAMESPACES,
        Flag("show-events", type="bool", default=True, help="Show events about the object too."),
        Flag("chunk-size", type="int", default=500, help="How many objects a list has at a time."),
    ),
    run=run,
)
