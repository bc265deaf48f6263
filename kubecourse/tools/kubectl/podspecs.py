"""Pod specs inside of objects: finding them, and the changes that `kubectl set` makes.

Sources: `staging/src/k8s.io/kubectl/pkg/polymorphichelpers/updatepodspec.go`,
`…/kubectl/pkg/cmd/set/helper.go`, `set_image.go`, `set_env.go`, `set_resources.go`.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

from kubecourse.api.quantity import QuantityError, canonical
from kubecourse.tools.kubectl.failure import KubectlError

Json = dict[str, Any]

_TEMPLATED = (
    "DaemonSet",
    "Deployment",
    "Job",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
)


def pod_spec(obj: Json) -> Json:
    """The pod spec of an object. Raises KubectlError for kinds without one."""
    if obj["kind"] == "Pod":
        return obj["spec"]
    if obj["kind"] in _TEMPLATED:
        return obj["spec"]["template"]["spec"]
    if obj["kind"] == "CronJob":
        return obj["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    raise KubectlError(f"the object is not a pod or does not have a pod template: {obj['kind']}")


def with_pod_spec(obj: Json, spec: Json) -> Json:
    """The object with another pod spec."""
    if obj["kind"] == "Pod":
        return {**obj, "spec": spec}
    if obj["kind"] == "CronJob":
        job = obj["spec"]["jobTemplate"]
        template = {**job["spec"]["template"], "spec": spec}
        job = {**job, "spec": {**job["spec"], "template": template}}
        return {**obj, "spec": {**obj["spec"], "jobTemplate": job}}
    template = {**obj["spec"]["template"], "spec": spec}
    return {**obj, "spec": {**obj["spec"], "template": template}}


def _each(containers: list[Json] | None, change: Any) -> list[Json]:
    return [change(container) for container in containers or []]


# --- images


def set_images(obj: Json, images: dict[str, str]) -> Json:
    """The object with images by container name, `*` for all. Raises KubectlError."""
    spec = pod_spec(obj)
    names = {c["name"] for key in _KINDS for c in spec.get(key) or []}
    for name in images:
        if name != "*" and name not in names:
            raise KubectlError(f'error: unable to find container named "{name}"', bare=True)

    def change(container: Json) -> Json:
        image = images.get(container["name"]) or images.get("*")
        return {**container, "image": image} if image else container

    changed = {key: _each(spec[key], change) for key in _KINDS if spec.get(key)}
    return with_pod_spec(obj, {**spec, **changed})


_KINDS = ("initContainers", "containers")

# --- environment


def set_environment(
    obj: Json, variables: list[Json], removed: list[str], pattern: str, overwrite: bool
) -> Json:
    """The object with variables set and removed in the containers whose names match.

    Raises KubectlError for a variable that is set already, if it may not be overwritten.
    """
    spec = pod_spec(obj)

    def change(container: Json) -> Json:
        if not fnmatchcase(container["name"], pattern):
            return container
        present = container.get("env") or []
        if not overwrite:
            _check_no_overwrites(present, variables)
        updated = _updated_environment(present, variables, removed)
        return {**container, "env": updated} if updated or present else container

    return with_pod_spec(obj, {**spec, "containers": _each(spec.get("containers"), change)})


def _check_no_overwrites(present: list[Json], wanted: list[Json]) -> None:
    values = {each["name"]: each.get("value", "") for each in present}
    for each in wanted:
        if each["name"] in values and values[each["name"]] != each.get("value", ""):
            raise KubectlError(
                f"'{each['name']}' already has a value ({values[each['name']]}),"
                " and --overwrite is false"
            )


def _updated_environment(present: list[Json], wanted: list[Json], removed: list[str]) -> list[Json]:
    new = {each["name"]: each for each in wanted}
    kept = [new.get(e["name"], e) for e in present if e["name"] not in removed]
    names = {each["name"] for each in kept}
    return kept + [each for each in new.values() if each["name"] not in names]


def environment_listing(obj: Json, pattern: str) -> str:
    """What `set env --list` prints."""
    lines: list[str] = []
    for container in pod_spec(obj).get("containers") or []:
        if not fnmatchcase(container["name"], pattern):
            continue
        name = obj["metadata"]["name"]
        lines.append(f"# {obj['kind']} {name}, container {container['name']}")
        for each in container.get("env") or []:
            source = each.get("valueFrom")
            lines.append(
                f"{each['name']}={each.get('value', '')}"
                if source is None
                else f"# {each['name']} from {_reference(source)}"
            )
    return "".join(f"{line}\n" for line in lines)


def _reference(source: Json) -> str:
    if ref := source.get("configMapKeyRef"):
        return f"configmap {ref.get('name')}, key {ref.get('key')}"
    if ref := source.get("secretKeyRef"):
        return f"secret {ref.get('name')}, key {ref.get('key')}"
    if ref := source.get("fieldRef"):
        return f"field path {ref.get('fieldPath')}"
    if ref := source.get("resourceFieldRef"):
        prefix = f"{ref['containerName']}/" if ref.get("containerName") else ""
        return f"resource field {prefix}{ref.get('resource')}"
    return "invalid valueFrom"


def variable_name(key: str, prefix: str = "") -> str:
    """The variable that stands for a key of a ConfigMap or Secret: `MY_KEY` for `my-key`."""
    return prefix + re.sub(r"[^a-zA-Z0-9_]", "_", key).upper()


# --- resources


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
    spec = pod_spec(obj)
    found = []

    def change(container: Json) -> Json:
        if not fnmatchcase(container["name"], pattern):
            return container
        found.append(container["name"])
        resources = dict(container.get("resources") or {})
        for key, amounts in (("limits", limits), ("requests", requests)):
            if amounts:
                resources[key] = {**(resources.get(key) or {}), **amounts}
        return {**container, "resources": resources}

    changed = with_pod_spec(obj, {**spec, "containers": _each(spec.get("containers"), change)})
    if not found:
        raise KubectlError(f"error: unable to find container named {pattern}", bare=True)
    return changed
