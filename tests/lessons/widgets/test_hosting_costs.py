"""Pictures of what hosting costs: they say what the functions compute, in both languages."""

import re

import pytest

from kubecourse.cloud import assumptions, compare, prices
from kubecourse.lessons import messages
from kubecourse.lessons.still import still
from kubecourse.lessons.widgets.breakeven import BreakEven
from kubecourse.lessons.widgets.costs import CostCalculator, Offers
from kubecourse.lessons.widgets.hosting import labels, money, plot
from kubecourse.lessons.widgets.reservation import ReservationCurve, kept

WIDGETS = [CostCalculator, Offers, BreakEven, ReservationCurve]


def bars(widget: CostCalculator) -> dict[str, float]:
    lengths = dict.fromkeys(["self-hosted", "managed"], 0.0)
    for trace in widget.picture.data:
        lengths[trace.y[0]] += trace.x[0]
    return lengths


def test_the_bars_are_the_bills() -> None:
    widget, found = CostCalculator(), compare(assumptions(prices()))
    assert bars(widget) == pytest.approx(
        {"self-hosted": float(found.own.total), "managed": float(found.managed.total)}
    )
    assert money(found.own.total) in widget.text
    assert money(found.own.total) in widget.numbers.value


def test_moving_a_slider_changes_bars_table_and_the_call_underneath() -> None:
    widget = CostCalculator()
    widget.person_hour.value = 0
    assert "people's time is 0 %" in widget.text
    assert "compare(assumptions(prices(), person_hour=0))" in widget.numbers.value
    found = compare(assumptions(prices(), person_hour=0))
    assert bars(widget)["self-hosted"] == pytest.approx(float(found.own.total))
    widget.offer.value = "AKS Free"
    assert bars(widget)["managed"] == 0
    assert "fee_month=0" in widget.numbers.value
    widget._reset(None)
    assert "compare(assumptions(prices()))" in widget.numbers.value


def test_offers_with_the_same_fee_can_each_be_chosen() -> None:
    widget = CostCalculator()
    for name in ("EKS", "AKS Standard", "GKE Autopilot"):
        widget.offer.value = name
        assert widget.offer.label.startswith(name)
        assert prices().offers[name].sources[0].title in widget.numbers.value


def test_every_assumption_is_on_the_page_with_its_source() -> None:
    widget = CostCalculator(setup_hours_own=123, fee_month=50)
    assert "setup_hours_own=123" in widget.numbers.value
    assert widget.offer.label == "50.00 USD"
    for name in prices().assumptions:
        assert messages.text(f"costs.assumptions.{name}") in re.sub("&#x27;", "'", still(widget))
    assert "2026-01-19" in widget.numbers.value
    assert widget.numbers.value.count("an example value") >= 8


def test_the_break_even_is_marked_where_the_lines_cross() -> None:
    widget = BreakEven()
    used, fixed, mark = widget.picture.data
    (at,), (level,) = mark.x, mark.y
    assert level == fixed.y[0]
    crossing = [share for share, cost in zip(used.x, used.y, strict=True) if cost <= level]
    assert max(crossing) <= at <= max(crossing) + 2
    assert f"from {at:.0f} %" in widget.text


def test_no_mark_where_they_do_not_cross() -> None:
    widget = BreakEven()
    widget.offer.value, widget.cores.value, widget.containers.value = "AWS Fargate", 0.25, 1
    assert widget.text == "AWS Fargate never costs more than the node"
    assert list(widget.picture.data[2].x) == []
    assert "m5.large" in widget.numbers.value


def test_the_table_is_the_bill_at_the_chosen_share() -> None:
    widget = BreakEven()
    widget.duty.value = 0
    assert "Cloud Run, 0 %" in widget.numbers.value
    assert "<b>0.00 USD</b>" in widget.numbers.value


def test_every_combination_of_the_controls_has_a_picture() -> None:
    widget = BreakEven()
    for size in (2, 4):
        widget.size.value = size
        for control in (widget.offer, widget.cores, widget.memory, widget.requests):
            for value in [value for _, value in control.options]:
                control.value = value
                assert len(widget.picture.data) == 3


def test_the_curves_are_what_the_formulas_keep() -> None:
    widget = ReservationCurve()
    assert [round(trace.y[2], 6) for trace in widget.picture.data] == [
        round(kept(provider, "memory", 16, 110), 6) for provider in ("GKE", "EKS", "AKS")
    ]
    widget.resource.value = "cpu"
    assert widget.text == "Kept of a node with 4 cores and 16 GiB: GKE 2.0 %, EKS 2.0 %, AKS 3.5 %"
    assert "3.5 %" in widget.numbers.value


def test_offers_have_a_fee_a_date_or_say_that_there_is_none() -> None:
    widget = Offers()
    assert "2024-04-01" in widget.picture.value
    assert "not in the sources" in widget.picture.value
    widget.kind.value = "turnkey"
    assert "kOps" in widget.picture.value
    assert "EKS" not in widget.picture.value


def test_labels_do_not_lie_on_one_another() -> None:
    chart = plot("title", 300)
    labels(chart, 1, [(1, "a", "#000000"), (0.5, "b", "#000000"), (60, "c", "#000000")], 100)
    heights = sorted(each.y for each in chart.layout.annotations)
    assert heights == [0.5, 9.5, 60]


@pytest.mark.parametrize("widget", [CostCalculator, BreakEven, ReservationCurve])
def test_no_text_of_a_plot_is_taken_for_a_formula(widget: type) -> None:
    assert "$" not in widget().picture.to_json()  # what stands between two of them, is


@pytest.mark.parametrize("widget", WIDGETS)
def test_in_korean_only_names_and_titles_are_english(widget: type) -> None:
    with messages.speaking("ko"):
        made = widget()
        assert re.search("[가-힣]", made.text)
        page = re.sub(
            r"<a .*?</a>|<code>.*?</code>|<style>.*?</style>", "", still(made), flags=re.S
        )
    for word in ("self-hosted", "example", "month", "total", "source", "machines", "hours"):
        assert word not in re.sub(r'data-plot="[^"]*"', "", page), word
