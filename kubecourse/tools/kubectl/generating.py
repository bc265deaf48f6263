"""What commands share that make objects from a few flags.

Results are what `--dry-run=client` prints, Go's zeros included.
Source: `staging/src/k8s.io/kubectl/pkg/cmd/create/create.go`, `…/pkg/generate/versioned/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl.changing import store
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.manifests import info_of

Json = dict[str, Any]


def new_object(
    inv: Invocation, kind: str, name: str, api: str = "v1", labels: Json | None = None
) -> Json:
    """An object with metadata only. Its namespace stands there if one was asked for."""
    metadata: Json = {"name": name}
    if inv.namespace_given and inv.flags["namespace"] and kind != "Namespace":
        metadata["namespace"] = inv.flags["namespace"]
    metadata["creationTimestamp"] = None
    if labels:
        metadata["labels"] = labels
    return {"kind": kind, "apiVersion": api, "metadata": metadata}


_FAILED = {
    "configmap": "failed to create configmap:",
    "clusterrolebinding": "failed to create clusterrolebinding:",
    "cronjob": "failed to create cronjob:",
    "deployment": "failed to create deployment:",
    "job": "failed to create job:",
    "priorityclass": "failed to create priorityclass:",
    "rolebinding": "failed to create rolebinding:",
    "secret": "failed to create secret",
    "service": "failed to create {type} service:",
    "serviceaccount": "failed to create serviceaccount:",
}
"""What comes before the server's words, by what is created; before those for others nothing."""


def generated(inv: Invocation, obj: Json, done: str = "created") -> None:
    """Store an object made from flags; what is only printed names no namespace by itself."""
    try:
        store(inv, replace(info_of(inv, obj), object=obj), done)
    except ApiError as error:
        _, verb, what = [*inv.path.split(), ""][:3]
        if verb != "create" or what not in _FAILED:
            raise
        text = _FAILED[what].format(type=obj.get("spec", {}).get("type"))
        raise KubectlError(f"{text} {error.message}") from None


def present(values: Json) -> Json:
    """Those values that say something."""
    return {key: value for key, value in values.items() if value}


def environment(pairs: Iterable[str]) -> list[Json]:
    """Variables from `KEY=VALUE`. Raises KubectlError."""
    found: list[Json] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[-._a-zA-Z][-._a-zA-Z0-9]*", name):
            raise KubectlError(f"invalid env: {pair}")
        found.append({"name": name, "value": value} if value else {"name": name})
    return found


def label_pairs(text: str) -> dict[str, str]:
    """`a=b,c=d`, as `--labels` and `--selector` of generators have it. Raises KubectlError."""
    found: dict[str, str] = {}
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not equals:
            raise KubectlError(f"unexpected label spec: {part}")
        if not key:
            raise KubectlError("unexpected empty label key")
        found[key] = value
    return found


def number(text: str, function: str = "Atoi") -> int:
    """A number of a flag. Raises KubectlError in Go's words."""
    if not re.fullmatch(r"-?[0-9]+", text):
        raise KubectlError(f'strconv.{function}: parsing "{text}": invalid syntax')
    return int(text)
