"""The scheduling loop: take the next pod, find its node, bind it, or say why not.

Sources: `pkg/scheduler/{scheduler,schedule_one,eventhandlers}.go`.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, NamedTuple

from msgspec.structs import replace

from kubecourse.api import conditions, models, volumes
from kubecourse.api.errors import ApiError
from kubecourse.api.volumes import BOUND_BY_CONTROLLER
from kubecourse.client import Client, EventRecorder, Informer
from kubecourse.client.informer import Key, key_of
from kubecourse.clock import Timer
from kubecourse.control_plane.scheduler import explain
from kubecourse.control_plane.scheduler.algorithm import Algorithm, NoFit
from kubecourse.control_plane.scheduler.cache import FINISHED, OWNERS, STORAGE, Cache, NodeInfo
from kubecourse.control_plane.scheduler.framework import ClusterEvent
from kubecourse.control_plane.scheduler.plugins.volume_binding import bindings
from kubecourse.control_plane.scheduler.preemption import KEEPING, Candidate
from kubecourse.control_plane.scheduler.queue import LEFTOVER_AFTER, QueuedPod, SchedulingQueue

core = models.core_v1

PROFILE = "default-scheduler"
"""The name under which pods ask for this scheduler."""
FLUSH_PERIOD = 30.0
BIND_TIMEOUT = 600.0
"""Seconds that a pod with a node waits for its claims to be bound."""
TOO_LATE = 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded'


class Binding(NamedTuple):
    """A pod that has its node and waits for its claims, and what gives that up."""

    queued: QueuedPod
    node: str
    late: Timer


class Scheduler:
    """Assigns pods to nodes. `stop()` forgets everything; `start()` begins anew."""

    name = "kube-scheduler"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._clock = client.clock
        self._random = client.clock.rng(self.name)
        self._events = EventRecorder(client, PROFILE)
        self.running = False
        self._reset()

    def _reset(self) -> None:
        self.cache = Cache()
        self._algorithm = Algorithm(self.cache, self._random)
        self._promises = self._algorithm.promises
        self._queue = SchedulingQueue()
        self._budgets = Informer(self._client, models.policy_v1.PodDisruptionBudget)
        self._informers = [self._budgets]
        self._awake = False
        self._flush: Timer | None = None
        self._binding: dict[Key, Binding] = {}

    # --- the component

    def start(self) -> None:
        self._reset()
        self.running = True
        for cls, handler in (
            (core.Namespace, self.cache.set_namespace),
            (core.Node, self._node_changed),
            *((cls, self.cache.owners.set) for cls in OWNERS),
            *((cls, self._storage_changed) for cls in STORAGE),
            (core.Pod, self._pod_changed),
        ):
            informer = Informer(self._client, cls)
            informer.on_change(handler)
            self._informers.append(informer)
        for informer in self._informers:
            informer.start()

    def stop(self) -> None:
        for informer in self._informers:
            informer.stop()
        self._clock.cancel(self._flush)
        self.running = False
        self._reset()

    # --- hearing

    def _node_changed(self, old: Any, new: Any) -> None:
        if new is None:
            self.cache.remove_node(old.metadata.name)
        elif not self.cache.set_node(new):
            return
        self._happened("node", old, new)
        if len(self._queue):
            self._wake()

    def _storage_changed(self, old: Any, new: Any) -> None:
        self.cache.claims.set(old, new)
        for key in list(self._binding):
            self._go_on_binding(key)
        self._happened("claim", old, new)

    def _pod_changed(self, old: Any, new: Any) -> None:
        pod = old if new is None else new
        key = key_of(pod)
        if new is None or (new.status is not None and new.status.phase in FINISHED):
            self._promises.forget(key)
            self._queue.remove(key)
            self._binding.pop(key, None)
            if self.cache.remove(key) is not None:
                self._happened("pod", pod, None)
        elif new.spec.nodeName:
            self._pod_placed(key, old, new)
        elif new.spec.schedulerName == PROFILE and key not in self.cache.pods:
            if new.metadata.deletionTimestamp is not None:
                self._queue.remove(key)
                return
            self._queue.add(key, new, self._clock.now)
            self._promises.note(new, new.status and new.status.nominatedNodeName)
            self._wake()

    def _pod_placed(self, key: Key, old: Any, new: Any) -> None:
        known = self.cache.pods.get(key)
        before = known.pod if known is not None else None
        self.cache.place(new, new.spec.nodeName)
        self._queue.remove(key)
        if old is None or not old.spec.nodeName:
            self._happened("pod", None, new)
        elif before is not None and (
            before.metadata.labels != new.metadata.labels
            or before.spec.containers is not new.spec.containers
        ):
            self._happened("pod", before, new)

    def _happened(self, kind: str, old: Any, new: Any) -> None:
        """Try pods again that an event may have made schedulable."""
        event = ClusterEvent(kind, old, new)
        for queued in self._queue.unschedulable:
            plugins = self._algorithm.shape_of(queued.pod).plugins
            if not queued.plugins or any(
                plugins[name].might_help(event, queued.pod) for name in queued.plugins
            ):
                self._queue.requeue(queued, self._clock.now)
                self._wake()

    # --- the loop

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            self._clock.call_later(0, self._work)

    def _work(self) -> None:
        self._awake = False
        if not self.running:
            return
        now = self._clock.now
        while (queued := self._queue.pop(now)) is not None:
            self._schedule(queued)

    def _schedule(self, queued: QueuedPod) -> None:
        try:
            info = self._algorithm.find(queued.pod)
        except NoFit as why:
            self._no_fit(queued, why)
        else:
            if info is None:
                self._failed(queued, explain.NO_NODES, ())
            else:
                self._place(queued, info)

    def _place(self, queued: QueuedPod, info: NodeInfo) -> None:
        """Bind a pod to its node, after its claims; meanwhile it counts as being there."""
        claims = list(bindings(queued.pod, info, self.cache))
        self.cache.place(queued.pod, info.name)
        self._promises.forget(queued.key)
        if not claims:
            self._bind(queued, info.name)
            return
        late = self._clock.call_later(BIND_TIMEOUT, self._bind_late, queued.key, background=True)
        self._binding[queued.key] = Binding(queued, info.name, late)
        try:
            for claim, volume in claims:
                self._prepare(claim, volume, info.name)
        except ApiError as error:
            del self._binding[queued.key]
            self._bind_failed(queued, str(error))

    def _prepare(self, claim: Any, volume: Any, node: str) -> None:
        """Keep a volume for a claim, or ask for one to be made for a node. Raises ApiError."""
        obj = claim if volume is None else volume
        had = obj.metadata.annotations or {}
        if volume is not None:
            mark = {} if volume.spec.claimRef is not None else {BOUND_BY_CONTROLLER: "yes"}
            spec = replace(volume.spec, claimRef=volumes.reference_to(claim))
        else:
            mark, spec = {volumes.SELECTED_NODE: node}, claim.spec
        metadata = replace(obj.metadata, annotations={**had, **mark} or None)
        self.cache.claims.set(obj, self._client.update(replace(obj, metadata=metadata, spec=spec)))

    def _go_on_binding(self, key: Key) -> None:
        waiting = self._binding[key]
        names = volumes.claims_of(waiting.queued.pod)
        claims = [self.cache.claims.claim(*name) for name in names]
        if all(claim is not None and volumes.is_bound(claim) for claim in claims):
            del self._binding[key]
            self._clock.cancel(waiting.late)
            self._bind(waiting.queued, waiting.node)

    def _bind_late(self, key: Key) -> None:
        if (waiting := self._binding.pop(key, None)) is not None:
            self._bind_failed(waiting.queued, TOO_LATE)

    def _bind(self, queued: QueuedPod, node: str) -> None:
        namespace, name = queued.key
        try:
            self._client.bind(namespace, name, node)
        except ApiError as error:
            if error.code == 404:
                self.cache.remove(queued.key)
            else:
                self._bind_failed(queued, str(error))
            return
        text = f"Successfully assigned {namespace}/{name} to {node}"
        self._events.normal(queued.pod, "Scheduled", text)

    def _bind_failed(self, queued: QueuedPod, why: str) -> None:
        self.cache.remove(queued.key)
        self._events.warning(queued.pod, "FailedScheduling", explain.shortened(why))
        due = self._queue.failed(queued, self._clock.now)
        self._clock.call_at(due, self._wake, background=True)

    # --- failing

    def _no_fit(self, queued: QueuedPod, why: NoFit) -> None:
        pod = queued.pod
        total = len(self.cache.order)
        plugins = tuple(dict.fromkeys(verdict.plugin for verdict in why.refusals))
        if why.rejected:
            self._failed(queued, explain.rejected(total, why.rejected), plugins)
            return
        now = self._clock.utc_precise().timestamp()
        found = self._algorithm.preempt(pod, why, list(self._budgets), now)
        if isinstance(found, Candidate):
            text = explain.unavailable(total, why.refusals)
            self._failed(queued, text, plugins, found.node.name)
            self._evict(pod, found)
        else:
            kept = pod.status.nominatedNodeName if found in KEEPING else None
            text = explain.no_room(total, why.refusals, found)
            self._failed(queued, text, plugins, kept or "")

    def _evict(self, pod: Any, candidate: Candidate) -> None:
        """Make the victims leave. Who was promised the node and matters less has to look anew."""
        victims = [v for v in candidate.victims if v.metadata.deletionTimestamp is None]
        for loser in self._promises.on(candidate.node.name, pod, less=True) if victims else ():
            self._promises.forget(key_of(loser))
            with suppress(ApiError):
                where = loser.metadata.name, loser.metadata.namespace
                current: Any = self._client.get(core.Pod, *where)
                status = replace(current.status, nominatedNodeName=None)
                self._client.update_status(replace(current, status=status))
        for victim in victims:
            metadata = victim.metadata
            message = f"{PROFILE}: preempting to accommodate a higher priority pod"
            why = "DisruptionTarget", "True", "PreemptionByScheduler", message
            with suppress(ApiError):
                current = self._client.get(core.Pod, metadata.name, metadata.namespace)
                status = conditions.status_with(current, self._clock.utc(), *why)
                self._client.update_status(replace(current, status=status))
                self._client.delete(core.Pod, metadata.name, metadata.namespace)
                text = f"Preempted by pod {pod.metadata.uid} on node {candidate.node.name}"
                self._events.normal(victim, "Preempted", text)

    def _failed(
        self, queued: QueuedPod, text: str, plugins: tuple[str, ...], nominated: str = ""
    ) -> None:
        """Put a pod aside, and tell it and the world why."""
        pod = queued.pod
        self._queue.give_up(queued, plugins, self._clock.now)
        self._promises.forget(queued.key)
        self._promises.note(pod, nominated)
        self._arm_flush(self._clock.now)
        self._events.warning(pod, "FailedScheduling", explain.shortened(text))
        with suppress(ApiError):
            current = self._client.get(core.Pod, pod.metadata.name, pod.metadata.namespace)
            why = "PodScheduled", "False", "Unschedulable", text
            status = conditions.status_with(current, self._clock.utc(), *why)
            status = replace(status, nominatedNodeName=nominated or None)
            if status != current.status:
                queued.pod = self._client.update_status(replace(current, status=status))

    def _arm_flush(self, tried: float) -> None:
        """See to it that a pod tried then is tried again, at one of the regular flushes."""
        if not self._clock.pending(self._flush):
            when = math.ceil((tried + LEFTOVER_AFTER) / FLUSH_PERIOD) * FLUSH_PERIOD
            self._flush = self._clock.call_at(when, self._flush_leftovers, background=True)

    def _flush_leftovers(self) -> None:
        """Try pods again that nothing helped for five minutes."""
        now = self._clock.now
        for queued in self._queue.unschedulable:
            if now - queued.tried >= LEFTOVER_AFTER:
                self._queue.requeue(queued, now)
                self._wake()
        if left := self._queue.unschedulable:
            self._arm_flush(min(queued.tried for queued in left))
