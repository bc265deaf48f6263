"""Pods of a StatefulSet: each has a number, a name and claims of its own, and they go in order.

Source: `pkg/controller/statefulset/stateful_set_control.go`, `stateful_set_utils.go`,
`stateful_pod_control.go`.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.client import Client, InformerFactory, Result
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import (
    controller_reference,
    is_namespace_terminating,
    write_status,
)
from kubecourse.control_plane.controller_manager.pod_control import pod_from_template
from kubecourse.control_plane.controller_manager.pods import (
    FINISHED,
    available_in,
    is_active,
    is_available,
    is_ready,
)
from kubecourse.control_plane.controller_manager.revisions import (
    HASH_LABEL,
    Revisions,
    template_in,
)
from kubecourse.control_plane.controller_manager.workload import WorkloadController

core = models.core_v1
Claim = core.PersistentVolumeClaim
Key = tuple[str, str]

NAME_LABEL = "statefulset.kubernetes.io/pod-name"
INDEX_LABEL = "apps.kubernetes.io/pod-index"
REVISION_LABEL = "controller.kubernetes.io/hash"
_NUMBERED = re.compile(r"(.*)-([0-9]+)")


def ordinal_of(pod: Any, name: str) -> int | None:
    """The number in a pod's name, if it is named as the pods of the StatefulSet of that name."""
    match = _NUMBERED.fullmatch(pod.metadata.name)
    return int(match[2]) if match and match[1] == name else None


class StatefulSetController(WorkloadController):
    """Creates, updates and deletes the numbered pods of StatefulSets, one after another."""

    name = "statefulset-controller"
    model = models.apps_v1.StatefulSet

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client, informers)
        self._claims = informers.informer(Claim)
        self._revisions = Revisions(client, informers, REVISION_LABEL)

    def reconcile(self, key: Key) -> Result | None:
        owner = self.owners.get(*key)
        if owner is None or owner.metadata.deletionTimestamp is not None:
            return None
        pods = [
            pod
            for pod in self.claimed(owner, lambda pod: ordinal_of(pod, key[1]) is not None)
            if ordinal_of(pod, key[1]) is not None
        ]
        update = self._revisions.current(owner)
        known = {each.metadata.name: each for each in self._revisions.of(owner)}
        current = known.get(owner.status.currentRevision or "", update)
        look = _Look(self, owner, current, update, pods)
        problem: ApiError | None = None
        expected = self.expected[owner.metadata.uid]
        if expected.satisfied(self.clock.now):
            try:
                look.act()
            except ApiError as error:
                problem = error
        write_status(self.client, owner, look.status())
        live = {(pod.metadata.labels or {}).get(HASH_LABEL) for pod in pods}
        self._revisions.prune(owner, {*live, current.metadata.name, update.metadata.name})
        if problem is not None:
            raise problem
        return Result(look.wait) if look.wait else None

    # --- pods and their claims

    def create(self, owner: Any, pod: Any) -> None:
        self.note(key_of(owner), f"no {pod.metadata.name}: create")
        self.create_claims(owner, pod)
        expected = self.expected[owner.metadata.uid]
        expected.expect_creations(1, self.clock.now)
        try:
            self.client.create(pod)
        except ApiError as error:
            expected.creation_seen()
            if error.reason != "AlreadyExists" and not is_namespace_terminating(error):
                self._tell(owner, "Create", f"Pod {pod.metadata.name}", error)
            raise
        self._tell(owner, "Create", f"Pod {pod.metadata.name}")

    def create_claims(self, owner: Any, pod: Any) -> None:
        for claim in claims_of(owner, pod.metadata.name):
            if self._claims.get(claim.metadata.namespace, claim.metadata.name) is not None:
                continue
            what = f"Claim {claim.metadata.name}"
            try:
                self.client.create(claim)
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    continue
                self._tell(owner, "Create", f"{what} for Pod {pod.metadata.name}", error)
                raise
            message = f"Create {what} Pod {pod.metadata.name} in StatefulSet {owner.metadata.name}"
            self.recorder.normal(owner, "SuccessfulCreate", f"{message} success")

    def delete(self, owner: Any, pod: Any, why: str) -> None:
        name = pod.metadata.name
        self.note(key_of(owner), f"{why}: delete {name}")
        expected = self.expected[owner.metadata.uid]
        expected.expect_deletions([name], self.clock.now)
        try:
            self.client.delete(core.Pod, name, pod.metadata.namespace, uid=pod.metadata.uid)
        except ApiError as error:
            expected.deletion_seen(name)
            if error.reason == "NotFound":
                return
            self._tell(owner, "Delete", f"Pod {name}", error)
            raise
        self._tell(owner, "Delete", f"Pod {name}")

    def give_claims_up(self, owner: Any, pod: Any) -> None:
        """Let the claims of a pod that is not wanted any more go with it. Raises ApiError."""
        for wanted in claims_of(owner, pod.metadata.name):
            claim = self._claims.get(wanted.metadata.namespace, wanted.metadata.name)
            owners = (claim.metadata.ownerReferences or []) if claim is not None else []
            if claim is None or any(each.uid == pod.metadata.uid for each in owners):
                continue
            reference = controller_reference(pod)
            reference = replace(reference, controller=None, blockOwnerDeletion=None)
            metadata = replace(claim.metadata, ownerReferences=[*owners, reference])
            self.client.update(replace(claim, metadata=metadata))

    def _tell(self, owner: Any, verb: str, what: str, error: ApiError | None = None) -> None:
        about = f"{verb} {what} in StatefulSet {owner.metadata.name}"
        if error is None:
            self.recorder.normal(owner, f"Successful{verb}", f"{about} successful")
        else:
            message = f"{about} failed error: {error.message}"
            self.recorder.warning(owner, f"Failed{verb}", message)


