"""`kubectl create configmap` and `create secret`: from literals, files and directories.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/create/create_{configmap,secret,secret_tls,
secret_docker}.go`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from kubecourse.api import names
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.generating import generated, new_object, present
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.sources import find_path

Json = dict[str, Any]


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
    data = present({"data": text, "binaryData": binary})
    generated(inv, new_object(inv, "ConfigMap", name) | data)


def _secret(inv: Invocation, name: str, data: Json, type: str) -> None:
    generated(inv, new_object(inv, "Secret", name) | present({"data": data, "type": type}))


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
