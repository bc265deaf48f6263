"""The three parts of the Vertical Pod Autoscaler, each looking once a minute or asked by webhook.

The recommender learns from metrics and writes recommendations; the updater evicts pods whose
requests are far from them; the admission controller gives new pods what is recommended.
Sources: `github.com/kubernetes/autoscaler/vertical-pod-autoscaler/pkg/{recommender/routines,
updater/logic,updater/restriction,admission-controller}`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.addons.metrics_server import API as METRICS
from kubecourse.addons.vpa import policy
from kubecourse.addons.vpa.model import DAY, Observer, Usage, recommend
from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.api.placement import amounts
from kubecourse.client import Client, EventRecorder, Informer
from kubecourse.client.informer import by_namespace
from kubecourse.clock import Timer

core = models.core_v1
vpa = policy.vpa

PERIOD = 60.0
"""Seconds between two looks, and between two samples."""
EXPIRY = 8 * DAY
"""After so long without a sample a history is forgotten."""
MIN_REPLICAS = 2
TOLERANCE = 0.5
"""The share of a workload's pods that may be gone at once."""
QUICK_OOM = 600.0
LIFETIME, LEAST_CHANGE = DAY / 2, 0.1
"""A pod within bounds is replaced after so long, if its requests are off by so much."""

Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""Namespace, container and the pod's labels: whose samples go into one history."""


