"""Keeps as many pods of a ReplicaSet as it asks for.

Source: `pkg/controller/replicaset/replica_set.go`, `replica_set_utils.go`. Unlike there, the
pods are not counted anew for each look at a ReplicaSet: a `Tally` follows them one by one.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.api.labels import selector_from_label_selector, selector_from_map
from kubecourse.client import Result
from kubecourse.client.informer import by_label, key_of
from kubecourse.control_plane.controller_manager.controller import (
    NOTICE_TIME,
    busy,
    controller_of,
    controller_or_namespace,
    family,
)
from kubecourse.control_plane.controller_manager.pods import (
    FINISHED,
    available_in,
    is_active,
    is_ready,
    pods_to_delete,
)
from kubecourse.control_plane.controller_manager.workload import (
    Expectations,
    WorkloadController,
    pod_from_template,
)

BURST = 500
"""Pods created or deleted at one look at most."""

_CONDITIONS: dict[str, Any] = {
    "ReplicaSet": models.apps_v1.ReplicaSetCondition,
    "ReplicationController": models.core_v1.ReplicationControllerCondition,
}
ACTIVE, LABELLED, READY, TERMINATING = 1, 2, 4, 8


class Counts(NamedTuple):
    """The pods of a ReplicaSet, as its status tells of them."""

    replicas: int
    labelled: int
    ready: int
    available: int


class Tally(Expectations):
    """The pods that one ReplicaSet manages, counted one by one as they change.

    `unclaimed`: pods may be there to adopt or to release. `busy_until`: when the last status
    will have been written.
    """

    __slots__ = (
        "active", "busy_until", "labelled", "pods", "ready", "terminating", "unclaimed",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.busy_until = 0.0
        self.clear()

    def clear(self) -> None:
        self.unclaimed = True
        self.pods: dict[str, int] = {}
        self.active = self.labelled = self.ready = self.terminating = 0

    def put(self, name: str, state: int) -> bool:
        """Note a pod's state, 0 if it is gone. Returns whether that changed a count."""
        before = self.pods.get(name, 0)
        if state == before:
            return False
        if state:
            self.pods[name] = state
        else:
            del self.pods[name]
        changed = before ^ state
        if changed & ACTIVE:
            self.active += 1 if state & ACTIVE else -1
        if changed & LABELLED:
            self.labelled += 1 if state & LABELLED else -1
        if changed & READY:
            self.ready += 1 if state & READY else -1
        if changed & TERMINATING:
            self.terminating += 1 if state & TERMINATING else -1
        return True


def state_of(pod: Any, replicaset: Any, tally: Tally) -> int:
    """What a managed pod counts as. Notes it where the pod is no longer selected."""
    metadata = pod.metadata
    if pod.status.phase in FINISHED:
        return 0
    labels = metadata.labels
    wanted = replicaset.spec.template.metadata.labels
    same = labels is wanted or labels == wanted
    if not same and not selector_from_label_selector(replicaset.spec.selector).matches(labels):
        tally.unclaimed = True
        if metadata.deletionTimestamp is not None:
            return 0
    if metadata.deletionTimestamp is not None:
        return TERMINATING
    labelled = same or selector_from_map(wanted).matches(labels)
    return ACTIVE | (LABELLED if labelled else 0) | (READY if is_ready(pod) else 0)


