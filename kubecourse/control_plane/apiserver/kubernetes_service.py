"""The Service `kubernetes` in `default`: where programs within the cluster find its API.

No selector finds its endpoints; the API server writes them itself.
Sources: `pkg/controlplane/controller/kubernetesservice`, `pkg/controlplane/reconcilers`.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubecourse.api import models
from kubecourse.api.resources import BY_MODEL
from kubecourse.control_plane.apiserver.server import OWN, APIServer
from kubecourse.control_plane.apiserver.service_allocation import SERVICE_CIDR

core, discovery = models.core_v1, models.discovery_v1
ObjectMeta = models.meta_v1.ObjectMeta
NAME, NAMESPACE = "kubernetes", "default"
CLUSTER_IP = str(SERVICE_CIDR[1])
PORT, SERVED = 443, 6443


def publish(server: APIServer, addresses: Sequence[str]) -> None:
    """Write the Service and, in both forms, the addresses of the machines that serve the API."""
    service = core.Service(
        metadata=_metadata(component="apiserver", provider="kubernetes"),
        spec=core.ServiceSpec(
            type="ClusterIP",
            clusterIP=CLUSTER_IP,
            sessionAffinity="None",
            ports=[core.ServicePort(name="https", port=PORT, targetPort=SERVED, protocol="TCP")],
        ),
    )
    endpoints = core.Endpoints(
        metadata=_metadata(**{"endpointslice.kubernetes.io/skip-mirror": "true"}),
        subsets=[
            core.EndpointSubset(
                addresses=[core.EndpointAddress(ip=ip) for ip in addresses],
                ports=[core.EndpointPort(name="https", port=SERVED, protocol="TCP")],
            )
        ],
    )
    ready = discovery.EndpointConditions(ready=True)
    endpoint_slice = discovery.EndpointSlice(
        metadata=_metadata(**{"kubernetes.io/service-name": NAME}),
        addressType="IPv4",
        endpoints=[discovery.Endpoint(addresses=[ip], conditions=ready) for ip in addresses],
        ports=[discovery.EndpointPort(name="https", port=SERVED, protocol="TCP")],
    )
    for obj in (service, endpoints, endpoint_slice):
        server.create(BY_MODEL[type(obj)], obj, manager=OWN)


def _metadata(**labels: str) -> ObjectMeta:
    return ObjectMeta(name=NAME, namespace=NAMESPACE, labels=labels)
