"""Base images: public ones where the network allows, stand-ins from this machine where not.

`FROM kubecourse-python` in a lab's Dockerfile means the row `python` of `data/base_images.yaml`.
Either way the base carries our label, which whatever is built upon it inherits.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from kubecourse.containers import standin
from kubecourse.containers.engines import (
    HOST,
    LABEL,
    PREFIX,
    PULLED,
    EngineError,
    client,
    courteous,
    explained,
    ours,
)
from kubecourse.containers.recording import on_engine
from kubecourse.containers.shown import Shown, size
from kubecourse.tools.sources import read

SOURCES = "KUBECOURSE_BASES"
"""In the environment: `public` or `stand-in` if only that source may be used."""
TABLE = "data/base_images.yaml"


class Base(Shown):
    """A base image in the engine. `stand_in` tells which kind it is; `origin`, where it is from."""

    name: str
    image: str
    origin: str
    stand_in: bool
    bytes: int

    def __str__(self) -> str:
        kind = "stand-in built from" if self.stand_in else "public image"
        return f"{self.image}: {kind} {self.origin}, {size(self.bytes)}"


@on_engine
def base(name: str) -> Base:
    """A base image by its name in the table, pulled or built if it is not in the engine yet.

    Raises EngineError if it can neither be pulled nor built, and KeyError for an unknown name.
    """
    row, image = table()[name], PREFIX + name
    if not _has(image):
        _fetch(name, row)
    found = client().images.get(image)
    origin = found.labels.get(LABEL, "")
    stand_in = found.labels.get(f"{LABEL}.stand-in") == "yes"
    return Base(name, image, origin, stand_in, found.attrs["Size"])


def table() -> dict[str, Any]:
    """The rows of the table: base to `public` (an image) and `stand_in` (a recipe)."""
    rows: dict[str, Any] = yaml.safe_load(read(TABLE))
    return rows


def wanted(dockerfile: str) -> list[str]:
    """The bases that a Dockerfile starts from."""
    found = re.findall(rf"(?im)^\s*FROM\s+(?:--\S+\s+)?{PREFIX}([a-z]+)(?=\s|$)", dockerfile)
    return [name for name in dict.fromkeys(found) if name in table()]


def _fetch(name: str, row: dict[str, Any]) -> None:
    allowed = os.environ.get(SOURCES) or "public, stand-in"
    problems = []
    for source, make in (("public", _public), ("stand-in", _stand_in)):
        if source in allowed:
            try:
                courteous(make, name, row)
                return
            except (EngineError, standin.NoStandIn) as error:
                if isinstance(error, EngineError) and error.reason in ("full_disk", "slow"):
                    raise
                problems.append(f"{source}: {getattr(error, 'said', '') or error}")
    raise EngineError("no_base", "; ".join(problems), name=name, public=row["public"])


def _public(name: str, row: dict[str, Any]) -> None:
    reference = row["public"]
    fetch(reference)
    recipe = f'FROM {reference}\nLABEL {LABEL}="{reference}"\n'
    lines = client().api.build(
        fileobj=io.BytesIO(recipe.encode()), tag=PREFIX + name, rm=True, forcerm=True, decode=True
    )
    for line in lines:
        if "error" in line:
            raise explained(line["error"])


def _stand_in(name: str, row: dict[str, Any]) -> None:
    here, there = platform.machine().lower(), client().version()["Arch"].lower()
    if {"x86_64": "amd64", "aarch64": "arm64"}.get(here, here) != there:
        raise standin.NoStandIn(f"this machine is {here}, the engine runs {there}")
    recipe = row["stand_in"]
    packages = ", ".join(recipe["packages"])
    changes = [
        f'LABEL {LABEL}="Debian packages {packages}"',
        f"LABEL {LABEL}.stand-in=yes",
        *recipe.get("changes", ()),
    ]
    with standin.root(recipe) as archive:
        client().api.import_image_from_file(
            archive, repository=PREFIX + name, tag="latest", changes=changes
        )


def resolve(name: str) -> str:
    """The image in the engine that a name means: ours if there is one of ours, else as given.

    A base of the course is fetched if it is not there. Raises EngineError.
    """
    mine = ours(name)
    if (known := mine.removeprefix(PREFIX)) in table():
        base(known)
    found = next(filter(_has, (mine, name)), None)
    if found is None:
        raise EngineError("no_image", name)
    return found


def fetch(reference: str) -> None:
    """Pull an image unless it is there."""
    if not _has(reference):
        with noted(reference):
            for event in client().api.pull(reference, stream=True, decode=True):
                if "error" in event:
                    raise explained(event["error"])


@contextmanager
def noted(reference: str) -> Iterator[None]:
    """While an image is pulled that was not there: `clean()` is to remove it with the lab.

    The note is an empty image with a label, so it outlives a lab that is killed.
    """
    if _has(reference) or reference.startswith(f"{HOST}:"):  # images in our registry have labels
        yield
        return
    note = f"{PREFIX}note:{hashlib.sha256(reference.encode()).hexdigest()[:12]}"
    if not _has(note):
        client().api.import_image_from_data(
            bytes(1024),  # an empty archive
            repository=note,
            changes=[f"LABEL {LABEL}=note", f'LABEL {PULLED}="{reference}"'],
        )
    try:
        yield
    finally:
        if not _has(reference):
            client().images.remove(note)


def _has(image: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client().images.get(image)
    except ImageNotFound:
        return False
    return True
