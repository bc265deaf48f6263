"""`kubectl replace`."""

from __future__ import annotations

import dataclasses

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl import applying, flags, output, resources
from kubecourse.tools.kubectl.changing import recreate
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError, prefixed, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info


def run(inv: Invocation) -> None:
    """Put each object in the place of the one that is there."""
    if inv.args or not inv.flags["filename"]:
        raise KubectlError("must specify --filename to replace")
    errors: list[Exception] = []
    infos = resources.from_files(inv, errors)
    if not infos and not errors:
        raise KubectlError("no objects passed to replace")
    for info in infos:
        try:
            _force(inv, info) if inv.flags["force"] else _replace(inv, info)
        except ApiError as error:
            errors.append(prefixed(error, f'error when replacing "{info.source}"'))
    raise_all(errors)


def _replace(inv: Invocation, info: Info) -> None:
    obj = applying.annotated(info.object) if inv.flags["save-config"] else info.object
    if inv.dry_run != "client":
        inv.connection.get(info.resource, info.namespace, info.name)
        obj = inv.connection.replace(
            info.resource,
            info.namespace,
            obj,
            dry_run=inv.dry_run == "server",
            validation=resources.validation(inv),
            field_manager="kubectl-replace",
        )
    output.print_result(inv, dataclasses.replace(info, object=obj), "replaced")


def _force(inv: Invocation, info: Info) -> None:
    """Delete it and create it anew."""
    place = (info.resource, info.namespace, info.name)
    if inv.connection.find(*place) is None:
        obj = inv.connection.create(*place[:2], info.object, validation=resources.validation(inv))
    else:
        inv.print(f"{info.quoted} deleted")
        grace = inv.flags["grace-period"]
        obj = recreate(inv, info, grace if grace >= 0 else None)
    output.print_result(inv, dataclasses.replace(info, object=obj), "replaced")


COMMAND = Command(
    name="replace",
    use="replace -f FILENAME",
    short="Replace a resource by file name or stdin",
    group="Advanced Commands",
    flags=(
        *flags.FILENAME,
        *flags.OUTPUT,
        *flags.DRY_RUN,
        *flags.VALIDATE,
        *flags.FIELD_MANAGER,
        Flag("save-config", type="bool", help="Note the configuration for a later apply."),
        Flag("force", type="bool", help="Delete it and create it anew."),
        Flag("grace-period", type="int", default=-1, help="Seconds for the deleted pods."),
        Flag("timeout", type="duration", help="How long to wait for the deletion."),
    ),
    run=run,
)
