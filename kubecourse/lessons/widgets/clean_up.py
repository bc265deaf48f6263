"""What nobody may need: whose it is, what it costs, what would go, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from html import escape

import ipywidgets

from kubecourse.api.demand import PREFIX
from kubecourse.cloud import Fleet, Pool, Waste, clean, report
from kubecourse.cloud.waste import OWNER
from kubecourse.cluster import Cluster
from kubecourse.lessons.widgets.drawn import button, table
from kubecourse.lessons.widgets.panel import Frame, picture
from kubecourse.lessons.widgets.story import words

DAY = 86_400.0
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, annotations: {{{owner}}}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata:
      labels: {{app: {name}}}
      annotations: {{{prefix}cpu: {uses}}}
    spec:
      containers:
      - {{name: main, image: "nginx:1.27", resources: {{requests: {{cpu: 500m, memory: 1Gi}}}}}}
"""
DEPLOYMENTS = (("shop", "owner: team-shop", 2, "300m"), ("search", "", 1, "250m"),
               ("demo", "owner: team-web", 2, "1m"), ("old-shop", "", 1, "1m"))  # fmt: skip
"""Of the little fleet: name, owner if any, replicas, and what each uses."""
LEFT = """
apiVersion: batch/v1
kind: Job
metadata: {name: import, annotations: {owner: team-data}}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: ["true"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: try-it}
spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: ["true"]}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: old-data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 200Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: database}
spec:
  containers: [{name: c, image: "nginx:1.27", volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: old-data}}]
"""
NAMES, COLUMNS = "228px", "76px 105px 96px 88px"
"""The widths of the columns: names with their ticks; owner, why, USD, what would be done."""
WRAP = {"flex_flow": "row wrap", "align_items": "center"}


@dataclass(frozen=True, slots=True)
class Found:
    """An object, its owner ("" for nobody's), and the rows of the report that are about it."""

    kind: str
    namespace: str
    name: str
    owner: str
    rows: tuple[Waste, ...]

    @property
    def month(self) -> Decimal:
        """USD a month."""
        return max(row.month for row in self.rows)

    @property
    def cure(self) -> str:
        """What a clean-up does about it: `scale`, `delete`, `data` (only if told so) or ''."""
        if any(row.why == "orphaned" for row in self.rows):
            return "data"
        return next((row.cure for row in self.rows if row.cure), "")


def little_fleet() -> Fleet:
    """Three machines, a day old, with things on them that somebody needs and others."""
    cluster = Cluster(nodes=0, storage=True)
    fleet = Fleet(cluster, [Pool("base", "m5.large", size=3)])
    for name, owner, replicas, uses in DEPLOYMENTS:
        values = {"owner": owner, "replicas": replicas, "uses": uses, "prefix": PREFIX}
        cluster.run("apply -f -", DEPLOYMENT.format(name=name, **values))
    cluster.run("apply -f -", LEFT)
    cluster.settle()
    cluster.run("delete pod database")
    cluster.advance(DAY + 600)
    return fleet


def look(fleet: Fleet) -> list[Found]:
    """What the report has, by object, the dearest first."""
    found: dict[tuple[str, str, str], list[Waste]] = {}
    for row in report(fleet):
        found.setdefault((row.kind, row.namespace, row.name), []).append(row)
    return [Found(*key, _owner(fleet, *key), tuple(rows)) for key, rows in found.items()]


def _owner(fleet: Fleet, kind: str, namespace: str, name: str) -> str:
    obj = fleet.cluster.get(f"{kind}/{name}", namespace or "default")
    return str((obj.metadata.annotations or {}).get(OWNER, "")) if obj is not None else ""


def command(found: Found) -> str:
    """The command that does the same about an object."""
    where = f" -n {found.namespace}" if found.namespace not in ("", "default") else ""
    if found.cure == "scale":
        return f"kubectl scale {found.kind}/{found.name} --replicas=0{where}"
    return f"kubectl delete {found.kind}/{found.name}{where}"


def columns(texts: Iterable[str]) -> str:
    """A row's words, in columns."""
    inside = "".join(f"<span>{each}</span>" for each in texts)
    look = f"display: grid; grid-template-columns: {COLUMNS}; gap: 0 12px; line-height: 1.4"
    return f'<div style="{look}">{inside}</div>'


