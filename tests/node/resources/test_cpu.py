"""Shares, quotas, and who gets how much when there is not enough."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.node.resources import cpu
from tests.oracles import oracle

ORACLE = oracle("cpu_cgroup")


@pytest.mark.parametrize("case", ORACLE["milli_cpu_to_quota"], ids=lambda c: str(c["milli"]))
def test_quotas(case) -> None:
    assert cpu.quota(case["milli"]) == case["quota_us"]


@pytest.mark.parametrize(
    "case", ORACLE["milli_cpu_to_shares_computed"], ids=lambda c: str(c["milli"])
)
def test_shares(case) -> None:
    assert cpu.shares(case["milli"]) == case["shares"]


def test_weights_of_cgroup_v2() -> None:
    assert [cpu.weight(n) for n in (2, 1024, 262_144)] == [1, 39, 10_000]


wanting = st.tuples(
    st.floats(0, 8), st.sampled_from([inf, 0.01, 0.2, 1.0, 3.0]), st.sampled_from([2, 102, 1024])
)


@given(st.floats(0.5, 8), st.lists(wanting, min_size=1, max_size=12))
def test_nothing_is_lost_and_nobody_has_too_much(cores: float, who: list) -> None:
    demands, limits, shares = (list(column) for column in zip(*who, strict=True))
    used, level = cpu.share_out(cores, demands, limits, shares)
    wanted = [min(d, limit) for d, limit in zip(demands, limits, strict=True)]
    # Work-conserving: all that is wanted, or all that there is.
    assert sum(used) == pytest.approx(min(cores, sum(wanted)))
    for had, want, share in zip(used, wanted, shares, strict=True):
        assert had <= want + 1e-9
        if had < want - 1e-9:  # in proportion to shares: nobody who wanted more has more for them
            assert had == pytest.approx(level * share)


@given(st.lists(wanting, min_size=1, max_size=12), st.floats(0, 1))
def test_any_guess_leads_to_the_same_level(who: list, guess: float) -> None:
    wanted, _, shares = (list(column) for column in zip(*who, strict=True))
    level = cpu.water_level(2.0, wanted, shares, guess)
    assert level == pytest.approx(cpu.water_level(2.0, wanted, shares))


def test_requests_decide_under_contention_and_only_then() -> None:
    free = cpu.share_out(4, [3, 1], [inf, inf], [102, 1024])
    assert free == ([3, 1], inf)
    short = cpu.share_out(2, [4, 4, 0.1], [inf, inf, inf], [1024, 512, 512])
    assert short.used == pytest.approx([1.9 * 2 / 3, 1.9 / 3, 0.1])


@given(st.integers(1, 8), st.floats(0.05, 8))
def test_throttled_time_of_busy_threads_in_closed_form(threads: int, limit: float) -> None:
    # They run limit·100/threads ms of each 100 ms, and stand still on every processor else.
    ran = min(limit * 100 / threads, 100.0)
    assert cpu.throttled_share(threads, limit) == pytest.approx(1 - ran / 100)
    assert cpu.throttled_seconds(threads, limit) == pytest.approx(max(threads - limit, 0))


@pytest.mark.parametrize(
    ("work", "limit", "takes"),
    [(0.02, inf, 0.02), (0.02, 0.2, 0.02), (0.05, 0.2, 0.21), (0.1, 0.5, 0.15), (1.0, 2.0, 1.0)],
)
def test_one_thread_under_a_quota(work: float, limit: float, takes: float) -> None:
    assert cpu.service_time(work, limit) == pytest.approx(takes)
