"""Plays a record of the real scheduler: API server and scheduler alone, pods one after another."""

from __future__ import annotations

from typing import Any

import yaml
from msgspec.structs import replace

from kubecourse.api import codec, models
from kubecourse.api.resources import BY_KIND, BY_MODEL
from kubecourse.client import Client
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.etcd import Etcd
from kubecourse.control_plane.scheduler import Scheduler

core = models.core_v1

PRIORITIES = {"low": 100, "mid": 1000, "high": 100_000}
"""Values of the recorder's priority classes; only their order matters."""


class World:
    """An API server and a scheduler, and a hand that creates nodes and pods."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.server = APIServer(self.clock, Etcd())
        self.client = Client(self.server, self.clock, "test")
        self.client.create(core.Namespace(metadata=models.meta_v1.ObjectMeta(name="default")))
        self.scheduler = Scheduler(Client(self.server, self.clock, "kube-scheduler"))
        self.scheduler.start()
        self.settle()

    def settle(self) -> None:
        self.clock.settle()

    def add_node(self, given: dict[str, Any]) -> None:
        """A node as the records describe it: 4 CPU, 16Gi and 110 pods unless they say otherwise."""
        name = given["name"]
        labels = {"kubernetes.io/hostname": name, **given.get("labels", {})}
        if "zone" in given:
            labels["topology.kubernetes.io/zone"] = given["zone"]
        resources = {
            "cpu": str(given.get("cpu", 4)),
            "memory": str(given.get("memory", given.get("mem", "16Gi"))),
            "pods": str(given.get("pods", 110)),
            "ephemeral-storage": "100Gi",
            **given.get("ext", {}),
        }
        node = decoded({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {},
            "status": {
                "allocatable": resources, "capacity": resources,
                "images": given.get("images", []),
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        })  # fmt: skip
        stored = self.client.create(node)
        # A kubelet that is ready has the taint taken away that every new node gets.
        taints = [core.Taint(**taint) for taint in given.get("taints", [])]
        spec = replace(stored.spec, taints=taints or None, unschedulable=given.get("unschedulable"))
        self.client.update(replace(stored, spec=spec))

    def create(self, text: str) -> Any:
        """Create what a manifest says; priorities by hand where no classes are served."""
        given = yaml.safe_load(text)
        given["metadata"].setdefault("namespace", "default")
        priority = None
        if given["kind"] == "Pod" and models.scheduling_v1.PriorityClass not in BY_MODEL:
            priority = PRIORITIES.get(given["spec"].pop("priorityClassName", None))
        obj = self.client.create(decoded(given))
        if priority is not None:
            resource = BY_MODEL[core.Pod]
            obj = replace(obj, spec=replace(obj.spec, priority=priority))
            self.server.etcd.put(resource.key("default", obj.metadata.name), obj)
        return obj

    def pod(self, name: str) -> Any:
        return self.client.get(core.Pod, name, "default")

    def delete_pod(self, name: str) -> None:
        self.client.delete(core.Pod, name, "default", grace_period=0)

    def events(self) -> list[Any]:
        return self.client.list(core.Event)


def decoded(data: dict[str, Any]) -> Any:
    resource = BY_KIND[data["apiVersion"], data["kind"]]
    obj, unknown = codec.decode(data, resource.schema)
    assert not unknown
    return obj


def play(inputs: dict[str, Any]) -> World:
    """Set the scene of a record and create its pods, one after another."""
    world = World()
    if models.scheduling_v1.PriorityClass in BY_MODEL:
        for name, value in PRIORITIES.items():
            world.client.create(
                models.scheduling_v1.PriorityClass(
                    metadata=models.meta_v1.ObjectMeta(name=name), value=value
                )
            )
    for node in inputs["nodes"]:
        world.add_node(node)
    world.settle()
    for text in inputs["existing"]:
        world.create(text)
    world.settle()
    for text in inputs["pods"]:
        world.create(text)
        world.settle()
    return world