def claims_of(owner: Any, pod: str) -> list[Any]:
    """The claims of the pod of that name, as they are created."""
    labels = owner.spec.selector.matchLabels or {}
    kept = owner.spec.persistentVolumeClaimRetentionPolicy
    owners = [controller_reference(owner)] if kept and kept.whenDeleted == "Delete" else None
    return [
        replace(
            template,
            metadata=replace(
                template.metadata,
                name=f"{template.metadata.name}-{pod}",
                namespace=owner.metadata.namespace,
                labels={**(template.metadata.labels or {}), **labels} or None,
                ownerReferences=owners,
            ),
            status=None,
        )
        for template in owner.spec.volumeClaimTemplates or ()
    ]


def stateful_pod(owner: Any, revision: Any, ordinal: int) -> Any:
    """The pod of a number, by the template of a revision."""
    name = f"{owner.metadata.name}-{ordinal}"
    template = template_in(revision)
    owner = replace(owner, spec=replace(owner.spec, template=template))
    labels = {
        **(template.metadata.labels or {}),
        NAME_LABEL: name,
        INDEX_LABEL: str(ordinal),
        HASH_LABEL: revision.metadata.name,
    }
    pod = pod_from_template(owner, name=name, labels=labels)
    volumes = {
        claim.metadata.name: core.Volume(
            name=claim.metadata.name,
            persistentVolumeClaim=core.PersistentVolumeClaimVolumeSource(
                claimName=f"{claim.metadata.name}-{name}"
            ),
        )
        for claim in owner.spec.volumeClaimTemplates or ()
    }
    others = [volume for volume in pod.spec.volumes or () if volume.name not in volumes]
    spec = replace(
        pod.spec,
        hostname=name,
        subdomain=owner.spec.serviceName or None,
        volumes=[*volumes.values(), *others] or None,
    )
    return replace(pod, spec=spec)


