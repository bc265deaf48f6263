"""What the controllers of one manager share: subscriptions, and who owns what.

Source: `pkg/controller/controller_ref_manager.go`, `pkg/controller/controller_utils.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.api.labels import Selector
from kubecourse.api.resources import BY_MODEL
from kubecourse.client import Client, Controller, EventRecorder, Informer, InformerFactory
from kubecourse.client.informer import ChangeHandler

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
    exists, as if it were new. Subclasses forget what they know in `forget`.
    """

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client.clock)
        self.client = client
        self.informers = informers
        self.recorder = EventRecorder(client, self.name)
        self._subscriptions: list[tuple[Informer, ChangeHandler]] = []

    def subscribe(self, informer: Informer, handler: ChangeHandler) -> None:
        """Call a bound method with every change, while the controller runs."""
        self._subscriptions.append((informer, handler))

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

    def forget(self) -> None:
        """Drop what was learnt from the informers."""


# --- owners


def controller_of(obj: Any) -> OwnerReference | None:
    """The owner that manages an object, if any."""
    for owner in obj.metadata.ownerReferences or ():
        if owner.controller:
            return owner
    return None


def controller_or_namespace(obj: Any) -> Iterable[str]:
    """Index: the uid of the managing owner, or `namespace/` where there is none."""
    owner = controller_of(obj)
    return (owner.uid if owner else f"{obj.metadata.namespace or ''}/",)


def controller_reference(obj: Any) -> OwnerReference:
    """The entry by which an object is managed by `obj` and holds up its foreground deletion."""
    return OwnerReference(
        apiVersion=BY_MODEL[type(obj)].api_version,
        kind=obj.kind,
        name=obj.metadata.name,
        uid=obj.metadata.uid,
        controller=True,
        blockOwnerDeletion=True,
    )


def claim(
    client: Client,
    owner: Any,
    selector: Selector,
    candidates: Iterable[Any],
    wanted: Callable[[Any], bool],
) -> list[Any]:
    """The objects that `owner` manages, after adopting and releasing.

    Candidates are those it manages and those that nobody does. One that it manages and that its
    selector no longer matches is released; one that nobody manages, that matches and that is
    `wanted`, is adopted. An owner that is being deleted does neither.
    Raises ApiError, such as Conflict where a candidate has changed.
    """
    mine: list[Any] = []
    uid = owner.metadata.uid
    deleting = owner.metadata.deletionTimestamp is not None
    for obj in candidates:
        manager = controller_of(obj)
        matches = selector.matches(obj.metadata.labels)
        owners = obj.metadata.ownerReferences or ()
        if manager is not None and manager.uid == uid and matches:
            mine.append(obj)
        elif deleting:
            continue
        elif manager is not None and manager.uid == uid:
            _write_owners(client, obj, [other for other in owners if other.uid != uid])
        elif manager is None and matches and wanted(obj) and obj.metadata.deletionTimestamp is None:
            adopted = _write_owners(client, obj, [*owners, controller_reference(owner)])
            if adopted is not None:
                mine.append(adopted)
    return mine


def _write_owners(client: Client, obj: Any, owners: list[OwnerReference]) -> Any | None:
    """Store an object's owners; None if it has gone."""
    metadata = replace(obj.metadata, ownerReferences=owners or None)
    with ignoring("NotFound"):
        return client.update(replace(obj, metadata=metadata))
    return None


def is_namespace_terminating(error: ApiError) -> bool:
    """Whether a creation was refused because its namespace is going away."""
    causes = error.details.get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def write_status(client: Client, obj: Any, status: Any) -> Any:
    """Write a status if it says something new; once more if the object has changed meanwhile.

    Returns the object as stored.
    """
    if status == obj.status:
        return obj
    with ignoring("Conflict"):
        return client.update_status(replace(obj, status=status))
    fresh: Any = client.get(type(obj), obj.metadata.name, obj.metadata.namespace)
    return client.update_status(replace(fresh, status=status))
