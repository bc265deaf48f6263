"""What every namespace has: the account that its pods run as, and the authority they trust.

Sources: `pkg/controller/serviceaccount/serviceaccounts_controller.go`,
`pkg/controller/certificates/rootcacertpublisher/publisher.go`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.control_plane.controller_manager.controller import (
    ManagedController,
    is_namespace_terminating,
)

core = models.core_v1
ObjectMeta = models.meta_v1.ObjectMeta

_DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    "guaranteed across distributions of Kubernetes clusters."
)
_CERTIFICATE = "simulated: nothing in this cluster has a certificate\n"


class OneInEachNamespace(ManagedController):
    """Keeps one object of a name in every namespace. Its queue holds namespaces."""

    wanted: ClassVar[Any]

    def listen(self) -> None:
        self.objects = self.follow(core.Namespace, self.enqueue)
        self._existing = self.follow(type(self.wanted), self._object_changed)

    def _object_changed(self, old: Any, new: Any) -> None:
        if old is not None and old.metadata.name == self.wanted.metadata.name:
            self.queue.add(("", old.metadata.namespace))

    def sync(self, namespace: Any) -> None:
        if namespace.status.phase != "Active":
            return
        place, wanted = namespace.metadata.name, self.wanted
        found = self._existing.get(place, wanted.metadata.name)
        try:
            if found is None:
                metadata = replace(wanted.metadata, namespace=place)
                self.client.create(replace(wanted, metadata=metadata))
            else:
                self.put_right(found)
        except ApiError as error:
            # The cache may be a moment behind, or the namespace on its way out.
            if error.reason != "AlreadyExists" and not is_namespace_terminating(error):
                raise

    def put_right(self, found: Any) -> None:
        """Restore what somebody may have changed."""


class ServiceAccountController(OneInEachNamespace):
    """Creates the account `default`."""

    name = "serviceaccount-controller"
    wanted = core.ServiceAccount(metadata=ObjectMeta(name="default"))


class RootCAPublisher(OneInEachNamespace):
    """Creates the ConfigMap `kube-root-ca.crt`, and puts it right when it was changed."""

    name = "root-ca-certificate-publisher-controller"
    wanted = core.ConfigMap(
        metadata=ObjectMeta(
            name="kube-root-ca.crt", annotations={"kubernetes.io/description": _DESCRIPTION}
        ),
        data={"ca.crt": _CERTIFICATE},
    )

    def put_right(self, found: Any) -> None:
        if found.data != self.wanted.data:
            self.client.update(replace(found, data=self.wanted.data))
