"""What can be rented: machines, spare ones for less, disks. From `data/cloud.yaml`, dated examples.

catalog().machines["m5.large"].hour
cheapest_disk(catalog(), size=100, iops=2000).name
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import msgspec
import yaml

from kubecourse.cloud.prices import Machine, Provider, Sources, find, prices

TABLE = "data/cloud.yaml"


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sources: Sources


class Spot(_Row, frozen=True, kw_only=True):
    """Spare machines: their price as a share, seconds of notice, interruptions a day, minutes."""

    share: Decimal
    notice: float
    interruptions: float
    shortage: float


class Commitment(_Row, frozen=True, kw_only=True):
    """Machines promised for a year: their price as a share."""

    share: Decimal


class Disk(_Row, frozen=True, kw_only=True):
    """A kind of disk: USD for a GiB a month, and what one does; `least` GiB can be had."""

    price: Decimal
    iops: int
    throughput: int
    least: int
    per_iops: Decimal = Decimal(0)

    def month(self, size: float, iops: int = 0) -> Decimal:
        """USD a month for so many GiB, and operations a second where those are paid for."""
        return self.price * Decimal(str(max(size, self.least))) + self.per_iops * iops


class Catalog(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is rented out, by name."""

    sources: Sources
    machines: dict[str, Machine]
    spot: dict[Provider, Spot]
    committed: Commitment
    disks: dict[str, Disk]


@cache
def catalog() -> Catalog:
    """The catalog, with the machines of the price table. Raises FileNotFoundError."""
    found = msgspec.convert(yaml.safe_load(find(TABLE).read_text(encoding="utf-8")), Catalog)
    return msgspec.structs.replace(found, machines=prices().machines | found.machines)


def cheapest_disk(table: Catalog, size: float, iops: int = 0, throughput: int = 0) -> str:
    """The kind of disk that does what is asked for least. Raises ValueError if none does."""
    enough = {
        name: disk.month(size, iops)
        for name, disk in table.disks.items()
        if disk.iops >= iops and disk.throughput >= throughput
    }
    if not enough:
        raise ValueError(f"no disk does {iops} operations and {throughput} MiB a second")
    return min(enough, key=lambda name: enough[name])
