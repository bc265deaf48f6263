"""Quantities: `100m` of CPU, `64Mi` of memory."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api import quantity
from kubecourse.api.quantity import Quantity, QuantityError, canonical, milli, parse_quantity, value
from tests.oracles import oracle

ORACLE = oracle("quantities")


def nano(amount: str) -> int:
    return int(Decimal(amount).scaleb(9))


# --- the cases of Kubernetes' own tests


@pytest.mark.parametrize("case", ORACLE["parse"], ids=lambda case: case["input"])
def test_reading(case):
    read = parse_quantity(case["input"])
    assert (read.nano, read.format) == (nano(case["value"]), case["format"])
    assert str(read) == case["canonical_reference"]
    # a sign may go before every one of them
    assert parse_quantity("+" + case["input"]) == read
    assert parse_quantity("-" + case["input"]) == -read


@pytest.mark.parametrize("text", ORACLE["invalid"])
def test_what_cannot_be_read(text):
    with pytest.raises(QuantityError) as error:
        parse_quantity(text)
    assert str(error.value) in ORACLE["errors"].values()


@pytest.mark.parametrize("case", ORACLE["round_up"], ids=str)
def test_rounding_goes_away_from_zero(case):
    given = parse_quantity(case["input"])
    rounded = given.round_up(case["scale"])
    assert (rounded.nano, rounded == given) == (nano(case["value"]), case["exact"])


@pytest.mark.parametrize("case", ORACLE["canonical_string"], ids=str)
def test_writing(case):
    assert str(Quantity(nano(case["value"]), case["format"])) == case["canonical"]
    if case["alternate_input"]:
        assert parse_quantity(case["alternate_input"]).nano == nano(case["value"])


@pytest.mark.parametrize("case", ORACLE["parse_then_emit"], ids=str)
def test_canonical_form(case):
    assert canonical(case["input"]) == case["canonical"]


@pytest.mark.parametrize("case", ORACLE["compare"], ids=str)
def test_comparing(case):
    assert quantity.compare(case["a"], case["b"]) == case["cmp"]


@pytest.mark.parametrize("case", ORACLE["preserve_suffix"], ids=str)
def test_a_sum_is_written_like_its_left_side_unless_that_is_zero(case):
    left, right = parse_quantity(case["a"]), parse_quantity(case["b"])
    assert str(left + right if case["op"] == "add" else left - right) == case["result"]


@pytest.mark.parametrize("case", oracle("resource_quota")["pretty_print"], ids=str)
def test_a_resource_list_on_one_line(case):
    assert quantity.format_resources(case["input"]) == case["expected"]


# --- what learners meet


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("64mb", ORACLE["errors"]["empty_or_bad_format"]),
        ("64 Mi", ORACLE["errors"]["empty_or_bad_format"]),
        ("", ORACLE["errors"]["empty_or_bad_format"]),
        ("1K", ORACLE["errors"]["bad_suffix"]),
        ("1i", ORACLE["errors"]["bad_suffix"]),
        ("1e", ORACLE["errors"]["bad_suffix"]),
        ("Ei", ORACLE["errors"]["bad_number"]),
        ("1e999999999", ORACLE["errors"]["bad_number"]),
    ],
)
def test_messages_are_the_servers(text, message):
    with pytest.raises(QuantityError) as error:
        canonical(text)
    assert str(error.value) == message


def test_m_is_milli_and_capital_m_is_mega():
    assert value("100M") == 100_000_000
    assert value("100m") == 1  # a tenth of a byte, rounded up: a classic slip, and legal


def test_k_is_1000_and_ki_is_1024():
    assert (value("1k"), value("1Ki")) == (1000, 1024)


def test_cpu_is_counted_in_millicores_rounded_up():
    assert (milli("0.5"), milli("2"), milli("0.0001")) == (500, 2000, 1)


def test_resource_lists_are_stored_in_thousandths():
    assert quantity.canonical_milli("0.0005") == "1m"
    assert quantity.canonical_milli("1024Mi") == "1Gi"


def test_equal_however_written():
    assert parse_quantity("1") == parse_quantity("1000m") == parse_quantity("1e0")
    assert len({parse_quantity("1Ki"), parse_quantity("1024")}) == 1
    assert parse_quantity("1") != 1


def test_signs():
    assert quantity.is_zero("0Mi") and not quantity.is_zero("1n")
    assert quantity.is_negative("-1") and not quantity.is_negative("0")
    assert parse_quantity("0").is_zero and parse_quantity("-1m").is_negative


# --- laws


quantities = st.builds(
    Quantity,
    st.integers(-(2**62), 2**62) | st.integers(-(2**40), 2**40).map(lambda n: n * 10**9),
    st.sampled_from(["DecimalSI", "BinarySI", "DecimalExponent"]),
)


@given(quantities)
def test_what_is_written_reads_back(amount):
    assert parse_quantity(str(amount)) == amount
    assert canonical(str(amount)) == str(parse_quantity(str(amount)))


@given(quantities, quantities)
def test_order_is_that_of_the_amounts(a, b):
    assert (a < b, a <= b, a > b, a >= b, a == b) == (
        a.nano < b.nano,
        a.nano <= b.nano,
        a.nano > b.nano,
        a.nano >= b.nano,
        a.nano == b.nano,
    )
    assert quantity.compare(str(a), str(b)) == (a > b) - (a < b)


@given(quantities, quantities)
def test_adding_and_taking_away(a, b):
    assert a + b - b == a
    assert a - b == -(b - a)


@given(quantities)
def test_whole_units_cover_the_amount(amount):
    assert abs(amount.nano) <= abs(amount.value) * 10**9 < abs(amount.nano) + 10**9
    assert abs(amount.nano) <= abs(amount.milli) * 10**6 < abs(amount.nano) + 10**6