class ReplicaSetController(WorkloadController):
    """Creates and deletes pods until there are as many as wanted; adopts and releases."""

    name = "replicaset-controller"
    model: ClassVar[type[Any]] = models.apps_v1.ReplicaSet
    record = Tally

    def listen(self) -> None:
        super().listen()
        self.objects.add_index(controller_or_namespace)
        self.pods.add_index(by_label)

    # --- hearing

    def enqueue(self, old: Any, new: Any) -> None:
        if new is None:
            return
        tally = self.expected[new.metadata.uid]
        same = old is not None and old.metadata.uid == new.metadata.uid
        if not same or old.spec.template is not new.spec.template:
            tally.clear()
            for pod in self.pods_of(new.metadata.uid):
                tally.put(pod.metadata.name, state_of(pod, new, tally))
        self.queue.add_after(key_of(new), tally.busy_until - self.clock.now)

    def matters(self, owner: Any, pod: Any, gone: bool) -> bool:
        tally, state = self.expected[owner.uid], 0
        if not gone:
            state = state_of(pod, self.objects.get(pod.metadata.namespace, owner.name), tally)
        return bool(tally.put(pod.metadata.name, state))

    def patience(self, uid: str) -> float:
        """As soon as the writes of the last look are through."""
        return float(max(self.expected[uid].busy_until - self.clock.now, NOTICE_TIME))

    def pod_left(self, former: Any, pod: Any) -> None:
        if self.expected[former.uid].put(pod.metadata.name, 0):
            super().pod_left(former, pod)

    def offered(self, owner: Any) -> None:
        self.expected[owner.metadata.uid].unclaimed = True
        super().offered(owner)

    # --- working

    def sync(self, replicaset: Any) -> Result | None:
        tally = self.expected[replicaset.metadata.uid]
        may_act = tally.satisfied(self.clock.now)
        counts, pods = self._claim(replicaset, tally)
        problem: ApiError | None = None
        if may_act and replicaset.metadata.deletionTimestamp is None:
            try:
                problem = self._manage(replicaset, counts.replicas, pods)
            except ApiError as error:
                problem = error
        status = status_of(replicaset, counts, tally.terminating, problem, self.clock.utc())
        if self.write_status(replicaset, status) is not replicaset:
            tally.busy_until = self.clock.now + busy(len(tally.pods))
        if problem is not None:
            raise problem
        if replicaset.spec.minReadySeconds and counts.available != counts.ready:
            return Result(self._next_availability(replicaset))
        return None

    def _claim(self, replicaset: Any, tally: Tally) -> tuple[Counts, list[Any] | None]:
        """Adopt and release where there is something to. The pods are None where nobody looked."""
        seconds = replicaset.spec.minReadySeconds
        if not tally.unclaimed and not seconds:
            return Counts(tally.active, tally.labelled, tally.ready, tally.ready), None
        pods = self._pods_of(replicaset)
        tally.unclaimed = False  # not before: a claim that failed is to be tried again
        labels = selector_from_map(replicaset.spec.template.metadata.labels)
        ready = [pod for pod in pods if is_ready(pod)]
        available = sum(available_in(pod, seconds, self.clock) <= 0 for pod in ready)
        labelled = sum(labels.matches(pod.metadata.labels) for pod in pods)
        return Counts(len(pods), labelled, len(ready), available), pods

    def _pods_of(self, replicaset: Any) -> list[Any]:
        return self.claimed(replicaset, filter(is_active, family(replicaset, self.pods)))

    def _next_availability(self, replicaset: Any) -> float:
        seconds = replicaset.spec.minReadySeconds
        waits = [
            available_in(pod, seconds, self.clock)
            for pod in self.pods_of(replicaset.metadata.uid)
            if is_active(pod) and is_ready(pod)
        ]
        return min((wait for wait in waits if wait > 0), default=seconds)

    def _manage(self, replicaset: Any, have: int, pods: list[Any] | None) -> ApiError | None:
        """Create or delete pods. Returns the first problem; raises where none can be claimed."""
        wanted = replicaset.spec.replicas or 0
        count = min(abs(wanted - have), BURST)
        if wanted > have:
            self.note(key_of(replicaset), f"wants {wanted}, has {have}: create {count}")
            return self.create_pods(replicaset, [pod_from_template(replicaset)] * count)[1]
        if wanted == have:
            return None
        self.note(key_of(replicaset), f"wants {wanted}, has {have}: delete {have - wanted}")
        pods = self._pods_of(replicaset) if pods is None else pods
        victims = pods_to_delete(pods, self._related(replicaset), count, self.clock)
        return self.delete_pods(replicaset, [pod.metadata.name for pod in victims])

    def _related(self, replicaset: Any) -> list[Any]:
        """The pods that this ReplicaSet and the others of its Deployment select."""
        owner = controller_of(replicaset)
        members = [replicaset]
        if owner is not None:
            members = list(self.objects.indexed(controller_or_namespace, owner.uid))
        found: dict[str, Any] = {}
        for member in members:
            selector = selector_from_label_selector(member.spec.selector)
            for pod in self.pods.select(member.metadata.namespace, selector):
                found[pod.metadata.name] = pod
        return list(found.values())


class ReplicationManager(ReplicaSetController):
    """The same for ReplicationControllers, which came before ReplicaSets.

    Source: `pkg/controller/replication/replication_controller.go`.
    """

    name = "replication-controller"
    model = models.core_v1.ReplicationController


def status_of(
    replicaset: Any, counts: Counts, terminating: int, problem: ApiError | None, now: Any
) -> Any:
    """A ReplicaSet's status, and in it whether its pods could be created and deleted."""
    found = replicaset.status.conditions
    failing = conditions.get(found, "ReplicaFailure")
    if problem is not None and failing is None:
        missing = counts.replicas < (replicaset.spec.replicas or 0)
        failing = _CONDITIONS[replicaset.kind](
            type="ReplicaFailure", status="True", lastTransitionTime=now,
            reason="FailedCreate" if missing else "FailedDelete", message=problem.message,
        )  # fmt: skip
        found = [*(found or ()), failing]
    elif problem is None and failing is not None:
        found = conditions.remove(found, "ReplicaFailure") or None
    return replace(
        replicaset.status,
        replicas=counts.replicas,
        fullyLabeledReplicas=counts.labelled or None,
        readyReplicas=counts.ready or None,
        availableReplicas=counts.available or None,
        **({} if replicaset.kind != "ReplicaSet" else {"terminatingReplicas": terminating}),
        observedGeneration=replicaset.metadata.generation,
        conditions=found,
    )
