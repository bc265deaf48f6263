"""Numbers or percentages: maxSurge, maxUnavailable, minAvailable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api.intstr import IntOrPercentError, scaled_value
from tests.oracles import oracle

ORACLE = oracle("max_surge_max_unavailable")


@pytest.mark.parametrize("case", ORACLE["resolve_fenceposts"], ids=str)
def test_surge_rounds_up_and_unavailable_down(case):
    def resolve() -> tuple[int, int]:
        surge, unavailable = (case[name] or 0 for name in ("max_surge", "max_unavailable"))
        return (
            scaled_value(surge, case["desired"], round_up=True),
            scaled_value(unavailable, case["desired"], round_up=False),
        )

    if case["expect_error"]:
        with pytest.raises(IntOrPercentError):
            resolve()
        return
    surge, unavailable = resolve()
    # A Deployment that may neither add nor remove a pod may remove one.
    assert (surge, unavailable or int(surge == 0)) == (
        case["expect_surge"],
        case["expect_unavailable"],
    )


@pytest.mark.parametrize("case", ORACLE["max_unavailable"], ids=lambda case: case["name"])
def test_a_percentage_is_of_the_replicas(case):
    replicas, given_value = case["replicas"], case["max_unavailable"]
    if case.get("strategy") == "Recreate":
        assert given_value is None  # the field belongs to rolling updates only
        return
    # The Deployment controller takes no more than there are.
    assert min(scaled_value(given_value, replicas, round_up=False), replicas) == case["expected"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "nil value for IntOrString"),
        ("3", "invalid value for IntOrString: invalid type: string is not a percentage"),
        (
            "abc%",
            'invalid value for IntOrString: invalid value "abc%": '
            'strconv.Atoi: parsing "abc": invalid syntax',
        ),
    ],
)
def test_messages_are_gos(text, message):
    with pytest.raises(IntOrPercentError) as error:
        scaled_value(text, 10, round_up=True)
    assert str(error.value) == message


@given(st.integers(0, 300), st.integers(0, 10_000))
def test_up_and_down_are_at_most_one_apart(percent, total):
    down, up = (scaled_value(f"{percent}%", total, round_up=way) for way in (False, True))
    assert down * 100 <= percent * total <= up * 100
    assert up - down in (0, 1)
