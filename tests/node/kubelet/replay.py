"""Replay what a real kubelet was recorded doing, and say where the simulated one differs.

The recording (`tests/data/records/kubelet.json`, Kubernetes v1.36.2, 2026-11-23) has each
distinct status of a pod with the seconds since the pod was posted, and its events with counts.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from kubecourse.api import codec, models
from kubecourse.client import Client
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.etcd import Etcd
from kubecourse.node.kubelet import Kubelet
from kubecourse.node.machine import Machine
from kubecourse.node.runtime.images import ImageCatalog

RECORDS = Path(__file__).parents[2] / "data" / "records" / "kubelet.json"
core = models.core_v1
ObjectMeta = models.meta_v1.ObjectMeta

TOLERANCE = 1.0
JITTER = 0.5
"""A real kubelet waits up to half as long again as it must: no two runs agree on that."""


class Replay:
    """One recorded scenario, replayed."""

    def __init__(self, record: dict[str, Any], seed: int = 0) -> None:
        self.record = record
        self.clock = Clock(seed)
        server = APIServer(self.clock, Etcd())
        self.client = Client(server, self.clock, "admin")
        for name in ("kb", "kube-node-lease"):
            self.client.create(core.Namespace(metadata=ObjectMeta(name=name)))
        self.client.create(
            core.Secret(metadata=ObjectMeta(name="sec", namespace="kb"), data={"a": "Yg=="})
        )
        images = ImageCatalog()
        images.declare("localhost/busybox:1", userland="busybox", command=["sh"], size="2MB")
        machine = Machine.parse("real-1", "2cpu-8Gi")
        kubelet = Kubelet(Client(server, self.clock, "kubelet/real-1"), machine, images)
        kubelet.runtime.preload("localhost/busybox:1")
        kubelet.start()
        self.clock.advance(100)
        self.trace: list[dict[str, Any]] = []
        self.client.watch(core.Pod, self._saw, after=server.etcd.revision)

    def run(self) -> None:
        record = self.record
        self.began = self.clock.now
        manifest = yaml.safe_load(yaml.safe_load(json.dumps(record["manifest"])))
        manifest["metadata"]["namespace"] = "kb"
        pod, unknown = codec.decode(manifest, "core/v1.Pod")
        assert not unknown
        self.uid = self.client.create(pod).metadata.uid
        deleted = record["deletedAt_s"]
        if deleted is not None:
            self.clock.advance(deleted)
            self.client.delete(core.Pod, manifest["metadata"]["name"], "kb")
        self.clock.wait_for(self._is_long_enough, 600)

    def _is_long_enough(self) -> bool:
        longest = max(300.0, self.record["trace"][-1]["t"] + 2)
        enough = len(self.trace) >= len(self.record["trace"])
        return enough and self.clock.now - self.began >= longest

    def _saw(self, changes: list[Any]) -> None:
        for type, pod in changes:
            shown = seen(type, pod)
            if not self.trace or shown != self.trace[-1]["shown"]:
                t = round(self.clock.now - self.began, 2)
                self.trace.append({"t": t, "shown": shown})

    def events(self) -> list[dict[str, Any]]:
        return [
            {"type": e.type, "reason": e.reason, "message": e.message, "count": e.count}
            for e in self.client.list(core.Event, "kb")
        ]

    # --- comparing

    def differences(self) -> list[str]:
        return [*self._of_statuses(), *self._of_events()]

    def _of_statuses(self) -> list[str]:
        recorded = distinct(self.record)
        found = []
        if len(self.trace) < len(recorded):
            found.append(f"{len(self.trace)} statuses, recorded {len(recorded)}")
        before_real = before_simulated = slack = 0.0
        beat = 0.0
        for index, (real, simulated) in enumerate(zip(recorded, self.trace, strict=False)):
            want, got = normal(real["shown"], self.record), normal(simulated["shown"], self)
            if want != got:
                found.append(f"status {index} at {real['t']}: {difference(want, got)}")
                break
            took_real = real["t"] - before_real
            took = simulated["t"] - before_simulated
            most = TOLERANCE + slack + beat
            if abs(took - took_real) > most:
                found.append(f"status {index}: after {took:.2f} s, recorded {took_real:.2f} s")
            before_real, before_simulated = real["t"], simulated["t"]
            slack = JITTER * backing_off(real["shown"], index, recorded)
            if slack:  # From here on probes beat at another distance from the container's start.
                beat = period(self.record["manifest"])
        return found

    def _of_events(self) -> list[str]:
        real = {key(e, self.record): e["count"] for e in self.record["events"]}
        simulated = {key(e, self): e["count"] for e in self.events()}
        found = [f"event missing: {k}" for k in real if k not in simulated]
        found += [f"event not recorded: {k}" for k in simulated if k not in real]
        for k in real.keys() & simulated.keys():
            if abs(real[k] - simulated[k]) > max(2, 0.34 * real[k]):
                found.append(f"{k}: {simulated[k]} times, recorded {real[k]}")
        return found


def seen(type: str, pod: Any) -> dict[str, Any]:
    """A pod's status as the recording has it."""
    status = codec.encode(pod)["status"]
    containers = [
        {k: c.get(k) for k in ("name", "ready", "started", "restartCount", "state", "lastState")}
        for c in status.get("containerStatuses", [])
    ]
    inits = [
        {k: c.get(k) for k in ("name", "ready", "started", "restartCount", "state", "lastState")}
        for c in status.get("initContainerStatuses", [])
    ]
    return {
        "type": "DELETED" if type == "DELETED" else "MOD",
        "phase": status.get("phase"),
        "reason": status.get("reason"),
        "message": status.get("message"),
        "conds": [
            [c["type"], c["status"], c.get("reason"), c.get("message")]
            for c in status.get("conditions", [])
        ],
        "containers": containers,
        "init": inits,
        "dt": pod.metadata.deletionTimestamp is not None,
        "qos": status.get("qosClass"),
    }


