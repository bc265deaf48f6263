"""Bills of a month, in US dollars: pure functions of named inputs. Parts add up to the cent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from kubecourse.cloud.prices import HOURS, Clusterless, Machine, Meter, Prices
from kubecourse.cloud.reservation import GIB, MAX_PODS, allocatable

SECONDS = HOURS * 3600
"""Of a month."""
_CENT = Decimal("0.01")


class Bill(msgspec.Struct, frozen=True):
    """US dollars by what they are for, each rounded to the cent."""

    parts: dict[str, Decimal]

    @property
    def total(self) -> Decimal:
        """The sum of the rounded parts."""
        return sum(self.parts.values(), Decimal(0))


def _bill(parts: Mapping[str, Decimal]) -> Bill:
    return Bill({name: each.quantize(_CENT, ROUND_HALF_UP) for name, each in parts.items()})


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison rests on. Workers cost the same either way and are left out.

    `machines` run the control plane, each with a disk, behind a load balancer; the managed one
    costs a fee. People set up, upgrade, and take care (on call, backups, certificates).
    """

    machines: Decimal
    machine_hour: Decimal
    disk_month: Decimal
    balancer_month: Decimal
    fee_month: Decimal
    person_hour: Decimal
    setup_months: Decimal
    setup_hours_own: Decimal
    setup_hours_managed: Decimal
    upgrades_year: Decimal
    upgrade_hours_own: Decimal
    upgrade_hours_managed: Decimal
    care_hours_own: Decimal
    care_hours_managed: Decimal


def assumptions(table: Prices, **changes: float | Decimal) -> Assumptions:
    """The table's values, but for those that are changed by name. Raises TypeError, ValueError.

    Amounts are not negative, and `setup_months` not zero.
    """
    values = {name: figure.value for name, figure in table.assumptions.items()}
    values |= {name: _decimal(value) for name, value in changes.items()}
    if wrong := [name for name, value in values.items() if value < 0]:
        raise ValueError(f"less than nothing: {', '.join(wrong)}")
    if not values["setup_months"]:
        raise ValueError("setup_months: a cluster is used for some time")
    return Assumptions(**values)


class Comparison(msgspec.Struct, frozen=True):
    """A control plane of one's own against a managed one, a month of each."""

    own: Bill
    managed: Bill
    hours_own: Decimal
    hours_managed: Decimal

    @property
    def difference(self) -> Decimal:
        """How much more one's own costs."""
        return self.own.total - self.managed.total


PEOPLE = ("setup", "upgrades", "care")
"""Parts of a bill that are somebody's time."""


def compare(given: Assumptions) -> Comparison:
    """What a month costs, self-hosted and managed."""

    def hours(setup: Decimal, upgrade: Decimal, care: Decimal) -> dict[str, Decimal]:
        spread = setup / given.setup_months
        return dict(zip(PEOPLE, (spread, upgrade * given.upgrades_year / 12, care), strict=True))

    own = hours(given.setup_hours_own, given.upgrade_hours_own, given.care_hours_own)
    managed = hours(
        given.setup_hours_managed, given.upgrade_hours_managed, given.care_hours_managed
    )
    rented = {
        "machines": given.machines * given.machine_hour * HOURS,
        "disks": given.machines * given.disk_month,
        "balancer": given.balancer_month,
    }
    return Comparison(
        _bill(rented | {part: time * given.person_hour for part, time in own.items()}),
        _bill(
            {"fee": given.fee_month}
            | {part: time * given.person_hour for part, time in managed.items()}
        ),
        sum(own.values(), Decimal(0)),
        sum(managed.values(), Decimal(0)),
    )


class Workload(msgspec.Struct, frozen=True):
    """Containers alike: cores and GiB of each, and requests a second of all while they are busy."""

    cores: float
    memory: float
    containers: int = 1
    requests: float = 0


def always_on(machine: Machine, load: Workload, max_pods: int = MAX_PODS) -> tuple[int, Bill]:
    """As many machines as the workload needs, there all month, and their bill.

    What the provider keeps of each machine is not there for pods. Raises ValueError if not even
    one of the containers fits.
    """
    room = allocatable(machine.provider, machine.cores, machine.memory * GIB, max_pods)
    each = min(room.cpu / (1000 * load.cores), room.memory / (load.memory * GIB), max_pods)
    if each < 1:
        raise ValueError(f"{load.cores:g} cores and {load.memory:g} GiB do not fit on the machine")
    count = -(-load.containers // int(each))
    return count, _bill({"machines": count * machine.month})


def pay_per_use(offer: Clusterless, load: Workload, duty: float) -> Bill:
    """A month in which the containers run for a share of the time, from 0 to 1."""
    seconds = _decimal(duty) * SECONDS
    return _bill({name: _cost(meter, rate, seconds) for name, meter, rate in _meters(offer, load)})


def break_even(offer: Clusterless, load: Workload, month: float | Decimal) -> float | None:
    """From which share of the time on pay per use costs more than so much a month.

    None if it never does, not even if the containers always run.
    """
    limit, meters = _decimal(month), list(_meters(offer, load))
    cost = slope = Decimal(0)
    at = Decimal(0)
    # The cost is a chain of straight lines: it grows faster wherever something ceases to be free.
    for free, each in sorted((meter.free / rate, meter.price / meter.per * rate)
                             for _, meter, rate in meters):  # fmt: skip
        if slope and cost + slope * (free - at) > limit:
            break
        cost, at, slope = cost + slope * (free - at), free, slope + each
    share = (at + (limit - cost) / slope) / SECONDS if slope else Decimal(1)
    return float(share) if share < 1 else None


def _meters(offer: Clusterless, load: Workload) -> Iterator[tuple[str, Meter, Decimal]]:
    """What is metered, and how many units a second of the workload has."""
    yield "cores", offer.cores, _decimal(load.cores * load.containers)
    yield "memory", offer.memory, _decimal(load.memory * load.containers)
    if offer.requests and load.requests:
        yield "requests", offer.requests, _decimal(load.requests)


def _cost(meter: Meter, rate: Decimal, seconds: Decimal) -> Decimal:
    return max(rate * seconds - meter.free, Decimal(0)) * meter.price / meter.per


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))
