"""`kubectl create deployment` and the like: objects from a few flags.

Source: `staging/src/k8s.io/kubectl/pkg/cmd/create/create_*.go`.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from kubecourse.api import names
from kubecourse.tools.kubectl.changing import store
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.manifests import info_of
from kubecourse.tools.sources import find_path

Json = dict[str, Any]

# --- what generators share; results are what `--dry-run=client` prints, Go's zeros included


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


def generated(inv: Invocation, obj: Json, done: str = "created") -> None:
    """Store an object made from flags; what is only printed names no namespace by itself."""
    store(inv, replace(info_of(inv, obj), object=obj), done)


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


# --- namespaces and Deployments


@command("create namespace")
def namespace(inv: Invocation) -> None:
    """A namespace."""
    generated(inv, new_object(inv, "Namespace", inv.args[0]) | {"spec": {}, "status": {}})


@command("create deployment")
def deployment(inv: Invocation) -> None:
    """A Deployment; what follows `--` is its container's command."""
    name, *words = inv.args
    images, port = inv.flags["image"], inv.flags["port"]
    if len(images) > 1 and words:
        raise KubectlError("cannot specify multiple --image options and command")
    containers: list[Json] = []
    for image in images:
        container: Json = {"name": _container_name(inv, name, image), "image": image}
        if words:
            container["command"] = words
        containers.append({**container, "resources": {}})
    if port >= 0:
        containers[0]["ports"] = [{"containerPort": port}]
    labels = {"app": name}
    template = {
        "metadata": {"creationTimestamp": None, "labels": labels},
        "spec": {"containers": containers},
    }
    spec = {
        "replicas": inv.flags["replicas"],
        "selector": {"matchLabels": labels},
        "template": template,
        "strategy": {},
    }
    obj = new_object(inv, "Deployment", name, "apps/v1", labels)
    generated(inv, obj | {"spec": spec, "status": {}})


def _container_name(inv: Invocation, deployment: str, image: str) -> str:
    """The image's last part, without its tag; made to fit, with a random suffix, for DNS."""
    name = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    if re.search(r"[_.]", name):
        rng = inv.connection.clock.rng(f"kubectl/{deployment}")
        name = f"{re.sub(r'[_.]', '-', name)}-{names.random_suffix(rng)}"
    return name


# --- services


def _service(kind: str, inv: Invocation) -> None:
    name = inv.args[0]
    cluster_ip = inv.flags.get("clusterip", "")
    external_name = inv.flags.get("external-name", "")
    node_port = inv.flags.get("node-port", 0)
    ports = [_tcp_port(text, node_port) for text in inv.flags["tcp"]]
    if not ports and cluster_ip != "None" and not external_name:
        raise KubectlError("at least one tcp port specifier must be provided")
    labels = {"app": name}
    spec: Json = {"ports": ports} if ports else {}
    spec["selector"] = labels
    if cluster_ip:
        spec["clusterIP"] = cluster_ip
    spec["type"] = kind
    if external_name:
        spec["externalName"] = external_name
    obj = new_object(inv, "Service", name, labels=labels)
    generated(inv, obj | {"spec": spec, "status": {"loadBalancer": {}}})


def _tcp_port(text: str, node_port: int) -> Json:
    """`port` or `port:targetPort`."""
    outer, inner = [*text.split(":"), ""][:2]
    port = number(outer, "ParseUint")
    if not 0 <= port <= 65535:
        raise KubectlError(f'strconv.ParseUint: parsing "{outer}": value out of range')
    target: int | str = port if not inner else int(inner) if inner.isdigit() else inner
    name = text.replace(":", "-")
    found = {"name": name, "protocol": "TCP", "port": port, "targetPort": target}
    return {**found, "nodePort": node_port} if node_port else found


for _type in ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"):
    command(f"create service {_type.lower()}")(partial(_service, _type))


# --- configuration