class VerticalPodAutoscaler:
    """Recommends, and where an object says so applies."""

    name = "vertical-pod-autoscaler"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._clock = client.clock
        self._scalers = Informer(client, vpa.VerticalPodAutoscaler)
        self._pods = Informer(client, core.Pod)
        self._pods.add_index(by_namespace)
        self._events = EventRecorder(client, "vpa-updater")
        self._histories: dict[Key, Usage] = {}
        self._observers: dict[tuple[str, str], Observer] = {}
        self._kills: dict[tuple[str, str], Any] = {}
        self._beat: Timer | None = None
        self._alarm: Timer | None = None
        self._seen = 0.0

    def start(self) -> None:
        """Begin to look."""
        self._scalers.start()
        self._pods.start()
        self._pods.on_change(self._pod_changed)
        self._seen = self._clock.now
        self._beat = self._clock.every(PERIOD, self._look)

    def stop(self) -> None:
        """Look no more; what was learnt is forgotten."""
        self._clock.cancel(self._beat)
        self._clock.cancel(self._alarm)
        self._scalers.stop()
        self._pods.off_change(self._pod_changed)
        self._pods.stop()
        self._histories.clear()
        self._observers.clear()

    def _look(self, beats: int) -> None:
        until = self._clock.now
        for scaler in list(self._scalers):
            if scaler.spec.targetRef is not None:
                self._attend(scaler, self._seen + PERIOD, until)
        self._seen = until
        gone = [k for k, usage in self._histories.items() if until - usage.last > EXPIRY]
        for key in gone:
            del self._histories[key]
        if any(policy.mode(scaler) in policy.RECREATING for scaler in self._scalers):
            # Somebody waits for this: let no minute be skipped while all is quiet.
            self._alarm = self._clock.call_later(PERIOD, self._nothing, background=True)

    def _nothing(self) -> None:
        """Time has not stood still."""

    def _attend(self, scaler: Any, start: float, end: float) -> None:
        try:
            selector = policy.selector(self._client, scaler)
        except (ApiError, KeyError) as error:
            why = f"Cannot read targetRef. Reason: {error}"
            self._write(scaler, None, ("ConfigUnsupported", "True", "", why))
            return
        namespace = scaler.metadata.namespace
        pods = [
            pod
            for pod in self._pods.indexed(by_namespace, namespace)
            if selector.matches(pod.metadata.labels)
        ]
        for pod in pods:
            self._learn(pod, start, end)
        merged: dict[str, Usage] = {}
        for (place, name, labels), usage in self._histories.items():
            off = policy.container_policy(scaler, name).mode == "Off"
            if place == namespace and not off and selector.matches(dict(labels)):
                merged.setdefault(name, Usage()).merge(usage)
        found = [policy.advice(scaler, name, each) for name, each in recommend(merged).items()]
        none = ("NoPodsMatched", "True", "NoPodsMatched", "No pods match this VPA object")
        self._write(scaler, found, None if pods else none)
        if found and policy.mode(scaler) in policy.RECREATING:
            current = self._scalers.get(namespace, scaler.metadata.name)
            self._replace(current or scaler, pods)

    # --- the recommender

    def _history(self, pod: Any, container: str) -> Observer:
        uid = pod.metadata.uid
        if (uid, container) not in self._observers:
            labels = tuple(sorted((pod.metadata.labels or {}).items()))
            key = (pod.metadata.namespace, container, labels)
            usage = self._histories.setdefault(key, Usage())
            self._observers[uid, container] = Observer(usage)
        return self._observers[uid, container]

    def _learn(self, pod: Any, start: float, end: float) -> None:
        """Take in the samples of a pod's containers."""
        try:
            metrics = self._client.extension(METRICS)
        except ApiError:
            return
        for container in pod.spec.containers:
            observer = self._history(pod, container.name)
            for sample in metrics.samples(pod, container.name, start, end, PERIOD):
                observer.add(*sample)

    def _pod_changed(self, old: Any, new: Any) -> None:
        if new is None:
            for container in old.spec.containers:
                self._observers.pop((old.metadata.uid, container.name), None)
                self._kills.pop((old.metadata.uid, container.name), None)
            return
        for status in new.status.containerStatuses or ():
            ended = status.lastState.terminated if status.lastState is not None else None
            key = (new.metadata.uid, status.name)
            if ended is None or ended.reason != "OOMKilled" or key not in self._observers:
                continue
            if self._kills.get(key) != ended.finishedAt:
                self._kills[key] = ended.finishedAt
                spec = next(c for c in new.spec.containers if c.name == status.name)
                asked = amounts(spec.resources.requests if spec.resources else None)
                when = self._clock.seconds(ended.finishedAt)
                self._observers[key].oom(when, asked.get("memory", 0))

    def _write(self, scaler: Any, found: Any, problem: tuple[str, ...] | None) -> None:
        """Write the status, if it is another."""
        before = scaler.status or vpa.VerticalPodAutoscalerStatus()
        advice = vpa.RecommendedPodResources(containerRecommendations=found) if found else None
        known = conditions.remove(before.conditions, "ConfigUnsupported")
        known = conditions.remove(known, "NoPodsMatched")
        reason, message = problem[2:] if problem and not advice else ("", "")
        provided = ("RecommendationProvided", str(bool(advice)), reason, message)
        for type, value, reason, message in (each for each in (provided, problem) if each):
            condition = vpa.VerticalPodAutoscalerCondition(
                type=type, status=value, reason=reason or None, message=message or None,
                lastTransitionTime=self._clock.utc(),
            )  # fmt: skip
            old = conditions.get(before.conditions, type)
            if old is not None and old.status == value:
                condition = replace(condition, lastTransitionTime=old.lastTransitionTime)
            known = conditions.put(known, condition)
        status = vpa.VerticalPodAutoscalerStatus(
            recommendation=advice or (before.recommendation if found is None else None),
            conditions=known,
        )
        if status != before:
            with ignoring("NotFound", "Conflict"):
                self._client.update_status(replace(scaler, status=status))

    # --- the updater

    def _replace(self, scaler: Any, pods: list[Any]) -> None:
        """Evict the pods that need it most, of each workload as many as may be gone at once."""
        live = [
            pod
            for pod in pods
            if pod.metadata.deletionTimestamp is None
            and pod.status.phase not in ("Succeeded", "Failed")
        ]
        update = scaler.spec.updatePolicy
        least = (update.minReplicas if update is not None else None) or MIN_REPLICAS
        if len(live) < least:
            return
        running = sum(pod.status.phase == "Running" for pod in live)
        may_go = int(len(live) * TOLERANCE)
        spare = running - (len(live) - may_go)
        if may_go == 0 and running == len(live):
            spare = 1
        ranked = [(policy.urgency(scaler, pod), pod) for pod in live]
        due = [(urgency, pod) for urgency, pod in ranked if self._is_due(pod, *urgency)]
        for _, pod in sorted(due, key=lambda each: (not each[0][1], -each[0][2])):
            if pod.status.phase == "Running":
                if spare <= 0:
                    continue
                spare -= 1
            with ignoring("TooManyRequests", "NotFound"):
                self._client.evict(pod.metadata.namespace, pod.metadata.name)
                why = "Pod was evicted by VPA Updater to apply resource recommendation."
                self._events.normal(pod, "EvictedByVPA", why)

    def _is_due(self, pod: Any, outside: bool, grows: bool, off: float) -> bool:
        killed = any(
            _quick_oom(status.lastState.terminated)
            for status in pod.status.containerStatuses or ()
            if status.lastState is not None
        )
        if outside or (killed and off):
            return True
        started = pod.status.startTime
        if killed or started is None:
            return False
        return self._clock.now - self._clock.seconds(started) >= LIFETIME and off >= LEAST_CHANGE

    # --- the admission controller

    def admit(self, pod: Any) -> Any:
        """A new pod, with what is recommended for it if an autoscaler is about it."""
        for scaler in self._scalers:
            if scaler.metadata.namespace != pod.metadata.namespace or policy.mode(scaler) == "Off":
                continue
            try:
                matches = policy.selector(self._client, scaler).matches(pod.metadata.labels)
            except (ApiError, KeyError, AttributeError):
                continue
            if matches:
                return policy.apply(scaler, pod)
        return pod


def _quick_oom(ended: Any) -> bool:
    """Whether a container was killed for want of memory soon after its start."""
    return (
        ended is not None
        and ended.reason == "OOMKilled"
        and (ended.finishedAt - ended.startedAt).total_seconds() < QUICK_OOM
    )
