"""Recorded client runs, brought about again, print what the real ones printed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kubecourse import Cluster

RECORDS = json.loads((Path(__file__).parents[2] / "data" / "kubectl" / "commands.json").read_text())
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: {name}, image: "nginx:1.25"}}]}}
"""


def setup(cluster: Cluster, *commands: str, stdin: str | None = None) -> None:
    """Commands that must succeed; `@2` lets two seconds pass."""
    for command in commands:
        if command.startswith("@"):
            cluster.advance(float(command[1:]))
            continue
        output = cluster.run(command, stdin)
        assert output.code == 0, output.stderr


def create(cluster: Cluster, name: str, namespace: str, replicas: int = 3) -> None:
    text = WEB.format(name=name, namespace=namespace, replicas=replicas)
    setup(cluster, "create -f -", stdin=text)


def check(cluster: Cluster, record: dict[str, Any]) -> None:
    output = cluster.run(record["args"].split(), record["stdin"])
    # What is accepted and not simulated is said, which no real cluster does.
    stderr = re.sub(r"Warning: simulated: .*\n", "", output.stderr)
    assert (output.stdout, stderr, output.code) == (
        record["stdout"],
        record["stderr"],
        record["code"],
    )


# --- api.json: one after the other, on a server with nobody behind it

BEFORE = {
    "kubectl-delete-nf": ("delete deploy w5 -n api --wait=false",),
    "kubectl-get-empty": ("create ns emptyns",),
}


def test_commands_on_the_api_print_what_was_recorded():
    cluster = Cluster(nodes=0)
    setup(cluster, "create ns api")
    create(cluster, "web", "api")
    for record in RECORDS["api"]:
        setup(cluster, *BEFORE.get(record["name"], ()))
        check(cluster, record)


# --- tables.json: each by itself

SITUATIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("rollout status timeout", "tab"): (
        "scale deploy/web --replicas=3 -n tab",
        "rollout status deploy/web -n tab",
        "set image deploy/web web=broken:1 -n tab",
        "@2",
    ),
    ("undo paused", "tab"): (
        "rollout status deploy/web -n tab",
        "set image deploy/web web=nginx:1.26 -n tab",
        "rollout status deploy/web -n tab",
        "rollout pause deploy/web -n tab",
    ),
    ("resume", "tab"): ("rollout pause deploy/web -n tab",),
    ("undo", "tab"): (
        "rollout status deploy/web -n tab",
        "set image deploy/web web=nginx:1.26 -n tab",
        "rollout status deploy/web -n tab",
    ),
    ("rollout history", "tab"): ("rollout status deploy/web -n tab",),
    ("delete pod force", "tab"): ("run ready2 --image=nginx -n tab",),
    ("delete pod by label", "tab"): ("run st-0 --image=nginx -l app=st -n tab",),
    ("undo", "ex"): (
        "rollout status deploy/web -n ex",
        "set image deploy/web web=nginx:1.26 -n ex",
        "rollout status deploy/web -n ex",
    ),
    ("wait-available", "ex"): (),
    ("taint-remove", ""): ("taint node node-1 k=v:NoSchedule",),
    ("label-node-remove", ""): ("label node node-1 disk=ssd",),
    ("replace-notfound", "ex"): ("delete deploy web -n ex",),
    ("patch-nochange", "ex"): ('patch deploy q -n ex -p \'{"spec":{"replicas":1}}\'',),
    ("diff", "ex"): (
        "annotate deploy q -n ex kubectl.kubernetes.io/last-applied-configuration={}",
    ),
}


@pytest.mark.parametrize(
    "record", RECORDS["tables"], ids=lambda record: f"{record['name']}: {record['args']}"
)
def test_commands_on_a_cluster_print_what_was_recorded(record):
    cluster = Cluster(nodes=3)
    cluster.images.declare("broken", pullable=False)
    words = record["args"].split()
    namespace = words[words.index("-n") + 1] if "-n" in words else ""
    if namespace:
        setup(cluster, f"create ns {namespace}")
        for name in ("web", "q", "d"):
            create(cluster, name, namespace, replicas=2)
    setup(cluster, *SITUATIONS.get((record["name"], namespace), ()))
    check(cluster, record)


# --- rollouts


def rollout_cluster() -> Cluster:
    """Pods get ready two seconds after they start, those of `broken` never."""
    cluster = Cluster(nodes=3)
    cluster.images.declare("nginx", size=1, start_up=0.0, ready_after=2.0)
    cluster.images.declare("broken", pullable=False)
    return cluster


def test_rollout_status_prints_each_line_once():
    cluster = rollout_cluster()
    first, after_undo = RECORDS["streams"]
    setup(cluster, "create ns ex")
    create(cluster, "web", "ex")
    assert cluster.run(first["args"]).stdout.splitlines() == first["lines"]
    setup(cluster, "set image deploy/web web=nginx:1.26 -n ex", "rollout status deploy/web -n ex")
    setup(cluster, "set image deploy/web web=broken:1 -n ex")
    cluster.advance(5)
    setup(cluster, "rollout undo deploy/web -n ex")
    cluster.advance(1)
    assert cluster.run(after_undo["args"]).stdout.splitlines() == after_undo["lines"]


@pytest.mark.parametrize("record", RECORDS["rollouts"], ids=lambda record: record["name"])
def test_history_and_status_after_a_rollout_are_as_recorded(record):
    namespace = f"ro-{record['name']}"
    cluster = rollout_cluster()
    setup(cluster, f"create ns {namespace}")
    setup(cluster, f"apply -n {namespace} -f -", stdin=record["manifest"])
    setup(cluster, f"rollout status deploy/web -n {namespace}")
    cluster.settle()
    for step in record["log"]:
        play(cluster, namespace, step)
    for run in (record["history"], record["status"]):
        check(cluster, {**run, "code": run["rc"]})


def play(cluster: Cluster, namespace: str, step: dict[str, Any]) -> None:
    operation, args = step["op"], step["args"]
    if operation == "image":
        setup(cluster, f"set image deploy/web web={args[0]} -n {namespace}")
    elif operation == "scale":
        setup(cluster, f"scale deploy/web --replicas={args[0]} -n {namespace}")
    elif operation == "patch":
        patch = json.dumps(args[0])
        setup(cluster, f"patch deploy/web -n {namespace} -p '{patch}'")
    elif operation == "sleep" or (operation == "settle" and args):
        cluster.advance(args[0])
    elif operation == "settle":
        cluster.settle()
    else:
        result = step["result"]
        check(cluster, {**result, "code": result["rc"]})
