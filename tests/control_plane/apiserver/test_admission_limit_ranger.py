"""Limit ranges: defaults first, then the checks, each in the real server's words."""

import json
import re
from typing import Any

import pytest

from kubecourse.api import codec
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.rest import Request, Response, handle
from tests.control_plane.apiserver import replay

PODS = "/api/v1/namespaces/n/pods"
RANGES = "/api/v1/namespaces/n/limitranges"
CLAIMS = "/api/v1/namespaces/n/persistentvolumeclaims"
ANNOTATION = "kubernetes.io/limit-ranger"


def server_with(*limits: dict[str, Any]) -> APIServer:
    """A server whose namespace `n` has one LimitRange for each item."""
    server = replay.server_with("n")
    for number, item in enumerate(limits):
        body = {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": f"lr-{number}"},
            "spec": {"limits": [item]},
        }
        answer = handle(server, Request("POST", RANGES, body=body))
        assert (answer.code, answer.warnings) == (201, [])
    return server


def container(**more: Any) -> dict[str, Any]:
    return {"type": "Container", **more}


def create(server: APIServer, *resources: dict[str, Any], init: Any = None) -> Response:
    """Create a pod with a container for each of these resources."""
    containers = [
        {"name": f"c{number}", "image": "x", "resources": each}
        for number, each in enumerate(resources)
    ]
    spec: dict[str, Any] = {"containers": containers}
    if init is not None:
        spec["initContainers"] = [{"name": "i", "image": "x", "resources": init}]
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    return handle(server, Request("POST", PODS, body=body))


def refusal(answer: Response) -> str:
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
    text: str = answer.body["message"]
    prefix, _, why = text.partition(" is forbidden: ")
    assert prefix in ('pods "p"', 'persistentvolumeclaims "p"')
    return why


# --- filling in


def test_what_containers_leave_out_is_filled_in_and_noted() -> None:
    server = server_with(
        container(default={"cpu": "500m"}, defaultRequest={"cpu": "50m", "memory": "32Mi"})
    )
    pod = create(server, {}, init={"requests": {"memory": "64Mi"}}).body
    assert pod["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "50m", "memory": "32Mi"},
        "limits": {"cpu": "500m"},
    }
    assert pod["spec"]["initContainers"][0]["resources"] == {
        "requests": {"cpu": "50m", "memory": "64Mi"},
        "limits": {"cpu": "500m"},
    }
    assert pod["metadata"]["annotations"] == {
        ANNOTATION: "LimitRanger plugin set: cpu, memory request for container c0; "
        "cpu limit for container c0; cpu request for init container i; "
        "cpu limit for init container i"
    }
    assert pod["status"]["qosClass"] == "Burstable"


def test_recorded_pods_carry_the_recorded_note() -> None:
    """`describe pod` of a namespace whose LimitRange was recorded beside it."""
    tables = json.loads((replay.RECORDS / "tables.json").read_text())
    pods = next(t for t in tables if t["scenario"] == "pods-json-behind-tables")
    notes = set(re.findall(r"LimitRanger plugin set: [^\"\\]*", json.dumps(pods)))
    assert notes
    server = server_with(
        container(
            max={"cpu": "2"},
            default={"cpu": "500m", "memory": "256Mi"},
            defaultRequest={"cpu": "50m", "memory": "32Mi"},
            maxLimitRequestRatio={"cpu": "10"},
        )
    )
    pod = create(server, {}).body
    ours = pod["metadata"]["annotations"][ANNOTATION]
    assert ours.replace("container c0", "container c") in {
        re.sub(r"container [a-z-]+", "container c", note) for note in notes
    }


def test_a_limit_without_a_request_stays_both() -> None:
    server = server_with(container(defaultRequest={"cpu": "50m"}))
    resources = create(server, {"limits": {"cpu": "1"}}).body["spec"]["containers"][0]["resources"]
    assert resources == {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}


def test_a_request_above_the_default_limit_is_invalid() -> None:
    server = server_with(container(default={"cpu": "500m"}))
    answer = create(server, {"requests": {"cpu": "1"}})
    assert answer.code == 422
    assert "must be less than or equal to cpu limit of 500m" in answer.body["message"]


def test_a_pod_that_says_everything_is_left_alone() -> None:
    server = server_with(container(default={"cpu": "1"}))
    pod = create(server, {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}).body
    assert "annotations" not in pod["metadata"]


