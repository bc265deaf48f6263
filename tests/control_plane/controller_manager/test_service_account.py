"""What every namespace has, and gets back."""

import pytest
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from tests.control_plane.controller_manager.double import Lab, ObjectMeta, decode

core = models.core_v1
ROOT_CA = "kube-root-ca.crt"
POD = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {serviceAccountName: robot, containers: [{name: c, image: nginx}]}
"""


@pytest.fixture
def lab():
    lab = Lab()
    lab.client.create(core.Namespace(metadata=ObjectMeta(name="new")))
    lab.settle()
    return lab


def test_a_namespace_is_born_with_an_account_and_the_authority(lab):
    assert [a.metadata.name for a in lab.client.list(core.ServiceAccount, "new")] == ["default"]
    (config,) = lab.client.list(core.ConfigMap, "new")
    assert (config.metadata.name, list(config.data)) == (ROOT_CA, ["ca.crt"])


def test_what_is_deleted_or_changed_comes_back(lab):
    lab.client.delete(core.ServiceAccount, "default", "new")
    config = lab.client.get(core.ConfigMap, ROOT_CA, "new")
    lab.client.update(replace(config, data={"ca.crt": "mine"}))
    lab.settle()
    assert lab.client.get(core.ServiceAccount, "default", "new")
    assert lab.client.get(core.ConfigMap, ROOT_CA, "new").data == config.data
    lab.client.delete(core.ConfigMap, ROOT_CA, "new")
    lab.settle()
    assert lab.client.get(core.ConfigMap, ROOT_CA, "new").data == config.data


def test_a_namespace_that_goes_gets_nothing_back(lab):
    lab.client.delete(core.Namespace, "new")
    lab.settle()
    assert lab.client.list(core.ServiceAccount, "new") == []


def test_a_pod_runs_as_nobody_who_is_not_there(lab):
    with pytest.raises(ApiError) as caught:
        lab.create(POD)
    assert str(caught.value) == (
        'pods "p" is forbidden: error looking up service account default/robot: '
        'serviceaccount "robot" not found'
    )
    lab.create("{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot}}")
    assert lab.client.create(decode(POD)).spec.serviceAccountName == "robot"
