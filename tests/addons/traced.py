"""A meter whose containers use what traces say: cores and bytes, by container, second by second."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from kubecourse.clock import Clock

Trace = Callable[[float], float]


class Row(NamedTuple):
    time: float
    run: int
    cpu: float
    cpu_seconds: float
    memory: float
    periods: int = 0
    throttled_periods: int = 0
    throttled_seconds: float = 0.0


class Traced:
    """Every container uses the same, from the cluster's first second on, until told otherwise."""

    def __init__(self, clock: Clock, cores: float = 0.25, memory: float = 3e8) -> None:
        self.clock, self.memory = clock, memory
        self._pieces = [(0.0, 0.0, cores)]

    @property
    def cores(self) -> float:
        return self._pieces[-1][2]

    @cores.setter
    def cores(self, cores: float) -> None:
        now = self.clock.now
        self._pieces.append((now, self._cpu(now)[0], cores))

    def _cpu(self, t: float) -> tuple[float, float]:
        """Seconds of computing up to a time, and cores then."""
        since, base, cores = next(piece for piece in reversed(self._pieces) if piece[0] <= t)
        return base + cores * (t - since), cores

    def usage(self, uid: str, name: str, at: float | None = None) -> Row:
        t = self.clock.now if at is None else at
        seconds, cores = self._cpu(max(t, 0.0))
        return Row(t, 0, cores, seconds, self.memory)

    def series(self, uid: str, name: str, start: float, end: float, step: float) -> list[Row]:
        count = int((end - start) / step) + 1
        return [self.usage(uid, name, start + n * step) for n in range(count)]

    def samples(
        self,
        uid: str,
        name: str,
        start: float,
        end: float,
        step: float,
        fields: Sequence[str] = ("cpu_seconds", "memory"),
    ) -> list[tuple[float, ...]]:
        rows = self.series(uid, name, start, end, step)
        return [(row.time, row.run, *(getattr(row, field) for field in fields)) for row in rows]

    def node(self, at: float | None = None) -> Row:
        return self.usage("", "", at)
