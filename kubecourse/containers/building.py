"""Build images, and see what each instruction did: the engine's own stream, read line by line."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from kubecourse.containers import bases
from kubecourse.containers.engines import LABEL, PREFIX, EngineError, client, explained, ours
from kubecourse.containers.recording import on_engine, say
from kubecourse.containers.shown import Shown, size
from kubecourse.tools.sources import find_path

_STEP = re.compile(r"^(?:\[\d+/\d+\] )?step (\d+)(?:/(\d+))? ?: (.*)", re.IGNORECASE)
_IMAGE = re.compile(r"^ ?--(?:->|>) (?:Using cache )?([0-9a-f]{10,64})$")


class Step(Shown):
    """One instruction of a build. `bytes` is what it added, None where the engine cannot say."""

    number: int
    of: int
    instruction: str
    stage: str
    cached: bool = False
    seconds: float = 0.0
    bytes: int | None = None
    image: str = ""
    output: str = ""
    done: bool = False

    @property
    def how(self) -> str:
        """Where its result comes from: `base`, `from cache`, or `run`."""
        starts = self.instruction.upper().startswith("FROM ")
        return "base" if starts else "from cache" if self.cached else "run"

    def __str__(self) -> str:
        how = f"{self.seconds:.2f} s" if self.how == "run" else self.how
        added = "" if not self.bytes else f"+{size(self.bytes)}"
        return f"{self.number:2}/{self.of} {how:>10} {added:>8}  {self.instruction}"


class Build(Shown):
    """A finished build. `context_bytes` is what was sent to the engine before it began."""

    name: str
    id: str
    bytes: int
    seconds: float
    context_bytes: int
    steps: list[Step]

    @property
    def events(self) -> list[Step]:
        """What was shown while it was built."""
        return self.steps

    @property
    def cached(self) -> int:
        """How many instructions came from the cache."""
        return sum(step.cached for step in self.steps)

    def __str__(self) -> str:
        return (
            f"{self.name}: {size(self.bytes)}, {len(self.steps)} instructions, "
            f"{self.cached} from cache, {self.seconds:.1f} s"
        )


@on_engine
def build(
    folder: str | Path,
    name: str,
    dockerfile: str = "Dockerfile",
    cache: bool = True,
    target: str | None = None,
    show: Callable[[Any], object] = say,
) -> Build:
    """Build an image from a folder; `show` is called with each instruction when it is done.

    Bases of the course are fetched first. Raises EngineError: `build_failed` with the engine's
    words, `no_folder`, or why a base is missing.
    """
    place = find_path(folder)
    if not (place / dockerfile).is_file():
        raise EngineError("no_folder", folder=str(folder), dockerfile=dockerfile)
    recipe = (place / dockerfile).read_text(encoding="utf-8")
    for needed in bases.wanted(recipe):
        bases.base(needed)
    image, began = ours(name), perf_counter()
    lines = client().api.build(
        path=str(place), dockerfile=dockerfile, tag=image, nocache=not cache, target=target,
        labels=_labels(recipe), rm=True, forcerm=True, decode=True,
    )  # fmt: skip
    reader = _Reader(show)
    try:
        for line in lines:
            reader.read(line)
    except EngineError:
        _forget(reader.steps)
        raise
    found = client().images.get(image)
    sent = sum(context(folder).values())
    return Build(image, found.id, found.attrs["Size"], perf_counter() - began, sent, reader.steps)


def _labels(recipe: str) -> dict[str, str]:
    """The label to add: none for an image that has it from its base, so no instruction is added."""
    starts = re.findall(r"(?im)^\s*FROM\s+(?:--\S+\s+)?(\S+)", recipe)
    return {} if starts and all(each.startswith(PREFIX) for each in starts) else {LABEL: "lab"}


def take(folder: str | Path) -> Path:
    """A fresh copy of a folder of the course to change, below `work/` beside the notebook."""
    place = find_path(folder)
    target = Path("work") / place.name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(place, target)
    return target


def context(folder: str | Path) -> dict[str, int]:
    """The files that a build from this folder sends to the engine, and their bytes.

    What `.dockerignore` names stays at home.
    """
    from docker.utils.build import exclude_paths

    place = find_path(folder)
    ignore = place / ".dockerignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    names = sorted(exclude_paths(str(place), patterns))
    return {name: (place / name).stat().st_size for name in names if (place / name).is_file()}


class _Reader:
    """Puts the engine's lines together to steps."""

    def __init__(self, show: Callable[[Any], object]) -> None:
        self.steps: list[Step] = []
        self._show = show
        self._stage, self._began = "", perf_counter()
        self._sizes: dict[str, int] = {}
        self._below = ""
        """The image that the present step is built upon."""

    def read(self, line: dict[str, Any]) -> None:
        if "error" in line:
            said = line["error"].strip()
            error = explained(said)
            if error.reason != "refused" or not self.steps:
                raise error
            last = self.steps[-1]
            output = last.output.strip().splitlines()[-8:]
            raise EngineError("build_failed", "\n".join([*output, said]), step=last.instruction)
        for text in line.get("stream", "").splitlines():
            self._read(text)

    def _read(self, text: str) -> None:
        if begins := _STEP.match(text):
            number, of, instruction = begins.groups()
            self._begin(int(number), int(of or number), instruction)
        elif self.steps:
            step = self.steps[-1]
            if "Using cache" in text:
                step.cached = True
            if made := _IMAGE.match(text):
                self._end(step, made[1])
            elif not re.match(r" ?-->|Removing intermediate| ---> |Successfully", text):
                step.output += text + "\n"

    def _begin(self, number: int, of: int, instruction: str) -> None:
        self._finish()
        self._began = perf_counter()
        if words := re.match(r"FROM\s+(\S+)(?:\s+AS\s+(\S+))?", instruction, re.IGNORECASE):
            self._stage = words[2] or words[1]
            self._below = "" if words[1] == "scratch" else words[1]
        self.steps.append(Step(number, of, instruction, self._stage))

    def _end(self, step: Step, image: str) -> None:
        if step.done:
            return
        step.image = image
        starts = step.instruction.upper().startswith("FROM")
        below, with_it = self._size(self._below), self._size(image)
        if below is not None and with_it is not None and not starts:
            step.bytes = with_it - below
        self._below = image
        self._finish()

    def _finish(self) -> None:
        """The present step is done; `FROM scratch` and Podman's FROM name no image."""
        if self.steps and not self.steps[-1].done:
            step = self.steps[-1]
            step.seconds, step.done = perf_counter() - self._began, True
            self._show(step)

    def _size(self, image: str) -> int | None:
        """Bytes of an image and all below it; None if the engine does not keep it."""
        from docker.errors import APIError

        if not image:
            return 0
        if image not in self._sizes:
            try:
                self._sizes[image] = client().api.inspect_image(image)["Size"]
            except APIError:
                return None
        return self._sizes.get(image)


def _forget(steps: list[Step]) -> None:
    """Remove what a failed build made upon nothing: without a base it has no label of ours."""
    from docker.errors import APIError

    for step in reversed(steps):
        if step.image and not step.cached:
            try:
                if not client().images.get(step.image).labels.get(LABEL):
                    client().images.remove(step.image)
            except APIError:
                continue
