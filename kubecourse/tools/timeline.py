"""What happened to an object, moment by moment, and what each moment waited for.

Read from etcd's history. Told is the object, what it owns, and of a node that falls silent its pods
and those that take their places. What counts is what is stored: a machine that dies is first heard
of when somebody misses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kubecourse.api import conditions
from kubecourse.api.placement import tolerates
from kubecourse.api.resources import Resource
from kubecourse.control_plane.etcd import Event
from kubecourse.tools.past import Past
from kubecourse.tools.tables import columns

Told = Iterator[tuple[str, str]]
"""What happened, as a word of `CAUSES` or another, and how it is told."""

START_UP = "image pull, start, readinessProbe"
CAUSES: dict[str, dict[str, str]] = {
    "given up": {"silent": "--node-monitor-grace-period"},
    "tainted": {"given up": "--node-eviction-rate"},
    "unready": {"given up": ""},
    "evicted": {"tainted": "tolerationSeconds"},
    "replaced": {"evicted": ""},
    "scheduled": {"created": "", "replaced": ""},
    "ready": {"scheduled": START_UP, "restarted": START_UP, "unready": "readinessProbe"},
    "back": {"heard": ""},
    "untainted": {"heard": "", "back": "--node-monitor-period"},
    "gone": {"evicted": "terminationGracePeriodSeconds", "heard": "",
             "deleted": "terminationGracePeriodSeconds"},
}  # fmt: skip
"""What each waited for, the latest of several, with the setting that decides how long, if any."""

SHORT = 0.05
"""Seconds up to which something happens at once: no setting makes it faster."""
TOLD_ALREADY = ("NodeNotReady", "TaintManagerEviction")
"""Events that say what the objects say themselves."""


class Moment(NamedTuple):
    """Something that happened to an object at a virtual second.

    `took`: seconds since what it waited for, if that is known; `setting` decides them.
    """

    time: float
    object: str
    what: str
    text: str
    took: float | None = None
    setting: str = ""


class Timeline:
    """The moments of an object's history, in `rows`; printed, a table."""

    def __init__(self, name: str, rows: list[Moment]) -> None:
        self.name = name
        self.rows = rows

    def first(self, what: str, after: float = 0.0) -> Moment | None:
        """The first moment of a kind at or after a virtual second."""
        return next((row for row in self.rows if row.what == what and row.time >= after), None)

    @property
    def headline(self) -> str:
        """The finding, in one line."""
        silent = next((row for row in reversed(self.rows) if row.what == "silent"), None)
        if silent is None:
            return f"{self.name}: {len(self.rows)} moments"
        later = [row for row in self.rows if row.time >= silent.time]
        pods = {row.object for row in later if row.what == "replaced"}
        ready = {row.object: row.time for row in reversed(later) if row.what == "ready"}
        if not pods or not pods <= ready.keys():
            return f"{self.name} fell silent at {silent.time:.1f} s"
        took = max(ready[pod] for pod in pods) - silent.time
        count = f"{len(pods)} pod{'s' * (len(pods) > 1)}"
        return f"{self.name} fell silent: {count} replaced and ready {took:.1f} s later"

    def __repr__(self) -> str:
        head = ("second", "took", "what happened", "decided by")
        rows = [
            (f"{row.time:.1f}", "" if row.took is None else f"{row.took:.1f} s",
             row.text if row.object == self.name else f"{row.object} {row.text}", row.setting)
            for row in self.rows
        ]  # fmt: skip
        return f"{self.headline}\n\n{columns((head, *rows), right=(0, 1))}"


def timeline(past: Past, resource: Resource, namespace: str | None, name: str) -> Timeline | None:
    """What happened to an object up to a moment, also to one that is gone; None: never heard of."""
    story = _Story(resource.key(namespace if resource.namespaced else None, name))
    for event in past.history("/registry/"):
        story.hear(past.time_of(event.revision), event)
    if not story.known:
        return None
    story.end(past.now)
    return Timeline(f"{resource.singular}/{name}", sorted(story.rows, key=_time))


