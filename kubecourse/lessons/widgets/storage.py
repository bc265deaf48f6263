"""Which kind of disk does what a volume needs, and what a month of each costs."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import ipywidgets

from kubecourse.addons.storage import PROVISIONER
from kubecourse.cloud import Catalog, catalog, cheapest_disk
from kubecourse.lessons.widgets.hosting import cited, money
from kubecourse.lessons.widgets.story import Story, pick, words, yaml
from kubecourse.lessons.widgets.timeline import Lane, Span, timeline

WISHES = ("iops", "throughput")
SIZES = (10, 50, 100, 200, 500, 1000, 2000)
IOPS = (100, 250, 500, 1000, 3000, 8000, 16000)
THROUGHPUT = (20, 80, 125, 250, 500, 1000)
MANIFEST = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {{name: chosen}}
provisioner: {provisioner}   # EKS: ebs.csi.aws.com
parameters: {{{parameters}}}
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: data}}
spec:
  storageClassName: chosen
  accessModes: [ReadWriteOnce]
  resources: {{requests: {{storage: {size}Gi}}}}
"""


class Offer(NamedTuple):
    """USD a month for a kind of disk, the GiB that are paid for, and in what it falls short."""

    month: Decimal
    size: int
    lacks: tuple[str, ...]


class Choice(NamedTuple):
    """What each kind of disk would be, and the cheapest that does; None if none does."""

    rows: dict[str, Offer]
    best: str | None


def choose(table: Catalog, size: int, iops: int, throughput: int) -> Choice:
    """Compare the kinds of disk for so many GiB, operations and MiB a second."""
    wanted = dict(zip(WISHES, (iops, throughput), strict=True))
    rows = {
        name: Offer(
            disk.month(size, iops),
            max(size, disk.least),
            tuple(wish for wish in WISHES if getattr(disk, wish) < wanted[wish]),
        )
        for name, disk in table.disks.items()
    }
    try:
        return Choice(rows, cheapest_disk(table, size, iops, throughput))
    except ValueError:
        return Choice(rows, None)


def text(chosen: Choice) -> str:
    """The finding in one line: the cheapest that does, and the dearest that would do as well."""
    if chosen.best is None:
        return words("storage.none")
    able = {name: row.month for name, row in chosen.rows.items() if not row.lacks}
    dear = max(able, key=lambda name: able[name])
    values = {"best": chosen.best, "month": money(able[chosen.best])}
    if dear == chosen.best:
        return words("storage.only", **values)
    return words("storage.finding", dear=dear, more=money(able[dear]), **values)


def picture(chosen: Choice, size: int) -> str:
    """A bar for a month of each: the one to take, those that do too, those that do not."""
    rows = []
    for name, row in chosen.rows.items():
        said = [money(row.month)]
        if row.size > size:
            said.append(words("storage.least", size=row.size))
        said += [words(f"storage.lacks_{wish}") for wish in row.lacks]
        sign = "✗" if row.lacks else "✓"
        look = "failed" if row.lacks else "served" if name == chosen.best else "old"
        span = Span(0, float(row.month), look, f"{sign} {', '.join(said)}")
        rows.append(Lane(name, [span], height=24))
    most = max(float(row.month) for row in chosen.rows.values())
    return timeline(text(chosen), 1.05 * most, rows, key=(), unit=words("storage.month"))


class StorageChooser(Story[Choice]):
    """What a volume needs: GiB, operations a second, MiB a second."""

    size: ipywidgets.Dropdown
    iops: ipywidgets.Dropdown
    throughput: ipywidgets.Dropdown

    def __init__(self) -> None:
        self.table = catalog()
        controls = {"size": (SIZES, 200), "iops": (IOPS, 500), "throughput": (THROUGHPUT, 125)}
        super().__init__(**{
            name: pick(words(f"storage.{name}"), {each: f"{each:,}" for each in options}, first)
            for name, (options, first) in controls.items()
        })  # fmt: skip

    def tell(self, **values: int) -> Choice:
        return choose(self.table, **values)

    def say(self, told: Choice) -> str:
        return text(told)

    def show(self, told: Choice) -> str:
        size, iops, throughput = self.values.values()
        shown = picture(told, size)
        if told.best is not None:
            disk = self.table.disks[told.best]
            kind = f"type: {told.best}" + (f', iops: "{iops}"' if disk.per_iops else "")
            filled = {"provisioner": PROVISIONER, "parameters": kind, "size": size}
            shown += yaml(MANIFEST.format(**filled))
        call = f"cheapest_disk(catalog(), size={size}, iops={iops}, throughput={throughput})"
        sources = cited(each for disk in self.table.disks.values() for each in disk.sources)
        return f"{shown}<code>{call}</code>{sources}"
