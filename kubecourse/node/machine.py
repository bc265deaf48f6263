"""A machine: its size, where it stands, and the Node object with which it joins the cluster.

Sources: `pkg/kubelet/kubelet_node_status.go`, `pkg/kubelet/nodestatus/setters.go`; the pod
network as `pkg/controller/nodeipam/ipam/range_allocator.go` hands it out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from kubecourse.api import models, quantity

core = models.core_v1

KUBELET_VERSION = "v1.36.2"
_SHAPE = re.compile(r"(\d+(?:\.\d+)?m?)cpu-(\d+(?:\.\d+)?[KMGT]i?)")
_FIRST_NETWORKS = 12 * 256
"""How many machines find their pod network from 10.244.0.0 up to the end of 10.0.0.0/8."""


HARD_EVICTION = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "imagefs.available": "15%",
}
"""A kubelet's own thresholds (`pkg/kubelet/eviction/defaults_linux.go`); inodes are not counted."""


class Threshold(NamedTuple):
    """When less than this is left for `grace` seconds, pods are evicted."""

    signal: str
    value: str
    grace: float = 0.0


def address(number: int) -> str:
    """The IP of a machine of that number."""
    group, rest = divmod(number, 62500)
    return f"172.{18 + group}.{rest // 250}.{rest % 250 + 1}"


@dataclass(frozen=True)
class Machine:
    """A machine that can run pods.

    `number` counts machines from 1 and decides addresses. `cpu`, `memory` and `storage` are
    quantities, `system_memory` what the machine's own programs use. What is reserved is kept from
    pods, by resource; thresholds of eviction are by signal, such as `memory.available`, and those
    of `eviction_soft` need a time in seconds. `zone` and `region` become the well-known labels,
    `instance_type` too.
    """

    name: str
    number: int = 1
    cpu: str = "4"
    memory: str = "16Gi"
    pods: int = 110
    storage: str = "100Gi"
    system_memory: str = "200Mi"
    kube_reserved: Mapping[str, str] = field(default_factory=dict)
    system_reserved: Mapping[str, str] = field(default_factory=dict)
    eviction_hard: Mapping[str, str] | None = None
    eviction_soft: Mapping[str, str] = field(default_factory=dict)
    eviction_soft_grace: Mapping[str, float] = field(default_factory=dict)
    eviction_max_grace: float = 0.0
    zone: str | None = None
    region: str | None = None
    instance_type: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Any, ...] = ()

    @classmethod
    def parse(cls, name: str, shape: str = "4cpu-16Gi", number: int = 1, **options: Any) -> Machine:
        """A machine of a shape such as `4cpu-16Gi` or `500mcpu-512Mi`.

        Raises ValueError for a text that is not a shape.
        """
        match = _SHAPE.fullmatch(shape)
        if match is None:
            raise ValueError(f"{shape!r} is not a machine: give CPUs and memory, such as 4cpu-16Gi")
        return cls(name, number, match[1], match[2], **options)

    @cached_property
    def address(self) -> str:
        """The machine's own IP."""
        return address(self.number)

    @cached_property
    def pod_prefix(self) -> str:
        """The first three numbers of its pods' IPs: `10.244.1`."""
        over = self.number - _FIRST_NETWORKS
        block, number = (244, self.number) if over < 0 else (100, over)
        return f"10.{block + number // 256}.{number % 256}"

    @property
    def capacity(self) -> dict[str, str]:
        return {
            "cpu": quantity.canonical(self.cpu),
            "ephemeral-storage": self.storage,
            "memory": quantity.canonical(self.memory),
            "pods": str(self.pods),
        }

    @cached_property
    def thresholds(self) -> tuple[Threshold, ...]:
        """What the kubelet evicts pods for."""
        hard = HARD_EVICTION if self.eviction_hard is None else self.eviction_hard
        soft, graces = self.eviction_soft, self.eviction_soft_grace
        return (
            *(Threshold(signal, value) for signal, value in hard.items()),
            *(Threshold(signal, value, graces[signal]) for signal, value in soft.items()),
        )

    def reserved(self, resource: str) -> int:
        """What is kept from pods, in millicores or bytes."""
        count = quantity.milli if resource == "cpu" else quantity.value
        return sum(
            count(kept.get(resource, "0")) for kept in (self.kube_reserved, self.system_reserved)
        )

    @cached_property
    def allocatable(self) -> dict[str, str]:
        """What pods can request: the capacity, less what is reserved and what eviction keeps free.

        Source: `pkg/kubelet/cm/node_container_manager_linux.go`. Where nobody sets thresholds the
        kubelet's own are not taken off here, so that a node of 16Gi has 16Gi.
        """
        found = self.capacity
        for signal, resource in (("", "cpu"), ("memory.available", "memory"),
                                 ("nodefs.available", "ephemeral-storage")):  # fmt: skip
            whole = quantity.parse_quantity(found[resource])
            kept = quantity.Quantity(self.reserved(resource) * (10**6 if not signal else 10**9))
            value = (self.eviction_hard or {}).get(signal, "0")
            if value.endswith("%"):
                value = str(int(whole.value * float(value[:-1]) / 100))
            left = whole - kept - quantity.parse_quantity(value)
            found[resource] = str(max(left, quantity.ZERO))
        return found

    @cached_property
    def all_labels(self) -> dict[str, str]:
        """The labels of its Node: each well-known one, also under its older name."""
        labels = {"arch": "amd64", "os": "linux"}
        found = {f"{old}kubernetes.io/{k}": v for old in ("beta.", "") for k, v in labels.items()}
        found["kubernetes.io/hostname"] = self.name
        if self.instance_type:
            for prefix in ("beta.", "node."):
                found[f"{prefix}kubernetes.io/instance-type"] = self.instance_type
        if self.zone:
            found["topology.kubernetes.io/region"] = self.region or "region-1"
            found["topology.kubernetes.io/zone"] = self.zone
        return found | self.labels

    def node(self) -> Any:
        """The Node object that the machine's kubelet registers; conditions are the kubelet's."""
        network = f"{self.pod_prefix}.0/24"
        digits = f"{Random(self.name).getrandbits(384):096x}"
        return core.Node(
            apiVersion="v1",
            kind="Node",
            metadata=models.meta_v1.ObjectMeta(
                name=self.name,
                labels=self.all_labels,
                annotations={"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
            ),
            spec=core.NodeSpec(podCIDR=network, podCIDRs=[network], taints=[*self.taints] or None),
            status=core.NodeStatus(
                addresses=[
                    core.NodeAddress(address=self.address, type="InternalIP"),
                    core.NodeAddress(address=self.name, type="Hostname"),
                ],
                allocatable=self.allocatable,
                capacity=self.capacity,
                daemonEndpoints=_DAEMONS,
                nodeInfo=core.NodeSystemInfo(
                    architecture="amd64",
                    bootID=str(UUID(digits[:32])),
                    containerRuntimeVersion="containerd://2.1.4",
                    kernelVersion="6.12.41",
                    kubeProxyVersion="",
                    kubeletVersion=KUBELET_VERSION,
                    machineID=digits[32:64],
                    operatingSystem="linux",
                    osImage="Simulated Linux",
                    systemUUID=str(UUID(digits[64:])),
                ),
            ),
        )


_DAEMONS = core.NodeDaemonEndpoints(kubeletEndpoint=core.DaemonEndpoint(Port=10250))
