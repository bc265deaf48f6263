"""Programs that are there to use CPU, memory and disk: what tutorials put load on a node with.

`stress` as in the images polinux/stress and vish/stress, whose options differ; `tail /dev/zero`,
which keeps all that it reads; `dd` and `fallocate`, which fill files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubecourse.api.demand import NOTHING, Curve, Demand, DemandError, seconds
from kubecourse.api.quantity import parse_quantity
from kubecourse.node.runtime.files import FileProblem, Zeros
from kubecourse.node.runtime.script import FOREVER, Result

if TYPE_CHECKING:
    from kubecourse.node.runtime.programs import Call

SPEED = 2**30
"""Bytes that a program fills in a second."""
_SIZES = {"": 1, "B": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_SHORT = {"c": "cpu", "cpus": "cpu", "m": "vm", "t": "timeout", "q": "quiet", "i": "io", "d": "hdd"}
_CHUNKS = re.compile(r"-(?:cpus|mem-)")
"""Options that only vish/stress has."""
_ALONE = ("quiet", "vm-keep", "verbose", "v")


def size(text: str) -> int:
    """Bytes, as programs take them: `512`, `150M`, `64Mi`, `1GB`. Raises ValueError."""
    match = re.fullmatch(r"(\d+)([bBkKmMgG]?)i?[bB]?", text)
    if match is None:
        raise ValueError(f"invalid number '{text}'")
    return int(match[1]) * _SIZES[match[2].upper()]


def _fill(amount: float, speed: float = SPEED) -> Demand:
    """Memory that is filled at a speed and then kept."""
    if not amount:
        return NOTHING
    time = amount / speed
    return Demand(0.0, (Curve((0.0, time), (0.0, amount), (speed, 0.0)),))


def devour(call: Call) -> Result:
    """`tail /dev/zero`: read without end, and keep it all."""
    return _eat(call, {"memory": Demand(0.0, (Curve((0.0,), (0.0,), (SPEED,)),))})


def _eat(call: Call, demands: dict[str, Demand], time: float = FOREVER) -> Result:
    """Want something for a time; a command that somebody runs beside it, until it ends."""
    container, process = call.script.container, call.script.process
    if process is not None:
        process.want(demands)
    else:
        container.meter.want(container.load, demands)
    return Result(0, seconds=time, pure=False)


def stress(call: Call) -> Result:
    """Keep so many processors busy and so much memory in use."""
    options: dict[str, str] = {}
    words = list(call.words)
    while words:
        name, sign, value = words.pop(0).lstrip("-").partition("=")
        name = _SHORT.get(name, name)
        options[name] = value if sign or name in _ALONE or not words else words.pop(0)
    try:
        kind = _chunks if _CHUNKS.search(" ".join(call.words)) else _workers
        cpu, memory, said = kind(options)
        time = seconds(_with_unit(options["timeout"])) if "timeout" in options else FOREVER
    except (ValueError, DemandError) as error:
        return call.fail(f"FAIL: [1] (244) {error}")
    call.script.write(said)
    return _eat(call, {"cpu": Demand(cpu), "memory": memory}, time)


def _with_unit(time: str) -> str:
    return f"{time}s" if time[-1:].isdigit() else time


def _workers(options: dict[str, str]) -> tuple[float, Demand, str]:
    """As polinux/stress has them: workers that compute, and workers that hold memory."""
    cpu, io, vm, hdd = (int(options.get(kind, "0")) for kind in ("cpu", "io", "vm", "hdd"))
    # Without a pause or an order to keep it, memory is freed and filled again without end.
    busy = cpu + (0 if {"vm-hang", "vm-keep"} & options.keys() else vm)
    said = f"stress: info: [1] dispatching hogs: {cpu} cpu, {io} io, {vm} vm, {hdd} hdd\n"
    return busy, _fill(vm * size(options.get("vm-bytes", "256M"))), said


def _chunks(options: dict[str, str]) -> tuple[float, Demand, str]:
    """As vish/stress has it: memory in pieces, with a pause after each."""
    total = parse_quantity(options.get("mem-total", "0"))
    piece = parse_quantity(options.get("mem-alloc-size", "4Ki"))
    pause, cpu = options.get("mem-alloc-sleep", "1ms"), int(options.get("cpu", "0"))
    speed = piece.value / (seconds(pause) + piece.value / SPEED)
    said = (
        f'Allocating "{total}" memory, in "{piece}" chunks, with a {pause} sleep between '
        "allocations\n"
    )
    return cpu, _fill(total.value, speed), said + "Spawning a thread to consume CPU\n" * cpu


def fill_file(call: Call) -> Result:
    """`dd if=/dev/zero of=FILE bs=1M count=100` and `fallocate -l 100M FILE`."""
    try:
        if call.name == "fallocate":
            path, amount = call.words[-1], size(call.options.get("l", ""))
        else:
            given = dict(word.partition("=")[::2] for word in call.words)
            path = given.get("of", "/dev/null")
            amount = size(given.get("bs", "512")) * int(given.get("count", "0"))
        call.files.write(call.path(path), Zeros(amount))
    except FileProblem as error:
        return call.fail(f"can't open '{path}': {error}")
    except (ValueError, IndexError) as error:
        return call.fail(str(error))
    blocks = amount // size(given.get("bs", "512")) if call.name == "dd" else 0
    said = f"{blocks}+0 records in\n{blocks}+0 records out\n" if call.name == "dd" else ""
    return Result(0, "", said, amount / SPEED, pure=False)
