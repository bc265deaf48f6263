"""Int or percentage: `maxUnavailable: 1` or `maxUnavailable: 25%`.

Behaviour follows `staging/src/k8s.io/apimachinery/pkg/util/intstr/intstr.go`
(GetScaledValueFromIntOrPercent).
"""

from __future__ import annotations

import re

_INTEGER = re.compile(r"[+-]?[0-9]+")


class IntOrPercentError(ValueError):
    """A value is neither a number nor a percentage; the message is Go's."""


def scaled_value(int_or_percent: int | str | None, total: int, round_up: bool) -> int:
    """A number as it is, or a percentage of the total, rounded up or down to a whole number.

    Raises IntOrPercentError, also for text without a percent sign: `"3"` is not 3.
    """
    if int_or_percent is None:
        raise IntOrPercentError("nil value for IntOrString")
    if isinstance(int_or_percent, int):
        return int_or_percent
    if not int_or_percent.endswith("%"):
        raise IntOrPercentError(
            "invalid value for IntOrString: invalid type: string is not a percentage"
        )
    number = int_or_percent[:-1]
    if not _INTEGER.fullmatch(number):
        raise IntOrPercentError(
            f'invalid value for IntOrString: invalid value "{int_or_percent}": '
            f'strconv.Atoi: parsing "{number}": invalid syntax'
        )
    hundredths = int(number) * total
    return -(-hundredths // 100) if round_up else hundredths // 100