@command("create configmap")
def config_map(inv: Invocation) -> None:
    """A ConfigMap; no key may come twice."""
    name = inv.args[0]
    text: Json = {}
    binary: Json = {}
    for key, value in _entries(inv):
        if objections := names.is_config_map_key(key):
            raise KubectlError(
                f'"{key}" is not a valid key name for a ConfigMap: {",".join(objections)}'
            )
        if key in text or key in binary:
            raise KubectlError(
                f'cannot add key "{key}", another key by that name already exists in Data for'
                f' ConfigMap "{name}"'
            )
        try:
            text[key] = value.decode()
        except UnicodeDecodeError:
            binary[key] = _base64(value)
    data = {"data": text, "binaryData": binary}
    filled = {key: values for key, values in data.items() if values}
    generated(inv, new_object(inv, "ConfigMap", name) | filled)


def _secret(inv: Invocation, name: str, data: Json, type: str) -> None:
    filled = {key: value for key, value in (("data", data), ("type", type)) if value}
    generated(inv, new_object(inv, "Secret", name) | filled)


@command("create secret generic")
def generic_secret(inv: Invocation) -> None:
    """A Secret; no key may come twice."""
    name = inv.args[0]
    data: Json = {}
    for key, value in _entries(inv):
        if objections := names.is_config_map_key(key):
            # kubectl has no colon here, nor the article.
            raise KubectlError(f'"{key}" is not valid key name for a Secret {",".join(objections)}')
        if key in data:
            raise KubectlError(f"cannot add key {key}, another key by that name already exists")
        data[key] = _base64(value)
    _secret(inv, name, data, inv.flags["type"])


@command("create secret tls")
def tls_secret(inv: Invocation) -> None:
    """A certificate and its key."""
    name = inv.args[0]
    files = {"tls.crt": inv.flags["cert"], "tls.key": inv.flags["key"]}
    data = {key: _base64(_read(place)) for key, place in files.items()}
    _secret(inv, name, data, "kubernetes.io/tls")


@command("create secret docker-registry")
def registry_secret(inv: Invocation) -> None:
    """What a registry wants to know."""
    name = inv.args[0]
    wanted = ("docker-server", "docker-username", "docker-password", "docker-email")
    server, user, password, email = (inv.flags[flag] for flag in wanted)
    login = {"username": user, "password": password} | ({"email": email} if email else {})
    login["auth"] = _base64(f"{user}:{password}".encode())
    document = json.dumps({"auths": {server: login}}, separators=(",", ":")).encode()
    data = {".dockerconfigjson": _base64(document)}
    _secret(inv, name, data, "kubernetes.io/dockerconfigjson")


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _entries(inv: Invocation) -> Iterator[tuple[str, bytes]]:
    """Keys and values from all sources. Raises KubectlError."""
    literals, files, env_files = (
        inv.flags[f"from-{kind}"] for kind in ("literal", "file", "env-file")
    )
    if env_files and (literals or files):
        raise KubectlError("from-env-file cannot be combined with from-file or from-literal")
    for text in literals:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise KubectlError(f"invalid literal source {text}, expected key=value")
        yield key, value.encode()
    for text in files:
        yield from _from_file(text)
    for place in env_files:
        for line in _read(place).decode(errors="replace").splitlines():
            if (line := line.lstrip()) and not line.startswith("#"):
                key, _, value = line.partition("=")
                yield key, value.encode()


def _from_file(text: str) -> Iterator[tuple[str, bytes]]:
    """`file`, `key=file`, or a directory."""
    if text.count("=") > 1:
        raise KubectlError("key names or file paths cannot contain '='")
    key, equals, place = text.rpartition("=")
    if equals and not key:
        raise KubectlError(f"key name for file path {place} missing")
    if equals and not place:
        raise KubectlError(f"file path for key name {key} missing")
    path = find_path(place)
    if not path.is_dir():
        yield key or path.name, _read(place)
        return
    if key:
        raise KubectlError("cannot give a key name for a directory path")
    for file in sorted(file for file in path.iterdir() if file.is_file()):
        yield file.name, file.read_bytes()


def _read(place: str) -> bytes:
    try:
        return find_path(place).read_bytes()
    except OSError as error:
        raise KubectlError(f"error reading {place}: {(error.strerror or '').lower()}") from None
