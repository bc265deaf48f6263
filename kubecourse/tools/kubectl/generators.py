"""Objects that kubectl makes up from flags: `create deployment`, `run`, `expose` and the like.

The results are what `--dry-run=client -o yaml` prints, Go's zero values included.
Sources: `staging/src/k8s.io/kubectl/pkg/cmd/create/create_*.go`, `…/pkg/generate/`,
`…/pkg/cmd/run/run.go`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from kubecourse.api import names
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.sources import find_path

Json = dict[str, Any]


def new_object(
    kind: str, name: str, namespace: str = "", api: str = "v1", labels: Json | None = None
) -> Json:
    """An object with metadata only."""
    metadata: Json = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["creationTimestamp"] = None
    if labels:
        metadata["labels"] = labels
    return {"kind": kind, "apiVersion": api, "metadata": metadata}


# --- pods

ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


def container_name(image: str, rng: Random) -> str:
    """What `create deployment` calls a container: the image's last part, without its tag.

    Names that DNS would not take are made to fit, with a random suffix.
    """
    name = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    if re.search(r"[_.]", name):
        name = f"{re.sub(r'[_.]', '-', name)}-{names.random_suffix(rng)}"
    return name


def deployment(
    name: str,
    namespace: str,
    images: list[str],
    rng: Random,
    *,
    command: list[str],
    replicas: int = 1,
    port: int = -1,
) -> Json:
    """`create deployment`. Raises KubectlError."""
    if len(images) > 1 and command:
        raise KubectlError("cannot specify multiple --image options and command")
    containers: list[Json] = []
    for image in images:
        container: Json = {"name": container_name(image, rng), "image": image}
        if command:
            container["command"] = command
        containers.append({**container, "resources": {}})
    if port >= 0:
        containers[0]["ports"] = [{"containerPort": port}]
    labels = {"app": name}
    return {
        **new_object("Deployment", name, namespace, "apps/v1", labels),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"creationTimestamp": None, "labels": labels},
                "spec": {"containers": containers},
            },
            "strategy": {},
        },
        "status": {},
    }


def pod(
    name: str,
    image: str,
    *,
    labels: Json | None,
    annotations: Json | None,
    env: list[Json],
    port: str,
    words: list[str],
    as_command: bool,
    pull_policy: str,
    restart: str,
) -> Json:
    """`run`."""
    container: Json = {"name": name, "image": image}
    if words:
        container["command" if as_command else "args"] = words
    if port:
        container["ports"] = [{"containerPort": _number(port)}]
    if env:
        container["env"] = env
    container["resources"] = {}
    if pull_policy:
        container["imagePullPolicy"] = pull_policy
    obj = new_object("Pod", name, labels=labels or {"run": name})
    if annotations:
        obj["metadata"]["annotations"] = annotations
    spec = {"containers": [container], "restartPolicy": restart, "dnsPolicy": "ClusterFirst"}
    return {**obj, "spec": spec, "status": {}}


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise KubectlError(f'strconv.Atoi: parsing "{text}": invalid syntax') from None


def environment(pairs: Iterable[str]) -> list[Json]:
    """`--env=KEY=VALUE`. Raises KubectlError."""
    found: list[Json] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not ENV_NAME.fullmatch(name):
            raise KubectlError(f"invalid env: {pair}")
        found.append({"name": name, "value": value} if value else {"name": name})
    return found


def pairs(text: str) -> dict[str, str]:
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


# --- services

MOST_PORTS = 65535
TYPES = {
    "clusterip": "ClusterIP",
    "nodeport": "NodePort",
    "loadbalancer": "LoadBalancer",
    "externalname": "ExternalName",
}


def service(
    name: str,
    namespace: str,
    type: str,
    tcp: list[str],
    *,
    cluster_ip: str = "",
    node_port: int = 0,
    external_name: str = "",
) -> Json:
    """`create service clusterip` and the like; `tcp` has `port` or `port:targetPort`."""
    if not tcp and not (cluster_ip == "None" or external_name):
        raise KubectlError("at least one tcp port specifier must be provided")
    spec: Json = {}
    ports = [_tcp_port(text, node_port) for text in tcp]
    if ports:
        spec["ports"] = ports
    labels = {"app": name}
    spec["selector"] = labels
    if cluster_ip:
        spec["clusterIP"] = cluster_ip
    spec["type"] = type
    if external_name:
        spec["externalName"] = external_name
    obj = new_object("Service", name, namespace, labels=labels)
    return {**obj, "spec": spec, "status": {"loadBalancer": {}}}


def _tcp_port(text: str, node_port: int) -> Json:
    outer, inner = [*text.split(":"), ""][:2]
    number = _port_number(outer)
    target: int | str = number if not inner else int(inner) if inner.isdigit() else inner
    name = text.replace(":", "-")
    port = {"name": name, "protocol": "TCP", "port": number, "targetPort": target}
    return {**port, "nodePort": node_port} if node_port else port


def _port_number(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise KubectlError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) > MOST_PORTS:
        raise KubectlError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


# --- configuration


def config_map(
    name: str, namespace: str, literals: list[str], files: list[str], env_files: list[str]
) -> Json:
    """`create configmap`. Raises KubectlError, also for a key that comes twice."""
    data: Json = {}
    binary: Json = {}
    for key, value in _entries(literals, files, env_files):
        if objections := names.is_config_map_key(key):
            raise KubectlError(
                f'"{key}" is not a valid key name for a ConfigMap: {",".join(objections)}'
            )
        if key in data or key in binary:
            raise KubectlError(
                f'cannot add key "{key}", another key by that name already exists in Data for'
                f' ConfigMap "{name}"'
            )
        try:
            data[key] = value.decode()
        except UnicodeDecodeError:
            binary[key] = _base64(value)
    obj = new_object("ConfigMap", name, namespace)
    if data:
        obj["data"] = data
    if binary:
        obj["binaryData"] = binary
    return obj


def secret(
    name: str,
    namespace: str,
    type: str,
    literals: list[str],
    files: list[str],
    env_files: list[str],
) -> Json:
    """`create secret generic`. Raises KubectlError, also for a key that comes twice."""
    data: Json = {}
    for key, value in _entries(literals, files, env_files):
        if objections := names.is_config_map_key(key):
            # kubectl has no colon here, nor the article.
            raise KubectlError(f'"{key}" is not valid key name for a Secret {",".join(objections)}')
        if key in data:
            raise KubectlError(f"cannot add key {key}, another key by that name already exists")
        data[key] = _base64(value)
    obj = new_object("Secret", name, namespace)
    if data:
        obj["data"] = data
    return {**obj, "type": type} if type else obj


def tls_secret(name: str, namespace: str, cert: str, key: str) -> Json:
    """`create secret tls`."""
    data = {"tls.crt": _base64(_read(cert)), "tls.key": _base64(_read(key))}
    return {**new_object("Secret", name, namespace), "data": data, "type": "kubernetes.io/tls"}


def registry_secret(
    name: str, namespace: str, server: str, user: str, password: str, email: str
) -> Json:
    """`create secret docker-registry`."""
    login = {"username": user, "password": password}
    if email:
        login["email"] = email
    login["auth"] = _base64(f"{user}:{password}".encode())
    document = json.dumps({"auths": {server: login}}, separators=(",", ":")).encode()
    return {
        **new_object("Secret", name, namespace),
        "data": {".dockerconfigjson": _base64(document)},
        "type": "kubernetes.io/dockerconfigjson",
    }


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _entries(
    literals: list[str], files: list[str], env_files: list[str]
) -> Iterator[tuple[str, bytes]]:
    """Keys and values from all sources. Raises KubectlError."""
    if env_files and (literals or files):
        raise KubectlError("from-env-file cannot be combined with from-file or from-literal")
    yield from _from_literals(literals)
    yield from _from_files(files)
    yield from _from_env_files(env_files)


def _from_literals(literals: list[str]) -> Iterator[tuple[str, bytes]]:
    for text in literals:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise KubectlError(f"invalid literal source {text}, expected key=value")
        yield key, value.encode()


def _from_files(files: list[str]) -> Iterator[tuple[str, bytes]]:
    for text in files:
        if text.count("=") > 1:
            raise KubectlError("key names or file paths cannot contain '='")
        key, equals, place = text.rpartition("=")
        if equals and not key:
            raise KubectlError(f"key name for file path {place} missing")
        if equals and not place:
            raise KubectlError(f"file path for key name {key} missing")
        path = find_path(place)
        if path.is_dir():
            if key:
                raise KubectlError("cannot give a key name for a directory path")
            for each in sorted(each for each in path.iterdir() if each.is_file()):
                yield each.name, each.read_bytes()
        else:
            yield key or path.name, _read(place)


def _from_env_files(files: list[str]) -> Iterator[tuple[str, bytes]]:
    for place in files:
        for line in _read(place).decode(errors="replace").splitlines():
            line = line.lstrip()
            if line and not line.startswith("#"):
                key, _, value = line.partition("=")
                yield key, value.encode()


def _read(place: str) -> bytes:
    try:
        return find_path(place).read_bytes()
    except FileNotFoundError:
        raise KubectlError(f"error reading {place}: no such file or directory") from None
    except OSError as error:
        raise KubectlError(f"error reading {place}: {(error.strerror or '').lower()}") from None