class _Story:
    """Hears of every change in order, and picks out what belongs to one object."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.rows: list[Moment] = []
        self.known: dict[str, None] = {}
        self._last: dict[tuple[str, str], float] = {}
        self._node = ""
        self._taints: list[Any] = []
        self._beat = self._pause = self._silent = self._heard = 0.0
        self._given_up = False
        self._lost: dict[str, list[str]] = {}

    def hear(self, time: float, event: Event) -> None:
        """A change, and when it was written."""
        self._heard = time
        obj = event.old if event.new is None else event.new
        kind = obj.kind
        if kind == "Event":
            self._hear_event(time, event)
        elif self._belongs(event.key, obj, event.old is None):
            for what, text in _RULES.get(kind, _anything)(event.old, event.new):
                self._tell(time, obj, what, text)

    def _belongs(self, key: str, obj: Any, new: bool) -> bool:
        metadata = obj.metadata
        uid = metadata.uid
        if uid in self.known:
            return True
        owners = metadata.ownerReferences or ()
        mine = key == self.key or any(owner.uid in self.known for owner in owners)
        if obj.kind == "Pod" and self._node and not mine:
            lost = any(self._lost.get(owner.uid) for owner in owners if owner.controller)
            mine = (new and lost) or (self._given_up and obj.spec.nodeName == self._node)
        if mine:
            self.known[uid] = None
        if key == self.key and obj.kind == "Node":
            self._node = metadata.name
        return mine

    def _hear_event(self, time: float, event: Event) -> None:
        told = event.new
        if told is None or event.old is not None or told.type != "Warning":
            return
        about = told.involvedObject
        if about.uid in self.known and told.reason not in TOLD_ALREADY:
            name = f"{about.kind.lower()}/{about.name}"
            self._add(time, name, "event", f"{told.reason}: {told.message}")

    def _tell(self, time: float, obj: Any, what: str, text: str) -> None:
        name = f"{obj.kind.lower()}/{obj.metadata.name}"
        if what == "heartbeat":
            self._beat, self._pause = time, float(text)
            what, text, name = "heard", "heartbeats again", f"node/{self._node}"
        if what == "heard":
            if not self._given_up or self._last.get((name, what), -1.0) > self._silent:
                return
        elif what == "given up":
            self._silent, self._given_up = self._beat, True
            self._add(self._beat, name, "silent", "last heartbeat")
        elif what == "back":
            self._given_up = False
        elif what == "tainted":
            self._taints = obj.spec.taints
        elif what == "evicted" and (owner := _controller(obj)):
            self._lost.setdefault(owner, []).append(name)
        elif what == "created" and (gone := self._lost.get(_controller(obj))):
            what, text = "replaced", f"created in place of {gone.pop(0)}"
        self._add(time, name, what, text, obj)

    def _add(self, time: float, name: str, what: str, text: str, obj: Any = None) -> None:
        """A moment; its cause was one of the same object, its node, or the pod it replaces."""
        places = {name: None, text.rpartition(" ")[2] if what == "replaced" else "": None}
        if obj is not None and obj.kind == "Pod" and obj.spec.nodeName == self._node:
            places[f"node/{self._node}"] = None
        causes = [
            (self._last[place, cause], setting)
            for place in places
            for cause, setting in CAUSES.get(what, {}).items()
            if (place, cause) in self._last
        ]
        began, setting = max(causes, default=(None, ""))
        took = None if began is None else round(time - began, 3)
        if what == "evicted":
            setting = _toleration(obj, self._taints)
        elif what == "gone" and setting and (took or 0) > _grace(obj) + 1:
            setting = ""  # something else kept it, such as a silent kubelet
        if not took or took < SHORT:
            setting = ""
        self._last[name, what] = time
        self.rows.append(Moment(time, name, what, text, took, setting))

    def end(self, now: float) -> None:
        """That was all: a node that has just missed a heartbeat is silent already.

        Unless nobody was heard since: then no API server answers.
        """
        late = self._pause + 0.001
        silent = now - self._beat > late and self._heard - self._beat > late
        if self._pause and not self._given_up and silent:
            text = f"last heartbeat, {now - self._beat:.1f} s ago"
            self._add(self._beat, f"node/{self._node}", "silent", text)


def _time(moment: Moment) -> float:
    return moment.time


def _controller(obj: Any) -> str:
    owners = obj.metadata.ownerReferences or ()
    return next((owner.uid for owner in owners if owner.controller), "")


def _grace(obj: Any) -> float:
    return obj.metadata.deletionGracePeriodSeconds or 0


def _toleration(pod: Any, taints: list[Any]) -> str:
    """What decides how long a pod may stay on a node with these taints."""
    seconds = [
        toleration.tolerationSeconds
        for taint in taints
        for toleration in pod.spec.tolerations or ()
        if taint.effect == "NoExecute" and tolerates(toleration, taint)
    ]
    return f"tolerationSeconds: {min(seconds)}" if seconds and None not in seconds else ""


# --- what a change means, kind by kind


def _lease(old: Any, new: Any) -> Told:
    if new is not None and (old is None or old.spec.renewTime != new.spec.renewTime):
        # A kubelet renews its lease four times before it runs out.
        yield "heartbeat", str((new.spec.leaseDurationSeconds or 0) / 4)


def _node(old: Any, new: Any) -> Told:
    if old is None or new is None:
        yield ("created", "joined the cluster") if old is None else ("gone", "removed")
        return
    before, after = (conditions.get(node.status.conditions, "Ready") for node in (old, new))
    was, now = (ready and ready.status for ready in (before, after))
    if after is not None and was != now:
        if was == "Unknown":
            yield "heard", "heartbeats again"
        if now == "True":
            yield "back", "Ready"
        elif was != "Unknown":
            what = "given up" if now == "Unknown" else "not ready"
            yield what, f"NotReady, {after.message}".rstrip(".")
    added = _taints(new.spec.taints, old.spec.taints)
    if added:
        what = "tainted" if "NoExecute" in added else "marked"
        yield what, f"tainted {added}"
    gone = _taints(old.spec.taints, new.spec.taints)
    if gone:
        yield "untainted", f"no longer tainted {gone}"


def _taints(some: list[Any] | None, others: list[Any] | None) -> str:
    """The taints that are not among others: `key: effect, effect`."""
    there = {(taint.key, taint.effect) for taint in others or ()}
    found: dict[str, list[str]] = {}
    for taint in some or ():
        if (taint.key, taint.effect) not in there:
            found.setdefault(taint.key, []).append(taint.effect)
    return "; ".join(f"{key}: {', '.join(effects)}" for key, effects in found.items())


def _pod(old: Any, new: Any) -> Told:
    if new is None:
        yield "gone", "gone"
        return
    if old is None:
        yield "created", "created"
    if new.spec.nodeName and (old is None or not old.spec.nodeName):
        yield "scheduled", f"scheduled to {new.spec.nodeName}"
    restarts, before = _restarts(new), 0 if old is None else _restarts(old)
    if restarts > before:
        yield "restarted", f"a container started again, restarts: {restarts}"
    ready = conditions.is_true(new.status.conditions, "Ready")
    was = old is not None and conditions.is_true(old.status.conditions, "Ready")
    if new.status.phase in ("Succeeded", "Failed") and (
        old is None or old.status.phase != new.status.phase
    ):
        yield "finished", f"ended: {new.status.phase}"
    elif ready != was:
        yield ("ready", "ready") if ready else ("unready", "not ready, so out of its Services")
    if new.metadata.deletionTimestamp and (old is None or not old.metadata.deletionTimestamp):
        why = conditions.get(new.status.conditions, "DisruptionTarget")
        yield ("deleted", "told to stop") if why is None else ("evicted", f"evicted, {why.message}")


def _restarts(pod: Any) -> int:
    return sum(status.restartCount for status in pod.status.containerStatuses or ())


def _anything(old: Any, new: Any) -> Told:
    if old is None or new is None:
        yield ("created", "created") if old is None else ("gone", "gone")
        return
    before, after = getattr(old, "spec", None), getattr(new, "spec", None)
    fields = [
        f"{name} {_short(getattr(before, name))} → {_short(value)}"
        for name in getattr(after, "__struct_fields__", ())
        if (value := getattr(after, name)) != getattr(before, name)
    ]
    if fields:
        yield "changed", ", ".join(fields)
    if new.metadata.deletionTimestamp and not old.metadata.deletionTimestamp:
        yield "deleted", "told to go"


def _short(value: Any) -> str:
    return str(value) if value is None or isinstance(value, int | str) else "…"


_RULES = {"Lease": _lease, "Node": _node, "Pod": _pod}
