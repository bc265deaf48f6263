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
from kubecourse.client import Result
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import (
    controller_reference,
    family,
    is_namespace_terminating,
)
from kubecourse.control_plane.controller_manager.pods import (
    FINISHED,
    available_in,
    is_active,
    is_available,
    is_ready,
)
from kubecourse.control_plane.controller_manager.revisions import HASH_LABEL, Revisions, template_in
from kubecourse.control_plane.controller_manager.workload import (
    WorkloadController,
    pod_from_template,
)

core = models.core_v1

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

    def listen(self) -> None:
        super().listen()
        self._claims = self.follow(core.PersistentVolumeClaim)
        self._revisions = Revisions(self, REVISION_LABEL)

    def sync(self, owner: Any) -> Result | None:
        if owner.metadata.deletionTimestamp is not None:
            return None

        def is_member(pod: Any) -> bool:
            return ordinal_of(pod, owner.metadata.name) is not None

        pods = self.claimed(owner, family(owner, self.pods), is_member)
        pods = [pod for pod in pods if is_member(pod)]
        update = self._revisions.current(owner)
        known = {each.metadata.name: each for each in self._revisions.of(owner)}
        current = known.get(owner.status.currentRevision or "", update)
        look = _Look(self, owner, current, update, pods)
        problem: ApiError | None = None
        if self.expected[owner.metadata.uid].satisfied(self.clock.now):
            try:
                look.act()
            except ApiError as error:
                problem = error
        self.write_status(owner, look.status())
        live = {_revision(pod) for pod in pods}
        self._revisions.prune(owner, {*live, current.metadata.name, update.metadata.name})
        if problem is not None:
            raise problem
        return Result(look.wait) if look.wait else None

    # --- pods and their claims

    def create(self, owner: Any, pod: Any) -> None:
        self.note(key_of(owner), f"no {pod.metadata.name}: create")
        self.create_claims(owner, pod)
        expected = self.expected[owner.metadata.uid]
        expected.expect(self.clock.now, creations=1)
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
        expected.expect(self.clock.now, deletions=[name])
        try:
            self.client.delete(core.Pod, name, pod.metadata.namespace, uid=pod.metadata.uid)
        except ApiError as error:
            expected.deletion_seen(name)
            if error.reason == "NotFound":
                return
            self._tell(owner, "Delete", f"Pod {name}", error)
            raise
        self._tell(owner, "Delete", f"Pod {name}")

    def hand_claims(self, owner: Any, pod: Any, wanted: bool) -> None:
        """Let a pod's claims go with whom the retention policy says, if anybody. Raises ApiError.

        That is the set while the pod is `wanted`, and then, where scaling deletes, the pod.
        """
        kept = owner.spec.persistentVolumeClaimRetentionPolicy
        heirs = [owner] if kept is not None and kept.whenDeleted == "Delete" else []
        if not wanted and kept is not None and kept.whenScaled == "Delete":
            heirs = [pod]
        for name in claim_names(owner, pod.metadata.name):
            claim = self._claims.get(owner.metadata.namespace, name)
            owners = (claim.metadata.ownerReferences or []) if claim is not None else []
            named = [o for o in owners if (o.kind, o.name) in _names(owner, pod)]
            uids = [o.uid for o in named]
            due = [heir.metadata.uid for heir in heirs]
            strange = any(uid not in (owner.metadata.uid, pod.metadata.uid) for uid in uids)
            if claim is None or uids == due or strange:
                continue
            others = [o for o in owners if o not in named]
            if not any(o.controller for o in others):
                others += [controller_reference(heir) for heir in heirs]
            elif not named:
                continue
            self.write_metadata(claim, ownerReferences=others or None)

    def _tell(self, owner: Any, verb: str, what: str, error: ApiError | None = None) -> None:
        about = f"{verb} {what} in StatefulSet {owner.metadata.name}"
        if error is None:
            self.recorder.normal(owner, f"Successful{verb}", f"{about} successful")
        else:
            message = f"{about} failed error: {error.message}"
            self.recorder.warning(owner, f"Failed{verb}", message)


def _names(*owners: Any) -> list[tuple[str, str]]:
    return [(owner.kind, owner.metadata.name) for owner in owners]


def claim_names(owner: Any, pod: str) -> list[str]:
    """The names of the claims of the pod of that name."""
    return [f"{each.metadata.name}-{pod}" for each in owner.spec.volumeClaimTemplates or ()]


