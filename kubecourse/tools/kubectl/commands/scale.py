"""`kubectl scale`."""

from __future__ import annotations

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl import flags, output
from kubecourse.tools.kubectl.changing import targets
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info


def run(inv: Invocation) -> None:
    """Set the number of replicas through the scale subresource."""
    if "replicas" not in inv.changed or inv.flags["replicas"] < 0:
        raise KubectlError(
            "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"
        )
    if inv.flags["current-replicas"] < -1:
        raise KubectlError("The --current-replicas must specify an integer of -1 or greater")
    try:
        infos = targets(inv, inv.args)
    except ApiError as error:
        raise KubectlError(f"no objects passed to scale {error.message}") from None
    if not infos:
        raise KubectlError("no objects passed to scale")
    errors: list[Exception] = []
    for info in infos:
        try:
            _scale(inv, info)
        except (ApiError, KubectlError) as error:
            errors.append(error)
    raise_all(errors)


def _scale(inv: Invocation, info: Info) -> None:
    replicas, expected = inv.flags["replicas"], inv.flags["current-replicas"]
    if inv.dry_run != "client":
        connection = inv.connection
        place = (info.resource, info.namespace, info.name)
        if expected >= 0:
            present = connection.get(*place, subresource="scale")["spec"].get("replicas", 0)
            if present != expected:
                raise KubectlError(f"Expected replicas to be {expected}, was {present}")
        patch = {"spec": {"replicas": replicas}}
        dry_run = inv.dry_run == "server"
        connection.patch(*place, patch, "merge", subresource="scale", dry_run=dry_run)
    output.print_result(inv, info, "scaled")


COMMAND = Command(
    name="scale",
    use="scale [--resource-version=version] [--current-replicas=count] --replicas=COUNT"
    " (-f FILENAME | TYPE NAME)",
    short="Set a new size for a deployment, replica set, or replication controller",
    group="Deploy Commands",
    flags=(
        *flags.FILENAME,
        *flags.SELECTOR,
        *flags.OUTPUT,
        *flags.DRY_RUN,
        Flag("replicas", type="int", required=True, help="The new number of replicas."),
        Flag("current-replicas", type="int", default=-1, help="Only if there are so many now."),
        Flag("all", type="bool", help="All objects of the types, in the namespace."),
        Flag("timeout", type="duration", help="How long to try; 0 is once."),
    ),
    run=run,
)