def distinct(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The recorded statuses in the same form.

    Two that differ in nothing but the time of deletion are one: the real server shows a deletion
    with grace 0 as a change first.
    """
    rows: list[dict[str, Any]] = []
    for row in record["trace"]:
        shown = {k: v for k, v in row.items() if k != "t"}
        shown["dt"] = shown["dt"] is not None
        if not rows or rows[-1]["shown"] != shown:
            rows.append({"t": row["t"], "shown": shown})
    return rows


def normal(shown: dict[str, Any], run: Any) -> Any:
    """A status without identities and times: what was running for how many seconds stays."""
    text = json.dumps(shown)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", text)
    text = re.sub(r"containerd://[0-9a-f]+", "ID", text)
    text = re.sub(r"\"(started|finished)At\": \"[^\"]*\"", r'"\1At": "TIME"', text)
    text = re.sub(r"used: \d+", "used: USED", text)
    return json.loads(text)


def key(event: dict[str, Any], run: Any) -> tuple[str, str, str]:
    message = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", event["message"])
    message = re.sub(r"\d+\.\d+\.\d+\.\d+", "IP", message)
    return event["type"], event["reason"], re.sub(r"used: \d+", "used: USED", message)


def backing_off(shown: dict[str, Any], index: int, recorded: list[dict[str, Any]]) -> float:
    """Seconds of back-off, or of any other retry, that the next status comes after."""
    for container in shown["containers"]:
        waiting = container["state"].get("waiting") or {}
        message = waiting.get("message") or ""
        if match := re.match(r"back-off (?:(\d+)m)?(?:(\d+)s)?", message):
            return int(match[1] or 0) * 60 + int(match[2] or 0)
        if container["state"].get("terminated") and container["restartCount"] >= 1:
            return min(10.0 * 2 ** (container["restartCount"] - 1), 160.0)
    return 0.0


def period(manifest: str) -> float:
    """How often the recorded pod is probed."""
    given = re.search(r"periodSeconds: (\d+)", manifest)
    return float(given[1]) if given else 10.0 * ("Probe" in manifest)


def difference(want: Any, got: Any, path: str = "") -> str:
    """The first place where two values differ."""
    if isinstance(want, dict) and isinstance(got, dict):
        for k in want.keys() | got.keys():
            if want.get(k) != got.get(k):
                return difference(want.get(k), got.get(k), f"{path}.{k}")
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for i, (a, b) in enumerate(zip(want, got, strict=True)):
            if a != b:
                return difference(a, b, f"{path}[{i}]")
    return f"{path}: {got!r}, recorded {want!r}"


def load() -> dict[str, dict[str, Any]]:
    """The recorded scenarios by name."""
    return {r["scenario"]: r for r in json.loads(RECORDS.read_text()) if "trace" in r}


if __name__ == "__main__":
    import sys

    for name, record in load().items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        replay = Replay(record)
        replay.run()
        differences = replay.differences()
        print(name, "agrees" if not differences else "")
        for line in differences:
            print("   ", line)
        if len(sys.argv) > 1:
            for row in replay.trace:
                s = row["shown"]
                print("  ", row["t"], s["phase"], [c["state"] for c in s["init"] + s["containers"]])
            print(replay.events())
