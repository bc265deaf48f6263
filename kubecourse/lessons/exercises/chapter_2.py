"""Chapter 2's checks, one function for each exercise: what the engine holds, read and not run.

A check tells the misconceptions apart that the learner's images and containers speak of. The names
passed to `wrong` are those of the messages.
"""

from __future__ import annotations

import json
from posixpath import join, normpath
from typing import TYPE_CHECKING, Any

from kubecourse.containers import catalog, get, holder, manifest, read_file, tags
from kubecourse.containers.engines import client
from kubecourse.containers.shown import size
from kubecourse.lessons.exercises.verdict import Verdict, right, unclear, untried, wrong

if TYPE_CHECKING:
    from kubecourse.containers.images import Anatomy
    from kubecourse.containers.ports import Container
    from kubecourse.lessons.exercises.on_engine import Bench

SMALL = 5_000_000
"""Bytes below which an image counts as slim."""
DOOR = 18090
SHIPPED = "ship/hello"


def layer(bench: Bench) -> Verdict:
    """Name the layer of `hello` that holds the program."""
    answer, hello = bench.answer, bench.image("hello")
    if hello is None:
        return unclear("gone", name="layer")
    (number,) = hello.find("app/hello.py")
    if answer == str(number):
        return right(number=number)
    if not answer.isdigit():
        return wrong("no_number", answer=answer)
    if int(answer) > len(hello.layers):
        return wrong("counted", answer=answer, count=len(hello.layers))
    return wrong("other", answer=answer)


def pack(bench: Bench) -> Verdict:
    """An image `pack` that runs hello.py by itself."""
    image = bench.image()
    if image is None:
        return _unbuilt(bench)
    if not any(path.startswith("usr/") and "bin/python3" in path for path in image.files):
        return wrong("no_base")
    if not any(path.endswith("hello.py") for path in image.files):
        return wrong("no_file")
    command = _command(image)
    if "hello.py" not in " ".join(command):
        return wrong("no_command", command=" ".join(command) or "-")
    path = next(word for word in " ".join(command).split() if word.endswith("hello.py"))
    path = normpath(join(image.config["config"].get("WorkingDir") or "/", path)).lstrip("/")
    return right() if path in image.files else wrong("elsewhere", path=f"/{path}")


def order(bench: Bench) -> Verdict:
    """The slow instruction comes before the file that changes often."""
    image = bench.image()
    if image is None:
        return _unbuilt(bench)
    programs, words = image.find("app/count.py"), image.find("app/words.txt")
    results = image.find("app/sorted.txt")
    if not results:
        return wrong("no_result")
    if not programs or "app/count.py" not in image.files:
        return wrong("no_program")
    slow = image.layers[results[0] - 1]
    if not slow.instruction.startswith("RUN"):
        return wrong("by_hand")
    if programs[0] < slow.number:
        return wrong("alone" if words[0] != programs[0] else "everything")
    return right()


def secret(bench: Bench) -> Verdict:
    """The data is there, and the token in no layer and in no history."""
    image = bench.image()
    if image is None:
        return _unbuilt(bench)
    for each in image.layers:
        for path in each.files:
            if path.endswith("token.txt"):
                seen = path in image.files
                return wrong("visible" if seen else "hidden", path=f"/{path}", layer=each.number)
    token = (bench.task.files["token.txt"]).strip()
    if token in json.dumps(image.config):
        return wrong("history")
    if "app/data.txt" not in image.files:
        return wrong("no_data")
    return right()


def slim(bench: Bench) -> Verdict:
    """The same program in an image below 5 MB."""
    image = bench.image()
    if image is None:
        return _unbuilt(bench)
    if any(path.endswith(("/cc1", "/bin/gcc")) for path in image.files):
        return wrong("compiler", size=size(image.bytes))
    if image.bytes >= SMALL:
        return wrong("big", size=size(image.bytes))
    command = _command(image)
    if not command:
        return wrong("no_command")
    path = normpath(join(image.config["config"].get("WorkingDir") or "/", command[0])).lstrip("/")
    stored = image.find(path)
    if not stored or path not in image.files:
        return wrong("no_program", path=f"/{path}")
    loader = "/lib64/ld-linux"
    if loader in read_file(image.name, path, stored[-1]) and not any(
        "ld-linux" in each for each in image.files
    ):
        return wrong("dynamic")
    return right(size=size(image.bytes))


