"""The cluster's DNS: what names mean, as CoreDNS with its kubernetes plugin answers.

`web` in a pod's own namespace, `web.other`, `web.other.svc.cluster.local`; headless Services are
their pods' addresses; `pod.web.other…` a pod of one; ExternalName a name elsewhere.
Sources: `github.com/coredns/coredns/plugin/kubernetes`, Kubernetes' DNS specification
(`github.com/kubernetes/dns/docs/specification.md`).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from kubecourse.api import models
from kubecourse.client import Client, InformerFactory
from kubecourse.client.informer import by_service

core = models.core_v1
discovery = models.discovery_v1

DOMAIN = "cluster.local"
NDOTS = 5


class Answer(NamedTuple):
    """What a name means: its full form and addresses; `alias` if it stands for a name elsewhere."""

    name: str
    addresses: tuple[str, ...]
    alias: str = ""


class DNS:
    """Answers questions about names."""

    name = "coredns"

    def __init__(self, client: Client) -> None:
        self._informers = InformerFactory(client)
        self._services = self._informers.informer(core.Service)
        self._slices = self._informers.informer(discovery.EndpointSlice, by_service)
        self.running = False

    def start(self) -> None:
        """Begin to answer."""
        self.running = True
        self._informers.start()

    def stop(self) -> None:
        """Answer no more: no name is found."""
        self.running = False
        self._informers.stop()

    def resolve(self, name: str, namespace: str = "default") -> Answer | None:
        """What a name means to a pod of a namespace; None if there is no such name.

        Names with fewer than five dots are tried with the search path first.
        """
        if not self.running:
            return None
        absolute = name.endswith(".")
        name = name.rstrip(".").lower()
        search = (f"{namespace}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN)
        tried = [] if absolute else [f"{name}.{suffix}" for suffix in search]
        tried.insert(0 if name.count(".") >= NDOTS else len(tried), name)
        return next((answer for full in tried if (answer := self._look_up(full))), None)

    def _look_up(self, full: str) -> Answer | None:
        if not full.endswith(f".{DOMAIN}"):
            return None
        match full.removesuffix(f".{DOMAIN}").split("."):
            case [service, namespace, "svc"]:
                return self._service(full, namespace, service)
            case [name, service, namespace, "svc"]:
                for endpoint in self._endpoints(namespace, service):
                    if name in (endpoint.hostname, endpoint.addresses[0].replace(".", "-")):
                        return Answer(full, tuple(endpoint.addresses))
            case [dashed, _, "pod"] if re.fullmatch(r"\d+(-\d+){3}", dashed):
                return Answer(full, (dashed.replace("-", "."),))
        return None

    def _service(self, full: str, namespace: str, name: str) -> Answer | None:
        service = self._services.get(namespace, name)
        if service is None:
            return None
        spec = service.spec
        if spec.type == "ExternalName":
            alias = spec.externalName or ""
            inside = self._look_up(alias.rstrip("."))
            return Answer(full, inside.addresses if inside else (), alias)
        if spec.clusterIP and spec.clusterIP != "None":
            return Answer(full, (spec.clusterIP,))
        found = [ip for each in self._endpoints(namespace, name) for ip in each.addresses]
        return Answer(full, tuple(found)) if found else None

    def _endpoints(self, namespace: str, service: str) -> list[Any]:
        """The endpoints of a Service that DNS tells of: those that are ready."""
        return [
            endpoint
            for slice in self._slices.indexed(by_service, f"{namespace}/{service}")
            for endpoint in slice.endpoints or ()
            if endpoint.conditions is None or endpoint.conditions.ready is not False
        ]
