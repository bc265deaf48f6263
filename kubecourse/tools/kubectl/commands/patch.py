"""`kubectl scale` and `patch`: change objects that are there.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/scale`, `…/pkg/cmd/patch`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from kubecourse.api import yaml
from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl.changing import send_patch
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError, each
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info, from_flags


@command("scale")
def scale(inv: Invocation) -> None:
    """Set the number of replicas through the scale subresource."""
    if inv.flags["replicas"] < 0:
        raise KubectlError(
            "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"
        )
    if inv.flags["current-replicas"] < -1:
        raise KubectlError("The --current-replicas must specify an integer of -1 or greater")
    try:
        infos = from_flags(inv)
    except ApiError as error:
        raise KubectlError(f"no objects passed to scale {error.message}") from None
    if not infos:
        raise KubectlError("no objects passed to scale")
    each(infos, partial(_scale, inv))


def _scale(inv: Invocation, info: Info) -> None:
    replicas, expected = inv.flags["replicas"], inv.flags["current-replicas"]
    if expected >= 0 and inv.dry_run != "client":
        present = inv.connection.get(info, "scale")["spec"].get("replicas", 0)
        if present != expected:
            raise KubectlError(f"Expected replicas to be {expected}, was {present}")
    patch = {"spec": {"replicas": replicas}}
    send_patch(inv, info, patch, "scaled", kind="merge", subresource="scale")


PATCH_TYPES = ("json", "merge", "strategic")


@command("patch")
def patch(inv: Invocation) -> None:
    """Send the patch to each object."""
    kind = inv.flags["type"].lower()
    if kind not in PATCH_TYPES:
        types = " ".join(PATCH_TYPES)
        raise KubectlError(f'--type must be one of [{types}], not "{inv.flags["type"]}"')
    body = _read_patch(inv)
    infos = from_flags(inv)
    if not infos:
        raise KubectlError("no objects passed to patch")

    def patch_one(info: Info) -> None:
        send_patch(
            inv,
            info,
            body,
            "patched",
            kind=kind,
            subresource=inv.flags["subresource"],
            manager="kubectl-patch",
        )

    each(infos, patch_one)


def _read_patch(inv: Invocation) -> Any:
    text, place = inv.flags["patch"], inv.flags["patch-file"]
    if text and place:
        raise KubectlError("cannot specify --patch and --patch-file together")
    if not text and not place:
        raise KubectlError(
            "must specify --patch or --patch-file containing the contents of the patch"
        )
    try:
        return yaml.load(text or Path(place).read_text())
    except OSError:
        raise KubectlError(
            f"unable to read patch file: open {place}: no such file or directory"
        ) from None
    except yaml.YAMLError as error:
        raise KubectlError(f'unable to parse "{text}": {error}') from None
