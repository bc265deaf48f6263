"""Dated example prices, from `data/prices.yaml`: every row knows where its figures are from."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

TABLE = "data/prices.yaml"
HOURS = Decimal(730)
"""Of a month: a year's 8,760 by twelve."""

Provider = Literal["GKE", "EKS", "AKS"]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page that was read. `date` is what its text gives; without a `url` it is an example."""

    title: str
    url: str = ""
    date: datetime.date | None = None

    @property
    def example(self) -> bool:
        """Whether the figures are from nowhere."""
        return not self.url


Sources = Annotated[list[Source], msgspec.Meta(min_length=1)]


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text in both languages."""

    en: str
    ko: str


class Figure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number and its unit."""

    value: Decimal
    unit: Words
    sources: Sources


class Machine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A virtual machine: its cores, its memory in GiB, and US dollars for an hour of it."""

    provider: Provider
    region: str
    cores: int
    memory: int
    hour: Decimal
    sources: Sources

    @property
    def month(self) -> Decimal:
        """US dollars for a month of it, not rounded."""
        return self.hour * HOURS


class Meter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars for so many units (`per`), after the first `free` ones of a month."""

    price: Decimal
    per: int = 1
    free: int = 0


class Clusterless(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An offer to run containers for pay per use: cores and GiB by the second, and requests."""

    provider: Provider
    region: str
    cores: Meter
    memory: Meter
    requests: Meter | None = None
    sources: Sources


class Fee(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars for a cluster's control plane."""

    price: Decimal
    per: Literal["hour", "month"]

    @property
    def month(self) -> Decimal:
        """The same for a month."""
        return self.price * HOURS if self.per == "hour" else self.price


class Offer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who runs a cluster's control plane and its nodes, what is promised, what it costs.

    A managed offer's `fee` is None where the sources read do not say.
    """

    kind: Literal["managed", "turnkey", "own"]
    plane: Words
    nodes: Words
    promise: Words
    fee: Fee | None = None
    sources: Sources


class Prices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table, each part by name."""

    sources: Sources
    formulas: dict[Provider, Sources]
    machines: dict[str, Machine]
    clusterless: dict[str, Clusterless]
    assumptions: dict[str, Figure]
    offers: dict[str, Offer]


def parse(text: str) -> Prices:
    """A table from YAML. Raises msgspec.ValidationError for a row without a source."""
    return msgspec.convert(yaml.safe_load(text), Prices)


def find(table: str | Path) -> Path:
    """A table at a path, or below the nearest folder above this one that has it."""
    folders = [Path.cwd(), *Path.cwd().parents]
    return next((base / table for base in folders if (base / table).exists()), Path(table))


def prices(table: str | Path = TABLE) -> Prices:
    """The table at a path, as `find` finds it. Raises FileNotFoundError."""
    return parse(find(table).read_text(encoding="utf-8"))
