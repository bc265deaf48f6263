"""Objects as the server prints its own, unversioned types in messages: `{"Name":"a","Port":80}`.

Those types have no JSON tags, so Go writes all fields, under their Go names, zeros included.
Source: `pkg/apis/core/types.go`.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import Any

from kubecourse.api import codec, quantity, schema

_GO_NAMES = {"cephfs": "CephFS", "storageos": "StorageOS"}
_ACRONYMS = {
    "api", "aws", "csi", "dns", "fc", "fs", "gce", "gid", "grpc", "http", "ip", "iscsi", "nfs",
    "os", "rbd", "se", "tcp", "tty", "uid",
}  # fmt: skip
# Where the unversioned type has its fields in another order than the versioned one, or others.
_LAYOUTS: dict[str, tuple[str, ...]] = {
    "core/v1.PodSpec": (
        "volumes", "initContainers", "containers", "ephemeralContainers", "restartPolicy",
        "terminationGracePeriodSeconds", "activeDeadlineSeconds", "dnsPolicy", "nodeSelector",
        "serviceAccountName", "automountServiceAccountToken", "nodeName", "securityContext",
        "imagePullSecrets", "hostname", "subdomain", "setHostnameAsFQDN", "affinity",
        "schedulerName", "tolerations", "hostAliases", "priorityClassName", "priority",
        "preemptionPolicy", "dnsConfig", "readinessGates", "runtimeClassName", "overhead",
        "enableServiceLinks", "topologySpreadConstraints", "os", "schedulingGates",
        "resourceClaims", "resources", "hostnameOverride", "schedulingGroup",
    ),
    "core/v1.PodSecurityContext": (
        "seLinuxOptions", "windowsOptions", "runAsUser", "runAsGroup", "runAsNonRoot",
        "supplementalGroups", "supplementalGroupsPolicy", "fsGroup", "fsGroupChangePolicy",
        "sysctls", "seccompProfile", "appArmorProfile", "seLinuxChangePolicy",
    ),
}  # fmt: skip
_IN_SECURITY_CONTEXT = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
_LOWER = re.compile("[a-z]*")
_ZEROS = {"string": "", "bool": False, "int": 0, "float": 0, "quantity": "0", "intorstring": 0}


def _go_name(name: str) -> str:
    first = _LOWER.match(name)[0]  # type: ignore[index]
    word = first.upper() if first in _ACRONYMS else first.capitalize()
    return _GO_NAMES.get(name, word + name[len(first) :])


def _zero(kind: schema.Type) -> Any:
    if kind.pointer or kind.form in ("list", "map", "time", "bytes", "any"):
        return None
    if kind.form == "struct":
        return _struct(None, kind.name)
    return _ZEROS.get(kind.form)


def _value(value: Any, kind: schema.Type) -> Any:
    if value is None:
        return _zero(kind)
    if kind.name.startswith("meta/") and kind.form == "struct":
        return codec.encode(value)
    if kind.form == "struct":
        return _struct(value, kind.name)
    if kind.form == "list" and kind.element is not None:
        return [_value(item, kind.element) for item in value]
    if kind.form == "map" and kind.element is not None:
        return {key: _value(value[key], kind.element) for key in sorted(value)}
    if kind.form == "quantity":
        return quantity.canonical(value)
    if kind.form == "time":
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def _struct(obj: Any, name: str) -> dict[str, Any]:
    fields = schema.struct(name).fields
    _, attributes = codec.model(name)
    shown = {
        _go_name(key): _value(
            getattr(obj, attributes[key], None) if obj is not None else None, fields[key].type
        )
        for key in _LAYOUTS.get(name, fields)
        if key in fields
    }
    if name == "core/v1.PodSpec" and obj is not None and shown["SecurityContext"] is not None:
        moved = {
            _go_name(key): _value(getattr(obj, key), fields[key].type)
            for key in _IN_SECURITY_CONTEXT
        }
        shown["SecurityContext"] = {**moved, **shown["SecurityContext"]}
    return shown


def shown(obj: Any) -> dict[str, Any]:
    """An object as the server's own type, in JSON."""
    package = "/".join(type(obj).__module__.rpartition(".")[2].rsplit("_", 1))
    return _struct(obj, f"{package}.{type(obj).__name__}")


def template(value: Any) -> dict[str, Any]:
    """A pod template as the server's own type: its metadata has JSON names and lies flat in it."""
    metadata = codec.encode(value.metadata) if value.metadata is not None else {}
    return {**metadata, "Spec": shown(value.spec)}


def difference(old: Any, new: Any) -> str:
    """Two objects' JSON compared line by line, as `diff -u` does.

    Source: `staging/src/k8s.io/apimachinery/pkg/util/diff`.
    """
    before, after = (
        json.dumps(shown(obj), indent=1, ensure_ascii=False).splitlines() for obj in (old, new)
    )
    lines = list(difflib.unified_diff(before, after, n=3, lineterm=""))[2:]
    return "".join(f"{line}\n" for line in lines)
