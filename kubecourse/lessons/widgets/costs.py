"""A control plane of one's own against a managed one: a bill for each, and all it rests on."""

from __future__ import annotations

from html import escape

import ipywidgets
import plotly.graph_objects as go

from kubecourse.cloud import Prices, assumptions, compare, prices
from kubecourse.cloud.costs import PEOPLE, Assumptions, Comparison
from kubecourse.lessons import messages, palette
from kubecourse.lessons.widgets.drawn import Drawn, choice, page, table
from kubecourse.lessons.widgets.hosting import Chart, bill, cited, dated, money, plot, words

READABLE = 0.13
"""A piece of a bar must have this share of the longest for its name to fit inside."""


def figure(found: Comparison) -> go.Figure:
    """A bar for each bill, a piece for each part; people's time has a colour of its own."""
    chart = plot(text(found), 230, barmode="stack", bargap=0.35)
    longest = float(max(found.own.total, found.managed.total)) or 1
    for name, one in (("own", found.own), ("managed", found.managed)):
        for part, amount in one.parts.items():
            colour, ink = (palette.OLD, "black") if part in PEOPLE else (palette.NEW, "white")
            fits = float(amount) / longest > READABLE
            chart.add_bar(
                y=[words(name)],
                x=[float(amount)],
                orientation="h",
                marker={"color": colour, "line": {"color": "white", "width": 1}},
                text=words(f"parts.{part}") if fits else "",
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont={"color": ink},
                hovertemplate=f"{words(f'parts.{part}')}: {money(amount)}<extra></extra>",
            )
        chart.add_annotation(
            y=words(name), x=float(one.total), text=money(one.total),
            showarrow=False, xanchor="left", xshift=6,
        )  # fmt: skip
    chart.update_layout(margin_t=64, margin_l=90)
    chart.update_xaxes(title_text=words("per_month"), range=[0, longest * 1.02])
    chart.update_yaxes(autorange="reversed", ticks="", showline=False)
    return chart


def text(found: Comparison) -> str:
    """The picture in two lines: both bills, and how much of the dearer way is work."""
    work = sum(found.own.parts[part] for part in PEOPLE)
    return words(
        "calculator.finding",
        own=money(found.own.total),
        managed=money(found.managed.total),
        percent=100 * work / (found.own.total or 1),
    )


class CostCalculator(Chart):
    """Sliders for what matters most; every other assumption can be given by name.

    CostCalculator(setup_hours_own=200, disk_month=12)
    """

    def __init__(self, table: Prices | None = None, **changes: float) -> None:
        self.table = table or prices()
        self._changes = changes
        given = assumptions(self.table, **changes)
        self._fees = {
            name: offer.fee.month
            for name, offer in self.table.offers.items()
            if offer.kind == "managed" and offer.fee
        }
        options = [(f"{name}: {money(fee)}", name) for name, fee in self._fees.items()]
        shown = next((name for name, fee in self._fees.items() if fee == given.fee_month), "")
        if not shown:
            self._fees[shown] = given.fee_month
            options.insert(0, (money(given.fee_month), shown))

        def slider(name: str, most: int) -> ipywidgets.IntSlider:
            return ipywidgets.IntSlider(
                value=int(getattr(given, name)), min=int(name == "machines"), max=most,
                description=words(f"assumptions.{name}"), layout={"width": "420px"},
            )  # fmt: skip

        super().__init__(
            person_hour=slider("person_hour", 200),
            care_hours_own=slider("care_hours_own", 80),
            upgrade_hours_own=slider("upgrade_hours_own", 80),
            machines=slider("machines", 7),
            offer=choice(words("calculator.offer"), options, shown),
        )

    person_hour: ipywidgets.IntSlider
    care_hours_own: ipywidgets.IntSlider
    upgrade_hours_own: ipywidgets.IntSlider
    machines: ipywidgets.IntSlider
    offer: ipywidgets.Dropdown

    @property
    def given(self) -> Assumptions:
        """The assumptions as the controls stand."""
        moved = {
            name: getattr(self, name).value
            for name in ("person_hour", "care_hours_own", "upgrade_hours_own", "machines")
        }
        return assumptions(
            self.table, **self._changes | moved | {"fee_month": self._fees[self.offer.value]}
        )

    @property
    def text(self) -> str:
        """What the picture says."""
        return text(compare(self.given)).replace("<br>", " ")

    def figure(self) -> go.Figure:
        """The picture, as the controls stand."""
        return figure(compare(self.given))

    def html(self) -> str:
        """Both bills, the assumptions with their sources, and the call that computes the same."""
        found, given = compare(self.given), self.given
        rented = [part for part in (*found.own.parts, *found.managed.parts) if part not in PEOPLE]
        rows = {
            part: [found.own.parts.get(part), found.managed.parts.get(part)]
            for part in (*rented, *PEOPLE)
        }
        key = " ".join(
            f'<span style="color: {colour}" aria-hidden="true">■</span> {words(name)}'
            for name, colour in (("rented", palette.NEW), ("people", palette.OLD))
        )
        inputs, changed = [], []
        for name, row in self.table.assumptions.items():
            value, origins = getattr(given, name), row.sources
            if name == "fee_month" and self.offer.value:
                origins = self.table.offers[self.offer.value].sources
            if value != row.value:
                changed.append(f"{name}={value:f}")
            of_its_own = value != row.value and origins is row.sources
            inputs.append([
                escape(words(f"assumptions.{name}")),
                f"{value.normalize():,f} {escape(getattr(row.unit, messages.language()))}",
                words("example") if of_its_own else "; ".join(map(dated, origins)),
            ])  # fmt: skip
        head = [words(f"calculator.{each}") for each in ("assumption", "value", "source")]
        call = f"compare(assumptions({', '.join(['prices()', *changed])}))"
        bills = bill(words("calculator.part"), rows, [words("own"), words("managed")])
        return f'<div class="note">{key}</div>{bills}<code>{call}</code>{table(head, inputs)}'


class Offers(Drawn):
    """Managed and turnkey offers side by side: who does what, what it costs, as of when."""

    def __init__(self, table: Prices | None = None) -> None:
        self.table = table or prices()
        kinds = [(words(f"offers.{kind}"), kind) for kind in ("managed", "turnkey", "own")]
        self.kind = choice(words("offers.shown"), [(words("offers.all"), ""), *kinds], "")
        super().__init__(self.kind)

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        managed = sum(offer.kind == "managed" for offer in self.table.offers.values())
        others = len(self.table.offers) - managed
        return words("offers.finding", managed=managed, others=others)

    def html(self) -> str:
        """The table, as the control stands."""
        shown = {
            name: offer
            for name, offer in self.table.offers.items()
            if self.kind.value in ("", offer.kind)
        }
        rows, language = [], messages.language()
        for name, offer in shown.items():
            said = [getattr(each, language) for each in (offer.plane, offer.nodes, offer.promise)]
            unknown = words("offers.unknown") if offer.kind == "managed" else "–"
            fee = money(offer.fee.month) if offer.fee else unknown
            when = offer.sources[0].date
            as_of = when.isoformat() if when else words("undated")
            rows.append(
                [
                    f'<b style="white-space: nowrap">{escape(name)}</b>',
                    *map(escape, said),
                    fee,
                    as_of,
                ]
            )
        head = [
            words(f"offers.{each}")
            for each in ("offer", "plane", "nodes", "promise", "fee", "as_of")
        ]
        notes = cited(each for offer in shown.values() for each in offer.sources)
        return page(self.text, table(head, rows, right=(4, 5)), notes)