class _Look:
    """A StatefulSet and its pods as they are, and what there is to do."""

    def __init__(
        self,
        controller: StatefulSetController,
        owner: Any,
        current: Any,
        update: Any,
        pods: list[Any],
    ) -> None:
        self.controller = controller
        self.clock = controller.clock
        self.owner = owner
        self.current = current
        self.update = update
        self.wait: float | None = None
        spec = owner.spec
        self.replicas = 1 if spec.replicas is None else spec.replicas
        self.start = (spec.ordinals.start or 0) if spec.ordinals is not None else 0
        self.ordered = spec.podManagementPolicy != "Parallel"
        found = {ordinal_of(pod, owner.metadata.name): pod for pod in pods}
        wanted = range(self.start, self.start + self.replicas)
        self.pods = {number: found.get(number) for number in wanted}
        beyond = sorted((n for n in found if n is not None and n not in self.pods), reverse=True)
        self.condemned = [found[n] for n in beyond]
        self.taken: list[Any] = []

    def _healthy(self, pod: Any | None) -> bool:
        """Whether a pod runs, is there to stay and available. Sets when to look again."""
        if pod is None or not is_active(pod) or not is_ready(pod):
            return False
        left = available_in(pod, self.owner.spec.minReadySeconds, self.clock)
        if left > 0:
            self.wait = min(left, self.wait or left)
        return left <= 0

    def act(self) -> None:
        for number, pod in self.pods.items():
            if not self._tend(number, pod) and self.ordered:
                return
        for pod in self.condemned:
            if pod.metadata.deletionTimestamp is None and not self._dismiss(pod):
                return
            if self.ordered:
                return
        strategy = self.owner.spec.updateStrategy
        if strategy.type == "RollingUpdate":
            partition = (strategy.rollingUpdate.partition or 0) if strategy.rollingUpdate else 0
            self._roll(partition)

    def _tend(self, number: int, pod: Any | None) -> bool:
        """Create or replace the pod of a number. Returns whether all is well with it."""
        if pod is None:
            self.controller.create(self.owner, stateful_pod(self.owner, self._for(number), number))
            return False
        if pod.status.phase in FINISHED:
            if pod.metadata.deletionTimestamp is None:
                self._replace_finished(pod)
            return False
        if pod.status.phase == "Pending":
            self.controller.create_claims(self.owner, pod)
        return self._healthy(pod)

    def _for(self, number: int) -> Any:
        """The revision that a new pod gets: below the partition the current one."""
        strategy = self.owner.spec.updateStrategy
        rolling = strategy.rollingUpdate if strategy.type == "RollingUpdate" else None
        below = rolling is not None and number < self.start + (rolling.partition or 0)
        return self.current if below else self.update

    def _replace_finished(self, pod: Any) -> None:
        metadata = self.owner.metadata
        failed = pod.status.phase == "Failed"
        word = "failed" if failed else "terminated"
        self.controller.recorder.event(
            self.owner,
            "Warning" if failed else "Normal",
            f"Recreating{word.capitalize()}Pod",
            f"StatefulSet {metadata.namespace}/{metadata.name} is recreating {word} Pod "
            f"{pod.metadata.name}",
        )
        self.controller.delete(self.owner, pod, f"{pod.metadata.name} has {word}")

    def _dismiss(self, pod: Any) -> bool:
        """Delete a pod beyond the number wanted. Returns whether it is time for it.

        In order nothing goes while another pod is not well, except that pod itself.
        """
        if self.ordered and not self._healthy(pod):
            others = [*self.pods.values(), *reversed(self.condemned)]
            first = next((each for each in others if not self._healthy(each)), None)
            if first is not pod:
                return False
        kept = self.owner.spec.persistentVolumeClaimRetentionPolicy
        if kept is not None and kept.whenScaled == "Delete":
            self.controller.give_claims_up(self.owner, pod)
        self.controller.delete(self.owner, pod, f"{self.replicas} wanted")
        self.taken.append(pod)
        return True

    def _roll(self, partition: int) -> None:
        """Delete the pod with the highest number that is not of the new revision."""
        for number in sorted(self.pods, reverse=True):
            pod = self.pods[number]
            if number < self.start + partition:
                return
            if pod is None:
                return
            if _revision(pod) != self.update.metadata.name and is_active(pod):
                self.controller.delete(self.owner, pod, f"to be {self.update.metadata.name}")
                self.taken.append(pod)
                return
            if not self._healthy(pod):
                return

    def status(self) -> Any:
        """The StatefulSet's status; the rollout is over when every pod is new and ready."""
        owner, update = self.owner, self.update.metadata.name
        current = self.current.metadata.name
        pods = [*(pod for pod in self.pods.values() if pod is not None), *self.condemned]
        ready = [p for p in pods if p.status.phase == "Running" and is_ready(p)]
        seconds = owner.spec.minReadySeconds
        staying = [
            _revision(p)
            for p in pods
            if p.metadata.deletionTimestamp is None and p not in self.taken
        ]
        updated, same = staying.count(update), staying.count(current)
        rolling = owner.spec.updateStrategy.type == "RollingUpdate"
        if rolling and updated == len(ready) == len(pods) == self.replicas:
            current, same = update, updated
        return replace(
            owner.status,
            observedGeneration=owner.metadata.generation,
            replicas=len(pods),
            readyReplicas=len(ready) or None,
            availableReplicas=sum(is_available(pod, seconds, self.clock) for pod in ready),
            currentReplicas=same or None,
            updatedReplicas=updated or None,
            currentRevision=current,
            updateRevision=update,
            collisionCount=owner.status.collisionCount or 0,
        )


def _revision(pod: Any) -> str | None:
    return (pod.metadata.labels or {}).get(HASH_LABEL)
