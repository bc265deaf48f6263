"""Empties a namespace that is being deleted, and lets it go.

Source: `pkg/controller/namespace/namespace_controller.go`,
`deletion/namespaced_resources_deleter.go`, `deletion/status_condition_utils.go`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.api.resources import BY_MODEL, Resource
from kubecourse.client import Result
from kubecourse.client.informer import Key
from kubecourse.control_plane.controller_manager.controller import ManagedController
from kubecourse.control_plane.controller_manager.pods import FINISHED

Namespace = models.core_v1.Namespace
Pod = models.core_v1.Pod

FINALIZER = "kubernetes"
GRACE = 5.0
"""Seconds from a namespace's deletion to the first look: others may still write into it."""
FINALIZER_ESTIMATE = 15
"""Seconds that content with finalizers is expected to need."""

_OK = {
    "NamespaceDeletionDiscoveryFailure": "ResourcesDiscovered: "
    "All resources successfully discovered",
    "NamespaceDeletionGroupVersionParsingFailure": "ParsedGroupVersions: "
    "All legacy kube types successfully parsed",
    "NamespaceDeletionContentFailure": "ContentDeleted: "
    "All content successfully deleted, may be waiting on finalization",
    "NamespaceContentRemaining": "ContentRemoved: All content successfully removed",
    "NamespaceFinalizersRemaining": "ContentHasNoFinalizers: "
    "All content-preserving finalizers finished",
}
"""What the conditions say when they do not hold: reason and message."""


class Remains(NamedTuple):
    """What is left of one kind, and in how many seconds it should be gone; 0 if nobody knows."""

    resource: Resource
    objects: list[Any]
    estimate: int = 0
    problem: ApiError | None = None


class NamespaceController(ManagedController):
    """Deletes the pods of a terminating namespace, then all else in it, then its finalizer."""

    name = "namespace-controller"

    def listen(self) -> None:
        self.follow(Namespace, self._changed)

    def _changed(self, old: Any, new: Any) -> None:
        if new is not None and new.metadata.deletionTimestamp is not None:
            self.queue.add_after(("", new.metadata.name), GRACE)

    def reconcile(self, key: Key) -> Result | None:
        namespace: Any = None
        with ignoring("NotFound"):
            namespace = self.client.get(Namespace, key[1])
        if namespace is None or namespace.metadata.deletionTimestamp is None:
            return None
        remains = self._delete_content(namespace)
        problems = [kind.problem for kind in remains if kind.problem is not None]
        namespace = self._tell(namespace, remains, problems)
        if problems:
            raise problems[0]
        estimate = max((kind.estimate for kind in remains), default=0)
        if estimate > 0:
            # Finalizers may be there for ever; pods go when their time is up.
            return Result(estimate // 2 + 1, background=remains[0].resource.model is not Pod)
        left = [f for f in namespace.spec.finalizers or () if f != FINALIZER]
        self.client.finalize(
            replace(namespace, spec=replace(namespace.spec, finalizers=left or None))
        )
        return None

    def _delete_content(self, namespace: Any) -> list[Remains]:
        """Delete everything, but nothing other than pods while there are pods."""
        pods = BY_MODEL[Pod]
        remains = [self._delete_kind(pods, namespace)]
        if not remains[0].objects:
            kinds = {r.model: r for r in self.client.resources if r.namespaced and r is not pods}
            remains += [self._delete_kind(resource, namespace) for resource in kinds.values()]
        return [kind for kind in remains if kind.objects or kind.problem]

    def _delete_kind(self, resource: Resource, namespace: Any) -> Remains:
        name = namespace.metadata.name
        found = self.client.list(resource.model, name)
        estimate = self._pods_need(found, namespace) if resource.model is Pod else 0
        for obj in found:
            try:
                self.discard(obj, propagation="Background")
            except ApiError as error:
                return Remains(resource, found, estimate, error)
        left = self.client.list(resource.model, name) if found else []
        if not left or estimate:
            return Remains(resource, left, estimate)
        if any(obj.metadata.finalizers for obj in left):
            return Remains(resource, left, FINALIZER_ESTIMATE)
        gvr = f"{resource.group}/{resource.version}, Resource={resource.plural}"
        why = f"unexpected items still remain in namespace: {name} for gvr: {gvr}"
        return Remains(resource, left, 0, ApiError(500, "InternalError", why))

    def _pods_need(self, pods: list[Any], namespace: Any) -> int:
        """The longest grace period of the pods; 0 once that has passed."""
        graces = [
            pod.spec.terminationGracePeriodSeconds or 0
            for pod in pods
            if pod.status.phase not in FINISHED
        ]
        longest = max(graces, default=0)
        since = self.clock.now - self.clock.seconds(namespace.metadata.deletionTimestamp)
        return longest if since < longest else 0

    def _tell(self, namespace: Any, remains: list[Remains], problems: list[ApiError]) -> Any:
        """Write the namespace's conditions, if they say something new."""
        news = _news(remains, problems)
        now = self.clock.utc()
        found = namespace.status.conditions
        for type, fine in _OK.items():
            reason, message = news.get(type) or fine.split(": ", 1)
            new = models.core_v1.NamespaceCondition(
                type=type, status="True" if type in news else "False", reason=reason,
                message=message, lastTransitionTime=now,
            )  # fmt: skip
            found = conditions.put(found, new)
        if found == namespace.status.conditions:
            return namespace
        status = replace(namespace.status, conditions=found)
        return self.client.update_status(replace(namespace, status=status))


def _news(remains: list[Remains], problems: list[ApiError]) -> dict[str, tuple[str, str]]:
    """The conditions that hold, by type: reason and message."""
    news: dict[str, tuple[str, str]] = {}
    if problems:
        texts = ", ".join(sorted(problem.message for problem in problems))
        message = f"Failed to delete all resource types, {len(problems)} remaining: {texts}"
        news["NamespaceDeletionContentFailure"] = ("ContentDeletionFailed", message)
    if remains:
        counts = sorted(
            f"{resource.plural}.{resource.group} has {len(objects)} resource instances"
            for resource, objects, *_ in remains
        )
        message = f"Some resources are remaining: {', '.join(counts)}"
        news["NamespaceContentRemaining"] = ("SomeResourcesRemain", message)
    objects = [obj for kind in remains for obj in kind.objects]
    finalizers = Counter(each for obj in objects for each in obj.metadata.finalizers or ())
    if finalizers:
        counts = sorted(f"{name} in {n} resource instances" for name, n in finalizers.items())
        message = f"Some content in the namespace has finalizers remaining: {', '.join(counts)}"
        news["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", message)
    return news
