"""Images: what is in them, so to speak. How large they are and what a container of them does.

Any image is accepted. One that nobody described is a server: it listens on the container's ports
and answers every HTTP request with 200; where a pod is to complete it works a moment and ends.
Well-known ones are described in `images.json`. What an
image does can be declared, by name and tag, where tags may have wildcards:

    images.declare("hello:2", answers="Hello, version 2", start_up=1.5)
    images.declare("crash", exits_after=3, exit_code=1)
    images.declare("registry.local/*:*", pullable=False)
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from random import Random
from typing import Any

from kubecourse.api import quantity
from kubecourse.api.demand import PER_REQUEST, Declared, Demand, parse
from kubecourse.node.runtime.references import InvalidReference, Reference, parse_reference

NEVER = float("inf")
_PROGRAMS = ("/etc/", "/lib/", "/opt/", "/srv/", "/usr/", "/var/")
_OLD_REGISTRY = "k8s.gcr.io"
Answer = str | tuple[int, str]


@dataclass(frozen=True, slots=True)
class Image:
    """What a container of an image does. Times are in virtual seconds.

    `size`: bytes to pull. `pullable`: whether a registry has it. `ports`: where it listens
    besides the container's declared ports. `entrypoint`, `command`: what it runs if the pod
    names nothing (empty: it is a server). `userland`: whose everyday programs are in it,
    `busybox` or `gnu`, and no others; empty for any. `user`: whom it runs as, by number or
    name. `start_up`: from start until it listens. `exits_after`: until it exits by itself, with
    `exit_code`. `ready_after`: until the kubelet may report it ready, probes apart. `answers`:
    what it says, to all paths or by path, as body or `(status, body)`; `{pod}`, `{node}`,
    `{image}` are filled in. `root`: where it finds files that say themselves. `latency`: of an
    answer. `stops_after`: from SIGTERM until it exits (never: it ignores it). `logs`: at its
    start. `cpu`, `memory`: what it wants, as `demand.parse` reads it, if the pod does not say;
    `cpu_per_request`: seconds of computing for each answer.
    `described`: whether any of this is known, or the image is just a name.
    """

    size: int = 60_000_000
    pullable: bool = True
    ports: tuple[int, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    userland: str = ""
    user: int | str = 0
    start_up: float = 0.0
    exits_after: float = NEVER
    exit_code: int = 0
    ready_after: float = 0.0
    answers: Answer | dict[str, Answer] = "Hello from {pod} ({image})\n"
    root: str = ""
    status: int = 200
    latency: float = 0.002
    stops_after: float = 0.1
    logs: tuple[str, ...] = ()
    cpu: str = ""
    memory: str = ""
    cpu_per_request: float = 0.0
    digest: str = ""
    described: bool = True

    @property
    def unseen(self) -> tuple[str, ...]:
        """Below which directories it has files that nobody spoke of."""
        return () if self.userland else _PROGRAMS if self.described else ("/",)

    @property
    def demands(self) -> Declared:
        """What a container of it wants if its pod says nothing."""
        cpu, memory = ("0", "1Mi") if self.userland else ("1m", "8Mi")
        return _demands(self.cpu or cpu, self.memory or memory, self.cpu_per_request)


@lru_cache(maxsize=1024)
def _demands(cpu: str, memory: str, cost: float) -> Declared:
    found = {"cpu": parse(cpu), "memory": parse(memory)}
    return found | ({PER_REQUEST: Demand(cost)} if cost else {})


class ImageCatalog:
    """All images in the world, for one cluster."""

    def __init__(self) -> None:
        self._declared: list[tuple[str, str, Image]] = []
        self._found: dict[str, Image] = {}

    def declare(self, name: str, *, size: str | int | None = None, **what: Any) -> None:
        """Say what an image does; see `Image` for the words. The latest declaration wins.

        Containers that run already go on as they were. Raises TypeError for an unknown word, and
        DemandError for a demand that is none.
        """
        if size is not None:
            what["size"] = quantity.value(size.removesuffix("B")) if isinstance(size, str) else size
        for listed in ("command", "entrypoint", "logs", "ports"):
            if listed in what:
                what[listed] = tuple(what[listed])
        repository, colon, tag = name.rpartition(":")
        if not colon or "/" in tag:
            repository, tag = name, "*"
        image = Image(**what)
        _ = image.demands
        self._declared.append((_pattern(repository), tag, image))
        self._found.clear()

    def find(self, name: str) -> Image:
        """What an image does. Raises InvalidReference if the name is none."""
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._look_up(parse_reference(name))
        return found

    def _look_up(self, reference: Reference) -> Image:
        repository = reference.repository
        if repository.startswith(_OLD_REGISTRY):  # the same images, until 2023
            repository = "registry.k8s.io" + repository.removeprefix(_OLD_REGISTRY)
        image = _well_known().get(repository) or _well_known().get(_original(repository))
        if image is None:
            size = Random(reference.repository).randrange(40, 180) * 1_000_000
            image = Image(size=size, described=False)
        for repository, tag, declared in self._declared:
            if fnmatchcase(reference.repository, repository) and fnmatchcase(
                reference.tag or "latest", tag
            ):
                image = declared
        digest = f"sha256:{Random(reference.full).getrandbits(256):064x}"
        return replace(image, digest=reference.digest or digest)


def _pattern(repository: str) -> str:
    """A repository, with wildcards or not, in full."""
    try:
        return parse_reference(repository.replace("*", "x0x0x")).repository.replace("x0x0x", "*")
    except InvalidReference:
        return repository


def _original(repository: str) -> str:
    """What another registry's copy of an image is a copy of."""
    _, _, last = repository.rpartition("/")
    copied = "/library/" in repository or last in ("alpine", "busybox")
    return f"docker.io/library/{last}" if copied else ""


@cache
def _well_known() -> dict[str, Image]:
    """The images of `images.json`: sizes are those of linux/amd64, compressed."""
    rows = json.loads(Path(__file__).with_name("images.json").read_text())["images"]
    found: dict[str, Image] = {}
    for name, row in rows.items():
        row = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
        row["size"] = int(row["size"] * 1_000_000)
        found[parse_reference(name).repository] = Image(**row)
    return found
