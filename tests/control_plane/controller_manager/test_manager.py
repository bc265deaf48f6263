"""One program, many controllers, each of which can be taken out."""

import pytest

from kubecourse.client import Client
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.controller_manager import CONTROLLERS, ControllerManager
from kubecourse.control_plane.etcd import Etcd
from tests.control_plane.controller_manager.double import Lab

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
"""


def test_controllers_have_their_real_names():
    clock = Clock()
    manager = ControllerManager(Client(APIServer(clock, Etcd()), clock, "test"))
    assert set(manager.controllers) >= {
        "deployment-controller",
        "replicaset-controller",
        "garbage-collector-controller",
        "namespace-controller",
        "endpointslice-controller",
    }
    assert manager.name == "kube-controller-manager"
    with pytest.raises(KeyError):
        manager.stop("no-such-controller")


def test_some_can_be_left_out():
    clock = Clock()
    client = Client(APIServer(clock, Etcd()), clock, "test")
    manager = ControllerManager(client, CONTROLLERS[:1])
    assert list(manager.controllers) == [CONTROLLERS[0].name]


def test_without_the_deployment_controller_nothing_becomes_of_a_deployment():
    lab = Lab()
    lab.manager.stop("deployment-controller")
    lab.create(WEB)
    lab.settle()
    assert lab.replicasets() == []
    lab.manager.start("deployment-controller")
    lab.settle()
    assert len(lab.pods()) == 2


def test_starting_twice_is_starting_once():
    lab = Lab()
    lab.manager.start()
    lab.create(WEB)
    lab.settle()
    assert len(lab.pods()) == 2
    assert len(lab.events("Deployment")) == 1


def test_every_controller_says_what_it_decided():
    lab = Lab()
    lab.create(WEB)
    lab.settle()
    (entry,) = lab.manager.controllers["replicaset-controller"].diary
    assert entry[1:] == (
        f"default/{lab.replicasets()[0].metadata.name}",
        "wants 2, has 0: create 2",
    )
    (entry,) = lab.manager.controllers["deployment-controller"].diary
    assert entry[1] == "default/web" and entry[2].endswith("from 0 to 2")
