"""Open an image: the archive that `docker save` writes, hashed again and listed layer by layer."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import msgspec

from kubecourse.containers.bases import resolve
from kubecourse.containers.engine import client, ours
from kubecourse.containers.recording import on_engine
from kubecourse.containers.sizes import columns, size

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


class File(msgspec.Struct, frozen=True, array_like=True):
    """A file as a layer holds it; `target` is where a link points."""

    bytes: int
    mode: str
    target: str = ""


class Layer(msgspec.Struct):
    """One layer. `declared` is what the config says, `digest` what its bytes hash to."""

    number: int
    instruction: str
    declared: str
    digest: str
    bytes: int
    files: dict[str, File]
    removed: list[str]
    """Whiteouts: what this layer hides of those below. A name with `/` at its end: all in it."""

    def __str__(self) -> str:
        same = "=" if self.digest == self.declared else "≠"
        gone = f", {len(self.removed)} removed" if self.removed else ""
        about = f"{len(self.files)} files{gone}"
        return f"{self.number}  {same} {self.digest[7:19]}  {size(self.bytes)}  {about}"


class Entry(msgspec.Struct, frozen=True):
    """One instruction in an image's history. `layer` is None if it only changed the config."""

    instruction: str
    layer: int | None
    bytes: int


class Waste(msgspec.Struct, frozen=True):
    """A file that is stored in a layer though a later one deletes or replaces it."""

    path: str
    bytes: int
    layer: int
    hidden_by: int


class Anatomy(msgspec.Struct):
    """An image, opened. `id` is the engine's, `config_digest` the hash of the config's bytes."""

    name: str
    id: str
    config_digest: str
    manifest: dict[str, Any]
    config: dict[str, Any]
    layers: list[Layer]
    history: list[Entry]

    @property
    def bytes(self) -> int:
        """What all layers weigh."""
        return sum(layer.bytes for layer in self.layers)

    @property
    def intact(self) -> bool:
        """Whether every layer hashes to the digest that the config declares for it."""
        return all(layer.digest == layer.declared for layer in self.layers)

    def find(self, path: str) -> list[int]:
        """Numbers of the layers that store a path, whether or not it is still to be seen."""
        path = path.lstrip("/")
        return [layer.number for layer in self.layers if path in layer.files]

    @property
    def files(self) -> dict[str, File]:
        """What a container of this image sees."""
        seen: dict[str, File] = {}
        for layer in self.layers:
            for path in list(seen) if layer.removed else ():
                if _hides(layer, path):
                    del seen[path]
            seen.update(layer.files)
        return seen

    @property
    def wasted(self) -> list[Waste]:
        """Files that take space and cannot be seen, the largest first."""
        holds: dict[str, tuple[File, int]] = {}
        lost = []
        for layer in self.layers:
            hidden = [path for path in holds if path in layer.files]
            if layer.removed:
                hidden += [path for path in holds if _hides(layer, path) and path not in hidden]
            for path in hidden:
                file, number = holds.pop(path)
                lost.append(Waste(path, file.bytes, number, layer.number))
            holds.update({path: (file, layer.number) for path, file in layer.files.items()})
        return sorted((one for one in lost if one.bytes), key=lambda one: (-one.bytes, one.path))

    def __str__(self) -> str:
        rows = [("layer", "size", "instruction")]
        for entry in self.history:
            number = "-" if entry.layer is None else str(entry.layer)
            rows.append((number, "" if number == "-" else size(entry.bytes), entry.instruction))
        return f"{self.name}, {size(self.bytes)}\n{columns(rows)}"

    __repr__ = __str__


class Comparison(msgspec.Struct):
    """Two images side by side: digests of layers both have, and what each has for itself."""

    names: tuple[str, str]
    bytes: tuple[int, int]
    shared: list[str]
    shared_bytes: int
    own: tuple[list[str], list[str]]
    wasted: tuple[int, int]

    def __str__(self) -> str:
        rows = [("", *self.names), ("size", *map(size, self.bytes))]
        rows.append(("layers", *(str(len(self.shared) + len(own)) for own in self.own)))
        rows.append(("shared", f"{len(self.shared)} ({size(self.shared_bytes)})", ""))
        rows.append(("hidden", *map(size, self.wasted)))
        return columns(rows)

    __repr__ = __str__


class Change(msgspec.Struct, frozen=True):
    """A path that a container added (A), changed (C) or deleted (D) in its writable layer."""

    kind: str
    path: str

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"

    __repr__ = __str__


@on_engine
def anatomy(image: str) -> Anatomy:
    """Save an image, open the archive, hash and list everything. Raises EngineError."""
    return opened(image)


@on_engine
def compare(one: str, other: str) -> Comparison:
    """What two images share and what each has for itself. Raises EngineError."""
    both = opened(one), opened(other)
    digests = [[layer.digest for layer in each.layers] for each in both]
    weights = {layer.digest: layer.bytes for each in both for layer in each.layers}
    shared = [digest for digest in digests[0] if digest in digests[1]]
    own = [[digest for digest in each if digest not in shared] for each in digests]
    wasted = [sum(waste.bytes for waste in each.wasted) for each in both]
    return Comparison(
        names=(both[0].name, both[1].name),
        bytes=(both[0].bytes, both[1].bytes),
        shared=shared,
        shared_bytes=sum(weights[digest] for digest in shared),
        own=(own[0], own[1]),
        wasted=(wasted[0], wasted[1]),
    )


