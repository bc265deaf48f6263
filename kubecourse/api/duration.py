"""Lengths of time as Kubernetes shows them to people: `45s`, `2m5s`, `3h20m`, `5d`.

Behaviour follows `staging/src/k8s.io/apimachinery/pkg/util/duration/duration.go`.
"""

from __future__ import annotations

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 24 * 3600, 365 * 24 * 3600

_STEPS = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)
"""Up to how many seconds: the unit, its letter, and the finer unit shown besides, if any."""


def human_duration(seconds: float) -> str:
    """A length of time in one or two units; the longer it is the coarser.

    A moment ago may lie a second ahead, as clocks differ; more than that is `<invalid>`.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    for limit, unit, letter, finer, small in _STEPS:
        if whole < limit:
            rest = whole % unit // finer if finer else 0
            return f"{whole // unit}{letter}" + (f"{rest}{small}" if rest else "")
    return f"{whole // _YEAR}y"
