"""Limits that the kernel enforces: memory (exit code 137) and CPU time (throttling)."""

from __future__ import annotations

import signal
from itertools import pairwise
from time import monotonic, sleep
from typing import Any

import msgspec

from kubecourse.containers.engines import EngineError, client, discard, engine, ours
from kubecourse.containers.ports import run
from kubecourse.containers.recording import on_engine
from kubecourse.containers.shown import Shown, size
from kubecourse.lessons.messages import text

_BEAT = 0.1
"""Seconds between two looks at a container, at least. Docker measures once a second."""


class Sample(msgspec.Struct):
    """A container's use of the machine, `seconds` after the first look.

    CPU and throttled times are seconds since it started; a period is 0.1 s.
    """

    seconds: float
    memory: int
    memory_limit: int
    cpu: float
    throttled: float
    periods: int
    throttled_periods: int


class Outcome(Shown):
    """How a container ended. `exit_code` is None if it was still running and had to be stopped."""

    exit_code: int | None
    oom_killed: bool
    seconds: float
    samples: list[Sample]
    output: str

    @property
    def meaning(self) -> str:
        """The exit code in words, in the reader's language."""
        if self.exit_code is None:
            return text("containers.exit.stopped")
        return explain_exit(self.exit_code, self.oom_killed)

    @property
    def cpus(self) -> list[float]:
        """Processors in use between each two samples."""
        return cpus(self.samples)

    @property
    def peak(self) -> int:
        """The most memory seen in use, in bytes."""
        return max((sample.memory for sample in self.samples), default=0)

    @property
    def throttled(self) -> float:
        """Seconds that its threads wanted to run and were not let."""
        return max((sample.throttled for sample in self.samples), default=0.0)

    def __str__(self) -> str:
        code = "-" if self.exit_code is None else self.exit_code
        return (
            f"exit code {code}: {self.meaning}\n"
            f"{self.seconds:.1f} s, at most {size(self.peak)} of memory, "
            f"throttled for {self.throttled:.1f} s"
        )


@on_engine
def run_limited(
    image: str,
    command: list[str] | str | None = None,
    memory: str | int | None = None,
    cpus: float | None = None,
    seconds: float = 10,
    name: str = "limited",
) -> Outcome:
    """Run a container under limits and watch it until it ends, or is stopped after `seconds`.

    `memory` is in bytes or as in "64m", and there is no swap. Raises EngineError.
    """
    if not engine().limits and (memory or cpus):
        raise EngineError("no_limits")
    began = monotonic()
    started = run(image, name, command=command, memory=memory, cpus=cpus)
    container = client().containers.get(started.name)
    try:
        samples = _samples(container, seconds)
        container.reload()
        ended = container.status != "running"
        if not ended:
            container.kill()
        output = container.logs().decode("utf-8", "replace")
        container.reload()
        state = container.attrs["State"]
        return Outcome(
            exit_code=state["ExitCode"] if ended else None,
            oom_killed=bool(state.get("OOMKilled")),
            seconds=monotonic() - began,
            samples=samples,
            output=output,
        )
    finally:
        discard(container)


@on_engine
def watch(name: str, seconds: float = 5) -> list[Sample]:
    """Look at a running container for a while. Raises EngineError."""
    return _samples(client().containers.get(ours(name)), seconds)


def cpus(samples: list[Sample]) -> list[float]:
    """Processors in use between each two samples."""
    return [
        (after.cpu - before.cpu) / (after.seconds - before.seconds)
        for before, after in pairwise(samples)
    ]


def explain_exit(code: int, oom_killed: bool = False) -> str:
    """What an exit code says, in the reader's language. 128 + n: ended by signal n."""
    if oom_killed:
        return text("containers.exit.oom")
    if code in (0, 125, 126, 127, 137, 143):
        return text(f"containers.exit.code_{code}")
    number = code - 128
    if number in {known.value for known in signal.Signals}:
        return text("containers.exit.signal", name=signal.Signals(number).name, number=number)
    return text("containers.exit.own", code=code)


def _samples(container: Any, seconds: float) -> list[Sample]:
    """What a container uses until it ends, or for so long."""
    began, samples = monotonic(), list[Sample]()
    while monotonic() - began < seconds:
        stats = _stats(container)
        if stats.get("memory_stats", {}).get("usage"):
            samples.append(_sample(stats, monotonic() - began))
        else:
            container.reload()
            if container.status != "running":
                break
        sleep(_BEAT)
    return samples


def _stats(container: Any) -> dict[str, Any]:
    """What the engine measures now; nothing of a container that has ended, and for some Podmans."""
    from docker.errors import APIError

    try:
        found = client().api.stats(container.id, stream=False, one_shot=True)
    except (APIError, ValueError):
        return {}
    return dict(found)


def _sample(stats: dict[str, Any], now: float) -> Sample:
    """The engine's numbers as `docker stats` reads them: memory without the page cache."""
    memory, cpu = stats["memory_stats"], stats["cpu_stats"]
    detail = memory.get("stats") or {}
    cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    throttling = cpu.get("throttling_data") or {}
    return Sample(
        seconds=now,
        memory=memory["usage"] - cache if cache < memory["usage"] else memory["usage"],
        memory_limit=memory.get("limit", 0),
        cpu=cpu["cpu_usage"]["total_usage"] / 1e9,
        throttled=throttling.get("throttled_time", 0) / 1e9,
        periods=throttling.get("periods", 0),
        throttled_periods=throttling.get("throttled_periods", 0),
    )