def test_pods_of_one_template_still_share_their_spec() -> None:
    server = server_with(container(default={"cpu": "1"}))
    resource = BY_PLURAL["", "v1", "pods"]
    body = {"metadata": {"generateName": "p-", "namespace": "n"}}
    body["spec"] = {"containers": [{"name": "c", "image": "x"}]}  # type: ignore[assignment]
    template, _ = codec.decode(body, resource.schema)
    first, second = (server.create(resource, template) for _ in range(2))
    assert first.spec is second.spec


# --- checking

HALF, ONE, THREE = {"cpu": "500m"}, {"cpu": "1"}, {"cpu": "3"}


@pytest.mark.parametrize(
    ("item", "resources", "why"),
    [
        (
            container(min=ONE, default=THREE),
            {"requests": HALF},
            "minimum cpu usage per Container is 1, but request is 500m",
        ),
        (
            container(max=ONE),
            {"limits": THREE, "requests": HALF},
            "maximum cpu usage per Container is 1, but limit is 3",
        ),
        (
            container(maxLimitRequestRatio={"cpu": "2"}),
            {"limits": ONE, "requests": {"cpu": "250m"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
        ),
        (
            container(maxLimitRequestRatio={"cpu": "2"}),
            {},
            "cpu max limit to request ratio per Container is 2, "
            "but no request is specified or request is 0",
        ),
        (
            {"type": "Pod", "max": ONE},
            {"requests": HALF},
            "maximum cpu usage per Pod is 1.  No limit is specified",
        ),
        (
            {"type": "Pod", "min": ONE},
            {},
            "minimum cpu usage per Pod is 1.  No request is specified",
        ),
        (
            {"type": "Pod", "max": ONE, "min": {"memory": "1Gi"}},
            {"limits": {**THREE, "memory": "1Mi"}},
            "[minimum memory usage per Pod is 1Gi, but request is 1Mi, "
            "maximum cpu usage per Pod is 1, but limit is 3]",
        ),
    ],
)
def test_what_is_out_of_bounds_is_refused(
    item: dict[str, Any], resources: dict[str, Any], why: str
) -> None:
    assert refusal(create(server_with(item), resources)) == why


def test_a_recorded_refusal_has_the_recorded_words() -> None:
    """The scenario `lr-deploy-events`: a Deployment of pods larger than the namespace allows."""
    records = json.loads((replay.RECORDS / "api.json").read_text())
    events = next(r for r in records if r["scenario"] == "lr-deploy-events")["events"]
    recorded = {
        e["message"].partition(" is forbidden: ")[2]
        for e in events
        if e["reason"] == "FailedCreate"
    }
    server = replay.server_with("n")
    limits = [container(max=ONE), {"type": "Pod", "max": {"cpu": "1500m"}}]
    body = {"kind": "LimitRange", "metadata": {"name": "lr"}, "spec": {"limits": limits}}
    handle(server, Request("POST", RANGES, body=body))
    assert {refusal(create(server, {"limits": THREE}))} == recorded


def test_the_same_complaint_is_made_once() -> None:
    why = refusal(create(server_with(container(max=ONE)), {"limits": THREE}, {"limits": THREE}))
    assert why == "maximum cpu usage per Container is 1, but limit is 3"


def test_a_pods_sum_counts_init_steps_only_where_they_are_hungrier() -> None:
    server = server_with({"type": "Pod", "max": {"cpu": "2"}})
    assert create(server, {"limits": ONE}, {"limits": ONE}, init={"limits": ONE}).code == 201
    server = server_with({"type": "Pod", "max": {"cpu": "2"}})
    why = refusal(create(server, {"limits": ONE}, init={"limits": THREE}))
    assert why == "maximum cpu usage per Pod is 2, but limit is 3"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("1Gi", ""),
        ("10Mi", "minimum storage usage per PersistentVolumeClaim is 100Mi, but request is 10Mi"),
        ("3Gi", "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"),
    ],
)
def test_claims_have_bounds_too(asked: str, why: str) -> None:
    item = {"type": "PersistentVolumeClaim", "min": {"storage": "100Mi"}, "max": {"storage": "2Gi"}}
    server = server_with(item)
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "p"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": asked}},
        },
    }
    answer = handle(server, Request("POST", CLAIMS, body=body))
    assert refusal(answer) == why if why else answer.code == 201


def test_pods_elsewhere_are_not_concerned() -> None:
    server = replay.server_with("n", "other")
    body = {"metadata": {"name": "lr"}, "spec": {"limits": [container(max=ONE)]}}
    handle(server, Request("POST", "/api/v1/namespaces/other/limitranges", body=body))
    assert create(server, {"limits": THREE}).code == 201
