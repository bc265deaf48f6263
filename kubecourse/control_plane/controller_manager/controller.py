"""What the controllers of one manager share: what they hear, who owns what, how they write.

Source: `pkg/controller/controller_ref_manager.go`, `pkg/controller/controller_utils.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.api.resources import BY_MODEL
from kubecourse.client import Client, Controller, EventRecorder, Informer, InformerFactory, Result
from kubecourse.client.informer import ChangeHandler, IndexFunction, Key

OwnerReference = models.meta_v1.OwnerReference

WRITE_TIME = 0.01
"""Virtual seconds that a worker is busy with a write."""
NOTICE_TIME = 0.005
"""Virtual seconds from a change until what a worker makes of it is written."""


def busy(pods: int) -> float:
    """Virtual seconds that a look at so many pods takes, and the write that follows.

    What changes meanwhile is seen at once, together: so a thousand pods that become ready make
    a few dozen updates, not a thousand.
    """
    return WRITE_TIME * (1 + pods / 100)


class ManagedController(Controller):
    """A controller that can be stopped and started alone, on informers shared with the others.

    While stopped it hears nothing and knows nothing. When started it hears of everything that
    exists, as if it were new. A subclass says in `listen` what it follows (`objects` is what its
    queue names), in `forget` what it knows at the beginning, and in `sync` what it does.
    """

    component = ""
    """Who its events are from, if not of its own name."""
    objects: Informer

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client.clock)
        self.client = client
        self.informers = informers
        self.recorder = EventRecorder(client, self.component or self.name)
        self._subscriptions: list[tuple[Informer, ChangeHandler]] = []
        self.listen()
        self.forget()

    def listen(self) -> None:
        raise NotImplementedError

    def forget(self) -> None:
        """Know nothing of what the informers tell."""

    def follow(
        self, cls: type[Any], handler: ChangeHandler | None = None, *indexes: IndexFunction
    ) -> Informer:
        """The informer of a class; a bound method is called with its changes, while running."""
        informer = self.informers.informer(cls, *indexes)
        if handler is not None:
            self._subscriptions.append((informer, handler))
        return informer

    def start(self) -> None:
        if self.running:
            return
        super().start()
        for informer, handler in self._subscriptions:
            informer.on_change(handler)
            for obj in list(informer):
                handler(None, obj)

    def stop(self) -> None:
        super().stop()
        for informer, handler in self._subscriptions:
            informer.off_change(handler)
        self.forget()

    def reconcile(self, key: Any) -> Result | None:
        obj = self.objects.get(*key)
        return None if obj is None else self.sync(obj)

    def sync(self, obj: Any) -> Result | None:
        """Bring one of the objects closer to what is wanted."""
        raise NotImplementedError

    def write_status(self, obj: Any, status: Any) -> Any:
        """Write a status if it says something new; once more if the object has changed meanwhile.

        Returns the object as stored.
        """
        if status == obj.status:
            return obj
        with ignoring("Conflict"):
            return self.client.update_status(replace(obj, status=status))
        fresh: Any = self.client.get(type(obj), obj.metadata.name, obj.metadata.namespace)
        return self.client.update_status(replace(fresh, status=status))

    def write_metadata(self, obj: Any, **changes: Any) -> Any | None:
        """Store an object with other metadata. Returns it as stored; None if it has gone."""
        with ignoring("NotFound"):
            return self.client.update(replace(obj, metadata=replace(obj.metadata, **changes)))
        return None

    def remove_finalizer(self, obj: Any, finalizer: str) -> None:
        """Let an object go as far as a finalizer is concerned."""
        finalizers = obj.metadata.finalizers or ()
        if finalizer in finalizers:
            left = [each for each in finalizers if each != finalizer]
            self.write_metadata(obj, finalizers=left or None)

    def discard(self, obj: Any, **options: Any) -> None:
        """Delete an object, if it is still there."""
        metadata = obj.metadata
        with ignoring("NotFound"):
            self.client.delete(
                type(obj), metadata.name, metadata.namespace, uid=metadata.uid, **options
            )

    def claimed(
        self, owner: Any, candidates: Iterable[Any], wanted: Callable[[Any], bool] | None = None
    ) -> list[Any]:
        """The objects that `owner` manages, after adopting and releasing.

        Of the `candidates`, see `family`, it releases those that its selector no longer matches,
        and adopts those that nobody manages, that match and are `wanted`. An owner that is being
        deleted does neither. Raises ApiError, such as Conflict where a candidate has changed.
        """
        mine: list[Any] = []
        uid, deleting = owner.metadata.uid, owner.metadata.deletionTimestamp is not None
        selector = selector_from_label_selector(owner.spec.selector)
        for obj in candidates:
            manager = controller_of(obj)
            matches = selector.matches(obj.metadata.labels)
            owners = obj.metadata.ownerReferences or ()
            if manager is not None and manager.uid == uid and matches:
                mine.append(obj)
            elif deleting or (manager is not None and manager.uid != uid):
                continue
            elif manager is not None:
                others = [other for other in owners if other.uid != uid]
                self.write_metadata(obj, ownerReferences=others or None)
            elif matches and obj.metadata.deletionTimestamp is None and (not wanted or wanted(obj)):
                owners = [*owners, controller_reference(owner)]
                adopted = self.write_metadata(obj, ownerReferences=owners)
                mine += [adopted] if adopted is not None else []
        return mine


def family(owner: Any, informer: Informer) -> Iterator[Any]:
    """The objects that an owner manages, then those beside it that nobody does."""
    for group in (owner.metadata.uid, f"{owner.metadata.namespace}/"):
        yield from list(informer.indexed(controller_or_namespace, group))


def controller_of(obj: Any) -> OwnerReference | None:
    """The owner that manages an object, if any."""
    for owner in obj.metadata.ownerReferences or ():
        if owner.controller:
            return owner
    return None


def owner_keys(kind: str, *objects: Any) -> Iterator[Key]:
    """The keys of the owners of a kind that manage any of these objects; some may be None."""
    for obj in objects:
        owner = controller_of(obj) if obj is not None else None
        if owner is not None and owner.kind == kind:
            yield obj.metadata.namespace, owner.name


def controller_or_namespace(obj: Any) -> Iterable[str]:
    """Index: the uid of the managing owner, or `namespace/` where there is none."""
    owner = controller_of(obj)
    return (owner.uid if owner else f"{obj.metadata.namespace or ''}/",)


def controller_reference(obj: Any) -> OwnerReference:
    """The entry by which an object is managed by `obj` and holds up its foreground deletion."""
    return OwnerReference(
        apiVersion=BY_MODEL[type(obj)].api_version, kind=obj.kind, name=obj.metadata.name,
        uid=obj.metadata.uid, controller=True, blockOwnerDeletion=True,
    )  # fmt: skip


def owned_by(owner: Any, **fields: Any) -> Any:
    """The metadata of an object that `owner` manages, beside it in its namespace."""
    owners, namespace = [controller_reference(owner)], owner.metadata.namespace
    return models.meta_v1.ObjectMeta(namespace=namespace, ownerReferences=owners, **fields)


def is_namespace_terminating(error: ApiError) -> bool:
    """Whether a creation was refused because its namespace is going away."""
    causes = error.details.get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
