"""Recorded HTTP requests get the recorded answers; and what the records do not show."""

import json
import re
from typing import Any

import pytest
from msgspec.structs import replace

from kubecourse import Cluster
from kubecourse.api.resources import BY_PLURAL, RESOURCES
from kubecourse.api.versions import OLDER
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.rest import Request, Response, handle, watch
from tests.control_plane.apiserver import replay

CONTROLLERS = (
    "lists what controllers and a scheduler had made some milliseconds earlier; here the server "
    "is alone"
)

# Recorded request -> why the answer does not agree yet.
DIFFERS = {
    "watch-too-old": CONTROLLERS,
}

REVISION = "deployment.kubernetes.io/revision"
ACTED_UPON = {"Deployment", "Job", "Pod"}
"""Kinds whose recorded status was written by controllers and a scheduler."""

RECORDS = replay.records("api")
SERVED = [record for record in RECORDS if replay.resource_at(record["path"]) is not None]
UNKNOWN_PATHS = [record for record in RECORDS if record["scenario"] == "path-unknown-resource"]
CASES = {record["scenario"]: record for record in [*SERVED, *UNKNOWN_PATHS]}


@pytest.fixture(scope="module")
def answers() -> dict[str, Response]:
    """All recorded requests put to one server, in their order."""
    server = replay.server_with("default", "kube-system", "api")
    send = replay.Replay(server)
    found = {}
    for record in RECORDS:
        found[record["scenario"]] = send(record)
        if record["scenario"] == "create-web":
            note_revision(server, "1")
    found["bad-limit"] = among_controllers("bad-limit")
    return found


def among_controllers(scenario: str) -> Response:
    """What a server answers whose controllers and scheduler act upon all that is asked before.

    The node that was created and deleted again was gone before a pod was tried on it.
    """
    cluster = Cluster(nodes=0)
    cluster.run("create namespace api")
    send = replay.Replay(cluster.server)
    for record in RECORDS:
        answer = send(record)
        if record["scenario"] == scenario:
            return answer
        cluster.advance(0 if "/nodes" in record["path"] else 0.3)
    raise AssertionError(f"{scenario} is not recorded")


def note_revision(server: APIServer, revision: str) -> None:
    """As the Deployment controller does, together with the status."""
    deployments = BY_PLURAL["apps", "v1", "deployments"]
    old = server.get(deployments, "api", "web")
    metadata = replace(old.metadata, annotations={REVISION: revision})
    server.update(deployments, replace(old, metadata=metadata), "status")


_QUOTED_OBJECT = re.compile(
    r'patch: Invalid value: "\{.*\}": |Invalid value: "\{.*\}": (?=json|strict)'
)


def _of_replica_sets(value: Any) -> str:
    """Their pods have no order without their drawn names; all else stays in its own."""
    metadata = value.get("metadata", {}) if isinstance(value, dict) else {}
    return metadata["generateName"] + str(value["spec"]) if "generateName" in metadata else ""


def alone(value: Any) -> Any:
    """An answer without what controllers had written when it was recorded."""
    if isinstance(value, str):
        return _QUOTED_OBJECT.sub("<object>: ", value)
    if isinstance(value, list):
        return sorted(map(alone, value), key=_of_replica_sets) if value else []
    if not isinstance(value, dict):
        return value
    out = {key: alone(element) for key, element in value.items()}
    if hash_ := out.get("metadata", {}).get("labels", {}).get("pod-template-hash"):
        out["metadata"].pop("name")
        out = json.loads(json.dumps(out).replace(hash_, "<hash>"))
    if "spec" not in out:
        return out
    if out.get("kind") == "Scale":
        out["status"].pop("replicas")
    elif out.get("kind") in ACTED_UPON:
        out.pop("status", None)
        annotations = out["metadata"].get("annotations", {})
        annotations.pop(REVISION, None)
        if not annotations:
            out["metadata"].pop("annotations", None)
    return out


@pytest.mark.parametrize("scenario", CASES)
def test_a_recorded_request_gets_the_recorded_answer(
    scenario: str, answers: dict[str, Response]
) -> None:
    record, answer = CASES[scenario], answers[scenario]
    record = {**record, "response": alone(record["response"])}
    answer = Response(answer.code, alone(answer.body), answer.warnings)
    lines = replay.disagreement(record, answer)
    assert bool(lines) == (scenario in DIFFERS), "\n".join(lines)


def test_the_list_of_differences_names_recorded_requests_only() -> None:
    assert set(DIFFERS) <= set(CASES)


# --- what the records do not show


@pytest.fixture
def server() -> APIServer:
    return replay.server_with("default", "other")


def send(server: APIServer, method: str, path: str, body: Any = None, **more: Any) -> Response:
    return handle(server, Request(method, path, body=body, **more))


CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"kind": }', "invalid character '}' looking for beginning of value"),
        ('{"kind" 1}', "invalid character '1' after object key"),
        ('{"a": 1 "b": 2}', "invalid character '\"' after object key:value pair"),
        ('{"a": [1 2]}', "invalid character '2' after array element"),
        ("{a: 1}", "invalid character 'a' looking for beginning of object key string"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("", "unexpected end of JSON input (<empty>)"),
        ("[]", "json: cannot unmarshal array into Go value of type struct"),
        ('{"kind": 5}', "json: cannot unmarshal number into Go struct field .kind of type string"),
    ],
)
def test_what_is_no_object_is_refused_in_gos_words(
    server: APIServer, body: str, message: str
) -> None:
    response = send(server, "POST", CONFIG_MAPS, body)
    assert response.code == 400
    assert (
        "must be of type ConfigMap): couldn't get version/kind; json parse error: "
        in response.body["message"]
    )
    assert message in response.body["message"]


def test_a_body_without_a_kind_is_taken_for_the_resources(server: APIServer) -> None:
    response = send(server, "POST", CONFIG_MAPS, '{"metadata": {"name": "a"}}')
    assert (response.code, response.body["kind"]) == (201, "ConfigMap")


def test_keys_given_twice_are_refused_or_warned_of(server: APIServer) -> None:
    body = '{"metadata": {"name": "a"}, "data": {"k": "1", "k": "2"}}'
    strict = send(server, "POST", f"{CONFIG_MAPS}?fieldValidation=Strict", body)
    assert strict.body["message"].endswith('strict decoding error: duplicate field "data.k"')
    warned = send(server, "POST", CONFIG_MAPS, body)
    assert (warned.code, warned.warnings) == (201, ['duplicate field "data.k"'])
    assert warned.body["data"] == {"k": "2"}


def test_an_object_goes_where_the_path_says(server: APIServer) -> None:
    assert (
        send(server, "POST", CONFIG_MAPS, config_map("a")).body["metadata"]["namespace"]
        == "default"
    )
    refused = send(server, "POST", CONFIG_MAPS, config_map("a", namespace="other"))
    assert refused.body["message"] == (
        "the namespace of the provided object does not match the namespace sent on the request"
    )


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v2/pods", 404),
        ("GET", "/api/v1/pods/x", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", "/api/v1/namespaces/default/pods/x/scale", 404),
        ("POST", "/api/v1/pods", 405),
        ("DELETE", "/apis/apps/v1/namespaces/default/deployments/x/scale", 405),
        ("GET", "/api/v1/namespaces/default/status", 200),
    ],
)
def test_paths(server: APIServer, method: str, path: str, code: int) -> None:
    assert send(server, method, path, {}).code == code


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "fieldValidation=Loose",
            'fieldValidation: Unsupported value: "Loose": '
            'supported values: "", "Ignore", "Strict", "Warn"',
        ),
        ("dryRun=Some", 'dryRun: Unsupported value: ["Some"]: supported values: "All"'),
    ],
)
def test_options_that_may_not_be(server: APIServer, query: str, message: str) -> None:
    response = send(server, "POST", f"{CONFIG_MAPS}?{query}", config_map("a"))
    assert response.code == 422
    assert response.body["message"] == f'CreateOptions.meta.k8s.io "" is invalid: {message}'


def test_a_collection_is_deleted_as_far_as_a_selector_matches(server: APIServer) -> None:
    for name, tier in (("a", "x"), ("b", "x"), ("c", "y")):
        send(server, "POST", CONFIG_MAPS, config_map(name, labels={"tier": tier}))
    deleted = send(server, "DELETE", f"{CONFIG_MAPS}?labelSelector=tier%3Dx").body
    assert [item["metadata"]["name"] for item in deleted["items"]] == ["a", "b"]
    left = send(server, "GET", CONFIG_MAPS).body
    assert [item["metadata"]["name"] for item in left["items"]] == ["c"]
    assert "kind" not in left["items"][0]


def test_metadata_alone(server: APIServer) -> None:
    send(server, "POST", CONFIG_MAPS, {**config_map("a"), "data": {"k": "v"}})
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    listed = send(server, "GET", CONFIG_MAPS, accept=accept).body
    assert listed["kind"] == "PartialObjectMetadataList"
    assert "data" not in listed["items"][0]


def test_a_status_is_patched_through_its_subresource_only(server: APIServer) -> None:
    path = "/api/v1/nodes/n"
    send(server, "POST", "/api/v1/nodes", {"metadata": {"name": "n"}})
    patch = {"spec": {"unschedulable": True}, "status": {"phase": "Running"}}
    kind = "application/strategic-merge-patch+json"
    patched = send(server, "PATCH", f"{path}/status", patch, content_type=kind).body
    assert patched["status"]["phase"] == "Running"
    assert "unschedulable" not in patched["spec"]


