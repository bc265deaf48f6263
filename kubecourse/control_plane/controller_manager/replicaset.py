"""Keeps as many pods of a ReplicaSet as it asks for.

Source: `pkg/controller/replicaset/replica_set.go`, `replica_set_utils.go`. Unlike there, the
pods are not counted anew for each look at a ReplicaSet: a `Tally` follows them one by one.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.api.labels import selector_from_label_selector, selector_from_map
from kubecourse.client import Client, InformerFactory, Result
from kubecourse.client.informer import by_label, by_namespace, key_of
from kubecourse.control_plane.controller_manager.controller import (
    NOTICE_TIME,
    ManagedController,
    busy,
    claim,
    controller_of,
    controller_or_namespace,
    write_status,
)
from kubecourse.control_plane.controller_manager.pod_control import PodControl, pod_from_template
from kubecourse.control_plane.controller_manager.pod_ranking import pods_to_delete
from kubecourse.control_plane.controller_manager.pod_tally import Counts, Tally, state_of
from kubecourse.control_plane.controller_manager.pods import available_in, is_active, is_ready

Pod = models.core_v1.Pod
ReplicaSet = models.apps_v1.ReplicaSet
Key = tuple[str, str]

BURST = 500
"""Pods created or deleted at one look at most."""


class ReplicaSetController(ManagedController):
    """Creates and deletes pods until there are as many as wanted; adopts and releases."""

    name = "replicaset-controller"

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client, informers)
        self.control = PodControl(client, self.recorder)
        self._replicasets = informers.informer(ReplicaSet, by_namespace, controller_or_namespace)
        self._pods = informers.informer(Pod, controller_or_namespace, by_label)
        self._tallies: dict[str, Tally] = {}
        self.subscribe(self._replicasets, self._replicaset_changed)
        self.subscribe(self._pods, self._pod_changed)

    def forget(self) -> None:
        self._tallies.clear()

    # --- hearing

    def _replicaset_changed(self, old: Any, new: Any) -> None:
        if new is None or (old is not None and old.metadata.uid != new.metadata.uid):
            self._tallies.pop(old.metadata.uid, None)
        if new is not None:
            tally = self._tallies.get(new.metadata.uid)
            if tally is None:
                self._tallies[new.metadata.uid] = tally = Tally()
                self._count(new, tally)
            elif old is not None and old.spec.template is not new.spec.template:
                self._count(new, tally)
            self.queue.add_after(key_of(new), tally.busy_until - self.clock.now)

    def _pod_changed(self, old: Any, new: Any) -> None:
        pod = new if new is not None else old
        owner = controller_of(pod)
        if old is not None and new is not None:
            former = controller_of(old)
            if former is not None and (owner is None or former.uid != owner.uid):
                self._pod_left(former, pod)
        if owner is None:
            if new is not None and (
                old is None
                or old.metadata.labels != new.metadata.labels
                or old.metadata.ownerReferences is not new.metadata.ownerReferences
            ):
                self._offer(new)
            return
        tally = self._tallies.get(owner.uid)
        if tally is None:
            return
        key = (pod.metadata.namespace, owner.name)
        if new is None or new.metadata.deletionTimestamp is not None:
            tally.expected.deletion_seen(pod.metadata.name)
        elif old is None:
            tally.expected.creation_seen()
        state = 0 if new is None else self._state(new, owner, tally)
        if tally.put(pod.metadata.name, state):
            self._soon(key, tally)

    def _soon(self, key: Key, tally: Tally) -> None:
        """Look at a ReplicaSet once the writes of the last look are through."""
        self.queue.add_after(key, max(tally.busy_until - self.clock.now, NOTICE_TIME))

    def _pod_left(self, former: Any, pod: Any) -> None:
        tally = self._tallies.get(former.uid)
        if tally is not None and tally.put(pod.metadata.name, 0):
            self.queue.add((pod.metadata.namespace, former.name))

    def _offer(self, pod: Any) -> None:
        """Let every ReplicaSet that selects a pod that nobody manages look at it."""
        if pod.metadata.deletionTimestamp is not None:
            return
        for replicaset in self._replicasets.indexed(by_namespace, pod.metadata.namespace):
            if selector_from_label_selector(replicaset.spec.selector).matches(pod.metadata.labels):
                self._tallies[replicaset.metadata.uid].unclaimed = True
                self.queue.add(key_of(replicaset))

    def _state(self, pod: Any, owner: Any, tally: Tally) -> int:
        replicaset = self._replicasets.get(pod.metadata.namespace, owner.name)
        return state_of(pod, replicaset, tally)

    def _count(self, replicaset: Any, tally: Tally) -> None:
        tally.clear()
        tally.unclaimed = True
        for pod in self._pods.indexed(controller_or_namespace, replicaset.metadata.uid):
            tally.put(pod.metadata.name, state_of(pod, replicaset, tally))

    # --- working

    def reconcile(self, key: Key) -> Result | None:
        replicaset = self._replicasets.get(*key)
        if replicaset is None:
            return None
        tally = self._tallies[replicaset.metadata.uid]
        may_act = tally.expected.satisfied(self.clock.now)
        counts, pods = self._claim(replicaset, tally)
        problem: ApiError | None = None
        if may_act and replicaset.metadata.deletionTimestamp is None:
            try:
                self._manage(replicaset, tally, counts.replicas, pods)
            except ApiError as error:
                problem = error
        self._update_status(replicaset, tally, counts, problem)
        if problem is not None:
            raise problem
        if replicaset.spec.minReadySeconds and counts.available != counts.ready:
            return Result(self._next_availability(replicaset))
        return None

    def _claim(self, replicaset: Any, tally: Tally) -> tuple[Counts, list[Any] | None]:
        """Adopt and release where there is something to. The pods are None where nobody looked."""
        if not tally.unclaimed and not replicaset.spec.minReadySeconds:
            return Counts(tally.active, tally.labelled, tally.ready, tally.ready), None
        pods = self._claimed(replicaset)
        tally.unclaimed = False  # not before: a claim that failed is to be tried again
        labels = selector_from_map(replicaset.spec.template.metadata.labels)
        ready = [pod for pod in pods if is_ready(pod)]
        seconds = replicaset.spec.minReadySeconds
        available = sum(available_in(pod, seconds, self.clock) <= 0 for pod in ready)
        labelled = sum(labels.matches(pod.metadata.labels) for pod in pods)
        return Counts(len(pods), labelled, len(ready), available), pods

    def _claimed(self, replicaset: Any) -> list[Any]:
        metadata = replicaset.metadata
        candidates = [
            pod
            for group in (metadata.uid, f"{metadata.namespace}/")
            for pod in self._pods.indexed(controller_or_namespace, group)
            if is_active(pod)
        ]
        selector = selector_from_label_selector(replicaset.spec.selector)
        return claim(self.client, replicaset, selector, candidates, is_active)

    def _next_availability(self, replicaset: Any) -> float:
        waits = [
            available_in(pod, replicaset.spec.minReadySeconds, self.clock)
            for pod in self._pods.indexed(controller_or_namespace, replicaset.metadata.uid)
            if is_active(pod) and is_ready(pod)
        ]
        return min((wait for wait in waits if wait > 0), default=replicaset.spec.minReadySeconds)

    def _manage(self, replicaset: Any, tally: Tally, have: int, pods: list[Any] | None) -> None:
        """Create or delete pods. Raises the first ApiError met."""
        wanted = replicaset.spec.replicas or 0
        missing = wanted - have
        if missing > 0:
            count = min(missing, BURST)
            self.note(key_of(replicaset), f"wants {wanted}, has {have}: create {count}")
            pods = [pod_from_template(replicaset)] * count
            _, problem = self.control.create(replicaset, pods, tally.expected)
        elif missing < 0:
            self.note(key_of(replicaset), f"wants {wanted}, has {have}: delete {-missing}")
            pods = self._claimed(replicaset) if pods is None else pods
            count = min(-missing, BURST)
            victims = pods_to_delete(pods, self._related(replicaset), count, self.clock)
            names = [pod.metadata.name for pod in victims]
            problem = self.control.delete(replicaset, names, tally.expected)
        else:
            return
        if problem is not None:
            raise problem

    def _related(self, replicaset: Any) -> list[Any]:
        """The pods that this ReplicaSet and the others of its Deployment select."""
        owner = controller_of(replicaset)
        family = [replicaset]
        if owner is not None:
            family = list(self._replicasets.indexed(controller_or_namespace, owner.uid))
        found: dict[str, Any] = {}
        for member in family:
            selector = selector_from_label_selector(member.spec.selector)
            for pod in self._pods.select(member.metadata.namespace, selector):
                found[pod.metadata.name] = pod
        return list(found.values())

    # --- telling

    def _update_status(
        self, replicaset: Any, tally: Tally, counts: Counts, problem: ApiError | None
    ) -> None:
        status = status_of(replicaset, counts, tally.terminating, problem, self.clock.utc())
        if write_status(self.client, replicaset, status) is not replicaset:
            tally.busy_until = self.clock.now + busy(len(tally.pods))


def status_of(
    replicaset: Any, counts: Counts, terminating: int, problem: ApiError | None, now: Any
) -> Any:
    """A ReplicaSet's status, and in it whether its pods could be created and deleted."""
    status = replicaset.status
    found = status.conditions
    failing = conditions.get(found, "ReplicaFailure")
    if problem is not None and failing is None:
        wanted = replicaset.spec.replicas or 0
        reason = "FailedCreate" if counts.replicas < wanted else "FailedDelete"
        failing = models.apps_v1.ReplicaSetCondition(
            type="ReplicaFailure",
            status="True",
            reason=reason,
            message=problem.message,
            lastTransitionTime=now,
        )
        found = [*(found or ()), failing]
    elif problem is None and failing is not None:
        found = conditions.remove(found, "ReplicaFailure") or None
    return replace(
        status,
        replicas=counts.replicas,
        fullyLabeledReplicas=counts.labelled or None,
        readyReplicas=counts.ready or None,
        availableReplicas=counts.available or None,
        terminatingReplicas=terminating,
        observedGeneration=replicaset.metadata.generation,
        conditions=found,
    )
