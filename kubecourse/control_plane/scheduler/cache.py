"""What the scheduler knows of the cluster: nodes in their order, and the pods on them.

Pods that are alike in what scheduling asks about (namespace, labels, affinity) are counted per
node in groups, so that how many pods match a selector is a sum over a few groups.

Sources: `pkg/scheduler/backend/cache/{cache,node_tree}.go`, `pkg/scheduler/framework/types.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, ClassVar, NamedTuple

import msgspec

from kubecourse.api import models
from kubecourse.api.memo import IdentityMemo
from kubecourse.api.placement import amounts
from kubecourse.client.informer import Key, key_of
from kubecourse.control_plane.scheduler.footprint import ANY_ADDRESS, Footprint, Port, footprint
from kubecourse.control_plane.scheduler.owners import Claims, Owners

core = models.core_v1
OWNERS = (core.Service, models.apps_v1.ReplicaSet, models.apps_v1.StatefulSet)
STORAGE = (models.storage_v1.StorageClass, core.PersistentVolume, core.PersistentVolumeClaim)
FINISHED = ("Succeeded", "Failed")

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"

SELF = True
"""Stands for a node's value of a label that no other node has: it is a domain of its own."""

NOBODY: dict[str, str] = {}
"""The labels of an object without any."""


def labels_of(obj: Any) -> dict[str, str]:
    """An object's labels, never None."""
    return obj.metadata.labels or NOBODY


@dataclass(slots=True)
class PodGroup:
    """Pods that look alike to other pods, and how many of them each node has."""

    namespace: str
    labels: dict[str, str]
    affinity: Any
    terminating: bool
    counts: dict[str, int] = field(default_factory=dict)


class Placed(NamedTuple):
    """A pod on a node, assumed or bound. `group` is the key of its group."""

    pod: Any
    node: str
    footprint: Footprint
    group: tuple[Any, ...]


@dataclass(slots=True, eq=False)
class NodeInfo:
    """A node and what its pods take.

    `position` is its place in the order of nodes, or -1. `version` grows when the node object
    changes, `scratch` is for others to remember things in, by footprint of a pod, until the node
    or its pods change.
    """

    CONSTANT: ClassVar = ("allocatable", "images", "labels", "others", "ports", "scratch")

    name: str
    node: Any = None
    labels: dict[str, str] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    allocatable: dict[str, int] = field(default_factory=dict)
    cpu_total: int = 0
    memory_total: int = 0
    pods_total: int = 0
    cpu: int = 0
    memory: int = 0
    others: dict[str, int] = field(default_factory=dict)
    scored_cpu: int = 0
    scored_memory: int = 0
    ports: dict[Port, int] = field(default_factory=dict)
    pods: dict[Key, Placed] = field(default_factory=dict)
    position: int = -1
    version: int = 0
    scratch: dict[Footprint, Any] = field(default_factory=dict)

    def set_node(self, node: Any) -> None:
        self.node = node
        self.version += 1
        self.scratch = {}
        self.labels = labels_of(node)
        status = node.status
        total = amounts(status.allocatable) if status is not None else {}
        self.allocatable = total
        self.cpu_total = total.get("cpu", 0)
        self.memory_total = total.get("memory", 0)
        self.pods_total = total.get("pods", 0)
        self.images = {
            name: image.sizeBytes or 0
            for image in (status.images if status is not None else None) or ()
            for name in image.names or ()
        }

    def take(self, footprint: Footprint, sign: int) -> None:
        """Count a pod's needs in (1) or out (-1)."""
        self.scratch = {}
        self.cpu += sign * footprint.cpu
        self.memory += sign * footprint.memory
        self.scored_cpu += sign * footprint.scored_cpu
        self.scored_memory += sign * footprint.scored_memory
        if footprint.others:
            self.others = self.others.copy()
            for name, value in footprint.others:
                _count(self.others, name, sign * value)
        if footprint.ports:
            self.ports = self.ports.copy()
            for port in footprint.ports:
                _count(self.ports, port, sign)

    def port_taken(self, port: Port) -> bool:
        """Whether a host port clashes with one in use; no address means every address."""
        address, protocol, number = port
        if address == ANY_ADDRESS:
            return any(used[1] == protocol and used[2] == number for used in self.ports)
        return port in self.ports or (ANY_ADDRESS, protocol, number) in self.ports


