"""A pod before and after admission: what a LimitRange fills in, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import ndiff
from typing import Any

import ipywidgets

from kubecourse.api import yaml as files
from kubecourse.cluster import Cluster
from kubecourse.lessons.widgets.drawn import changes, page, side_by_side
from kubecourse.lessons.widgets.story import Story, applied, pick, words, yaml

RANGE = """
apiVersion: v1
kind: LimitRange
metadata: {{name: team}}
spec:
  limits:
  - type: Container
    defaultRequest: {{memory: {default_request}}}
    default: {{memory: {default}}}
    max: {{memory: {maximum}}}
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  containers:
  - name: web
    image: nginx:1.27
    {resources}
"""
PODS = {
    "nothing": "",
    "request": "resources: {requests: {memory: 100Mi}}",
    "limit": "resources: {limits: {memory: 100Mi}}",
    "both": "resources: {requests: {memory: 100Mi}, limits: {memory: 200Mi}}",
    "much": "resources: {requests: {memory: 100Mi}, limits: {memory: 2Gi}}",
}
"""What the pod's container says of itself. The keys name messages."""
AMOUNTS = ("64Mi", "128Mi", "256Mi", "512Mi", "1Gi")


@dataclass(frozen=True, slots=True)
class Admission:
    """A pod's YAML `before` and `after`, with its `qos` class; or what was `refused`, and why.

    `refused` is "", "range" (the LimitRange itself) or "pod".
    """

    before: str
    after: str = ""
    qos: str = ""
    refused: str = ""
    why: str = ""


def admit(pod: str, default_request: str, default: str, maximum: str) -> Admission:
    """Create a LimitRange, then the pod of `PODS`, on a cluster of its own."""
    cluster = Cluster(nodes=1)
    manifest = POD.format(resources=PODS[pod])
    before = _part(files.load(manifest))
    limits = {"default_request": default_request, "default": default, "maximum": maximum}
    said = applied(cluster, RANGE.format(**limits))
    if "created" not in said:
        return Admission(before, refused="range", why=said)
    output = cluster.run("create -f - -o yaml", manifest)
    if output.code:
        return Admission(before, refused="pod", why=output.stderr.strip())
    made = files.load(output.stdout)
    return Admission(before, _part(made), made["status"]["qosClass"])


def _part(pod: dict[str, Any]) -> str:
    """What of a pod a LimitRange is about, as YAML."""
    container = pod["spec"]["containers"][0]
    resources = container.get("resources") or {}
    notes = {
        key: value
        for key, value in (pod["metadata"].get("annotations") or {}).items()
        if key.endswith("limit-ranger")
    }
    metadata = {"name": pod["metadata"]["name"]} | ({"annotations": notes} if notes else {})
    shown = {"name": container["name"]} | ({"resources": resources} if resources else {})
    return str(files.dump({"metadata": metadata, "spec": {"containers": [shown]}}))


def text(admission: Admission) -> str:
    """The finding in one line."""
    if admission.refused:
        return words(f"limit_range.refused_{admission.refused}")
    if admission.before == admission.after:
        return words("limit_range.kept", qos=admission.qos)
    resources = files.load(admission.after)["spec"]["containers"][0]["resources"]
    request, limit = (resources[side]["memory"] for side in ("requests", "limits"))
    return words("limit_range.filled", request=request, limit=limit, qos=admission.qos)


def _lines(admission: Admission) -> Iterator[str]:
    """The YAML after admission, and what became of each line; `?` lines are difflib's hints."""
    before, after = admission.before.splitlines(), admission.after.splitlines()
    return (line for line in ndiff(before, after) if line[0] != "?")


class LimitRangeBeforeAfter(Story[Admission]):
    """What a pod says, and what its namespace's LimitRange has for those that say nothing."""

    pod: ipywidgets.Dropdown
    default_request: ipywidgets.Dropdown
    default: ipywidgets.Dropdown
    maximum: ipywidgets.Dropdown

    def __init__(self) -> None:
        amounts = {each: each for each in AMOUNTS}
        says = {each: words(f"limit_range.{each}") for each in PODS}
        super().__init__(
            pod=pick(words("limit_range.pod"), says, "nothing"),
            default_request=pick("defaultRequest", amounts, "128Mi"),
            default=pick("default", amounts, "256Mi"),
            maximum=pick("max", amounts, "512Mi"),
        )

    def tell(self, **values: object) -> Admission:
        return admit(**values)  # type: ignore[arg-type]

    def say(self, told: Admission) -> str:
        return text(told)

    def show(self, told: Admission) -> str:
        before = [f"  {line}" for line in told.before.splitlines()]
        after = [f"- {told.why}"] if told.refused else list(_lines(told))
        blocks = (
            changes(words("limit_range.before"), before),
            changes(words("limit_range.after"), after),
        )
        limits = {name: each for name, each in self.values.items() if name != "pod"}
        return page(text(told), side_by_side(*blocks)) + yaml(RANGE.format(**limits))
