"""A namespace goes: its pods first, then all else, then itself."""

import pytest
from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from tests.control_plane.controller_manager.double import Lab, ObjectMeta, decode

core = models.core_v1
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
"""


@pytest.fixture
def lab():
    lab = Lab()
    lab.client.create(core.Namespace(metadata=ObjectMeta(name="shop")))
    lab.client.create(decode(WEB))
    lab.client.create(core.ConfigMap(metadata=ObjectMeta(name="settings", namespace="shop")))
    lab.settle()
    return lab


def shop(lab):
    return lab.client.get(core.Namespace, "shop")


def count(lab, cls):
    return len(lab.client.list(cls, "shop"))


def test_everything_in_it_goes_and_then_itself(lab):
    lab.client.delete(core.Namespace, "shop")
    assert shop(lab).status.phase == "Terminating"
    lab.settle()
    with pytest.raises(ApiError, match='namespaces "shop" not found'):
        shop(lab)
    for cls in (core.Pod, core.ConfigMap, core.Event, models.apps_v1.Deployment):
        assert lab.client.list(cls, "shop") == []
    assert len(lab.client.list(core.Namespace)) == 4


def test_pods_go_before_the_rest(lab):
    lab.client.delete(core.Namespace, "shop")
    lab.clock.advance(5.5)
    assert count(lab, core.Pod) == 0
    assert count(lab, core.ConfigMap) == 2
    found = conditions.get(shop(lab).status.conditions, "NamespaceContentRemaining")
    assert (found.status, found.reason, found.message) == (
        "True",
        "SomeResourcesRemain",
        "Some resources are remaining: pods. has 3 resource instances",
    )
    found = conditions.get(shop(lab).status.conditions, "NamespaceDeletionContentFailure")
    assert (found.status, found.message) == (
        "False",
        "All content successfully deleted, may be waiting on finalization",
    )


def test_nothing_new_is_created_in_it_meanwhile(lab):
    lab.client.delete(core.Namespace, "shop")
    lab.clock.advance(6)
    with pytest.raises(ApiError, match="because it is being terminated"):
        lab.client.create(core.ConfigMap(metadata=ObjectMeta(name="late", namespace="shop")))
    # The ReplicaSet is still there and its pods are not; it does not complain about that.
    assert not [m for m in lab.events("ReplicaSet", "shop") if m.startswith("Error")]


def test_content_with_a_finalizer_holds_it_and_is_named(lab):
    obj = lab.client.get(core.ConfigMap, "settings", "shop")
    metadata = replace(obj.metadata, finalizers=["example.com/wait"])
    lab.client.update(replace(obj, metadata=metadata))
    lab.client.delete(core.Namespace, "shop")
    lab.clock.advance(60)
    said = {c.type: (c.status, c.reason, c.message) for c in shop(lab).status.conditions}
    assert said == {
        "NamespaceDeletionDiscoveryFailure": (
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        "NamespaceDeletionGroupVersionParsingFailure": (
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        "NamespaceDeletionContentFailure": (
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        "NamespaceContentRemaining": (
            "True",
            "SomeResourcesRemain",
            "Some resources are remaining: configmaps. has 1 resource instances",
        ),
        "NamespaceFinalizersRemaining": (
            "True",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: "
            "example.com/wait in 1 resource instances",
        ),
    }
    assert lab.settle(), "waiting for somebody else's finalizer keeps nobody waiting"
    obj = lab.client.get(core.ConfigMap, "settings", "shop")
    lab.client.update(replace(obj, metadata=replace(obj.metadata, finalizers=None)))
    lab.clock.advance(20)
    assert "shop" not in [ns.metadata.name for ns in lab.client.list(core.Namespace)]


def test_one_that_is_not_going_is_left_alone(lab):
    lab.settle()
    assert shop(lab).spec.finalizers == ["kubernetes"]
    assert count(lab, core.Pod) == 3
