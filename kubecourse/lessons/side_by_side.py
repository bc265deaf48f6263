"""The same container on the simulated cluster and on the Docker engine, side by side.

    lab(5)                      # which engine; a recording answers where there is none
    side_by_side("cpu")         # a tenth of a processor for a program that wants all of one
    side_by_side("memory")      # 32 MiB for a program that takes more and more
    side_by_side("readiness")   # a file is there, and is deleted

Limits, exit codes and commands run inside are the kernel's and the runtime's: there both agree.
What follows is Kubernetes' alone: a restart, a Service that sends no more requests.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import NamedTuple

import ipywidgets

from kubecourse.api import conditions
from kubecourse.cluster import Cluster
from kubecourse.containers import NoEngine, build, execute, remove, run, run_limited, silent
from kubecourse.lessons.messages import text
from kubecourse.lessons.widgets.drawn import page, table
from kubecourse.lessons.widgets.panel import Frame

CLOSE = 0.1
"""How far two measured numbers may be from one another, in proportion."""
NOISY = "throttled"
"""Where others want the processor too, a program needs longer for its quota, and then waits less:
this number is shown, and agrees on a quiet machine only."""
CPUS, SECONDS = 0.1, 4.0
LIMIT, SHARE = 32, 16
"""MiB that the hungry program may have, and MB that it takes each second."""
FILE = "/tmp/ready"
HOLDS, ASK = f"touch {FILE}; sleep 600", ["test", "-f", FILE]
HUNGRY = """
apiVersion: v1
kind: Pod
metadata:
  name: hungry
  annotations: {{kubecourse.dev/{resource}: "{demand}"}}
spec:
  containers:
  - {{name: hungry, image: hungry, resources: {{limits: {{{resource}: {limit}}}}}}}
"""
DOOR = f"""
apiVersion: v1
kind: Pod
metadata: {{name: door}}
spec:
  containers:
  - name: door
    image: busybox:1.37
    command: [sh, -c, "{HOLDS}"]
    readinessProbe: {{exec: {{command: [test, -f, {FILE}]}}, periodSeconds: 2, failureThreshold: 1}}
"""


class Side(NamedTuple):
    """What was seen: numbers that must agree, by message, and what followed from them."""

    seen: dict[str, float]
    then: str


def side_by_side(what: str) -> SideBySide:
    """`cpu`, `memory` or `readiness`: run it on both sides, and show what was seen."""
    simulate, try_out = SUBJECTS[what]
    try:
        return SideBySide(what, simulate(), try_out())
    except NoEngine as error:
        return SideBySide(what, simulate(), None, str(error))


class SideBySide(Frame):
    """Both sides in one table. `agrees` says whether all numbers do, None without an engine."""

    def __init__(self, what: str, simulated: Side, docker: Side | None, missing: str = "") -> None:
        self.simulated, self.docker = simulated, docker
        self.agrees = None if docker is None else agree(simulated, docker)
        finding = "alone" if docker is None else "agree" if self.agrees else "differ"
        self.text = _words(f"{what}_{finding}" if finding == "agree" else finding)
        rows = [
            [_words(key), f"{number:.3g}", f"{docker.seen[key]:.3g}" if docker else "–"]
            for key, number in simulated.seen.items()
        ]
        rows.append([_words("then"), simulated.then, docker.then if docker else escape(missing)])
        head = [_words("seen"), _words("simulated"), "Docker"]
        super().__init__(ipywidgets.HTML(page(self.text, table(head, rows))))


def agree(one: Side, other: Side) -> bool:
    """Whether both saw the same, as far as such things can be measured."""
    both = [(a, other.seen[key]) for key, a in one.seen.items() if key != NOISY]
    return all(abs(a - b) <= CLOSE * max(abs(a), abs(b)) for a, b in both)


def _words(key: str, **values: object) -> str:
    return text(f"resources_widgets.side.{key}", **values)


# --- CPU


def _cpu(used: float, throttled: float, periods: float, seconds: float, then: str) -> Side:
    seen = {"used": used / seconds, "throttled": throttled / seconds, "periods": periods}
    return Side(seen, _words(then))


def _simulated_cpu() -> Side:
    cluster = Cluster(nodes=1)
    cluster.run("apply -f -", HUNGRY.format(resource="cpu", demand=1, limit=CPUS))
    cluster.settle()
    cluster.advance(SECONDS)
    rows = cluster.usage_series("hungry", cluster.now - SECONDS, cluster.now)
    first, last = rows[0], rows[-1]
    return _cpu(
        last.cpu_seconds - first.cpu_seconds,
        last.throttled_seconds - first.throttled_seconds,
        (last.throttled_periods - first.throttled_periods) / (last.periods - first.periods),
        last.time - first.time,
        "runs",
    )


def _real_cpu() -> Side:
    build("data/apps/hungry", "hungry", show=silent)
    samples = run_limited("hungry", "cpu", cpus=CPUS, seconds=SECONDS).samples
    first, last = samples[0], samples[-1]
    return _cpu(
        last.cpu - first.cpu,
        last.throttled - first.throttled,
        (last.throttled_periods - first.throttled_periods) / (last.periods - first.periods),
        last.seconds - first.seconds,
        "runs",
    )


# --- memory


def _simulated_memory() -> Side:
    cluster = Cluster(nodes=1)
    demand = f"leak(8Mi, {SHARE}M)"
    cluster.run("apply -f -", HUNGRY.format(resource="memory", demand=demand, limit=f"{LIMIT}Mi"))
    cluster.advance(20)
    status = cluster.get("pod/hungry").status.containerStatuses[0]
    ended = status.lastState.terminated or status.state.terminated
    seen = {"exit_code": ended.exitCode, "oom": float(ended.reason == "OOMKilled")}
    return Side(seen, _words("restarted", count=status.restartCount))


def _real_memory() -> Side:
    build("data/apps/hungry", "hungry", show=silent)
    ended = run_limited("hungry", "memory", memory=f"{LIMIT}m", seconds=20)
    code = -1 if ended.exit_code is None else ended.exit_code
    return Side({"exit_code": code, "oom": float(ended.oom_killed)}, _words("stays_ended"))


# --- readiness


def _simulated_readiness() -> Side:
    cluster = Cluster(nodes=1)
    cluster.run("apply -f -", DOOR)
    cluster.settle()

    def ask() -> int:
        return cluster.run(f"exec door -- {' '.join(ASK)}").code

    before = ask()
    cluster.run(f"exec door -- rm {FILE}")
    after = ask()
    cluster.advance(5)
    ready = conditions.is_true(cluster.get("pod/door").status.conditions, "Ready")
    return Side({"there": before, "deleted": after}, _words("ready" if ready else "not_ready"))


def _real_readiness() -> Side:
    run("python", "door", command=["sh", "-c", HOLDS])
    execute("door", ["sleep", "0.5"])  # until its shell has come so far
    before = execute("door", ASK)
    execute("door", ["rm", FILE])
    after = execute("door", ASK)
    remove("door")
    return Side({"there": before, "deleted": after}, _words("runs"))


SUBJECTS: dict[str, tuple[Callable[[], Side], Callable[[], Side]]] = {
    "cpu": (_simulated_cpu, _real_cpu),
    "memory": (_simulated_memory, _real_memory),
    "readiness": (_simulated_readiness, _real_readiness),
}
"""What can be compared: on the simulated cluster, and on the engine."""
