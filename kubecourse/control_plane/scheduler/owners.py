"""What else scheduling asks about: which pods belong together, and which claims are there.

Source: `pkg/scheduler/framework/plugins/helper/spread.go` (DefaultSelector).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubecourse.api.labels import (
    EVERYTHING,
    NOTHING,
    Requirement,
    Selector,
    selector_from_label_selector,
    selector_from_map,
)


class Owners:
    """The selectors of Services and controllers. `version` grows when one changes."""

    def __init__(self) -> None:
        self.version = 0
        self._selectors: dict[tuple[str, str], dict[str, Selector]] = {}

    def set(self, old: Any, new: Any) -> None:
        """Take over a Service, a ReplicaSet or a StatefulSet (informer handler)."""
        if old is not None and new is not None and old.spec is new.spec:
            return
        obj = old if new is None else new
        namespace, name = obj.metadata.namespace, obj.metadata.name
        known = self._selectors.setdefault((type(obj).__name__, namespace), {})
        selector = EVERYTHING if new is None else _selector(new)
        if selector == known.get(name, EVERYTHING):
            return
        if selector.empty:
            del known[name]
        else:
            known[name] = selector
        self.version += 1

    def selector(self, pod: Any) -> Selector:
        """What selects the pods that belong with this one; it selects everything if none do."""
        metadata = pod.metadata
        labels = metadata.labels or {}
        services = self._selectors.get(("Service", metadata.namespace), {})
        found = [selector for selector in services.values() if selector.matches(labels)]
        for owner in metadata.ownerReferences or ():
            controllers = self._selectors.get((owner.kind, metadata.namespace), {})
            if owner.controller and owner.name in controllers:
                found.append(controllers[owner.name])
        if not found:
            return EVERYTHING
        return Selector(dict.fromkeys(r for selector in found for r in selector.requirements))


def _selector(owner: Any) -> Selector:
    given = owner.spec.selector if owner.spec is not None else None
    if given is None or isinstance(given, dict):  # a Service's
        return selector_from_map(given)
    return selector_from_label_selector(given)


def narrowed(
    selector: Any, labels: Mapping[str, str], same: Sequence[str] | None,
    different: Sequence[str] | None = None,
) -> Selector:  # fmt: skip
    """A LabelSelector of a pod, where some labels have to be the same as its own, or different."""
    found = selector_from_label_selector(selector)
    more = [
        Requirement(key, sign, (labels[key],))
        for sign, keys in (("=", same), ("!=", different))
        for key in keys or ()
        if key in labels
    ]
    return Selector([*found.requirements, *more]) if more and found is not NOTHING else found


class Claims:
    """Claims, volumes and storage classes, by kind, namespace and name."""

    def __init__(self) -> None:
        self._known: dict[str, dict[tuple[str, str], Any]] = {}

    def set(self, old: Any, new: Any) -> None:
        """Take over one of them (informer handler)."""
        obj = old if new is None else new
        found = self._known.setdefault(obj.kind, {})
        key = (obj.metadata.namespace or "", obj.metadata.name)
        if new is None:
            found.pop(key, None)
        else:
            found[key] = new

    def claim(self, namespace: str, name: str) -> Any | None:
        return self._known.get("PersistentVolumeClaim", {}).get((namespace, name))

    def volume(self, name: str) -> Any | None:
        return self._known.get("PersistentVolume", {}).get(("", name))

    def volumes(self) -> list[Any]:
        return list(self._known.get("PersistentVolume", {}).values())

    def storage_class(self, name: str) -> Any | None:
        return self._known.get("StorageClass", {}).get(("", name))
