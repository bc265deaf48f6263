"""A node registers, becomes ready, and keeps saying that it lives."""

import time
from typing import cast

import pytest

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.control_plane.etcd import Etcd, Stopped
from kubecourse.node.kubelet import Kubelet
from kubecourse.node.machine import Machine
from tests.node.world import World

core = models.core_v1
Lease = models.coordination_v1.Lease


def test_a_node_registers_and_becomes_ready() -> None:
    world = World()
    node = world.client.get(core.Node, "node-1")
    assert conditions.is_true(node.status.conditions, "Ready")
    ready = conditions.get(node.status.conditions, "Ready")
    assert (ready.reason, ready.message) == ("KubeletReady", "kubelet is posting ready status")
    types = [c.type for c in node.status.conditions]
    assert types == ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
    reasons = [e.reason for e in world.client.list(core.Event, "default")]
    assert "NodeReady" in reasons


def test_its_lease_is_renewed_every_ten_seconds() -> None:
    world = World()
    for _ in range(5):
        world.clock.advance(20)
        lease = world.client.get(Lease, "node-1", "kube-node-lease")
        assert (world.clock.utc_precise() - lease.spec.renewTime).total_seconds() <= 10
    assert lease.spec.leaseDurationSeconds == 40


def test_stopped_it_renews_no_more() -> None:
    world = World()
    world.kubelets["node-1"].stop()
    before = world.client.get(Lease, "node-1", "kube-node-lease")
    world.clock.advance(3600)
    assert world.client.get(Lease, "node-1", "kube-node-lease") is before
    world.kubelets["node-1"].start()
    world.clock.advance(1)
    assert world.client.get(Lease, "node-1", "kube-node-lease") is not before


def test_it_joins_as_soon_as_an_api_server_answers_and_ends_what_was_deleted_meanwhile() -> None:
    world = World()
    world.run("a")
    world.clock.advance(10)
    kubelet, etcd = world.kubelets["node-1"], world.server.etcd
    kubelet.stop()
    world.client.delete(core.Pod, "a", "default", grace_period=0)
    world.server.etcd = Stopped(cast(Etcd, etcd))
    kubelet.start()
    world.clock.advance(60)
    assert kubelet.pods
    world.server.etcd = etcd
    world.clock.advance(7)
    assert not kubelet.pods
    ready = conditions.is_true(world.client.get(core.Node, "node-1").status.conditions, "Ready")
    assert ready


def test_a_name_that_no_node_can_have_is_refused_at_once() -> None:
    world = World()
    machine = Machine("Node_1")
    with pytest.raises(ApiError, match="Node_1"):
        Kubelet(world.client, machine, world.images, world.network).start()


def test_the_images_on_a_node_are_in_its_status() -> None:
    world = World()
    world.images.declare("hello:1", size="30MB")
    world.run("a")
    world.clock.advance(30)
    (image,) = world.client.get(core.Node, "node-1").status.images
    assert image.sizeBytes == 30_000_000
    assert "docker.io/library/hello:1" in image.names


def test_an_idle_day_costs_next_to_nothing() -> None:
    world = World(nodes=20)
    began = time.process_time()
    world.clock.advance(86_400)
    assert time.process_time() - began < 0.5
    lease = world.client.get(Lease, "node-7", "kube-node-lease")
    assert (world.clock.utc_precise() - lease.spec.renewTime).total_seconds() <= 10