def claims_of(owner: Any, pod: str) -> list[Any]:
    """The claims of the pod of that name, as they are created."""
    labels = owner.spec.selector.matchLabels or {}
    kept = owner.spec.persistentVolumeClaimRetentionPolicy
    owners = [controller_reference(owner)] if kept and kept.whenDeleted == "Delete" else None
    claims = []
    templates = owner.spec.volumeClaimTemplates or ()
    for template, name in zip(templates, claim_names(owner, pod), strict=True):
        metadata = replace(
            template.metadata,
            name=name,
            namespace=owner.metadata.namespace,
            labels={**(template.metadata.labels or {}), **labels} or None,
            ownerReferences=owners,
        )
        claims.append(replace(template, metadata=metadata, status=None))
    return claims


def stateful_pod(owner: Any, revision: Any, ordinal: int) -> Any:
    """The pod of a number, by the template of a revision."""
    name, template = f"{owner.metadata.name}-{ordinal}", template_in(revision)
    owner = replace(owner, spec=replace(owner.spec, template=template))
    labels = template.metadata.labels or {}
    own = {NAME_LABEL: name, INDEX_LABEL: str(ordinal), HASH_LABEL: revision.metadata.name}
    pod = pod_from_template(owner, name=name, labels={**labels, **own})
    volumes = {}
    for claim in owner.spec.volumeClaimTemplates or ():
        volume = claim.metadata.name
        source = core.PersistentVolumeClaimVolumeSource(claimName=f"{volume}-{name}")
        volumes[volume] = core.Volume(name=volume, persistentVolumeClaim=source)
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
        self, controller: StatefulSetController, owner: Any, current: Any, update: Any,
        pods: list[Any],
    ) -> None:  # fmt: skip
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
        self.rolls = spec.updateStrategy.type == "RollingUpdate"
        rolling = spec.updateStrategy.rollingUpdate if self.rolls else None
        self.partition = self.start + ((rolling.partition or 0) if rolling is not None else 0)
        found = {ordinal_of(pod, owner.metadata.name) or 0: pod for pod in pods}
        wanted = range(self.start, self.start + self.replicas)
        self.pods = {number: found.get(number) for number in wanted}
        self.condemned = [found[n] for n in sorted(found, reverse=True) if n not in self.pods]
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
            self.controller.hand_claims(self.owner, pod, wanted=False)
        for pod in self.condemned:
            if pod.metadata.deletionTimestamp is None and not self._dismiss(pod):
                return
            if self.ordered:
                return
        if self.rolls:
            self._roll()

    def _tend(self, number: int, pod: Any | None) -> bool:
        """Create or replace the pod of a number. Returns whether all is well with it."""
        if pod is None:
            # Below the partition a new pod gets the current revision.
            revision = self.current if number < self.partition else self.update
            self.controller.create(self.owner, stateful_pod(self.owner, revision, number))
            return False
        if pod.status.phase in FINISHED:
            if pod.metadata.deletionTimestamp is None:
                self.controller.delete(self.owner, pod, f"{pod.metadata.name} has ended")
            return False
        if pod.status.phase == "Pending":
            self.controller.create_claims(self.owner, pod)
        healthy = self._healthy(pod)
        if healthy or not self.ordered:
            self.controller.hand_claims(self.owner, pod, wanted=True)
        return healthy

    def _dismiss(self, pod: Any) -> bool:
        """Delete a pod beyond the number wanted. Returns whether it is time for it.

        In order nothing goes while another pod is not well, except that pod itself.
        """
        if self.ordered and not self._healthy(pod):
            others = [*self.pods.values(), *reversed(self.condemned)]
            first = next((each for each in others if not self._healthy(each)), None)
            if first is not pod:
                return False
        self.controller.delete(self.owner, pod, f"{self.replicas} wanted")
        self.taken.append(pod)
        return True

    def _roll(self) -> None:
        """Delete the pod with the highest number that is not of the new revision."""
        for number in sorted(self.pods, reverse=True):
            pod = self.pods[number]
            if pod is None or number < self.partition:
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
        there = [p for p in pods if p.metadata.deletionTimestamp is None and p not in self.taken]
        staying = [_revision(pod) for pod in there]
        updated, same = staying.count(update), staying.count(current)
        if self.rolls and updated == len(ready) == len(pods) == self.replicas:
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
