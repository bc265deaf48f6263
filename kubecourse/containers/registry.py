"""Registries: names, a private one on this machine, and what travels to and from it."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from kubecourse.containers import bases
from kubecourse.containers.engines import (
    HOST,
    LABEL,
    PREFIX,
    EngineError,
    client,
    explained,
    need_local,
    ours,
)
from kubecourse.containers.ports import containers, get, logs, run
from kubecourse.containers.recording import on_engine, say
from kubecourse.containers.shown import Shown, size
from kubecourse.node.runtime.references import parse_reference
from kubecourse.tools.tables import columns

NAME = f"{PREFIX}registry"
PORT = 5005
_INSIDE = 5000
_MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
        "oci.image.manifest.v1",
        "oci.image.index.v1",
    )
)


class Name(Shown):
    """An image name taken apart. `full` is what an engine understands by it."""

    text: str
    registry: str
    repository: str
    tag: str
    digest: str
    full: str

    def __str__(self) -> str:
        rows = [(field, getattr(self, field)) for field in self.__struct_fields__]
        return columns(row for row in rows if row[1])


def explain_name(name: str) -> Name:
    """Read an image name as Docker does. Raises InvalidReference, a ValueError, in its words."""
    found = parse_reference(name)
    tag = found.tag or ("" if found.digest else "latest")
    return Name(name, found.domain, found.path, tag, found.digest, found.full)


# --- transfers


class Progress(Shown):
    """A layer under way, or arrived. `state` is the engine's word for it."""

    layer: str
    state: str
    bytes: int = 0
    of: int = 0
    done: bool = False

    @property
    def there_before(self) -> bool:
        """Whether the layer did not have to travel."""
        return "exists" in self.state or self.state.startswith("Mounted")

    def __str__(self) -> str:
        weight = "" if self.there_before or not self.bytes else f", {size(self.bytes)}"
        return f"{self.layer}: {self.state}{weight}"


class Transfer(Shown):
    """A finished push or pull."""

    name: str
    digest: str
    layers: list[Progress]

    @property
    def events(self) -> list[Progress]:
        """What was shown while it went on."""
        return self.layers

    @property
    def sent(self) -> int:
        """Bytes of layers that travelled, as the engine counts them: unpacked when pushing."""
        return sum(layer.bytes for layer in self.layers if not layer.there_before)

    def __str__(self) -> str:
        there = sum(layer.there_before for layer in self.layers)
        return (
            f"{self.name}: {len(self.layers)} layers, {there} already there, "
            f"{size(self.sent)} moved\n{self.digest}"
        )


@on_engine
def push(name: str, show: Callable[[Any], object] = say) -> Transfer:
    """Send an image to the registry that its name says. Raises EngineError."""
    reference = parse_reference(name)
    return _transfer(
        name,
        client().api.push(
            reference.repository, tag=reference.tag or "latest", stream=True, decode=True
        ),
        show,
    )


@on_engine
def pull(name: str, show: Callable[[Any], object] = say) -> Transfer:
    """Fetch an image by tag or digest. Raises EngineError: `offline`, `rate_limit`, ..."""
    full = parse_reference(name).full
    with bases.noted(full):
        return _transfer(name, client().api.pull(full, stream=True, decode=True), show)


def _transfer(
    name: str, events: Iterator[dict[str, Any]], show: Callable[[Any], object]
) -> Transfer:
    layers: dict[str, Progress] = {}
    digest = ""
    for event in events:
        if "error" in event:
            raise explained(event["error"])
        state, layer = str(event.get("status", "")), event.get("id", "")
        if found := re.search(r"sha256:[0-9a-f]{64}", state + str(event.get("aux", ""))):
            digest = found[0]
        if not re.fullmatch(r"[0-9a-f]{12}", layer):
            continue
        progress = layers.setdefault(layer, Progress(layer, state))
        detail = event.get("progressDetail") or {}
        if state in ("Pushing", "Downloading") or not progress.bytes:
            progress.bytes = max(progress.bytes, detail.get("current") or 0)
            progress.of = detail.get("total") or progress.of
        arrived = state in ("Pushed", "Pull complete", "Already exists", "Layer already exists")
        progress.state, progress.done = state, arrived or state.startswith("Mounted")
        if progress.done and not progress.there_before:
            progress.bytes = max(progress.bytes, progress.of)
        show(progress)
    return Transfer(name, digest, list(layers.values()))


@on_engine
def tag(image: str, name: str) -> str:
    """Give an image one more name; returns that name in full. Raises EngineError."""
    reference = parse_reference(name)
    if reference.digest:
        raise EngineError("tag_digest", name=name)
    target = reference.repository if "/" in name else ours(name.partition(":")[0])
    client().images.get(bases.resolve(image)).tag(target, reference.tag or "latest")
    return f"{target}:{reference.tag or 'latest'}"


