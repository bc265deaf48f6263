"""Requests that are refused for their options, bodies and paths, in the words of Kubernetes."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest

from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.rest import Request, Response, handle
from tests.control_plane.apiserver import replay

MAPS = "/api/v1/namespaces/shop/configmaps"
POD = "/api/v1/namespaces/shop/pods/till"
MERGE = "application/merge-patch+json"


@pytest.fixture
def server() -> APIServer:
    server = replay.server_with("shop")
    made = {"metadata": {"name": "prices"}}, {"metadata": {"name": "till"}, "spec": spec()}
    for path, body in zip((MAPS, POD.removesuffix("/till")), made, strict=True):
        assert ask(server, "POST", path, body).code == 201
    return server


def spec(**more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "image": "x"}], **more}


def ask(server: APIServer, method: str, path: str, body: Any = None, kind: str = "") -> Response:
    return handle(server, Request(method, path, body=body, content_type=kind or MERGE))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("resourceVersionMatch=Exact", "Match is forbidden unless resourceVersion is provided"),
        (
            "resourceVersionMatch=exact&resourceVersion=3",
            'Unsupported value: "exact": supported values: "Exact", "NotOlderThan", ""',
        ),
        (
            "resourceVersionMatch=Exact&resourceVersion=0",
            'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        ),
        ("sendInitialEvents=false", "sendInitialEvents is forbidden for list"),
        (
            "watch=true&resourceVersionMatch=NotOlderThan",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
        (
            "watch=true&sendInitialEvents=true&resourceVersionMatch=Exact",
            "[resourceVersionMatch: Forbidden: sendInitialEvents requires setting "
            "resourceVersionMatch to NotOlderThan, resourceVersionMatch: Unsupported value: "
            '"Exact": supported values: "NotOlderThan"]',
        ),
    ],
)
def test_options_of_a_list_go_together(query: str, expected: str, server: APIServer) -> None:
    for path in (MAPS, "/apis/apps/v1/deployments"):
        answer = ask(server, "GET", f"{path}?{query}")
        assert answer.code == 422
        assert answer.body["message"].startswith('ListOptions.meta.k8s.io "" is invalid: ')
        assert answer.body["message"].endswith(expected)


def token(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("ab=d", ": illegal base64 data at input byte 2"),
        ("abcde", ": illegal base64 data at input byte 4"),
        (token("nonsense"), ": invalid character 'o' in literal null (expecting 'u')"),
        (token("{"), ": unexpected end of JSON input"),
        (token("{}"), ": server does not recognize this encoded version"),
        (
            token('{"v": "meta.k8s.io/v1"}'),
            ": incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        ),
        (
            token('{"v": "meta.k8s.io/v1", "rv": 4}'),
            ": encoded start key empty (version meta.k8s.io/v1)",
        ),
    ],
)
def test_a_list_goes_on_only_from_where_one_ended(given: str, why: str, server: APIServer) -> None:
    answer = ask(server, "GET", f"{MAPS}?limit=1&continue={given}")
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    begin = "invalid continue token: continue key is not valid"
    assert answer.body["message"] == begin + why


def test_pages_have_one_version(server: APIServer) -> None:
    ask(server, "POST", MAPS, {"metadata": {"name": "sizes"}})
    first = ask(server, "GET", f"{MAPS}?limit=1").body["metadata"]["continue"]
    answer = ask(server, "GET", f"{MAPS}?limit=1&continue={first}&resourceVersion=4")
    why = "specifying resource version is not allowed when using continue"
    assert (answer.code, answer.body["message"]) == (400, why)
    assert ask(server, "GET", f"{MAPS}?timeoutSeconds=soon").code == 400


def test_namespaces_are_deleted_one_by_one(server: APIServer) -> None:
    assert ask(server, "DELETE", "/api/v1/namespaces").code == 405
    listed = ask(server, "GET", "/api/v1").body["resources"]
    verbs = {row["name"]: row["verbs"] for row in listed}
    assert "deletecollection" not in verbs["namespaces"]
    assert "deletecollection" in verbs["services"]


@pytest.mark.parametrize(
    ("body", "code", "expected"),
    [
        (
            {"propagationPolicy": "Orphan", "orphanDependents": True},
            422,
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": '
            "orphanDependents and deletionPropagation cannot be both set",
        ),
        (
            {"apiVersion": "v1", "kind": "Pod"},
            500,
            'no kind "Pod" is registered for version "v1" in scheme '
            '"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"',
        ),
    ],
)
def test_a_deletion_with_wrong_options_deletes_nothing(
    body: Any, code: int, expected: str, server: APIServer
) -> None:
    answer = ask(server, "DELETE", f"{MAPS}/prices", body)
    assert (answer.code, answer.body["message"]) == (code, expected)
    assert ask(server, "GET", f"{MAPS}/prices").code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "expected"),
    [
        (
            "POST",
            MAPS,
            {"apiVersion": "v1", "kind": "ConfigMapList"},
            400,
            'ConfigMapList in version "v1" cannot be handled as a ConfigMap: converting '
            "(v1.ConfigMapList) to (core.ConfigMap): unknown conversion",
        ),
        (
            "PUT",
            f"{MAPS}/prices",
            {"metadata": {}},
            400,
            "the name of the object (prices based on URL) was undeterminable: "
            "name must be provided",
        ),
        (
            "POST",
            f"{POD}/eviction",
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "till"}},
            400,
            'Pod in version "v1" cannot be handled as a Eviction: converting (v1.Pod) to '
            "(policy.Eviction): unknown conversion",
        ),
        (
            "POST",
            f"{POD}/binding",
            {"metadata": {"name": "till"}, "target": {"kind": "Pod"}},
            500,
            '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", '
            "target.name: Required value]",
        ),
        (
            "POST",
            f"{POD}/binding",
            {"target": {"name": "n"}},
            400,
            "name in URL does not match name in Binding object",
        ),
        (
            "PUT",
            "/api/v1/namespaces/shop/finalize",
            {"metadata": {"name": "shop"}, "spec": {"finalizers": ["mine"]}},
            422,
            'Namespace "shop" is invalid: spec.finalizers[0]: Invalid value: "mine": name is '
            "neither a standard finalizer name nor is it fully qualified",
        ),
    ],
)
def test_a_body_that_does_not_fit_is_refused(
    method: str, path: str, body: Any, code: int, expected: str, server: APIServer
) -> None:
    kind = "application/json"
    answer = ask(server, method, path, body, kind)
    assert (answer.code, answer.body["message"]) == (code, expected)


def test_a_patch_makes_no_other_kind_of_an_object(server: APIServer) -> None:
    for body, why in (
        ({"kind": "Secret"}, "converting (v1.Secret) to (core.ConfigMap): unknown conversion"),
        ({"apiVersion": "v7"}, 'no kind "ConfigMap" is registered for version "v7" in scheme'),
    ):
        answer = ask(server, "PATCH", f"{MAPS}/prices", body)
        assert answer.code == 422
        assert why in answer.body["message"]


def test_a_pod_is_bound_as_its_binder_saw_it(server: APIServer) -> None:
    target = {"target": {"name": "n"}}
    stale = {"metadata": {"name": "till", "uid": "another"}, **target}
    answer = ask(server, "POST", f"{POD}/binding", stale)
    assert (answer.code, answer.body["details"]["kind"]) == (409, "pods")
    assert "Precondition failed: UID in precondition: another" in answer.body["message"]
    body = {"metadata": {"name": "late"}, "spec": spec(schedulingGates=[{"name": "a/b"}])}
    assert ask(server, "POST", POD.removesuffix("/till"), body).code == 201
    binding = {"metadata": {"name": "late"}, **target}
    answer = ask(server, "POST", f"{POD.replace('till', 'late')}/binding", binding)
    said = 'pods/binding "late": pod late has non-empty .spec.schedulingGates'
    assert answer.body["message"].endswith(said)


def test_a_namespace_keeps_the_finalizers_that_it_comes_with(server: APIServer) -> None:
    body = {"metadata": {"name": "annex"}, "spec": {"finalizers": ["shop.example/stock"]}}
    made = ask(server, "POST", "/api/v1/namespaces", body, "application/json").body
    assert made["spec"]["finalizers"] == ["shop.example/stock", "kubernetes"]


def test_less_than_no_time_to_stop_is_a_second(server: APIServer) -> None:
    body = {"metadata": {"name": "placed"}, "spec": spec(nodeName="n")}
    path = POD.removesuffix("/till")
    assert ask(server, "POST", path, body).code == 201
    gone = ask(server, "DELETE", f"{path}/placed", {"gracePeriodSeconds": -7}).body
    assert gone["metadata"]["deletionGracePeriodSeconds"] == 1
