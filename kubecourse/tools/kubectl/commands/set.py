"""`kubectl set`: change one thing of a pod template."""

from __future__ import annotations

from functools import partial
from typing import Any

from kubecourse.tools.kubectl import flags, generators, podspecs, resources
from kubecourse.tools.kubectl.changing import edit_each, targets
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.labeling import resources_and_pairs
from kubecourse.tools.kubectl.resources import Info

Json = dict[str, Any]

NO_RESOURCES = "one or more resources must be specified as <resource> <name> or <resource>/<name>"


def _targets(inv: Invocation, args: list[str]) -> list[Info]:
    if not args and not inv.flags["filename"]:
        raise KubectlError(NO_RESOURCES)
    return targets(inv, args)


def _image(inv: Invocation) -> None:
    args, pairs = resources_and_pairs(inv.args, "image")
    images: dict[str, str] = {}
    for pair in pairs:
        name, equals, image = pair.partition("=")
        if not equals or not name or not image:
            raise KubectlError(f"invalid image format: {pair}")
        images[name] = image
    if not args and not inv.flags["filename"]:
        raise KubectlError(NO_RESOURCES, bare=False)
    if not images:
        raise KubectlError("at least one image update is required")
    if "*" in images and len(images) > 1:
        raise KubectlError("all containers are already specified by *, but saw more than one"
                           " container_name=container_image pairs")  # fmt: skip
    change = partial(podspecs.set_images, images=images)
    failed = "failed to patch image update to pod template"
    edit_each(inv, _targets(inv, args), change, "image updated", failed)


def _env(inv: Invocation) -> None:
    args, pairs = resources_and_pairs(inv.args, "environment")
    pairs = [*inv.flags["env"], *pairs]
    removed = [pair[:-1] for pair in pairs if "=" not in pair]
    variables = generators.environment(pair for pair in pairs if "=" in pair)
    pattern = inv.flags["containers"]
    if inv.flags["from"]:
        variables += _from(inv)
    infos = _targets(inv, args)
    if inv.flags["list"]:
        for info in infos:
            inv.write(podspecs.environment_listing(info.object, pattern))
        return
    change = partial(
        podspecs.set_environment,
        variables=variables,
        removed=removed,
        pattern=pattern,
        overwrite=inv.flags["overwrite"],
    )
    edit_each(inv, infos, change, "env updated", "failed to patch env update to pod template")


def _from(inv: Invocation) -> list[Json]:
    """Variables that refer to every key of a ConfigMap or Secret."""
    found: list[Json] = []
    references = {"ConfigMap": "configMapKeyRef", "Secret": "secretKeyRef"}
    for info in resources.from_arguments(inv, [inv.flags["from"]]):
        reference = references.get(info.object["kind"])
        if reference is None:
            raise KubectlError("unsupported resource specified in --from")
        for key in sorted(info.object.get("data") or {}):
            if not inv.flags["keys"] or key in inv.flags["keys"]:
                source = {reference: {"name": info.name, "key": key}}
                name = podspecs.variable_name(key, inv.flags["prefix"])
                found.append({"name": name, "valueFrom": source})
    return found


def _resources(inv: Invocation) -> None:
    limits, requests = inv.flags["limits"], inv.flags["requests"]
    if not limits and not requests:
        raise KubectlError(
            "you must specify an update to requests or limits (in the form of --requests/--limits)"
        )
    change = partial(
        podspecs.set_resources,
        pattern=inv.flags["containers"],
        limits=podspecs.resource_list(limits),
        requests=podspecs.resource_list(requests),
    )
    failed = "failed to patch resources update to pod template"
    infos = _targets(inv, inv.args)
    edit_each(inv, infos, change, "resource requirements updated", failed)


_COMMON = (
    *flags.FILENAME,
    *flags.SELECTOR,
    *flags.OUTPUT,
    *flags.DRY_RUN,
    *flags.FIELD_MANAGER,
    Flag("all", type="bool", help="All objects of the types, in the namespace."),
)
_CONTAINERS = Flag("containers", "c", default="*", help="Which containers; * is a wildcard.")

COMMAND = Command(
    name="set",
    use="set SUBCOMMAND",
    short="Set specific features on objects",
    group="Basic Commands (Beginner)",
    children=(
        Command(
            name="env",
            use="set env RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N",
            short="Update environment variables on a pod template",
            flags=(
                *_COMMON,
                _CONTAINERS,
                Flag("env", "e", type="array", help="KEY=VALUE; may be repeated."),
                Flag("from", help="A ConfigMap or Secret to refer to: configmap/name."),
                Flag("keys", type="strings", help="Only these keys of --from."),
                Flag("prefix", help="Before each name of --from."),
                Flag("list", type="bool", help="Print the variables there are."),
                Flag("overwrite", type="bool", default=True, help="Let new values win."),
            ),
            run=_env,
        ),
        Command(
            name="image",
            use="set image (-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ...",
            short="Update the image of a pod template",
            flags=_COMMON,
            run=_image,
        ),
        Command(
            name="resources",
            use="set resources (-f FILENAME | TYPE NAME) ([--limits=LIMITS & --requests=REQUESTS]",
            short="Update resource requests/limits on objects with pod templates",
            flags=(
                *_COMMON,
                _CONTAINERS,
                Flag("limits", help="Such as cpu=200m,memory=512Mi."),
                Flag("requests", help="Such as cpu=100m,memory=256Mi."),
            ),
            run=_resources,
        ),
    ),
)