def test_a_patch_of_a_wrong_type_is_worded_as_its_converter_does(server: APIServer) -> None:
    send(server, "POST", CONFIG_MAPS, config_map("a"))
    for patch, why in (
        ({"immutable": "x"}, "unrecognized type: bool"),
        ({"data": ["x"]}, "cannot restore map from slice"),
    ):
        kind = "application/strategic-merge-patch+json"
        answer = send(server, "PATCH", f"{CONFIG_MAPS}/a", patch, content_type=kind)
        assert answer.code == 422
        assert answer.body["message"].endswith(f'": {why}')


def test_a_watch_delivers_what_there_is_and_then_what_changes(server: APIServer) -> None:
    send(server, "POST", CONFIG_MAPS, config_map("a"))
    seen: list[tuple[str, str]] = []

    def note(event: dict[str, Any]) -> None:
        seen.append((event["type"], event["object"]["metadata"].get("name", "")))

    query = {"watch": "1", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    stream = watch(server, Request("GET", CONFIG_MAPS, query), note)
    server.clock.advance(1)
    assert seen == [("ADDED", "a"), ("BOOKMARK", "")]
    send(server, "DELETE", f"{CONFIG_MAPS}/a")
    server.clock.advance(1)
    assert seen[2:] == [("DELETED", "a")]
    stream.stop()
    send(server, "POST", CONFIG_MAPS, config_map("b"))
    server.clock.advance(1)
    assert len(seen) == 3


def test_a_watch_goes_on_from_a_resource_version(server: APIServer) -> None:
    send(server, "POST", CONFIG_MAPS, config_map("a"))
    version = send(server, "GET", CONFIG_MAPS).body["metadata"]["resourceVersion"]
    send(server, "POST", CONFIG_MAPS, config_map("b"))
    events = send(server, "GET", f"{CONFIG_MAPS}?watch=true&resourceVersion={version}").body
    assert [(e["type"], e["object"]["metadata"]["name"]) for e in events] == [("ADDED", "b")]


@pytest.mark.parametrize(
    "accept",
    ["application/json", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"],
)
def test_discovery_names_every_resource(server: APIServer, accept: str) -> None:
    groups = send(server, "GET", "/apis", accept=accept).body
    key = "groups" if accept == "application/json" else "items"
    served = {resource.group for resource in (*RESOURCES, *OLDER)}
    assert len(groups[key]) == len(served - {""})
    core = send(server, "GET", "/api/v1").body
    names = [row["name"] for row in core["resources"]]
    assert {"pods", "pods/eviction", "pods/binding", "namespaces/finalize"} <= set(names)


DEPRECATED = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
ENDPOINTS = "/api/v1/namespaces/api/endpoints"


@pytest.mark.parametrize(
    ("method", "name", "body", "code"),
    [
        ("GET", "", None, 200),
        ("GET", "/no", None, 404),
        ("POST", "", {"metadata": {"name": "e"}}, 201),
        ("POST", "", {"metadata": {"name": "e"}, "subsets": 1}, 400),
        ("POST", "", {"metadata": {"name": "e"}, "subsets": [{}]}, 422),
        ("DELETE", "/no", None, 404),
        ("DELETE", "", None, 200),
    ],
)
def test_whoever_asks_for_a_deprecated_kind_is_told_so(
    method: str, name: str, body: Any, code: int
) -> None:
    server = replay.server_with("api")
    answer = handle(server, Request(method, ENDPOINTS + name, body=body))
    assert (answer.code, answer.warnings) == (code, [DEPRECATED])


def test_what_is_wrong_with_endpoints_is_told_in_the_servers_words_and_order() -> None:
    server = replay.server_with("api")
    body = {
        "metadata": {"name": "e"},
        "subsets": [
            {"ports": [{"port": 80}]},
            {
                "addresses": [{"ip": "127.0.0.1"}, {"ip": "x"}],
                "notReadyAddresses": [{"ip": "10.0.0.1"}],
                "ports": [{"port": 0}, {"port": 1, "name": "a", "protocol": "X"}],
            },
        ],
    }
    causes = handle(server, Request("POST", ENDPOINTS, body=body)).body["details"]["causes"]
    assert [(cause["field"], cause["message"].partition(":")[0]) for cause in causes] == [
        ("subsets[0]", "Required value"),
        ("subsets[1].addresses[0].ip", "Invalid value"),
        ("subsets[1].addresses[1].ip", "Invalid value"),
        ("subsets[1].ports[0].name", "Required value"),
        ("subsets[1].ports[0].port", "Invalid value"),
        ("subsets[1].ports[1].protocol", "Unsupported value"),
    ]