def door(bench: Bench) -> Verdict:
    """A container `door` that answers on port 18090 of this machine."""
    found = bench.container()
    if found is None:
        owner = holder(DOOR)
        return wrong("other_name", name=owner.name) if owner.kind == "container" else untried()
    if problem := _unreachable(found):
        return problem
    inside = {port.inside: port.outside for port in found.ports}
    if "8080/tcp" not in inside:
        return wrong("inside", port=found.ports[0].inside)
    if inside["8080/tcp"] != DOOR:
        return wrong("outside", port=inside["8080/tcp"])
    return right() if get(DOOR).status == 200 else wrong("silent")


def twins(bench: Bench) -> Verdict:
    """Two containers of one image, each at a port of its own, each with a greeting of its own."""
    found = {name: bench.container(name) for name in ("left", "right")}
    missing = [name for name, each in found.items() if each is None]
    if len(missing) == 2:
        return untried()
    if missing:
        return wrong("one", name=missing[0])
    for name, each in found.items():
        assert each is not None
        if problem := _unreachable(each, name=name):
            return problem
        greeting = _environment(bench.settings(name)).get("GREETING", "")
        if greeting != name.capitalize():
            return wrong("greeting", name=name, greeting=greeting, wanted=name.capitalize())
        if all(port.inside != "8080/tcp" for port in each.ports):
            return wrong("inside", name=name, port=each.ports[0].inside)
    return right()


def ship(bench: Bench) -> Verdict:
    """The image `hello` is in our registry as ship/hello:2.0."""
    hello = bench.image("hello")
    if hello is None:
        return unclear("gone", name="ship")
    held = catalog()
    known = tags(SHIPPED) if SHIPPED in held else []
    if "2.0" in known:
        same = manifest(f"{SHIPPED}:2.0").config == hello.config_digest
        return right() if same else wrong("other_image")
    if known:
        return wrong("tag", tags=", ".join(known))
    near = [name for name in held if name.startswith("ship") and name != SHIPPED]
    if near:
        return wrong("repository", name=near[0])
    tagged = [name for image in client().images.list() for name in image.tags if SHIPPED in name]
    if not tagged:
        return untried()
    ours_ = any(name.startswith(("127.0.0.1:", "localhost:")) for name in tagged)
    return wrong("only_tagged" if ours_ else "no_address", name=tagged[0])


def modest(bench: Bench) -> Verdict:
    """A container `modest` that may use 64 MB and half a processor."""
    found = bench.container()
    if found is None:
        return untried()
    limits = bench.settings()["HostConfig"]
    memory, quota = limits.get("Memory") or 0, limits.get("CpuQuota") or 0
    cpus = (limits.get("NanoCpus") or 0) / 1e9 or quota / (limits.get("CpuPeriod") or 100_000)
    if not memory:
        return wrong("no_memory")
    if memory not in (64 * 1024**2, 64 * 1000**2):
        return wrong("memory", memory=size(memory))
    if cpus <= 0:
        return wrong("no_cpu")
    if cpus != 0.5:
        return wrong("cpu", cpus=f"{cpus:g}")
    return _ended(found) or right()


# --- what several of them ask


def _unbuilt(bench: Bench) -> Verdict:
    return wrong("any.no_image", name=bench.task.name) if bench.touched else untried()


def _command(image: Anatomy) -> list[str]:
    """What a container of the image runs."""
    config: dict[str, Any] = image.config["config"]
    return [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]


def _environment(settings: dict[str, Any]) -> dict[str, str]:
    return dict(each.split("=", 1) for each in settings["Config"].get("Env") or ())


def _ended(found: Container) -> Verdict | None:
    if found.status == "running":
        return None
    return wrong("ended", name=found.name, code=found.exit_code)


def _unreachable(found: Container, **values: str) -> Verdict | None:
    return _ended(found) or (None if found.ports else wrong("unpublished", **values))
