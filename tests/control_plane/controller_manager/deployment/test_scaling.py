"""Scaling in mid-rollout, held against upstream's own table: one call of the scaling routine."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.client import Client, EventRecorder
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.controller_manager.deployment.rolling import (
    Share,
    proportional_sizes,
)
from kubecourse.control_plane.controller_manager.deployment.sync import Sync
from kubecourse.control_plane.etcd import Etcd
from tests.control_plane.controller_manager.double import ObjectMeta, decode

CASES = json.loads(
    (Path(__file__).parents[3] / "data/oracles/proportional_scaling.json").read_text()
)["cases"]


def template(image):
    return {
        "metadata": {"labels": {"app": "foo"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }


class World:
    """An API server with the Deployment and the ReplicaSets of a case."""

    def __init__(self, case):
        self.clock = Clock()
        server = APIServer(self.clock, Etcd())
        self.client = Client(server, self.clock, "deployment-controller")
        self.client.create(models.core_v1.Namespace(metadata=ObjectMeta(name="default")))
        sets = [case["new_rs"], *case["old_rss_newest_first"]]
        self.replicasets = [
            self.replicaset(each, "new" if each is case["new_rs"] else each["name"])
            for each in reversed(sets)
            if each is not None
        ]
        update = {"maxSurge": case["max_surge"], "maxUnavailable": case["max_unavailable"] or 1}
        self.deployment = self.client.create(
            decode(
                json.dumps(
                    {
                        "apiVersion": "apps/v1",
                        "kind": "Deployment",
                        "metadata": {"name": "foo"},
                        "spec": {
                            "replicas": case["deployment_replicas"],
                            "selector": {"matchLabels": {"app": "foo"}},
                            "strategy": {"type": "RollingUpdate", "rollingUpdate": update},
                            "template": template("new"),
                        },
                    }
                )
            )
        )

    def replicaset(self, each, image):
        self.clock.advance(1.0)
        annotations = {
            "deployment.kubernetes.io/desired-replicas": str(each["desired_replicas_annotation"]),
            "deployment.kubernetes.io/max-replicas": str(each["max_replicas_annotation"]),
        }
        created = self.client.create(
            decode(
                json.dumps(
                    {
                        "apiVersion": "apps/v1",
                        "kind": "ReplicaSet",
                        "metadata": {"name": each["name"], "annotations": annotations},
                        "spec": {
                            "replicas": each["replicas"],
                            "selector": {"matchLabels": {"app": "foo"}},
                            "template": template(image),
                        },
                    }
                )
            )
        )
        status = replace(
            created.status,
            replicas=each["replicas"],
            readyReplicas=each.get("available") or None,
            availableReplicas=each.get("available") or None,
        )
        return self.client.update_status(replace(created, status=status))

    def size(self, name):
        found = self.client.get(models.apps_v1.ReplicaSet, name, "default")
        return found.spec.replicas


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_each_replica_set_gets_its_share(case):
    world = World(case)
    recorder = EventRecorder(world.client, "deployment-controller")
    Sync(world.client, recorder, world.deployment, world.replicasets).scale_all()
    if case["new_rs"] is not None:
        assert world.size(case["new_rs"]["name"]) == case["expected_new"]
    sizes = [world.size(old["name"]) for old in case["old_rss_newest_first"]]
    assert sizes == case["expected_old"]


shares = st.lists(
    st.builds(Share, st.integers(1, 30), st.none() | st.integers(1, 60)), min_size=1, max_size=5
)


@given(shares, st.integers(0, 60), st.integers(0, 20), st.integers(0, 60))
def test_the_shares_add_up_to_what_is_allowed(shares, replicas, surge, before):
    ordered = sorted(shares, key=lambda share: -share.size)
    sizes = proportional_sizes(ordered, replicas, surge, before)
    allowed = replicas + surge if replicas else 0
    assert all(size >= 0 for size in sizes)
    assert sum(sizes) == allowed or (sum(sizes) > allowed and sizes[0] == 0)