class CleanUp(Frame):
    """A fleet's objects that nobody may need, with a tick for each that can go.

    `objects` are those, `ticks` their check boxes in the same order; `data` allows what holds data
    to go. What would go is said at every tick; `delete` does it. `refresh()` looks again.
    """

    def __init__(self, fleet: Fleet | None = None) -> None:
        self.fleet = little_fleet() if fleet is None else fleet
        self.objects: list[Found] = []
        self.ticks: list[ipywidgets.Checkbox] = []
        self.picture, self.below, self._rows = (
            ipywidgets.HTML(),
            ipywidgets.HTML(),
            ipywidgets.VBox(),
        )
        self.data = _tick(words("clean.data"), "auto")
        self.data.observe(self._draw, "value")
        self.delete = button(words("clean.delete"), self._delete)
        self.reset = button(words("clean.untick"), self._untick)
        buttons = ipywidgets.HBox([self.data, self.delete, self.reset], layout=WRAP)
        self.refresh()
        super().__init__(self.picture, self._rows, buttons, self.below)

    def refresh(self) -> None:
        """Look again; nothing is ticked then."""
        self.objects = look(self.fleet)
        self.ticks = [_tick(f"{each.kind}/{each.name}", NAMES) for each in self.objects]
        for each, tick in zip(self.objects, self.ticks, strict=True):
            tick.disabled = not each.cure
            tick.observe(self._draw, "value")
        self._rows.children = [
            ipywidgets.HBox([tick, ipywidgets.HTML(columns(_cells(each)))])
            for each, tick in zip(self.objects, self.ticks, strict=True)
        ]
        self._draw()

    @property
    def ticked(self) -> list[Found]:
        """What is ticked."""
        return [f for f, tick in zip(self.objects, self.ticks, strict=True) if tick.value]

    @property
    def chosen(self) -> list[Found]:
        """What would go: ticked, and if it holds data, ticked twice."""
        return [each for each in self.ticked if each.cure != "data" or self.data.value]

    @property
    def text(self) -> str:
        """The finding in one line."""
        total, worth = (sum(each.month for each in of) for of in (self.objects, self.chosen))
        if not self.objects:
            return words("clean.tidy")
        key = "clean.ticked" if self.chosen else "clean.text"
        return words(
            key, count=len(self.objects), month=total, chosen=len(self.chosen), worth=worth
        )

    def _clean(self, dry_run: bool) -> list[str]:
        rows = [row for each in self.chosen for row in each.rows]
        return clean(self.fleet, rows, dry_run=dry_run, data=self.data.value)

    def _draw(self, _: object = None) -> None:
        self.picture.value = picture(self.text, _head())
        self.delete.disabled = not self.chosen
        kept = [f"{each.kind}/{each.name}" for each in self.ticked if each not in self.chosen]
        lines = [words("clean.kept", name=name) for name in kept]
        if self.chosen:
            lines += [words("clean.would"), *self._clean(dry_run=True)]
        self._say(lines, map(command, self.chosen))

    def _say(self, lines: Iterable[str], commands: Iterable[str]) -> None:
        said = "".join(f"<div>{escape(line)}</div>" for line in lines)
        typed = "".join(f"<div><code>{escape(each)}</code></div>" for each in commands)
        self.below.value = f'<div style="line-height: 1.4">{said}{typed}</div>'

    def _delete(self, _: object) -> None:
        """Do it, and show what is left."""
        done = self._clean(dry_run=False)
        self.fleet.cluster.settle()
        self.refresh()
        self._say([words("clean.done"), *done, words("clean.note")], ())

    def still(self) -> str:
        """The table with its ticks, as HTML on which nothing moves."""
        rows = [
            [f"{'☑' if tick.value else '☐'} {escape(tick.description)}", *_cells(each)]
            for each, tick in zip(self.objects, self.ticks, strict=True)
        ]
        data = f"{'☑' if self.data.value else '☐'} {escape(self.data.description)}"
        shown = table(_heads(), rows, right=(3,))
        return f"{picture(self.text, shown, data)}{self.below.value}"

    def _untick(self, _: object) -> None:
        for tick in (*self.ticks, self.data):
            tick.value = False


def _tick(said: str, width: str) -> ipywidgets.Checkbox:
    return ipywidgets.Checkbox(
        description=said, indent=False, layout={"width": width, "flex": "none"}
    )


def _heads() -> list[str]:
    return [words(f"clean.{key}") for key in ("object", "owner", "why", "month", "cure")]


def _head() -> str:
    first, *others = _heads()
    look = f"flex: none; width: {NAMES}; margin-right: 6px"
    name = f'<span style="{look}">{first}</span>'
    return f'<div style="display: flex; font-weight: bold">{name}{columns(others)}</div>'


def _cells(found: Found) -> list[str]:
    whys = ", ".join(words(f"clean.{row.why}") for row in found.rows)
    cure = words(f"clean.cure_{found.cure or 'ask'}")
    return [escape(found.owner or "–"), whys, f"{found.month:.2f}", cure]
