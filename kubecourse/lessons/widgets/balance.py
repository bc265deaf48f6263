"""Pods before and after the descheduler: who was evicted, and why others were not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets

from kubecourse.addons.descheduler import deschedule, parse
from kubecourse.addons.descheduler.evictor import Evictor, Limits
from kubecourse.cluster import Cluster
from kubecourse.lessons.widgets.drawn import table
from kubecourse.lessons.widgets.story import Story, applied, pick, slider, words, yaml
from kubecourse.lessons.widgets.timeline import LOOKS, Lane, Span, timeline

NODES, AWAY, EIGHTH = 4, "node-4", "500m"
"""Machines of four cores; the one that is away for a while; what each pod requests."""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, tier: "{tier}"}}}}
    spec: {spec}
"""
CONTAINER = f'{{name: main, image: "nginx:1.27", resources: {{requests: {{cpu: {EIGHTH}}}}}}}'
PLAIN = f"{{containers: [{CONTAINER}]}}"
LOCAL = f"{{containers: [{CONTAINER}], volumes: [{{name: scratch, emptyDir: {{}}}}]}}"
DEPLOYMENTS = (("web", 8, "front", PLAIN), ("worker", 4, "front", PLAIN), ("cache", 2, "", LOCAL))
TASK = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: task}}\nspec: {PLAIN}\n"
BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: front}}
spec: {{maxUnavailable: {count}, selector: {{matchLabels: {{tier: front}}}}}}
"""
THRESHOLDS: Mapping[str, Mapping[str, int]] = {
    "LowNodeUtilization": {"thresholds": 30, "targetThresholds": 50},
    "RemoveDuplicates": {},
    "HighNodeUtilization": {"thresholds": 30},
}
"""The strategies, and what each is told about CPU: per cent requested of what a node has."""
POLICY = """
apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
profiles:
- name: balance
  plugins:
    balance: {{enabled: [{strategy}]}}
  pluginConfig:
  - name: {strategy}
    args: {args}
"""
CAUSES, PERIOD = ("loss", "rollout", "night"), 120.0
"""What has happened (the names of messages); seconds between two rounds, as the CronJob's."""
SAYS = re.compile(r'"(Evicted|Error evicting) pod|nothing to do|skipping|No removable')
"""Lines of the log that say what was done, or why nothing was."""
NONE = ""
"""No budget. It is not None: a list would show that as nothing chosen."""
SHOWN = 4
"""Lines of the log, and pods for each reason."""
Placed = dict[str, str]


@dataclass(frozen=True, slots=True)
class Balanced:
    """Where pods were and are: their names and nodes; `evicted` and `refused` are pods' names.

    `protected` are reasons why pods are never evicted, and those pods; `log` what was said.
    """

    nodes: list[str]
    before: Placed
    after: Placed
    evicted: list[str]
    refused: list[str]
    protected: dict[str, list[str]]
    log: list[str]


def policy(strategy: str) -> str:
    """The policy file for one strategy."""
    given = ", ".join(f"{key}: {{cpu: {share}}}" for key, share in THRESHOLDS[strategy].items())
    return POLICY.format(strategy=strategy, args=f"{{{given}}}")


def unbalanced(cause: str) -> Cluster:
    """Four machines on which pods were spread well, until something happened."""
    cluster = Cluster(nodes=NODES)
    for name, replicas, tier, spec in DEPLOYMENTS:
        values = {"name": name, "replicas": replicas, "tier": tier, "spec": spec}
        applied(cluster, DEPLOYMENT.format(**values))
    applied(cluster, TASK)
    cluster.settle()
    if cause == "loss":
        cluster.fail_node(AWAY)
        cluster.advance(600)
        cluster.recover_node(AWAY)
    elif cause == "rollout":
        cluster.run(f"cordon {AWAY}")
        cluster.run("rollout restart deployment web worker")
        cluster.settle()
        cluster.run(f"uncordon {AWAY}")
    else:
        cluster.run("scale deployment web --replicas=3")
    cluster.advance(60)
    return cluster


def run(cause: str, strategy: str, budget: int | str, rounds: int) -> Balanced:
    """Let the descheduler run so many rounds on an unbalanced cluster."""
    cluster = unbalanced(cause)
    if budget != NONE:
        applied(cluster, BUDGET.format(count=budget))
        cluster.settle()
    client, told = cluster.connect_as("descheduler"), parse(policy(strategy))
    evictor = Evictor(client, told, told.profiles[0].evictor, Limits(told), lambda *_, **__: None)
    protected: dict[str, list[str]] = {}
    for pod in cluster.list("pods"):
        if why := evictor.objection(pod):
            protected.setdefault(why, []).append(pod.metadata.name)
    before, log = _placed(cluster), list[str]()
    for number in range(rounds):
        log += [f"{number + 1}: {line}" for line in deschedule(client, told)]
        cluster.advance(PERIOD)
    said = [line for line in log if SAYS.search(line)]
    return Balanced(
        [node.metadata.name for node in cluster.list("nodes")],
        before,
        _placed(cluster),
        [_pod(line) for line in said if '"Evicted pod' in line],
        [_pod(line) for line in said if '"Error evicting' in line],
        protected,
        [re.sub(r": [IE].*?\] ", ": ", line).strip() for line in said],
    )


