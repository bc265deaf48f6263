"""`kubectl set`: change one thing of the pods that an object makes; `scale` and `patch`.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/{set,scale,patch}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from kubecourse.api import schema, yaml
from kubecourse.api.errors import ApiError
from kubecourse.api.patch import two_way_merge_patch
from kubecourse.api.quantity import QuantityError, canonical
from kubecourse.tools.kubectl.changing import send_patch
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.commands.create import environment
from kubecourse.tools.kubectl.commands.label import NO_RESOURCES, resources_and_pairs
from kubecourse.tools.kubectl.failure import KubectlError, each
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info, from_arguments, from_flags

Json = dict[str, Any]
Change = Callable[[Json], Json]

# --- pod specs inside of objects

_TEMPLATED = (
    "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet",
)  # fmt: skip
_PATHS: dict[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(_TEMPLATED, ("spec", "template", "spec")),
}


def pod_spec(obj: Json) -> Json:
    """The pod spec of an object. Raises KubectlError for kinds without one."""
    if obj["kind"] not in _PATHS:
        kind = obj["kind"]
        raise KubectlError(f"the object is not a pod or does not have a pod template: {kind}")
    for key in _PATHS[obj["kind"]]:
        obj = obj[key]
    return obj


def _with(obj: Json, path: tuple[str, ...], value: Json) -> Json:
    first, *rest = path
    return {**obj, first: _with(obj[first], tuple(rest), value) if rest else value}


def change_containers(
    obj: Json, pattern: str, change: Change, keys: tuple[str, ...] = ("containers",)
) -> Json:
    """The object with other containers where their names match the pattern."""
    spec = pod_spec(obj)
    changed = {
        key: [change(each) if fnmatchcase(each["name"], pattern) else each for each in spec[key]]
        for key in keys
        if spec.get(key)
    }
    return _with(obj, _PATHS[obj["kind"]], {**spec, **changed})


def _change_each(
    inv: Invocation, infos: list[Info], change: Change, what: str, shown: str = ""
) -> None:
    """Change objects on the client and send the difference; where there is none, pass over."""

    def change_one(info: Info) -> None:
        changed = change(info.object)
        struct = schema.struct(info.resource.schema)
        patch = two_way_merge_patch(info.object, changed, struct)
        if not patch:
            return
        try:
            send_patch(inv, info, patch, f"{shown or what} updated")
        except ApiError as error:
            message = f"failed to patch {what} update to pod template: {error.message}"
            raise KubectlError(message, bare=True) from None

    each(infos, change_one)


def _targets(inv: Invocation, args: list[str]) -> list[Info]:
    if not args and not inv.flags["filename"]:
        raise KubectlError(NO_RESOURCES)
    return from_flags(inv, args)


# --- set image


def set_images(obj: Json, images: dict[str, str]) -> Json:
    """The object with images by container name, `*` for all. Raises KubectlError."""
    keys = ("initContainers", "containers")
    spec = pod_spec(obj)
    there = {container["name"] for key in keys for container in spec.get(key) or []}
    for name in images:
        if name != "*" and name not in there:
            raise KubectlError(f'error: unable to find container named "{name}"', bare=True)

    def change(container: Json) -> Json:
        image = images.get(container["name"]) or images.get("*")
        return {**container, "image": image} if image else container

    return change_containers(obj, "*", change, keys)


@command("set image")
def set_image(inv: Invocation) -> None:
    """`web=nginx:2`, `*=nginx:2`."""
    args, pairs = resources_and_pairs(inv.args, "image")
    images: dict[str, str] = {}
    for pair in pairs:
        name, _, image = pair.partition("=")
        if not name or not image:
            raise KubectlError(f"invalid image format: {pair}")
        images[name] = image
    if not args and not inv.flags["filename"]:
        raise KubectlError(NO_RESOURCES)
    if not images:
        raise KubectlError("at least one image update is required")
    if "*" in images and len(images) > 1:
        raise KubectlError(
            "all containers are already specified by *, but saw more than one"
            " container_name=container_image pairs"
        )
    _change_each(inv, from_flags(inv, args), partial(set_images, images=images), "image")


# --- set env


def set_environment(
    obj: Json, variables: list[Json], removed: list[str], pattern: str, overwrite: bool
) -> Json:
    """The object with variables set and removed in the containers whose names match.

    Raises KubectlError for a variable that is set already, if it may not be overwritten.
    """
    new = {variable["name"]: variable for variable in variables}

    def change(container: Json) -> Json:
        present = container.get("env") or []
        for old in present:
            wanted, value = new.get(old["name"], old).get("value", ""), old.get("value", "")
            if not overwrite and wanted != value:
                raise KubectlError(
                    f"'{old['name']}' already has a value ({value}), and --overwrite is false"
                )
        kept = [new.get(old["name"], old) for old in present if old["name"] not in removed]
        there = {variable["name"] for variable in kept}
        updated = kept + [variable for name, variable in new.items() if name not in there]
        return {**container, "env": updated} if updated or present else container

    return change_containers(obj, pattern, change)


def environment_listing(obj: Json, pattern: str) -> str:
    """What `set env --list` prints."""
    lines: list[str] = []
    spec = pod_spec(obj)
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        if fnmatchcase(container["name"], pattern):
            name = obj["metadata"]["name"]
            lines.append(f"# {obj['kind']} {name}, container {container['name']}")
            lines += map(_listed, container.get("env") or [])
    return "".join(f"{line}\n" for line in lines)


_REFERENCES = {
    "configMapKeyRef": "configmap {name}, key {key}",
    "secretKeyRef": "secret {name}, key {key}",
    "fieldRef": "field path {fieldPath}",
    "resourceFieldRef": "resource field {resource}",
}


def _listed(variable: Json) -> str:
    source = variable.get("valueFrom")
    if source is None:
        return f"{variable['name']}={variable.get('value', '')}"
    for kind, words in _REFERENCES.items():
        if kind in source:
            return f"# {variable['name']} from {words.format(**source[kind])}"
    return f"# {variable['name']} from invalid valueFrom"


@command("set env")
def set_env(inv: Invocation) -> None:
    """`KEY=VALUE KEY-`."""
    args, pairs = resources_and_pairs(inv.args, "environment")
    pairs = [*inv.flags["env"], *pairs]
    removed = [pair[:-1] for pair in pairs if "=" not in pair]
    variables = environment(pair for pair in pairs if "=" in pair)
    if inv.flags["from"]:
        variables += _from(inv)
    infos, pattern = _targets(inv, args), inv.flags["containers"]
    if inv.flags["list"]:
        for info in infos:
            inv.write(environment_listing(info.object, pattern))
        return
    change = partial(
        set_environment,
        variables=variables,
        removed=removed,
        pattern=pattern,
        overwrite=inv.flags["overwrite"],
    )
    _change_each(inv, infos, change, "env")


def _from(inv: Invocation) -> list[Json]:
    """Variables that refer to every key of a ConfigMap or Secret."""
    found: list[Json] = []
    references = {"ConfigMap": "configMapKeyRef", "Secret": "secretKeyRef"}
    for info in from_arguments(inv, [inv.flags["from"]]):
        reference = references.get(info.object["kind"])
        if reference is None:
            raise KubectlError("unsupported resource specified in --from")
        for key in sorted(info.object.get("data") or {}):
            if not inv.flags["keys"] or key in inv.flags["keys"]:
                source = {reference: {"name": info.name, "key": key}}
                name = variable_name(key, inv.flags["prefix"])
                found.append({"name": name, "valueFrom": source})
    return found


def variable_name(key: str, prefix: str = "") -> str:
    """The variable that stands for a key of a ConfigMap or Secret: `MY_KEY` for `my-key`."""
    return prefix + re.sub(r"[^a-zA-Z0-9_]", "_", key).upper()


# --- set resources


def resource_list(text: str) -> Json:
    """`cpu=200m,memory=512Mi` as a resource list. Raises KubectlError."""
    found: Json = {}
    for part in text.split(",") if text else ():
        name, equals, amount = part.partition("=")
        if not equals or "=" in amount:
            raise KubectlError(f"invalid argument syntax {part}, expected <resource>=<value>")
        try:
            found[name] = canonical(amount)
        except QuantityError as error:
            raise KubectlError(str(error)) from None
    return found


def set_resources(obj: Json, pattern: str, limits: Json, requests: Json) -> Json:
    """The object with other limits and requests. Raises KubectlError if no container matches."""

    def change(container: Json) -> Json:
        resources = dict(container.get("resources") or {})
        for key, amounts in (("limits", limits), ("requests", requests)):
            if amounts:
                resources[key] = {**(resources.get(key) or {}), **amounts}
        return {**container, "resources": resources}

    containers = pod_spec(obj).get("containers") or []
    if not any(fnmatchcase(container["name"], pattern) for container in containers):
        raise KubectlError(f"error: unable to find container named {pattern}", bare=True)
    return change_containers(obj, pattern, change)


@command("set resources")
def set_resources_of(inv: Invocation) -> None:
    """Set limits and requests."""
    limits, requests = resource_list(inv.flags["limits"]), resource_list(inv.flags["requests"])
    if not limits and not requests:
        raise KubectlError(
            "you must specify an update to requests or limits (in the form of --requests/--limits)"
        )
    pattern = inv.flags["containers"]
    change = partial(set_resources, pattern=pattern, limits=limits, requests=requests)
    _change_each(inv, _targets(inv, inv.args), change, "resources", "resource requirements")


# --- scale and patch


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
