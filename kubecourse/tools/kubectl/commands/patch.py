"""`kubectl patch`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from kubecourse.api import yaml
from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl import flags, output
from kubecourse.tools.kubectl.changing import require_some, targets
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info

TYPES = ("json", "merge", "strategic")


def run(inv: Invocation) -> None:
    """Send the patch to each object."""
    if inv.flags["type"].lower() not in TYPES:
        raise inv.usage_error(
            f'--type must be one of [{" ".join(TYPES)}], not "{inv.flags["type"]}"'
        )
    patch = _read(inv)
    errors: list[Exception] = []
    for info in require_some(targets(inv, inv.args), "error: no objects passed to patch"):
        try:
            _patch(inv, info, patch)
        except ApiError as error:
            errors.append(error)
    raise_all(errors)


def _read(inv: Invocation) -> Any:
    if inv.flags["patch"] and inv.flags["patch-file"]:
        raise inv.usage_error("cannot specify --patch and --patch-file together")
    if not inv.flags["patch"] and not inv.flags["patch-file"]:
        raise inv.usage_error(
            "must specify --patch or --patch-file containing the contents of the patch"
        )
    text = inv.flags["patch"]
    if inv.flags["patch-file"]:
        try:
            text = Path(inv.flags["patch-file"]).read_text()
        except OSError:
            place = inv.flags["patch-file"]
            raise KubectlError(
                f"unable to read patch file: open {place}: no such file or directory"
            ) from None
    try:
        return yaml.load(text)
    except yaml.YAMLError as error:
        raise KubectlError(f'unable to parse "{text}": {error}') from None


def _patch(inv: Invocation, info: Info, patch: Any) -> None:
    if inv.dry_run == "client":
        output.print_result(inv, info, "patched")
        return
    patched = inv.connection.patch(
        info.resource,
        info.namespace,
        info.name,
        patch,
        inv.flags["type"].lower(),
        subresource=inv.flags["subresource"],
        dry_run=inv.dry_run == "server",
        field_manager="kubectl-patch",
    )
    same = patched == info.object
    output.print_result(
        inv, replace(info, object=patched), "patched (no change)" if same else "patched"
    )


COMMAND = Command(
    name="patch",
    use="patch (-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]",
    short="Update fields of a resource",
    group="Advanced Commands",
    flags=(
        *flags.FILENAME,
        *flags.OUTPUT,
        *flags.DRY_RUN,
        *flags.FIELD_MANAGER,
        Flag("patch", "p", help="The patch, as JSON or YAML."),
        Flag("patch-file", help="A file with the patch."),
        Flag("type", default="strategic", help="json, merge or strategic."),
        Flag("subresource", help="status or scale instead of the object."),
    ),
    run=run,
)
