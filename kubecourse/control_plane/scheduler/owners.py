"""Which pods belong together with a pod, going by its Services and its controller.

Source: `pkg/scheduler/framework/plugins/helper/spread.go` (DefaultSelector).
"""

from __future__ import annotations

from typing import Any

from kubecourse.api.labels import (
    EVERYTHING,
    Selector,
    SelectorError,
    selector_from_label_selector,
    selector_from_map,
)
from kubecourse.client.informer import Key

# Kinds whose selector says which pods are one application.
CONTROLLERS = ("ReplicationController", "ReplicaSet", "StatefulSet")


class Owners:
    """The selectors of Services and of controllers. `version` grows with every change of one."""

    def __init__(self) -> None:
        self.version = 0
        self._services: dict[str, dict[str, Selector]] = {}
        self._controllers: dict[tuple[str, str, str], Selector] = {}

    def set_service(self, old: Any, new: Any) -> None:
        """Take over a Service (informer handler)."""
        if old is not None and new is not None and old.spec == new.spec:
            return
        namespace, name = _key(old, new)
        services = self._services.setdefault(namespace, {})
        selector = new.spec.selector if new is not None and new.spec is not None else None
        if selector:
            services[name] = selector_from_map(selector)
        elif services.pop(name, None) is None:
            return
        self.version += 1

    def set_controller(self, old: Any, new: Any) -> None:
        """Take over a ReplicaSet or something like it (informer handler)."""
        if old is not None and new is not None and old.spec is new.spec:
            return
        namespace, name = _key(old, new)
        key = (type(old if new is None else new).__name__, namespace, name)
        before = self._controllers.get(key)
        selector = _controller_selector(new) if new is not None else None
        if selector == before:
            return
        if selector is None:
            del self._controllers[key]
        else:
            self._controllers[key] = selector
        self.version += 1

    def clear(self) -> None:
        """Forget everything."""
        self.version += 1
        self._services.clear()
        self._controllers.clear()

    def selector(self, pod: Any) -> Selector:
        """What selects the pods that belong with this one; it selects everything if none do."""
        metadata = pod.metadata
        labels = metadata.labels or {}
        found = [
            requirement
            for selector in self._services.get(metadata.namespace, {}).values()
            if selector.matches(labels)
            for requirement in selector.requirements
        ]
        for owner in metadata.ownerReferences or ():
            if owner.controller and owner.kind in CONTROLLERS:
                own = self._controllers.get((owner.kind, metadata.namespace, owner.name))
                if own is not None:
                    found += own.requirements
        return Selector(dict.fromkeys(found)) if found else EVERYTHING


def _key(old: Any, new: Any) -> Key:
    metadata = (old if new is None else new).metadata
    return metadata.namespace, metadata.name


def _controller_selector(controller: Any) -> Selector | None:
    given = controller.spec.selector if controller.spec is not None else None
    if isinstance(given, dict) or given is None:
        return selector_from_map(given)
    try:
        return selector_from_label_selector(given)
    except SelectorError:
        return None
