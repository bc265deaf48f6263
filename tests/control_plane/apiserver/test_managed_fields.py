"""managedFields tell the truth about every kind of write, and server-side apply heeds them."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from kubecourse.api import codec
from kubecourse.api.resources import BY_PLURAL
from kubecourse.client import Client
from kubecourse.cluster import Cluster
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.rest import Request, Response, handle, watch
from tests.control_plane.apiserver import replay

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
CM = f"{CONFIG_MAPS}/cm"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STATUS = {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web"}}


@pytest.fixture
def server() -> APIServer:
    return replay.server_with("default", "other")


def send(server: APIServer, method: str, path: str, body: Any = None, **more: Any) -> Response:
    return handle(server, Request(method, path, body=body, **more))


def apply(server: APIServer, path: str, body: Any, manager: str, more: str = "") -> Response:
    query = f"{path}?fieldManager={manager}{more}"
    return send(server, "PATCH", query, body, content_type=APPLY)


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": data}


def deployment(**spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "web", "image": "nginx"}]},
    }
    spec = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return {**STATUS, "spec": spec}


def entries(obj: Any) -> list[tuple[Any, ...]]:
    """Manager, operation and subresource of each entry, and the top of its fields."""
    return [
        (e["manager"], e["operation"], e.get("subresource", ""), e["fieldsV1"])
        for e in obj["metadata"].get("managedFields", [])
    ]


def owners(server: APIServer, path: str = CM) -> list[tuple[Any, ...]]:
    return entries(send(server, "GET", path).body)


# --- ordinary writes


def test_each_writer_owns_what_it_changed_last(server: APIServer) -> None:
    send(server, "POST", f"{CONFIG_MAPS}?fieldManager=kubectl-create", config_map(a="1", b="1"))
    server.clock.advance(5)
    patch = {"data": {"b": "2"}}
    send(server, "PATCH", CM, patch, content_type=MERGE, agent="python-requests/2.31")
    body = send(server, "GET", CM).body
    assert body["metadata"]["managedFields"] == [
        {
            "manager": "kubectl-create",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2026-01-05T09:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {".": {}, "f:a": {}}},
        },
        {
            "manager": "python-requests",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2026-01-05T09:00:05Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:b": {}}},
        },
    ]


def test_what_is_removed_is_nobodys(server: APIServer) -> None:
    send(server, "POST", f"{CONFIG_MAPS}?fieldManager=one", config_map(a="1"))
    send(server, "PATCH", f"{CM}?fieldManager=two", {"data": None}, content_type=MERGE)
    assert owners(server) == []


def test_a_list_a_watch_and_a_deletion_show_them_too(server: APIServer) -> None:
    seen: list[Any] = []
    stream = watch(server, Request("GET", CONFIG_MAPS, {"watch": "1"}), seen.append)
    send(server, "POST", f"{CONFIG_MAPS}?fieldManager=one", config_map(a="1"))
    send(server, "PATCH", f"{CM}?fieldManager=two", {"data": {"a": "2"}}, content_type=MERGE)
    one = ("one", "Update", "", {"f:data": {".": {}, "f:a": {}}})
    both = [
        ("one", "Update", "", {"f:data": {}}),
        ("two", "Update", "", {"f:data": {"f:a": {}}}),
    ]
    assert entries(send(server, "GET", CONFIG_MAPS).body["items"][0]) == both
    send(server, "DELETE", CM)
    server.clock.advance(1)
    assert [entries(event["object"]) for event in seen] == [[one], both, both]
    stream.stop()


def test_a_dry_run_shows_what_would_be(server: APIServer) -> None:
    path = f"{CONFIG_MAPS}?fieldManager=one&dryRun=All"
    created = send(server, "POST", path, config_map(a="1")).body
    assert entries(created) == [("one", "Update", "", {"f:data": {".": {}, "f:a": {}}})]
    send(server, "POST", f"{CONFIG_MAPS}?fieldManager=one", config_map(a="1"))
    body = {"data": {"a": "2"}}
    path = f"{CM}?fieldManager=two&dryRun=All"
    assert [e[0] for e in entries(send(server, "PATCH", path, body, content_type=MERGE).body)] == [
        "one",
        "two",
    ]
    assert [e[0] for e in owners(server)] == ["one"]


def test_scaling_is_noted_without_a_time(server: APIServer) -> None:
    send(server, "POST", f"{DEPLOYMENTS}?fieldManager=one", deployment(replicas=1))
    path = f"{DEPLOYMENTS}/web"
    body = {"spec": {"replicas": 3}}
    send(server, "PATCH", f"{path}/scale", body, content_type=MERGE, agent="kubectl/v1")
    first = send(server, "GET", path).body["metadata"]["managedFields"][0]
    assert first == {
        "manager": "kubectl",
        "operation": "Update",
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
        "subresource": "scale",
    }


def test_components_own_what_they_write(server: APIServer) -> None:
    resource = BY_PLURAL["", "v1", "configmaps"]
    client = Client(server, server.clock, "kubelet/node-1")
    model = resource.model
    client.create(struct(resource, config_map(a="1")))
    client.update(replace(client.get(model, "cm", "default"), data={"a": "2"}))
    assert owners(server) == [("kubelet", "Update", "", {"f:data": {".": {}, "f:a": {}}})]


def struct(resource: Any, data: dict[str, Any]) -> Any:
    obj, _ = codec.decode(data, resource.schema)
    return replace(obj, metadata=replace(obj.metadata, namespace="default"))


def test_managed_fields_can_be_replaced_and_taken_away(server: APIServer) -> None:
    send(server, "POST", f"{CONFIG_MAPS}?fieldManager=one", config_map(a="1"))
    body = send(server, "GET", CM).body
    body["metadata"]["managedFields"][0]["manager"] = "two"
    assert send(server, "PUT", f"{CM}?fieldManager=three", body).code == 200
    assert [e[0] for e in owners(server)] == ["two"]
    reset = {"metadata": {"managedFields": [{}]}}
    send(server, "PATCH", CM, reset, content_type=MERGE)
    assert owners(server) == []
    send(server, "PATCH", f"{CM}?fieldManager=x", {"data": {"a": "9"}}, content_type=MERGE)
    assert owners(server) == []  # nobody is noted until the object is applied
    apply(server, CM, config_map(b="1"), "y")
    assert [e[0] for e in owners(server)] == ["y", "before-first-apply"]


def test_a_forked_cluster_goes_its_own_way() -> None:
    cluster = Cluster(nodes=1)
    cluster.kubectl("create configmap cm --from-literal=a=1")
    other = cluster.fork()
    for one, data in ((cluster, "2"), (other, "1")):
        one.kubectl(f"""patch cm cm -p '{{"data":{{"a":"{data}","b":"1"}}}}'""")
    here, there = (owners(one.server) for one in (cluster, other))
    assert here != there
    assert [e[0] for e in here] == ["kubectl-create", "kubectl-patch"]


# --- a whole cluster, as recorded


def test_a_deployments_fields_and_those_of_its_pods() -> None:
    cluster = Cluster(nodes=1)
    cluster.kubectl("create deployment web --image=nginx")
    cluster.settle()
    found = owners(cluster.server, f"{DEPLOYMENTS}/web")
    assert [e[:3] for e in found] == [
        ("kubectl-create", "Update", ""),
        ("kube-controller-manager", "Update", "status"),
    ]
    revision = {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}}
    assert found[1][3]["f:metadata"] == revision
    (pod,) = send(cluster.server, "GET", "/api/v1/namespaces/default/pods").body["items"]
    assert [e[:3] for e in entries(pod)] == [
        ("kube-controller-manager", "Update", ""),
        ("kubelet", "Update", "status"),
    ]
    recorded = next(r for r in replay.records("api") if r["scenario"] == "bad-limit")["response"]
    expected = recorded["items"][0]["metadata"]["managedFields"][0]["fieldsV1"]
    assert _plain(entries(pod)[0][3]) == _plain(expected)


def _plain(fields: Any) -> str:
    text = json.dumps(replay.normal(fields)).replace(
        '\\"name\\":\\"nginx\\"', '\\"name\\":\\"web\\"'
    )
    return text[: text.index('k:{\\"uid')] + text[text.index("f:spec") :]


# --- server-side apply


RECORDS = replay.records("api")


def test_the_recorded_owners_after_a_forced_apply(server: APIServer) -> None:
    names = [record["scenario"] for record in RECORDS]
    server = replay.server_with("api")
    send_record = replay.Replay(server)
    for record in RECORDS[names.index("ssa-no-fieldmanager") : names.index("ssa-force") + 1]:
        answer = send_record(record)
    expected = [e for e in record["managedFields"] if e["operation"] == "Apply"]
    got = answer.body["metadata"]["managedFields"]
    assert [{**e, "time": ""} for e in got] == [{**e, "time": ""} for e in expected]


def test_a_status_is_applied_through_its_subresource(server: APIServer) -> None:
    send(server, "POST", f"{DEPLOYMENTS}?fieldManager=one", deployment(replicas=1))
    path = f"{DEPLOYMENTS}/web/status"
    config = {**deployment(replicas=5), "status": {"replicas": 3}}
    body = apply(server, path, config, "hand", "&force=true").body
    assert (body["spec"]["replicas"], body["status"]["replicas"]) == (1, 3)
    assert entries(body)[0] == ("hand", "Apply", "status", {"f:status": {"f:replicas": {}}})
    missing = apply(server, f"{DEPLOYMENTS}/none/status", config, "hand")
    assert (missing.code, missing.body["reason"]) == (404, "NotFound")


def test_an_apply_dry_run_stores_nothing(server: APIServer) -> None:
    answer = apply(server, CM, config_map(a="1"), "one", "&dryRun=All")
    assert (answer.code, entries(answer.body)[0][0]) == (201, "one")
    assert send(server, "GET", CM).code == 404


def test_applying_the_same_again_writes_nothing(server: APIServer) -> None:
    first = apply(server, CM, config_map(a="1"), "one")
    server.clock.advance(10)
    again = apply(server, CM, config_map(a="1"), "one")
    assert (first.code, again.code) == (201, 200)
    assert first.body == again.body


def test_joining_an_owner_writes_no_more_than_that(server: APIServer) -> None:
    first = apply(server, CM, config_map(a="1"), "one").body
    joined = apply(server, CM, config_map(a="1"), "two").body
    assert joined["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    assert sorted(e[0] for e in entries(joined)) == ["one", "two"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("fieldManager=" + "x" * 129, "fieldManager: Too long: may not be more than 128 bytes"),
        (
            "fieldManager=a%0Ab",
            'fieldManager: Invalid value: "a\\nb": invalid character U+000A (at position 1)',
        ),
        ("force=true", "force: Forbidden: may not be specified for non-apply patch"),
    ],
)
def test_options_of_patches_that_may_not_be(server: APIServer, query: str, message: str) -> None:
    answer = send(server, "PATCH", f"{CM}?{query}", {}, content_type=MERGE)
    assert answer.body["message"] == f'PatchOptions.meta.k8s.io "" is invalid: {message}'


@pytest.mark.parametrize(
    ("config", "code", "message"),
    [
        ("[]", 400, "error decoding YAML: "),
        ("a: [", 400, "error decoding YAML: "),
        ({}, 400, "invalid object type: /, Kind="),
        ({"apiVersion": "v1", "kind": "Pod"}, 400, "invalid object type: /v1, Kind=Pod"),
        ({**config_map(), "metadata": {}}, 400, "name must be provided"),
        (
            {**config_map(), "metadata": {"name": "cm", "namespace": "other"}},
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            {**config_map(), "metadata": {"name": "cm", "uid": "u"}},
            409,
            'Operation cannot be fulfilled on configmaps "cm": uid mismatch: '
            "the provided object specified uid u, and no existing object was found",
        ),
    ],
)
def test_what_cannot_be_applied(server: APIServer, config: Any, code: int, message: str) -> None:
    answer = apply(server, CM, config, "one")
    assert (answer.code, answer.body["message"][: len(message)]) == (code, message)


def test_client_side_apply_gives_way_to_kubectl_alone(server: APIServer) -> None:
    """What kubectl's annotation says it has applied, its server-side apply may change."""
    last = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(config_map(a="1", b="1"))
    }
    created = {**config_map(a="1", b="2"), "metadata": {"name": "cm", "annotations": last}}
    send(server, "POST", f"{CONFIG_MAPS}?fieldManager=kubectl-client-side-apply", created)
    assert apply(server, CM, config_map(a="9"), "other").code == 409
    assert apply(server, CM, config_map(b="9"), "kubectl").code == 409
    applied = apply(server, CM, config_map(a="9"), "kubectl")
    assert applied.code == 200
    (text,) = applied.body["metadata"]["annotations"].values()
    assert json.loads(text)["data"] == {"a": "9"}
