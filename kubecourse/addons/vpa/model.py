"""What a container has used, and what it should request: the recommender's arithmetic.

    history = Usage()
    history.add(60.0, cores=0.25, memory=3e8)      # one sample a minute
    recommend({"app": history})["app"].target      # {"cpu": 296, "memory": 379…}

Sources: `github.com/kubernetes/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic/
{recommender,estimator}.go`, `…/model/{container,aggregate_container_state}.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import msgspec

from kubecourse.addons.vpa.histogram import CPU, MEMORY, Histogram

DAY = 86_400.0
CPU_WEIGHT = 0.1
"""Of a sample; only relations matter."""
TARGET, LOWER, UPPER = 0.9, 0.5, 0.95
"""Percentiles."""
MARGIN = 0.15
LEAST_CPU, LEAST_MEMORY = 25, 250 * 2**20
"""Millicores and bytes for a pod, shared equally by its containers."""
MOST = 10**14
"""What stands for no limit."""
OOM_LEAST, OOM_RATIO = 100 * 2**20, 1.2
"""After it was killed for want of memory a container needs so much more, or so many times it."""

Amounts = dict[str, int]
"""Millicores of `cpu`, bytes of `memory`."""


class Recommendation(msgspec.Struct, frozen=True):
    """What to request, and between what bounds a request may be left as it is."""

    target: Amounts
    lower: Amounts
    upper: Amounts


class Usage:
    """The history of containers that are alike: every CPU sample, and daily peaks of memory."""

    def __init__(self) -> None:
        self.cpu = Histogram(CPU)
        self.memory = Histogram(MEMORY)
        self.first = inf
        self.last = -inf
        self.samples = 0

    def add_cpu(self, time: float, cores: float) -> None:
        """One sample of CPU, in cores."""
        self.cpu.add(cores, CPU_WEIGHT, time)
        if time < self.first:
            self.first = time
        if time > self.last:
            self.last = time
        self.samples += 1

    def merge(self, other: Usage) -> None:
        """Add another's history."""
        self.cpu.merge(other.cpu)
        self.memory.merge(other.memory)
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.samples += other.samples

    @property
    def confidence(self) -> float:
        """How many days of one sample a minute the history is worth."""
        if not self.samples:
            return 0.0
        return min((self.last - self.first) / DAY, self.samples / 1440)


class Observer:
    """Adds one container's samples to a history: of memory, the peak of each 24 hours."""

    def __init__(self, usage: Usage) -> None:
        self.usage = usage
        self._window_end: float | None = None
        self._peak = self._oom_peak = 0.0

    def add(self, time: float, cores: float, memory: float) -> None:
        """One sample."""
        self.usage.add_cpu(time, cores)
        self._add_memory(time, memory, oom=False)

    def oom(self, time: float, requested: float) -> None:
        """The container was killed for want of memory: what it would have needed is a sample."""
        if self._window_end is not None and time < self._window_end - DAY:
            return
        used = int(max(requested, self._peak))
        self._add_memory(time, max(used + OOM_LEAST, int(used * OOM_RATIO)), oom=True)

    def _add_memory(self, time: float, memory: float, oom: bool) -> None:
        if self._window_end is None:
            self._window_end = time
        before = max(self._peak, self._oom_peak)
        if time >= self._window_end:
            self._window_end += (time - self._window_end) // DAY * DAY + DAY
            self._peak = self._oom_peak = 0.0
        elif before and memory > before:
            self.usage.memory.add(before, -1.0, self._window_end)
        else:
            return
        self.usage.memory.add(memory, 1.0, self._window_end)
        if oom:
            self._oom_peak = memory
        else:
            self._peak = memory


def recommend(histories: Mapping[str, Usage]) -> dict[str, Recommendation]:
    """A pod's recommendations, by container; only of those with samples."""
    known = {name: usage for name, usage in sorted(histories.items()) if usage.samples}
    least = {"cpu": LEAST_CPU // max(len(known), 1), "memory": LEAST_MEMORY // max(len(known), 1)}
    return {name: _recommend(usage, least) for name, usage in known.items()}


def _recommend(usage: Usage, least: Amounts) -> Recommendation:
    days = usage.confidence

    def estimate(share: float, factor: float) -> Amounts:
        percentiles = {
            "cpu": usage.cpu.percentile(share) * 1000,
            "memory": usage.memory.percentile(share),
        }
        found = {}
        for resource, amount in percentiles.items():
            base = whole(amount)
            found[resource] = max(whole((base + whole(base * MARGIN)) * factor), least[resource])
        return found

    return Recommendation(
        estimate(TARGET, 1.0),
        estimate(LOWER, (1 + 0.001 / days) ** -2 if days else 0.0),
        estimate(UPPER, 1 + 1 / days if days else inf),
    )


def whole(amount: float) -> int:
    """An amount without its fraction, as the real one counts; at most `MOST`."""
    return int(amount) if 0 <= amount < MOST else MOST if amount > 0 else 0