def _placed(cluster: Cluster) -> Placed:
    return {
        pod.metadata.name: pod.spec.nodeName or "Pending"
        for pod in cluster.list("pods")
        if pod.metadata.deletionTimestamp is None
    }


def _pod(line: str) -> str:
    found = re.search(r'pod="[^/"]*/([^"]*)"', line)
    return found[1] if found else ""


def counts(nodes: Iterable[str], placed: Placed) -> list[int]:
    """How many pods are on each node."""
    return [list(placed.values()).count(node) for node in nodes]


def text(balanced: Balanced) -> str:
    """The finding in one line: pods by node before and after."""
    before, after = (counts(balanced.nodes, each) for each in (balanced.before, balanced.after))
    return words(
        "balance.text" if balanced.evicted else "balance.nothing",
        before=" · ".join(map(str, before)),
        after=" · ".join(map(str, after)),
        evicted=len(balanced.evicted),
        refused=len(balanced.refused),
    )


def _lanes(balanced: Balanced) -> Iterator[Lane]:
    """Each node before and after: a box for each pod, with the first letter of its name."""
    for node in balanced.nodes:
        for when, placed, marked, look in (
            ("before", balanced.before, balanced.evicted, "failed"),
            ("after", balanced.after, balanced.after.keys() - balanced.before.keys(), "new"),
        ):
            pods = [name for name, there in placed.items() if there == node]
            spans = [
                Span(at + 0.06, at + 0.94, look if name in marked else "old", name[0])
                for at, name in enumerate(pods)
            ]
            yield Lane(f"{node}, {words(f'balance.{when}')}", spans, height=18)


def picture(balanced: Balanced, strategy: str) -> str:
    """The nodes before and after, with the thresholds; below, why pods stayed."""
    per_cent = NODES * 2 / 100
    lines = [(share * per_cent, f"{share} %") for share in THRESHOLDS[strategy].values()]
    boxes = " &nbsp; ".join(
        f'<span style="color: {LOOKS[look].colour}" aria-hidden="true">■</span> '
        + words(f"balance.{look}")
        for look in ("old", "failed", "new")
    )
    note = words("balance.letters")
    if strategy == "HighNodeUtilization" and balanced.evicted:
        note += f"<br>{words('balance.packing')}"
    return timeline(
        text(balanced),
        8.0,
        [*_lanes(balanced)],
        moments=lines,
        key=(),
        unit=words("balance.unit"),
        below=f'<div class="note">{boxes}<br>{note}</div>{_why(balanced)}',
    )


def _why(balanced: Balanced) -> str:
    """Why pods stayed where they were, in the descheduler's words."""
    kept = {words("balance.budget_kept"): [*dict.fromkeys(balanced.refused)]}
    rows = [
        [escape(why), ", ".join(pods[:SHOWN]) + " …" * (len(pods) > SHOWN)]
        for why, pods in (kept | balanced.protected).items()
        if pods
    ]
    return table([words("balance.why"), words("balance.pods")], rows)


class Balance(Story[Balanced]):
    """What unbalanced the cluster, a strategy, a budget, and how many rounds are run."""

    cause: ipywidgets.Dropdown
    strategy: ipywidgets.Dropdown
    budget: ipywidgets.Dropdown
    rounds: ipywidgets.IntSlider

    def __init__(self) -> None:
        budgets = {NONE: words("drain.none"), 1: "maxUnavailable: 1", 0: "maxUnavailable: 0"}
        super().__init__(
            cause=pick(
                words("balance.cause"), {each: words(f"balance.{each}") for each in CAUSES}, "loss"
            ),
            strategy=pick(
                words("balance.strategy"), {each: each for each in THRESHOLDS}, "LowNodeUtilization"
            ),
            budget=pick(words("balance.budget"), budgets, NONE),
            rounds=slider(words("balance.rounds"), 1, 1, 5),
        )

    def tell(self, **values: Any) -> Balanced:
        return run(**values)

    def say(self, told: Balanced) -> str:
        return text(told)

    def show(self, told: Balanced) -> str:
        log = yaml("\n".join([*told.log[:SHOWN], "…"][: len(told.log)]))
        return picture(told, self.strategy.value) + log + yaml(policy(self.strategy.value))
