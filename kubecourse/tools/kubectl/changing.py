"""What commands that change objects share: finding the objects, patching each, saying so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from kubecourse.api import schema
from kubecourse.api.errors import ApiError
from kubecourse.api.labels import SelectorError, parse_selector
from kubecourse.api.patch import two_way_merge_patch
from kubecourse.tools.kubectl import output, resources
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info
from kubecourse.tools.kubectl.watching import wait_until_gone

Json = dict[str, Any]

RECREATE_WAIT = 300.0
"""Virtual seconds that a deleted object may take to go before it is created again."""


def targets(inv: Invocation, args: list[str]) -> list[Info]:
    """The objects of -f, or of the arguments with -l or --all, as they are on the server.

    Raises ApiError, KubectlError.
    """
    return resources.from_flags(replace(inv, args=args))


def require_some(infos: list[Info], what: str = "No resources found") -> list[Info]:
    """The objects, of which there must be one."""
    if not infos:
        raise KubectlError(what, bare=True)
    return infos


def selected(inv: Invocation, infos: list[Info]) -> list[Info]:
    """The objects of files whose own labels -l selects. Raises KubectlError."""
    if not inv.flags.get("selector"):
        return infos
    try:
        selector = parse_selector(inv.flags["selector"])
    except SelectorError as error:
        raise KubectlError(str(error)) from None
    return [info for info in infos if selector.matches(info.object["metadata"].get("labels"))]


def recreate(inv: Invocation, info: Info, grace: int | None = None) -> Json:
    """Delete an object, wait until it is gone, and create it anew.

    Raises ApiError, KubectlError.
    """
    place = (info.resource, info.namespace, info.name)
    inv.connection.delete(*place, grace_period=grace, propagation="Background")
    if not wait_until_gone(inv.connection, info, "", inv.flags.get("timeout") or RECREATE_WAIT):
        raise KubectlError("timed out waiting for the condition")
    validation = resources.validation(inv)
    return inv.connection.create(info.resource, info.namespace, info.object, validation=validation)


def edit_each(
    inv: Invocation,
    infos: Iterable[Info],
    change: Callable[[Json], Json],
    done: str,
    failed: str,
) -> None:
    """Change objects on the client and send the difference; one that stays the same is passed over.

    done: what to print for each; failed: the words before a server's objection.
    """
    errors: list[Exception] = []
    for info in infos:
        try:
            changed = change(info.object)
            patch = two_way_merge_patch(info.object, changed, schema.struct(info.resource.schema))
        except KubectlError as error:
            errors.append(error)
            continue
        if not patch:
            continue
        try:
            send_patch(inv, info, patch, done, local=changed)
        except ApiError as error:
            errors.append(KubectlError(f"{failed}: {error.message}", bare=True))
    raise_all(errors)


def send_patch(
    inv: Invocation,
    info: Info,
    patch: Any,
    done: str,
    *,
    kind: str = "strategic",
    local: Json | None = None,
) -> None:
    """Send a patch, or with --dry-run=client only print what it makes: `local`."""
    if inv.dry_run == "client":
        result = local if local is not None else info.object
    else:
        result = inv.connection.patch(
            info.resource, info.namespace, info.name, patch, kind, dry_run=inv.dry_run == "server"
        )
    output.print_result(inv, replace(info, object=result), done)
