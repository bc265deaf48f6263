"""CPU time: how the kernel divides it among containers that want more than there is.

Requests become weights: who wants more than its part gets what others leave. Limits become
quotas: so much computing in each period of 100 ms, and then none until the next, however idle the
machine is.
Sources: `pkg/kubelet/cm/helpers_linux.go` (MilliCPUToShares, MilliCPUToQuota), the kernel's
`Documentation/scheduler/sched-bwc.rst`, containers/crun's conversion of shares to weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf
from typing import NamedTuple

PERIOD = 0.1
"""Seconds of the period that a quota is given for."""
PERIODS = 10
"""Periods in a second."""
_PERIOD_US = 100_000
_LEAST_QUOTA_US = 1000
_LEAST_SHARES, _MOST_SHARES = 2, 262_144


def shares(millicores: int) -> int:
    """The weight of a container that requests so much, as cgroup v1 counts it."""
    return min(max(millicores * 1024 // 1000, _LEAST_SHARES), _MOST_SHARES)


def weight(shares: int) -> int:
    """The same in cgroup v2's `cpu.weight`, 1 to 10000."""
    return 1 + (shares - _LEAST_SHARES) * 9999 // (_MOST_SHARES - _LEAST_SHARES)


def quota(millicores: int) -> int:
    """Microseconds of computing in each period for a container with this limit; 0: no limit."""
    return max(millicores * _PERIOD_US // 1000, _LEAST_QUOTA_US) if millicores else 0


def limit(millicores: int) -> float:
    """The cores that a container with this limit has at most, on average."""
    return quota(millicores) / _PERIOD_US if millicores else inf


class Split(NamedTuple):
    """Cores given to each, and the cores for each share that those got who wanted more.

    The `level` is infinite if there was enough for all.
    """

    used: list[float]
    level: float


def share_out(
    cores: float, demands: Sequence[float], limits: Sequence[float], shares: Sequence[int]
) -> Split:
    """Give cores to those who want them: in proportion to shares, but to none more than it wants.

    What one leaves goes to the others, so that no core is idle while somebody may use it.
    """
    wanted = [min(pair) for pair in zip(demands, limits, strict=True)]
    level = water_level(cores, wanted, shares)
    pairs = zip(wanted, shares, strict=True)
    return Split(wanted if level == inf else [min(w, level * s) for w, s in pairs], level)


def water_level(
    cores: float, wanted: Sequence[float], shares: Sequence[int], guess: float = 0.0
) -> float:
    """The cores for each share at which all are used; infinite if there is enough for all.

    It is found sooner from a guess that is near.
    """
    if sum(wanted) <= cores:
        return inf
    level, highest = guess, -inf
    while True:
        # Who is content with the level leaves the rest of its part to the others.
        left, total = cores, 0
        for want, share in zip(wanted, shares):  # noqa: B905 (this is where the time goes)
            if want > level * share:
                total += share
            else:
                left -= want
        level = left / total if total else 0.0
        if level <= highest:  # no guess is too low after the first step
            return highest
        highest = level


def throttled_share(rate: float, limit: float) -> float:
    """The part of each period for which a container stands still that would run at a rate.

    `rate`: cores that it uses until its quota is used up; `limit`: cores that the quota is.
    """
    return 1.0 - limit / rate if rate > limit else 0.0


def throttled_seconds(rate: float, limit: float) -> float:
    """Seconds by which the kernel's count of throttled time grows each second.

    It counts every processor that the container ran on.
    """
    return ceil(rate - 1e-9) * throttled_share(rate, limit)


def service_time(work: float, limit: float) -> float:
    """Seconds until one thread has done so many seconds of computing alone under a limit."""
    share = limit * PERIOD
    if share >= PERIOD:
        return work
    return work + (ceil(work / share - 1e-9) - 1) * (PERIOD - share)