@on_engine
def read_file(image: str, path: str, layer: int) -> str:
    """What a file holds in one layer (the first is 1), even if a later layer deletes it.

    Raises EngineError, and KeyError if that layer does not store the file.
    """
    with _saved(image) as archive:
        member = _manifest(archive)["Layers"][layer - 1]
        with _layer(archive, member) as tar:
            file = next((entry for entry in tar if _path(entry) == path.lstrip("/")), None)
            content = tar.extractfile(file) if file is not None else None
            if content is None:
                raise KeyError(f"layer {layer} of {image} does not store the file {path}")
            return content.read().decode("utf-8", "replace")


@on_engine
def diff(container: str) -> list[Change]:
    """What a container wrote into the layer that is its own and goes with it."""
    found = client().containers.get(ours(container)).diff() or []
    return [Change("CAD"[change["Kind"]], change["Path"]) for change in found]


def opened(image: str) -> Anatomy:
    """What `anatomy` does, for other labs' functions."""
    with _saved(image) as archive:
        manifest = _manifest(archive)
        written = _member(archive, manifest["Config"]).read()
        config = json.loads(written)
        entries = list(config.get("history") or ())
        makers = [_instruction(each) for each in entries if not each.get("empty_layer")]
        declared = config["rootfs"]["diff_ids"]
        makers += ["(unknown)"] * (len(declared) - len(makers))
        layers = [
            _read_layer(archive, member, number, maker, digest)
            for number, (member, maker, digest) in enumerate(
                zip(manifest["Layers"], makers, declared, strict=False), 1
            )
        ]
    history, numbers = [], iter(layers)
    for each in entries:
        layer = None if each.get("empty_layer") else next(numbers, None)
        history.append(
            Entry(
                _instruction(each),
                layer.number if layer is not None else None,
                layer.bytes if layer is not None else 0,
            )
        )
    about = client().api.inspect_image(resolve(image))
    digest = "sha256:" + hashlib.sha256(written).hexdigest()
    return Anatomy(resolve(image), about["Id"], digest, manifest, config, layers, history)


def _hides(layer: Layer, path: str) -> bool:
    return any(
        path == gone or path.startswith(gone if gone.endswith("/") else gone + "/")
        for gone in layer.removed
    )


@contextmanager
def _saved(image: str) -> Iterator[tarfile.TarFile]:
    """The archive that `docker save` writes, in a file that has no name to be left behind."""
    with tempfile.TemporaryFile() as file:
        for chunk in client().api.get_image(resolve(image)):
            file.write(chunk)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            yield archive


def _manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    (manifest,) = json.loads(_member(archive, "manifest.json").read())
    return dict(manifest)


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    member = archive.getmember(name)
    if member.issym():  # the engine writes a layer that two images share once
        name = member.linkname.removeprefix("../")
    file = archive.extractfile(name)
    assert file is not None, f"{name} is a file in every archive of an image"
    return file


@contextmanager
def _layer(archive: tarfile.TarFile, member: str) -> Iterator[tarfile.TarFile]:
    with _unpacked(_member(archive, member)) as file, tarfile.open(fileobj=file) as tar:
        yield tar


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    """A layer's tar: some engines keep it compressed, but what the config declares is its hash."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return gzip.open(file) if packed else file  # type: ignore[return-value]


def _read_layer(
    archive: tarfile.TarFile, member: str, number: int, maker: str, declared: str
) -> Layer:
    with _unpacked(_member(archive, member)) as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    files, removed, weight = {}, [], 0
    with _layer(archive, member) as tar:
        for entry in tar:
            path = _path(entry)
            folder, _, name = path.rpartition("/")
            above = f"{folder}/" if folder else ""
            if name == _OPAQUE:
                removed.append(above)
            elif name.startswith(_WHITEOUT):
                removed.append(above + name.removeprefix(_WHITEOUT))
            elif not entry.isdir():
                kind = stat.S_IFLNK if entry.issym() else stat.S_IFREG
                files[path] = File(entry.size, stat.filemode(kind | entry.mode), entry.linkname)
                weight += entry.size
    return Layer(number, maker, declared, digest, weight, files, removed)


def _path(entry: tarfile.TarInfo) -> str:
    return entry.name.removeprefix("./").strip("/")


def _instruction(entry: dict[str, Any]) -> str:
    """An entry of the history as it stood in the Dockerfile."""
    made = " ".join((entry.get("created_by") or entry.get("comment") or "").split())
    for noise in ("/bin/sh -c #(nop) ", "|0 "):
        made = made.removeprefix(noise)
    made = made.removesuffix(" # buildkit").strip()
    made = re.sub(r"\b((?:file|dir|multi):[0-9a-f]{8})[0-9a-f]{56} in", r"\1… in", made)
    return f"RUN {made.removeprefix('/bin/sh -c ')}" if made.startswith("/bin/sh -c ") else made
