"""Open an image: the archive that `docker save` writes, hashed again and listed layer by layer."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, Any

import msgspec

from kubecourse.containers.bases import resolve
from kubecourse.containers.engines import client, ours
from kubecourse.containers.recording import on_engine
from kubecourse.containers.shown import Shown, size
from kubecourse.tools.tables import columns

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


class File(msgspec.Struct, array_like=True):
    """A file as a layer holds it: its size, permission bits, and where a link points."""

    bytes: int
    mode: int
    target: str = ""


class Layer(Shown):
    """One layer. `declared` is the digest in the config, `digest` what the bytes hash to.

    `removed` are whiteouts: what it hides of the layers below; with `/` at the end, all inside.
    """

    number: int
    instruction: str
    declared: str
    digest: str
    bytes: int
    files: dict[str, File]
    removed: list[str]

    def hides(self, path: str) -> bool:
        """Whether a path from below cannot be seen any more."""
        return any(path == gone or path.startswith(gone.rstrip("/") + "/") for gone in self.removed)

    def __str__(self) -> str:
        same = "=" if self.digest == self.declared else "≠"
        return (
            f"{self.number} {same} {self.digest[7:19]} {size(self.bytes)}, "
            f"{len(self.files)} files, {len(self.removed)} removed"
        )


class Entry(msgspec.Struct):
    """One instruction in an image's history. `layer` is None if it only changed the config."""

    instruction: str
    layer: int | None
    bytes: int


class Waste(msgspec.Struct):
    """A file that is stored in a layer though a later one deletes or replaces it."""

    path: str
    bytes: int
    layer: int
    hidden_by: int


class Anatomy(Shown):
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
        return [layer.number for layer in self.layers if path.lstrip("/") in layer.files]

    @property
    def files(self) -> dict[str, File]:
        """What a container of this image sees."""
        return {path: file for path, (file, _) in self._stacked()[0].items()}

    @property
    def wasted(self) -> list[Waste]:
        """Files that take space and cannot be seen, the largest first."""
        lost = (waste for waste in self._stacked()[1] if waste.bytes)
        return sorted(lost, key=lambda waste: (-waste.bytes, waste.path))

    def _stacked(self) -> tuple[dict[str, tuple[File, int]], list[Waste]]:
        """What is seen through all layers, and from which; and what they hide."""
        seen: dict[str, tuple[File, int]] = {}
        hidden = []
        for layer in self.layers:
            gone = {path for path in seen if layer.hides(path)} if layer.removed else set()
            for path in sorted(gone | (seen.keys() & layer.files.keys())):
                file, number = seen.pop(path)
                hidden.append(Waste(path, file.bytes, number, layer.number))
            seen |= {path: (file, layer.number) for path, file in layer.files.items()}
        return seen, hidden

    def __str__(self) -> str:
        rows = [("layer", "size", "instruction")]
        for each in self.history:
            stored = ("-", "") if each.layer is None else (str(each.layer), size(each.bytes))
            rows.append((*stored, each.instruction))
        return f"{self.name}, {size(self.bytes)}\n{columns(rows)}"


class Comparison(Shown):
    """Two images side by side: digests of layers both have, and what each has for itself."""

    names: tuple[str, str]
    bytes: tuple[int, int]
    shared: list[str]
    shared_bytes: int
    own: tuple[list[str], list[str]]
    wasted: tuple[int, int]

    def __str__(self) -> str:
        return columns([
            ("", *self.names),
            ("size", *map(size, self.bytes)),
            ("layers", *(len(self.shared) + len(own) for own in self.own)),
            ("shared", f"{len(self.shared)}, {size(self.shared_bytes)}", ""),
            ("hidden files", *map(size, self.wasted)),
        ])  # fmt: skip


class Change(Shown):
    """A path that a container added (A), changed (C) or deleted (D) in its writable layer."""

    kind: str
    path: str

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"


@on_engine
def anatomy(image: str) -> Anatomy:
    """Save an image, open the archive, hash and list everything. Raises EngineError."""
    name = resolve(image)
    return _opened(name, client().api.inspect_image(name)["Id"])


@on_engine
def compare(one: str, other: str) -> Comparison:
    """What two images share and what each has for itself. Raises EngineError."""
    a, b = anatomy(one), anatomy(other)
    weights = {layer.digest: layer.bytes for layer in (*a.layers, *b.layers)}
    mine, theirs = ([layer.digest for layer in each.layers] for each in (a, b))
    shared = [digest for digest in mine if digest in theirs]
    return Comparison(
        names=(a.name, b.name),
        bytes=(a.bytes, b.bytes),
        shared=shared,
        shared_bytes=sum(weights[digest] for digest in shared),
        own=([x for x in mine if x not in shared], [x for x in theirs if x not in shared]),
        wasted=(sum(x.bytes for x in a.wasted), sum(x.bytes for x in b.wasted)),
    )


