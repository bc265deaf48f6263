"""Bills: parts add up, and the break-even is where the bills are equal."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.cloud import (
    HOURS,
    Workload,
    always_on,
    assumptions,
    break_even,
    compare,
    pay_per_use,
    prices,
)
from kubecourse.cloud.prices import Clusterless, Machine, Meter, Source

TABLE = prices()
SOURCE = [Source(title="test")]
money = st.decimals(0, 10_000, places=4)
changes = st.fixed_dictionaries(
    {},
    optional={name: money for name in TABLE.assumptions if name != "setup_months"},
)


def offer(cores: Meter, memory: Meter, requests: Meter | None = None) -> Clusterless:
    return Clusterless(
        provider="GKE", region="here", cores=cores, memory=memory, requests=requests, sources=SOURCE
    )


def test_a_bill_by_hand() -> None:
    given = assumptions(
        TABLE,
        machines=3, machine_hour=0.1, disk_month=5, balancer_month=18, fee_month=73,
        person_hour=60, setup_months=10, setup_hours_own=100, setup_hours_managed=10,
        upgrades_year=3, upgrade_hours_own=20, upgrade_hours_managed=4,
        care_hours_own=12, care_hours_managed=1,
    )  # fmt: skip
    found = compare(given)
    assert found.own.parts == {
        "machines": 219, "disks": 15, "balancer": 18, "setup": 600, "upgrades": 300, "care": 720,
    }  # fmt: skip
    assert found.managed.parts == {"fee": 73, "setup": 60, "upgrades": 60, "care": 60}
    assert (found.own.total, found.managed.total, found.difference) == (1872, 253, 1619)
    assert (found.hours_own, found.hours_managed) == (27, 3)


@given(changes)
def test_parts_are_whole_cents_and_add_up_to_the_cent(changed) -> None:
    found = compare(assumptions(TABLE, **changed))
    for bill in (found.own, found.managed):
        assert all(part == part.quantize(Decimal("0.01")) for part in bill.parts.values())
        assert sum(bill.parts.values()) == bill.total
    assert found.difference == found.own.total - found.managed.total


def test_each_assumption_can_be_changed_by_name_and_matters() -> None:
    usual = compare(assumptions(TABLE))
    for name, figure in TABLE.assumptions.items():
        changed = compare(assumptions(TABLE, **{name: 2 * figure.value}))
        assert (changed.own, changed.managed) != (usual.own, usual.managed), name


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="care_hours_own"):
        assumptions(TABLE, care_hours_own=-1)
    with pytest.raises(ValueError, match="setup_months"):
        assumptions(TABLE, setup_months=0)
    with pytest.raises(TypeError, match="salary"):
        assumptions(TABLE, salary=1)


def test_what_the_provider_keeps_of_a_node_may_cost_another_one() -> None:
    machine = Machine(
        provider="GKE", region="here", cores=2, memory=8, hour=Decimal("0.1"), sources=SOURCE
    )
    assert always_on(machine, Workload(0.5, 1, containers=3)) == (1, always_on(
        machine, Workload(0.1, 0.1))[1])  # fmt: skip
    count, bill = always_on(machine, Workload(0.5, 1, containers=4))  # 2 cores, but 1930m left
    assert (count, bill.total) == (2, 146)
    assert always_on(machine, Workload(0.01, 0.01, containers=31), max_pods=10)[0] == 4
    with pytest.raises(ValueError, match="do not fit"):
        always_on(machine, Workload(2, 1))


def test_a_month_of_pay_per_use_by_hand() -> None:
    here = offer(
        Meter(price=Decimal("0.036"), per=3600),
        Meter(price=Decimal("0.0036"), per=3600, free=1_314_000),
        Meter(price=Decimal("0.4"), per=1_000_000, free=2_000_000),
    )
    used = pay_per_use(here, Workload(1, 2, requests=10), duty=0.5)  # 1,314,000 s
    assert used.parts == {
        "cores": Decimal("13.14"),
        "memory": Decimal("1.31"),  # of 2,628,000 GiB-seconds half are free: 1.314
        "requests": Decimal("4.46"),  # 13.14 million, 2 of them free: 4.456
    }
    assert pay_per_use(here, Workload(1, 2), duty=0).total == 0


def test_the_break_even_of_a_straight_line() -> None:
    here = offer(Meter(price=Decimal("0.1"), per=3600), Meter(price=Decimal(0)))
    assert break_even(here, Workload(1, 1), month=HOURS / 20) == 0.5
    assert break_even(here, Workload(1, 1), month=HOURS / 10) is None
    assert break_even(here, Workload(1, 1), month=0) == 0


meters = st.builds(
    Meter,
    price=st.decimals("0.000001", "0.0001", places=6),
    per=st.sampled_from([1, 10]),
    free=st.integers(0, 2_000_000),
)


@given(
    st.builds(offer, meters, meters, st.none() | meters),
    st.builds(
        Workload,
        cores=st.sampled_from([0.25, 1, 4]),
        memory=st.sampled_from([0.5, 2, 16]),
        containers=st.integers(1, 5),
        requests=st.sampled_from([0, 1, 50]),
    ),
    st.integers(1, 500),
)
def test_at_the_break_even_both_cost_the_same(here, load, month) -> None:
    share = break_even(here, load, month)
    cent = Decimal("0.02")  # three parts, each rounded
    if share is None:
        assert pay_per_use(here, load, 1).total <= month + cent
    else:
        assert abs(pay_per_use(here, load, share).total - month) <= cent
        assert pay_per_use(here, load, (share + 1) / 2).total >= month - cent


@pytest.mark.parametrize("name", TABLE.clusterless)
def test_the_offers_of_the_table_cost_more_the_more_they_run(name: str) -> None:
    totals = [
        pay_per_use(TABLE.clusterless[name], Workload(1, 2, 2, 20), duty / 10).total
        for duty in range(11)
    ]
    assert totals == sorted(totals)
    assert totals[0] == 0 < totals[-1]
