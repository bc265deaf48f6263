"""`kubectl diff`: what `apply` would change."""

from __future__ import annotations

import difflib
from typing import Any

from kubecourse.api import yaml
from kubecourse.api.errors import ApiError
from kubecourse.api.patch import PatchError
from kubecourse.tools.kubectl import applying, flags, resources
from kubecourse.tools.kubectl.changing import selected
from kubecourse.tools.kubectl.cli import Command
from kubecourse.tools.kubectl.failure import KubectlError, SeveralErrors, explain
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info

Json = dict[str, Any]


def run(inv: Invocation) -> int:
    """0: no difference; 1: there are some, printed; more: an error."""
    if inv.args or not inv.flags["filename"]:
        raise KubectlError("must specify one of -f and -k", code=2)
    rng = inv.connection.clock.rng(f"kubectl/diff/{inv.connection.now}")
    live, merged = (f"/tmp/{word}-{rng.randrange(10**9, 10**10)}" for word in ("LIVE", "MERGED"))
    differ = False
    try:
        for info in selected(inv, resources.from_files(inv)):
            differ |= _diff(inv, info, live, merged)
    except (ApiError, KubectlError, SeveralErrors) as error:
        inv.err.append(explain(error)[0])
        return 2
    return int(differ)


def _diff(inv: Invocation, info: Info, live: str, merged: str) -> bool:
    current = inv.connection.find(info.resource, info.namespace, info.name)
    if current is None:
        new = inv.connection.create(
            info.resource,
            info.namespace,
            applying.annotated(info.object),
            dry_run=True,
            validation="Strict",
        )
    elif patch := _patch(info, current):
        new = inv.connection.patch(info.resource, info.namespace, info.name, patch, dry_run=True)
    else:
        return False
    before, after = (_text(obj) for obj in (current, new))
    if before == after:
        return False
    group = info.resource.api_version.replace("/", ".")
    name = f"{group}.{info.resource.kind}.{info.namespace or ''}.{info.name}"
    stamp = inv.connection.clock.utc_precise().strftime("%Y-%m-%d %H:%M:%S.%f000 +0000")
    lines = difflib.unified_diff(
        before, after, f"{live}/{name}", f"{merged}/{name}", stamp, stamp, lineterm=""
    )
    inv.print(f"diff -u -N {live}/{name} {merged}/{name}")
    for line in lines:
        inv.print(line)
    return True


def _patch(info: Info, current: Json) -> Json:
    try:
        return applying.apply_patch(info.resource, info.object, current)
    except PatchError as error:
        raise KubectlError(f"creating patch with: {error}") from None


def _text(obj: Json | None) -> list[str]:
    """An object's lines, without what apply itself writes down. A Secret's values are masked."""
    if obj is None:
        return []
    if obj["kind"] == "Secret" and obj.get("data"):
        obj = {**obj, "data": dict.fromkeys(obj["data"], "***")}
    return yaml.dump(obj).splitlines()


COMMAND = Command(
    name="diff",
    use="diff -f FILENAME",
    short="Diff the live version against a would-be applied version",
    group="Advanced Commands",
    flags=(
        *flags.FILENAME,
        *flags.SELECTOR,
        *flags.FIELD_MANAGER,
    ),
    run=run,
)