@on_engine
def remove_image(name: str) -> str:
    """Take a name of ours from this engine, and the image with its last one. Raises EngineError."""
    found = client().images.get(bases.resolve(name))
    if LABEL not in found.labels:
        raise EngineError("not_ours", name=name)
    client().images.remove(bases.resolve(name))
    return name


# --- a private registry


class Registry(Shown):
    """A registry on this machine. Images for it are named `address/name:tag`."""

    address: str
    origin: str
    """The image that it runs."""

    def __str__(self) -> str:
        return f"http://{self.address}/v2/ ({self.origin})"


class Manifest(Shown):
    """A manifest as a registry holds it. `digest` is recomputed here from its bytes."""

    name: str
    digest: str
    told: str
    """The digest that the registry gave with it."""
    media_type: str
    config: str
    layers: list[tuple[str, int]]
    """Digest and packed size of each layer, the lowest first."""
    raw: dict[str, Any]

    def __str__(self) -> str:
        rows = [(f"layer {number}", digest[:19], size(weight))
                for number, (digest, weight) in enumerate(self.layers, 1)]  # fmt: skip
        about = [("manifest", self.digest[:19], ""), ("config", self.config[:19], "")]
        return f"{self.name}\n{columns([*about, *rows])}"


@on_engine
def start_registry(port: int = PORT) -> Registry:
    """Start a registry at 127.0.0.1, or find the one that runs; what it holds goes with it.

    Raises EngineError: `port_taken`, `no_base`, `remote`, `no_registry`.
    """
    need_local()
    if _running() is None:
        allowed = {"REGISTRY_STORAGE_DELETE_ENABLED": "true"}
        run("registry", publish={_INSIDE: port}, environment=allowed)
    address = _running()
    if address is None or get(int(address.partition(":")[2]), "/v2/").status != 200:
        raise EngineError("no_registry", logs("registry")[-300:])
    return Registry(address, bases.base("registry").origin)


@on_engine
def catalog() -> list[str]:
    """The repositories in our registry."""
    return list(_call("GET", "/v2/_catalog")[0]["repositories"] or ())


@on_engine
def tags(repository: str) -> list[str]:
    """The tags of a repository in our registry. Raises EngineError."""
    return sorted(_call("GET", f"/v2/{_path(repository)[0]}/tags/list")[0]["tags"] or ())


@on_engine
def manifest(name: str) -> Manifest:
    """The manifest behind a name in our registry. Raises EngineError."""
    path, which = _path(name)
    raw, headers, body = _call("GET", f"/v2/{path}/manifests/{which}")
    return Manifest(
        name=name,
        digest="sha256:" + hashlib.sha256(body).hexdigest(),
        told=headers.get("Docker-Content-Digest", ""),
        media_type=raw.get("mediaType", ""),
        config=raw.get("config", {}).get("digest", ""),
        layers=[(layer["digest"], layer["size"]) for layer in raw.get("layers", ())],
        raw=raw,
    )


@on_engine
def delete(name: str) -> str:
    """Delete what a name means from our registry: the manifest, so every tag of it.

    Returns its digest. Layers stay in the registry until its garbage collection. Raises
    EngineError.
    """
    path, which = _path(name)
    if not which.startswith("sha256:"):
        which = _call("HEAD", f"/v2/{path}/manifests/{which}")[1]["Docker-Content-Digest"]
    _call("DELETE", f"/v2/{path}/manifests/{which}")
    return which


def _path(name: str) -> tuple[str, str]:
    """A name's repository and what it names there; the registry's own address may be left out."""
    reference = parse_reference(name)
    return reference.path.removeprefix("library/"), reference.digest or reference.tag or "latest"


def _running() -> str | None:
    """The address of our registry, if it runs."""
    found = (each for each in containers() if each.name == NAME and each.ports)
    return next((f"{HOST}:{each.port}" for each in found), None)


def _call(method: str, path: str) -> tuple[Any, Any, bytes]:
    """A call of the registry's HTTP API: the answer's JSON, headers and bytes.

    Raises EngineError for what the registry refuses, in the words of the distribution spec.
    """
    address = _running()
    if address is None:
        raise EngineError("no_registry")
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, headers={"Accept": _MANIFESTS})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    found: Any = {}
    if body:
        try:
            found = json.loads(body)
        except ValueError:
            found = {
                "errors": [{"code": "UNKNOWN", "message": body[:200].decode(errors="replace")}]
            }
    if response.status >= 400:
        errors = found.get("errors") or [{"code": str(response.status), "message": response.reason}]
        said = "; ".join(f"{each['code']}: {each.get('message', '')}" for each in errors)
        raise EngineError("registry_refused", said, request=f"{method} {path}")
    return found, response.headers, body
