"""What every namespace has: the account that its pods run as, and the authority they trust.

Sources: `pkg/controller/serviceaccount/serviceaccounts_controller.go`,
`pkg/controller/certificates/rootcacertpublisher/publisher.go`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.client import Client, InformerFactory, Result
from kubecourse.control_plane.controller_manager.controller import (
    ManagedController,
    is_namespace_terminating,
)

core = models.core_v1
ObjectMeta = models.meta_v1.ObjectMeta
Key = tuple[str, str]

_DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    "guaranteed across distributions of Kubernetes clusters."
)
_CERTIFICATE = "simulated: nothing in this cluster has a certificate\n"


class OneInEachNamespace(ManagedController):
    """Keeps one object of a name in every namespace. Its queue holds namespaces."""

    wanted: ClassVar[Any]

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client, informers)
        self._namespaces = informers.informer(core.Namespace)
        self._objects = informers.informer(type(self.wanted))
        self.subscribe(self._namespaces, self.enqueue)
        self.subscribe(self._objects, self._object_changed)

    def _object_changed(self, old: Any, new: Any) -> None:
        if old is not None and old.metadata.name == self.wanted.metadata.name:
            self.queue.add(("", old.metadata.namespace))

    def reconcile(self, key: Key) -> Result | None:
        namespace = self._namespaces.get(*key)
        if namespace is None or namespace.status.phase != "Active":
            return None
        found = self._objects.get(key[1], self.wanted.metadata.name)
        try:
            self._put_right(key[1], found)
        except ApiError as error:
            # The cache may be a moment behind, or the namespace on its way out.
            if error.reason != "AlreadyExists" and not is_namespace_terminating(error):
                raise
        return None

    def _put_right(self, namespace: str, found: Any) -> None:
        if found is None:
            self.client.create(_placed(self.wanted, namespace))


def _placed(obj: Any, namespace: str) -> Any:
    return replace(obj, metadata=replace(obj.metadata, namespace=namespace))


class ServiceAccountController(OneInEachNamespace):
    """Creates the account `default`."""

    name = "serviceaccount-controller"
    wanted = core.ServiceAccount(metadata=ObjectMeta(name="default"))


class RootCAPublisher(OneInEachNamespace):
    """Creates the ConfigMap `kube-root-ca.crt`, and puts it right when it was changed."""

    name = "root-ca-certificate-publisher-controller"
    wanted = core.ConfigMap(
        metadata=ObjectMeta(
            name="kube-root-ca.crt",
            annotations={"kubernetes.io/description": _DESCRIPTION},
        ),
        data={"ca.crt": _CERTIFICATE},
    )

    def _put_right(self, namespace: str, found: Any) -> None:
        if found is not None and found.data != self.wanted.data:
            self.client.update(replace(found, data=self.wanted.data))
        else:
            super()._put_right(namespace, found)