@on_engine
def read_file(image: str, path: str, layer: int) -> str:
    """What a file holds in one layer (the first is 1), even if a later layer deletes it.

    Raises EngineError, and KeyError if that layer does not store the file.
    """
    found = anatomy(image)
    if layer not in found.find(path):
        raise KeyError(f"layer {layer} of {image} does not store the file {path}")
    with _saved(found.name) as archive, _layer(archive, found.manifest["Layers"][layer - 1]) as tar:
        entry = next(entry for entry in tar if _path(entry) == path.lstrip("/"))
        content = tar.extractfile(entry)
        return content.read().decode("utf-8", "replace") if content is not None else ""


@on_engine
def diff(container: str) -> list[Change]:
    """What a container wrote into the layer that is its own and goes with it."""
    found = client().containers.get(ours(container)).diff() or []
    return [Change("CAD"[change["Kind"]], change["Path"]) for change in found]


@lru_cache(maxsize=16)
def _opened(name: str, identity: str) -> Anatomy:
    """An image by its id never changes, so it is opened once."""
    with _saved(name) as archive:
        (manifest,) = json.loads(_member(archive, "manifest.json").read())
        written = _member(archive, manifest["Config"]).read()
        config = json.loads(written)
        entries = list(config.get("history") or ())
        makers = [_instruction(each) for each in entries if not each.get("empty_layer")]
        declared = config["rootfs"]["diff_ids"]
        makers += ["(unknown)"] * (len(declared) - len(makers))
        parts = zip(manifest["Layers"], makers, declared, strict=False)
        layers = [_read_layer(archive, number, *part) for number, part in enumerate(parts, 1)]
    history, rest = [], iter(layers)
    for each in entries:
        layer = None if each.get("empty_layer") else next(rest, None)
        about = (layer.number, layer.bytes) if layer is not None else (None, 0)
        history.append(Entry(_instruction(each), *about))
    digest = "sha256:" + hashlib.sha256(written).hexdigest()
    return Anatomy(name, identity, digest, manifest, config, layers, history)


@contextmanager
def _saved(image: str) -> Iterator[tarfile.TarFile]:
    """The archive that `docker save` writes, in a file that has no name to be left behind."""
    with tempfile.TemporaryFile() as file:
        for chunk in client().api.get_image(image):
            file.write(chunk)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            yield archive


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)  # follows the links of layers that are stored once
    assert file is not None, f"{name} is a file in every archive of an image"
    return file


@contextmanager
def _layer(archive: tarfile.TarFile, member: str) -> Iterator[tarfile.TarFile]:
    with _unpacked(archive, member) as file, tarfile.open(fileobj=file) as tar:
        yield tar


def _unpacked(archive: tarfile.TarFile, member: str) -> IO[bytes]:
    """A layer's tar: some engines keep it compressed, but the config declares the tar's hash."""
    file = _member(archive, member)
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return gzip.open(file) if packed else file  # type: ignore[return-value]


def _read_layer(
    archive: tarfile.TarFile, number: int, member: str, maker: str, declared: str
) -> Layer:
    with _unpacked(archive, member) as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    files: dict[str, File] = {}
    removed = []
    with _layer(archive, member) as tar:
        for entry in tar:
            folder, slash, name = _path(entry).rpartition("/")
            if name.startswith(_WHITEOUT):
                what = "" if name == _OPAQUE else name.removeprefix(_WHITEOUT)
                removed.append(folder + slash + what)
            elif not entry.isdir():
                files[_path(entry)] = File(entry.size, entry.mode & 0o7777, entry.linkname)
    weight = sum(file.bytes for file in files.values())
    return Layer(number, maker, declared, digest, weight, files, removed)


def _path(entry: tarfile.TarInfo) -> str:
    return entry.name.removeprefix("./").strip("/")


def _instruction(entry: dict[str, Any]) -> str:
    """An entry of the history as it stood in the Dockerfile, contents by their digests."""
    made = " ".join((entry.get("created_by") or entry.get("comment") or "").split())
    made = made.removeprefix("/bin/sh -c #(nop) ").removesuffix(" # buildkit").strip()
    made = re.sub(r"\b((?:file|dir|multi):[0-9a-f]{8})[0-9a-f]{56} in", r"\1… in", made)
    return re.sub(r"^(\|\d+ .*?)?/bin/sh -c ", "RUN ", made)
