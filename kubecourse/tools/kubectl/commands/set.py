"""`kubectl set`: change one thing of the pods that an object makes; `scale` and `patch`.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/{set,scale,patch}`.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from kubecourse.api import schema, yaml
from kubecourse.api.errors import ApiError, Unreachable
from kubecourse.api.patch import two_way_merge_patch
from kubecourse.api.quantity import QuantityError, canonical
from kubecourse.tools.kubectl.changing import send_patch
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.commands.label import NO_RESOURCES, resources_and_pairs
from kubecourse.tools.kubectl.failure import KubectlError, each
from kubecourse.tools.kubectl.generating import environment
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.podspecs import Change, change_containers, pod_spec
from kubecourse.tools.kubectl.resources import Info, from_flags

Json = dict[str, Any]


def _change_each(
    inv: Invocation, args: list[str], change: Change, what: str, shown: str = ""
) -> None:
    """Change objects on the client and send the difference; where there is none, pass over."""

    def change_one(info: Info) -> None:
        struct = schema.struct(info.resource.schema)
        if patch := two_way_merge_patch(info.object, change(info.object), struct):
            try:
                send_patch(inv, info, patch, f"{shown or what} updated")
            except ApiError as error:
                message = f"failed to patch {what} update to pod template: {error.message}"
                raise KubectlError(message, bare=True) from None

    each(_targets(inv, args), change_one)


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
    images = {name: image for name, _, image in (pair.partition("=") for pair in pairs)}
    for name, image in images.items():
        if not name or not image:
            raise KubectlError(f"invalid image format: {name}={image}")
    if args and not images:
        raise KubectlError("at least one image update is required")
    if "*" in images and len(images) > 1:
        raise KubectlError(
            "all containers are already specified by *, but saw more than one"
            " container_name=container_image pairs"
        )
    _change_each(inv, args, partial(set_images, images=images), "image")


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
    spec, named = pod_spec(obj), f"{obj['kind']} {obj['metadata']['name']}"
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        if fnmatchcase(container["name"], pattern):
            lines.append(f"# {named}, container {container['name']}")
            lines += map(_listed, container.get("env") or [])
    return "".join(f"{line}\n" for line in lines)


_REFERENCES = {
    "configMapKeyRef": "configmap {name}, key {key}",
    "secretKeyRef": "secret {name}, key {key}",
    "fieldRef": "field path {fieldPath}",
    "resourceFieldRef": "resource field {resource}",
}


def _listed(variable: Json) -> str:
    for kind, source in (variable.get("valueFrom") or {}).items():
        return f"# {variable['name']} from {_REFERENCES[kind].format(**source)}"
    return f"{variable['name']}={variable.get('value', '')}"


@command("set env")
def set_env(inv: Invocation) -> None:
    """`KEY=VALUE KEY-`."""
    args, pairs = resources_and_pairs(inv.args, "environment")
    pairs = [*inv.flags["env"], *pairs]
    pattern = inv.flags["containers"]
    change = partial(
        set_environment,
        variables=environment(pair for pair in pairs if "=" in pair),
        removed=[pair[:-1] for pair in pairs if "=" not in pair],
        pattern=pattern,
        overwrite=inv.flags["overwrite"],
    )
    if inv.flags["list"]:
        for info in _targets(inv, args):
            inv.write(environment_listing(info.object, pattern))
    else:
        _change_each(inv, args, change, "env")


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


def set_resources(obj: Json, pattern: str, amounts: dict[str, Json]) -> Json:
    """The object with other limits and requests. Raises KubectlError if no container matches."""

    def change(container: Json) -> Json:
        resources = dict(container.get("resources") or {})
        for key, new in amounts.items():
            if new:
                resources[key] = {**(resources.get(key) or {}), **new}
        return {**container, "resources": resources}

    containers = pod_spec(obj).get("containers") or []
    if not any(fnmatchcase(container["name"], pattern) for container in containers):
        raise KubectlError(f"error: unable to find container named {pattern}", bare=True)
    return change_containers(obj, pattern, change)


@command("set resources")
def set_resources_of(inv: Invocation) -> None:
    """Set limits and requests."""
    amounts = {key: resource_list(inv.flags[key]) for key in ("limits", "requests")}
    change = partial(set_resources, pattern=inv.flags["containers"], amounts=amounts)
    _change_each(inv, inv.args, change, "resources", "resource requirements")


# --- scale and patch


@command("scale")
def scale(inv: Invocation) -> None:
    """Set the number of replicas through the scale subresource."""
    try:
        infos = from_flags(inv)
    except Unreachable:
        raise
    except ApiError as error:
        raise KubectlError(f"no objects passed to scale {error.message}") from None
    if not infos:
        raise KubectlError("no objects passed to scale")
    replicas, expected = inv.flags["replicas"], inv.flags["current-replicas"]

    def scale_one(info: Info) -> None:
        if expected >= 0 and inv.dry_run != "client":
            present = inv.connection.get(info, "scale")["spec"].get("replicas", 0)
            if present != expected:
                raise KubectlError(f"Expected replicas to be {expected}, was {present}")
        patch = {"spec": {"replicas": replicas}}
        send_patch(inv, info, patch, "scaled", kind="merge", subresource="scale")

    each(infos, scale_one)


@command("patch")
def patch(inv: Invocation) -> None:
    """Send the patch to each object."""
    body, infos = _read_patch(inv), from_flags(inv)
    if not infos:
        raise KubectlError("no objects passed to patch")
    kind, subresource = inv.flags["type"].lower(), inv.flags["subresource"]
    options = {"kind": kind, "subresource": subresource, "manager": "kubectl-patch"}
    each(infos, lambda info: send_patch(inv, info, body, "patched", **options))


def _json_or_text(text: str) -> Any:
    """What looks like JSON goes to the server as it is: that says what is wrong with it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_patch(inv: Invocation) -> Any:
    text, place = inv.flags["patch"], inv.flags["patch-file"]
    try:
        text = text or Path(place).read_text()
        if text.lstrip().startswith("{") and inv.dry_run != "client":
            return _json_or_text(text)
        return yaml.load(text)
    except OSError:
        raise KubectlError(
            f"unable to read patch file: open {place}: no such file or directory"
        ) from None
    except yaml.YAMLError as error:
        raise KubectlError(f'unable to parse "{text}": {error}') from None
