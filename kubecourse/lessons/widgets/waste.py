"""What is paid for, what is requested of it, what is used: a Deployment on a fleet of its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import ipywidgets

from kubecourse.cloud import HOURS, Autoscaler, Fleet, Pool, Use, catalog, hourly, use
from kubecourse.cloud.reservation import GIB, MIB
from kubecourse.cluster import Cluster
from kubecourse.lessons.widgets.drawn import table
from kubecourse.lessons.widgets.hosting import cited, money
from kubecourse.lessons.widgets.story import Story, applied, pick, slider, words, yaml
from kubecourse.lessons.widgets.timeline import Lane, Span, timeline

MACHINES = ("m5.large", "m5.xlarge", "m6i.2xlarge")
DAY, COMING, STEP = 86_400.0, 300.0, 1800.0
"""Seconds that are measured, until all machines have come, and between two measurements."""
LOW, HIGH, ALONE = 200, 1600, 10
"""Millicores: what the traffic costs at night and at noon, and what each process costs besides."""
SESSIONS, PROCESS = 960, 160
"""Mi: what the traffic needs to remember, and what each process needs besides."""
SHOP = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata:
      labels: {{app: shop}}
      annotations:
        kubecourse.dev/cpu: {alone}m + sine({low}m, {high}m, 1d)
        kubecourse.dev/memory: {holds}Mi
    spec:
      containers:
      - name: shop
        image: kubecourse/hello:1.0
        resources: {{requests: {{cpu: {cpu}m, memory: {memory}Mi}}}}
"""
LOOKS = {"paid": "Pending", "requested": "new", "used": "served"}


class Meter(NamedTuple):
    """Machines and their price, what became of cores and bytes, and one pod's busiest moment."""

    machine: str
    machines: int
    month: Decimal
    use: dict[str, Use]
    peak: dict[str, float]

    def share(self, name: str) -> float:
        """The share of the price that is for what was requested, or used: half is for each."""
        return sum(getattr(each, name) / each.paid for each in self.use.values()) / 2


def run(replicas: int, cpu: int, memory: int, machine: str) -> Meter:
    """A day of the same traffic, shared by so many replicas; machines come as they are needed."""
    cluster = Cluster(nodes=0)
    fleet = Fleet(cluster, [Pool("base", machine, size=1, least=1, most=20)])
    Autoscaler(fleet).start()
    applied(cluster, manifest(replicas, cpu, memory))
    cluster.advance(COMING)
    start, end = cluster.now, cluster.now + DAY - STEP  # a day, and no hour of it twice
    cluster.advance(DAY)
    pod = cluster.list("pods")[0].metadata.name  # they are all alike
    rows = cluster.usage_series(pod, start, end, STEP)
    return Meter(
        machine,
        len(fleet.rentals),
        hourly(fleet) * HOURS,
        use(fleet, start, end, STEP),
        {"cpu": max(row.demand for row in rows), "memory": max(row.memory for row in rows)},
    )


def manifest(replicas: int, cpu: int, memory: int) -> str:
    """The Deployment: each replica has its share of the traffic."""
    return SHOP.format(
        replicas=replicas,
        cpu=cpu,
        memory=memory,
        alone=ALONE,
        low=LOW // replicas,
        high=HIGH // replicas,
        holds=PROCESS + SESSIONS // replicas,
    )


def text(meter: Meter, replicas: int, cpu: int, memory: int) -> str:
    """The finding in one line: the price, what of it is requested and used, and what is amiss."""
    said = words(
        "waste.finding",
        machine=meter.machine,
        machines=meter.machines,
        month=money(meter.month),
        requested=100 * meter.share("requested"),
        used=100 * meter.share("used"),
    )
    peak = {"cpu": meter.peak["cpu"] * 1000, "memory": meter.peak["memory"] / MIB}
    asked = {"cpu": cpu, "memory": memory}
    short = [words(f"waste.{name}") for name in asked if peak[name] > asked[name]]
    if short:
        return f"{said}; {words('waste.short', what=', '.join(short))}"
    return f"{said}; {words('waste.single')}" if replicas == 1 else said


def picture(meter: Meter, title: str, below: str) -> str:
    """Three bars for CPU and three for memory, in percent of what is paid for."""
    rows = []
    for resource, found in meter.use.items():
        scale, unit = (1, words("waste.cores")) if resource == "cpu" else (GIB, "GiB")
        for name, look in LOOKS.items():
            amount = getattr(found, name)
            share = 100 * amount / found.paid
            said = f"{amount / scale:.1f} {unit}, {share:.0f} %"
            label = f"{words(f'waste.{resource}')}: {words(f'waste.{name}')}"
            rows.append(Lane(label, [Span(0, share, look, said)], height=22))
    return timeline(title, 100, rows, key=(), unit=words("waste.percent"), below=below)


class WasteMeter(Story[Meter]):
    """How many replicas, what each requests, and on what machines they are."""

    replicas: ipywidgets.IntSlider
    cpu: ipywidgets.IntSlider
    memory: ipywidgets.IntSlider
    machine: ipywidgets.Dropdown

    def __init__(self) -> None:
        self.table = catalog()
        machines = {name: f"{name} ({self.table.machines[name].cores} CPU)" for name in MACHINES}
        super().__init__(
            replicas=slider("replicas", 8, 1, 12),
            cpu=slider("requests.cpu (m)", 500, 50, 1000, 50),
            memory=slider("requests.memory (Mi)", 1024, 128, 2048, 64),
            machine=pick(words("waste.machine"), machines, "m5.xlarge"),
        )

    def tell(self, **values: Any) -> Meter:
        return run(**values)

    def say(self, told: Meter) -> str:
        return text(told, self.replicas.value, self.cpu.value, self.memory.value)

    def show(self, told: Meter) -> str:
        replicas, cpu, memory, machine = self.values.values()
        mean = {name: each.used / replicas for name, each in told.use.items()}
        rows = [
            ["CPU", f"{cpu}m", f"{1000 * mean['cpu']:.0f}m", f"{1000 * told.peak['cpu']:.0f}m"],
            [
                words("waste.memory"),
                f"{memory}Mi",
                f"{mean['memory'] / MIB:.0f}Mi",
                f"{told.peak['memory'] / MIB:.0f}Mi",
            ],
        ]
        heads = [words(f"waste.{head}") for head in ("pod", "request", "mean", "peak")]
        commands = [
            f"kubectl scale deployment/shop --replicas={replicas}",
            f"kubectl set resources deployment/shop --requests=cpu={cpu}m,memory={memory}Mi",
        ]
        lost = f'<div class="note">{words("waste.lost", percent=100 / replicas)}</div>'
        below = table(heads, rows, right=(1, 2, 3)) + lost
        sources = cited(self.table.machines[machine].sources)
        return picture(told, self.say(told), below) + yaml("\n".join(commands)) + sources
