"""What the server writes into objects, as recorded from a real one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api import codec, yaml
from kubecourse.api.resources import BY_KIND, RESOURCES
from kubecourse.control_plane.apiserver.defaults import default
from kubecourse.control_plane.apiserver.defaults.functions import image_pull_policy
from kubecourse.control_plane.apiserver.rest import Request, handle
from tests.control_plane.apiserver import replay

# Recorded manifest -> why the object does not agree yet.
DIFFERS: dict[str, str] = {}

CASES = replay.records("defaults")


def created(manifest: str) -> Any:
    server = replay.server_with("defaults3")
    body = yaml.load(manifest)
    resource = BY_KIND[body["apiVersion"], body["kind"]]
    group = f"apis/{resource.api_version}" if resource.group else "api/v1"
    within = "/namespaces/defaults3" if resource.namespaced else ""
    path = f"/{group}{within}/{resource.plural}?dryRun=All"
    request = Request("POST", path, body=manifest, content_type="application/yaml")
    return handle(server, request).body


@pytest.mark.parametrize("record", CASES, ids=lambda record: record["scenario"])
def test_a_recorded_manifest_becomes_the_recorded_object(record: dict[str, Any]) -> None:
    expected = record["object"]
    if isinstance(expected, str):
        expected = json.loads(expected)
    lines = replay.differences(replay.normal(expected), replay.normal(created(record["manifest"])))
    assert bool(lines) == (record["scenario"] in DIFFERS), "\n".join(lines)


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.25", "IfNotPresent"),
        ("registry.example.com:5000/team/app", "Always"),
        ("registry.example.com:5000/team/app:v1", "IfNotPresent"),
        ("nginx@sha256:" + "a" * 64, "IfNotPresent"),
        ("nginx:latest@sha256:" + "a" * 64, "IfNotPresent"),
        (" nginx", "IfNotPresent"),  # not an image's name at all
        ("", "IfNotPresent"),
    ],
)
def test_only_the_tag_latest_is_pulled_always(image: str, policy: str) -> None:
    assert image_pull_policy(image) == policy


MANIFESTS = [yaml.load(record["manifest"]) for record in CASES]


@given(st.sampled_from(MANIFESTS))
def test_defaults_change_nothing_the_second_time(manifest: dict[str, Any]) -> None:
    resource = BY_KIND[manifest["apiVersion"], manifest["kind"]]
    obj, _ = codec.decode(manifest, resource.schema)
    once = default(obj)
    assert default(once) is once


def test_defaults_leave_the_object_they_are_given_as_it_was() -> None:
    for manifest in MANIFESTS:
        resource = BY_KIND[manifest["apiVersion"], manifest["kind"]]
        obj, _ = codec.decode(manifest, resource.schema)
        before = codec.encode(obj)
        default(obj)
        assert codec.encode(obj) == before


def test_an_empty_object_of_every_kind_can_be_given_its_defaults() -> None:
    for resource in RESOURCES:
        obj, _ = codec.decode({"metadata": {"name": "x"}}, resource.schema)
        default(obj)


def test_pods_of_one_template_share_their_defaulted_spec() -> None:
    pod = BY_KIND["v1", "Pod"]
    container = {"name": "c", "image": "nginx"}
    first, _ = codec.decode({"spec": {"containers": [container]}}, pod.schema)
    second = type(first)(spec=first.spec)
    assert default(first).spec is default(second).spec


def test_a_limit_is_also_the_request_in_a_pod_but_not_in_a_template() -> None:
    container = {"name": "c", "image": "x", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
    spec = {"containers": [container]}
    pod, _ = codec.decode({"spec": spec}, "core/v1.Pod")
    deployment, _ = codec.decode({"spec": {"template": {"spec": spec}}}, "apps/v1.Deployment")
    assert default(pod).spec.containers[0].resources.requests == {"cpu": "1", "memory": "1Gi"}
    assert default(deployment).spec.template.spec.containers[0].resources.requests is None


def test_on_the_hosts_network_a_pods_ports_are_the_hosts() -> None:
    container = {"name": "c", "image": "x", "ports": [{"containerPort": 80}]}
    pod, _ = codec.decode({"spec": {"hostNetwork": True, "containers": [container]}}, "core/v1.Pod")
    assert default(pod).spec.containers[0].ports[0].hostPort == 80


def test_what_is_as_good_as_absent_in_go_gets_its_default_too() -> None:
    pattern = {"type": "DisruptionTarget"}
    rule = {"action": "Ignore", "onPodConditions": [pattern]}
    spec = {"podFailurePolicy": {"rules": [rule]}, "template": {}}
    job, _ = codec.decode({"spec": spec}, "batch/v1.Job")
    condition = default(job).spec.podFailurePolicy.rules[0].onPodConditions[0]
    assert condition.status == "True"