def _count(counts: dict[Any, int], key: Any, by: int) -> None:
    """Add to one of the counts, of which none is 0."""
    total = counts.get(key, 0) + by
    if total:
        counts[key] = total
    else:
        del counts[key]


def _labels_key(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


class Cache:
    """Nodes and the pods on them, assumed ones included, and what belongs to them.

    `images` has the nodes of each image with its size there, `priorities` counts pods.
    `epoch` grows when the order of nodes or what is known of all of them changes. `changes` lists
    the positions of nodes that changed since, oldest first.
    """

    def __init__(self) -> None:
        self.owners = Owners()
        self.claims = Claims()
        self.nodes: dict[str, NodeInfo] = {}
        self.pods: dict[Key, Placed] = {}
        self.groups: dict[tuple[Any, ...], PodGroup] = {}
        self.namespaces: dict[str, dict[str, str]] = {}
        self.images: dict[str, dict[str, int]] = {}
        self.priorities: dict[int, int] = {}
        self.epoch = 0
        self.changes: list[int] = []
        self._zones: dict[tuple[str, str], dict[str, NodeInfo]] = {}
        self._order: list[NodeInfo] | None = []
        self._unique: dict[str, bool] = {}
        self._labels_key = IdentityMemo(_labels_key, 4096)
        self._affinity_key: IdentityMemo[bytes] = IdentityMemo(msgspec.json.encode, 4096)

    # --- nodes

    @property
    def order(self) -> list[NodeInfo]:
        """The nodes, one of each zone in turn."""
        if self._order is None:
            zones = (members.values() for members in self._zones.values())
            turns = zip_longest(*zones)
            self._order = [info for turn in turns for info in turn if info is not None]
            for position, info in enumerate(self._order):
                info.position = position
        return self._order

    def _info(self, name: str) -> NodeInfo:
        info = self.nodes.get(name)
        if info is None:
            info = self.nodes[name] = NodeInfo(name)
        return info

    def set_node(self, node: Any) -> bool:
        """Take over a node. Returns whether scheduling sees a difference."""
        info = self._info(node.metadata.name)
        old = info.node
        if old is not None and _seen(old) == _seen(node):
            info.node = node
            return False
        before = info.labels
        self._count_images(info, None)
        info.set_node(node)
        self._count_images(info, node)
        if old is None or zone_of(before) != zone_of(info.labels):
            if old is not None:
                self._leave_zone(info, before)
            self._zones.setdefault(zone_of(info.labels), {})[info.name] = info
            self._reorder()
        elif before != info.labels:
            self._forget_changes()
        else:
            self._changed(info)
        return True

    def remove_node(self, name: str) -> None:
        """Forget a node; pods that are still on it are remembered until they go too."""
        info = self.nodes.get(name)
        if info is None or info.node is None:
            return
        self._leave_zone(info, info.labels)
        self._count_images(info, None)
        info.node = None
        info.position = -1
        if not info.pods:
            del self.nodes[name]
        self._reorder()

    def _leave_zone(self, info: NodeInfo, labels: dict[str, str]) -> None:
        members = self._zones[zone_of(labels)]
        del members[info.name]
        if not members:
            del self._zones[zone_of(labels)]

    def _reorder(self) -> None:
        self._order = None
        self._forget_changes()

    def _forget_changes(self) -> None:
        self.epoch += 1
        self.changes.clear()
        self._unique.clear()

    def _changed(self, info: NodeInfo) -> None:
        if info.position >= 0:
            self.changes.append(info.position)
            if len(self.changes) > 100_000:
                self._forget_changes()

    def unique(self, label: str) -> bool:
        """Whether no two nodes have the same value of a label."""
        found = self._unique.get(label)
        if found is None:
            values = [info.labels[label] for info in self.order if label in info.labels]
            found = self._unique[label] = len(dict.fromkeys(values)) == len(values)
        return found

    def domain(self, info: NodeInfo, label: str) -> Any:
        """A node's value of a label; SELF if no other node has it, None if this has none."""
        value = info.labels.get(label)
        return SELF if value is not None and self.unique(label) else value

    def _count_images(self, info: NodeInfo, node: Any) -> None:
        for name, size in info.images.items():
            nodes = self.images.setdefault(name, {})
            if node is not None:
                nodes[info.name] = size
                continue
            nodes.pop(info.name, None)
            if not nodes:
                del self.images[name]

    # --- pods

    def place(self, pod: Any, node: str) -> None:
        """Count a pod to a node, or take over a new state of one that is there."""
        metadata = pod.metadata
        key = (metadata.namespace, metadata.name)
        placed = self.pods.get(key)
        if placed is not None:
            before = placed.pod
            if (
                placed.node == node
                and before.metadata.labels is metadata.labels
                and before.spec.containers is pod.spec.containers
                and before.spec.affinity is pod.spec.affinity
                and before.spec.priority == pod.spec.priority
                and (before.metadata.deletionTimestamp is None)
                is (metadata.deletionTimestamp is None)
            ):
                self.pods[key] = self.nodes[node].pods[key] = placed._replace(pod=pod)
                return
            self.remove(key)
        group, counts = self._group_of(pod)
        info = self._info(node)
        self.pods[key] = info.pods[key] = Placed(pod, node, footprint(pod.spec), group)
        info.take(self.pods[key].footprint, 1)
        _count(self.priorities, pod.spec.priority or 0, 1)
        _count(counts, node, 1)
        self._changed(info)

    def remove(self, key: Key) -> Placed | None:
        """Forget a pod; returns where it was, or None."""
        placed = self.pods.pop(key, None)
        if placed is None:
            return None
        info = self.nodes[placed.node]
        del info.pods[key]
        info.take(placed.footprint, -1)
        _count(self.priorities, placed.pod.spec.priority or 0, -1)
        _count(self.groups[placed.group].counts, placed.node, -1)
        self._changed(info)
        if info.node is None and not info.pods:
            del self.nodes[placed.node]
        return placed

    @contextmanager
    def without(self, pods: Sequence[Placed]) -> Iterator[None]:
        """As if some pods were not there; afterwards everything is as it was."""
        before = {placed.node: list(self.nodes[placed.node].pods) for placed in pods}
        for placed in pods:
            self.remove(key_of(placed.pod))
        try:
            yield
        finally:
            for placed in pods:
                self.place(placed.pod, placed.node)
            for name, order in before.items():
                info = self.nodes[name]
                info.pods = {key: info.pods[key] for key in order}

    @contextmanager
    def also(self, pods: Sequence[Any], node: str) -> Iterator[None]:
        """As if some more pods were on a node."""
        for pod in pods:
            self.place(pod, node)
        try:
            yield
        finally:
            for pod in pods:
                self.remove(key_of(pod))

    def _group_of(self, pod: Any) -> tuple[tuple[Any, ...], dict[str, int]]:
        """The key and the counts of a pod's group, new if there was none like it."""
        metadata = pod.metadata
        labels = metadata.labels or NOBODY
        affinity = pod.spec.affinity
        if affinity is not None and not (affinity.podAffinity or affinity.podAntiAffinity):
            affinity = None
        key = (
            metadata.namespace, self._labels_key(labels),
            None if affinity is None else self._affinity_key(affinity),
            metadata.deletionTimestamp is not None,
        )  # fmt: skip
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = PodGroup(metadata.namespace, labels, affinity, key[3])
            if affinity is not None:
                self._forget_changes()  # its wishes may be about pods of any shape
            if len(self.groups) > 1000 and len(self.groups) % 500 == 0:
                known = self.groups.items()
                self.groups = {k: g for k, g in known if g.counts or k == key}
                self._forget_changes()
        return key, group.counts

    # --- namespaces

    def set_namespace(self, old: Any, new: Any) -> None:
        name = (old if new is None else new).metadata.name
        before = self.namespaces.pop(name, None)
        if new is not None:
            self.namespaces[name] = labels_of(new)
        if before != self.namespaces.get(name):
            self._forget_changes()


def zone_of(labels: dict[str, str]) -> tuple[str, str]:
    """The region and zone that a node's labels name."""
    return labels.get(REGION, ""), labels.get(ZONE, "")


def _seen(node: Any) -> tuple[Any, ...]:
    """What scheduling sees of a node object."""
    status = node.status
    offer = None if status is None else (status.allocatable, status.images)
    return node.metadata.labels, node.spec, offer
