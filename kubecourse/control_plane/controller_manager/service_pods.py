"""Which pods are behind a Service: what its controllers follow, whatever they make of it.

Sources: `pkg/controller/endpoint/endpoints_controller.go`,
`pkg/controller/endpointslice/endpointslice_controller.go`,
`staging/src/k8s.io/endpointslice/util/controller_utils.go`. Unlike there, only the pods that have
changed are looked at again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.api.labels import selector_from_map
from kubecourse.api.memo import memo
from kubecourse.client import Informer
from kubecourse.client.informer import Key, by_label, key_of
from kubecourse.control_plane.controller_manager.controller import (
    WRITE_TIME,
    ManagedController,
    busy,
)
from kubecourse.control_plane.controller_manager.pods import is_ready

core = models.core_v1

HEADLESS = "service.kubernetes.io/headless"
"""The label of what is written about a Service without an address of its own."""

_selector = memo(selector_from_map)


class Kept(Protocol):
    """What a controller knows of one Service, and of what it has written about it.

    `changed`: pods to be looked at. `stale`: everything is to be looked at. `busy_until`: when
    the last writes are through. `size`: how many pods are in it.
    """

    changed: dict[str, None]
    stale: bool
    busy_until: float

    @property
    def size(self) -> int: ...

    def absorb(self, obj: Any, deleted: bool) -> bool:
        """Take note of a written object as the API server shows it; whether to look again."""

    def begin_again(self, service: Any, pods: Iterable[str]) -> None:
        """Look at everything that is there, and at these pods."""

    def settle(self, service: Any, places: dict[str, Any]) -> int:
        """Bring it in line with where pods belong now. Returns how many writes that took.

        Raises ApiError; what is known here is then worth nothing.
        """


class ServicePods(ManagedController):
    """For each Service with a selector, keeps its pods in some form.

    `patience`: how much longer than usual changes are gathered, where each costs more to write.
    """

    patience = 1

    def listen(self) -> None:
        self.objects = self.follow(core.Service, self._service_changed, by_selected_label)
        self.pods: Informer = self.follow(core.Pod, self._pod_changed, by_label)

    def forget(self) -> None:
        self.states: dict[Key, Any] = {}

    @abstractmethod
    def begin(self, key: Key) -> Kept:
        """What is known of a Service that is new here: what has been written about it."""

    @abstractmethod
    def place(self, service: Any, pod: Any) -> Any:
        """Where one of the Service's pods belongs; something false if nowhere."""

    def let_go(self, key: Key, service: Any) -> None:
        """A Service has gone, or looks after itself."""
        self.states.pop(key, None)

    def _service_changed(self, old: Any, new: Any) -> None:
        key = key_of(new if new is not None else old)
        state = self.states.get(key)
        if state is not None:
            state.stale = True
        self.queue.add(key)

    def _pod_changed(self, old: Any, new: Any) -> None:
        if not ((old is not None and old.status.podIPs) or (new is not None and new.status.podIPs)):
            return  # without an address it was and is nobody's endpoint
        if old is not None and new is not None and not _matters(old, new):
            return
        self.mark(new if new is not None else old)
        if old is not None and new is not None and old.metadata.labels != new.metadata.labels:
            self.mark(old)

    def mark(self, pod: Any) -> None:
        """Let the services that select a pod look at it again, together with others."""
        namespace, labels = pod.metadata.namespace, pod.metadata.labels
        for label, value in labels.items() if labels and len(self.objects) else ():
            index = f"{namespace}/{label}={value}"
            for service in self.objects.indexed(by_selected_label, index):
                key = (namespace, service.metadata.name)
                state = self.states.get(key)
                if state is not None and _selector(service.spec.selector).matches(labels):
                    state.changed[pod.metadata.name] = None
                    wait = max(self.patience * busy(state.size), state.busy_until - self.clock.now)
                    self.queue.add_after(key, wait)

    def written(self, key: Key, obj: Any, deleted: bool) -> None:
        """Something kept about a Service has changed, by this controller's hand or another's."""
        state = self.states.get(key)
        if state is not None and state.absorb(obj, deleted):
            self.queue.add(key)

    def reconcile(self, key: Key) -> None:
        service = self.objects.get(*key)
        if service is None or service.spec.selector is None:
            self.let_go(key, service)
            return
        if service.spec.type == "ExternalName":
            return
        selector = _selector(service.spec.selector)
        state = self.states.get(key)
        if state is None:
            state = self.states[key] = self.begin(key)
        if state.stale:
            pods = self.pods.select(key[0], selector)
            state.begin_again(service, [pod.metadata.name for pod in pods])
        places = {}
        for name in state.changed:
            pod = self.pods.get(key[0], name)
            theirs = pod is not None and selector.matches(pod.metadata.labels)
            places[name] = self.place(service, pod) if theirs else None
        try:
            writes = state.settle(service, places)
        except ApiError:
            del self.states[key]  # what is stored is not what we thought: begin with that
            raise
        # The API server's answers take their time; meanwhile changes gather for the next turn.
        state.busy_until = self.clock.now + writes * WRITE_TIME


def by_selected_label(service: Any) -> list[str]:
    """Index: one label that every pod of a service has, as `namespace/key=value`."""
    for key, value in (service.spec.selector or {}).items():
        return [f"{service.metadata.namespace}/{key}={value}"]
    return []


def _matters(old: Any, new: Any) -> bool:
    before, after = old.metadata, new.metadata
    if (
        before.labels is not after.labels
        or before.deletionTimestamp is not after.deletionTimestamp
        or before.uid != after.uid
        or old.spec.nodeName != new.spec.nodeName
    ):
        return True
    was, now = old.status, new.status
    return was is not now and (
        was.podIPs != now.podIPs or was.phase != now.phase or is_ready(old) != is_ready(new)
    )


# --- ports


class Port(NamedTuple):
    """A port as pods are reached at it; those with the same ports stand together."""

    name: str
    protocol: str
    port: int
    app_protocol: str | None


def ports_of(service: Any, pod: Any) -> tuple[Port, ...]:
    """The service's ports as numbers of this pod; one that the pod does not have is left out."""
    numbered = [(port, _number(port, pod)) for port in service.spec.ports or ()]
    return tuple(
        Port(port.name or "", port.protocol or "TCP", number, port.appProtocol)
        for port, number in numbered
        if number is not None
    )


def _number(port: Any, pod: Any) -> int | None:
    target = port.targetPort or port.port
    if isinstance(target, int):
        return target
    sidecars = [c for c in pod.spec.initContainers or () if c.restartPolicy == "Always"]
    for container in (*pod.spec.containers, *sidecars):
        for each in container.ports or ():
            if each.name == target and (each.protocol or "TCP") == (port.protocol or "TCP"):
                return int(each.containerPort)
    return None


def is_headless(service: Any) -> bool:
    """Whether a Service has no address of its own."""
    return service.spec.clusterIP in (None, "", "None")


def is_named(service: Any, pod: Any) -> bool:
    """A pod with a host name has a DNS name of its own below a headless service."""
    return bool(pod.spec.hostname) and pod.spec.subdomain == service.metadata.name
