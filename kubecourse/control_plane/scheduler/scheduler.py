"""The scheduling loop: take the next pod, find its node, bind it, or say why not.

Sources: `pkg/scheduler/{scheduler,schedule_one,eventhandlers}.go`.
"""

from __future__ import annotations

import math
from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.client import Client, EventRecorder, Informer
from kubecourse.client.informer import Key, key_of
from kubecourse.clock import Timer
from kubecourse.control_plane.scheduler import explain
from kubecourse.control_plane.scheduler.algorithm import Algorithm, NoFit
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.explain import Decision
from kubecourse.control_plane.scheduler.framework import ClusterEvent
from kubecourse.control_plane.scheduler.preemption import KEEPING, Candidate
from kubecourse.control_plane.scheduler.queue import LEFTOVER_AFTER, QueuedPod, SchedulingQueue

core = models.core_v1

PROFILE = "default-scheduler"
"""The name under which pods ask for this scheduler."""
NO_CLAIMS = "no new claims to deallocate"
"""What the plugin for devices adds to every failure of a pod, with or without devices."""
FLUSH_PERIOD = 30.0
FINISHED = ("Succeeded", "Failed")


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

    # --- the component

    def start(self) -> None:
        """Begin to watch and to schedule."""
        self._reset()
        self.running = True
        for cls, handler in (
            (core.Namespace, self._namespace_changed),
            (core.Node, self._node_changed),
            (core.Service, self.cache.owners.set),
            (models.apps_v1.ReplicaSet, self.cache.owners.set),
            (models.apps_v1.StatefulSet, self.cache.owners.set),
            (models.storage_v1.StorageClass, self.cache.claims.set_class),
            (core.PersistentVolumeClaim, self._claim_changed),
            (core.Pod, self._pod_changed),
        ):
            informer = Informer(self._client, cls)
            informer.on_change(handler)
            self._informers.append(informer)
        for informer in self._informers:
            informer.start()

    def stop(self) -> None:
        """Stop, and forget everything."""
        for informer in self._informers:
            informer.stop()
        self._clock.cancel(self._flush)
        self.running = False
        self._reset()

    # --- hearing

    def _namespace_changed(self, old: Any, new: Any) -> None:
        name = (old if new is None else new).metadata.name
        self.cache.set_namespace(name, None if new is None else new.metadata.labels or {})

    def _node_changed(self, old: Any, new: Any) -> None:
        if new is None:
            self.cache.remove_node(old.metadata.name)
        elif not self.cache.set_node(new):
            return
        self._happened("node", old, new)
        if len(self._queue):
            self._wake()

    def _claim_changed(self, old: Any, new: Any) -> None:
        self.cache.claims.set_claim(old, new)
        self._happened("claim", old, new)

    def _pod_changed(self, old: Any, new: Any) -> None:
        pod = old if new is None else new
        key = key_of(pod)
        if new is None or (new.status is not None and new.status.phase in FINISHED):
            self._promises.forget(key)
            self._queue.remove(key)
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
                self._bind(queued, info)

    def _bind(self, queued: QueuedPod, info: NodeInfo) -> None:
        pod = queued.pod
        metadata = pod.metadata
        self.cache.place(pod, info.name)
        self._promises.forget(queued.key)
        try:
            self._client.bind(metadata.namespace, metadata.name, info.name)
        except ApiError as error:
            self.cache.remove(queued.key)
            if error.code == 404:
                return
            self._events.warning(pod, "FailedScheduling", explain.shortened(str(error)))
            due = self._queue.failed(queued, self._clock.now)
            self._clock.call_at(due, self._wake, background=True)
            return
        text = f"Successfully assigned {metadata.namespace}/{metadata.name} to {info.name}"
        self._events.normal(pod, "Scheduled", text)

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
        text = explain.unavailable(total, why.refusals)
        if isinstance(found, Candidate):
            self._failed(queued, text, plugins, found.node.name)
            self._evict(pod, found)
        else:
            kept = pod.status.nominatedNodeName if found in KEEPING else None
            self._failed(queued, f"{text} {NO_CLAIMS}, preemption: {found}", plugins, kept or "")

    def _evict(self, pod: Any, candidate: Candidate) -> None:
        """Take the victims away, the gentle way."""
        for victim in candidate.victims:
            metadata = victim.metadata
            why = self._condition(
                victim, type="DisruptionTarget", status="True", reason="PreemptionByScheduler",
                message=f"{PROFILE}: preempting to accommodate a higher priority pod",
            )  # fmt: skip
            with ignoring("NotFound"):
                current = self._client.get(core.Pod, metadata.name, metadata.namespace)
                self._client.update_status(replace(current, status=_with(current, why)))
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
        self._arm_flush()
        self._events.warning(pod, "FailedScheduling", explain.shortened(text))
        with ignoring("NotFound"):
            current = self._client.get(core.Pod, pod.metadata.name, pod.metadata.namespace)
            condition = self._condition(
                current, type="PodScheduled", status="False", reason="Unschedulable", message=text
            )
            status = replace(_with(current, condition), nominatedNodeName=nominated or None)
            if status != current.status:
                queued.pod = self._client.update_status(replace(current, status=status))

    def _condition(self, pod: Any, **fields: Any) -> Any:
        return core.PodCondition(
            **fields,
            lastTransitionTime=self._clock.utc(),
            observedGeneration=pod.metadata.generation,
        )

    def _arm_flush(self) -> None:
        if self._flush is None or not self._flush.pending:
            when = math.ceil((self._clock.now + LEFTOVER_AFTER) / FLUSH_PERIOD) * FLUSH_PERIOD
            self._flush = self._clock.call_at(when, self._flush_leftovers, background=True)

    def _flush_leftovers(self) -> None:
        """Try pods again that nothing helped for five minutes."""
        now = self._clock.now
        waiting = self._queue.unschedulable
        for queued in waiting:
            if now - queued.tried >= LEFTOVER_AFTER:
                self._queue.requeue(queued, now)
                self._wake()
        if waiting:
            when = now + FLUSH_PERIOD
            self._flush = self._clock.call_at(when, self._flush_leftovers, background=True)

    def explain(self, pod: Any) -> Decision:
        """Why a pod is where it is, or why it is pending, as things stand now."""
        return self._algorithm.explain(pod)


def _with(pod: Any, condition: Any) -> Any:
    """A pod's status with a condition put in."""
    return replace(pod.status, conditions=conditions.put(pod.status.conditions, condition))
