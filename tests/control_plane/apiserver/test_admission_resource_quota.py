"""Quotas: what is charged for what, and the words in which more than that is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kubecourse.api import quantity
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.admission.resource_quota import has_usage_stats
from kubecourse.control_plane.apiserver.rest import Request, Response, handle
from tests.control_plane.apiserver import replay
from tests.oracles import oracle

QUOTAS = BY_PLURAL["", "v1", "resourcequotas"]
ORACLE = oracle("resource_quota")


def server_with(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> APIServer:
    """A server whose namespace `n` has a quota `q` that a controller has looked at."""
    server = replay.server_with("n")
    add_quota(server, "q", hard, used, **spec)
    return server


def add_quota(
    server: APIServer, name: str, hard: dict[str, str], used: dict[str, str] | None, **spec: Any
) -> None:
    body = {"metadata": {"name": name}, "spec": {"hard": hard, **spec}}
    answer = handle(server, Request("POST", "/api/v1/namespaces/n/resourcequotas", body=body))
    assert answer.code == 201
    obj = server.get(QUOTAS, "n", name)
    known = dict.fromkeys(hard, "0") if used is None else used
    server.update(QUOTAS, replace(obj, status=replace(obj.status, hard=hard, used=known)), "status")


def used(server: APIServer, name: str = "q") -> dict[str, str]:
    found: dict[str, str] = server.get(QUOTAS, "n", name).status.used
    return found


def pod(name: str = "p", resources: Any = None, **spec: Any) -> dict[str, Any]:
    spec.setdefault("containers", [{"name": "c", "image": "x", "resources": resources or {}}])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def post(server: APIServer, plural: str, body: Any, query: str = "") -> Response:
    return handle(server, Request("POST", f"/api/v1/namespaces/n/{plural}{query}", body=body))


def message(answer: Response) -> str:
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
    text: str = answer.body["message"]
    return text


# --- upstream's own cases


@pytest.mark.parametrize("case", ORACLE["pretty_print"], ids=lambda case: case["expected"])
def test_resources_are_printed_sorted_and_canonical(case: dict[str, Any]) -> None:
    assert quantity.format_resources(case["input"]) == case["expected"]


@pytest.mark.parametrize("case", ORACLE["has_usage_stats"])
def test_a_quota_is_of_use_when_it_is_known_what_is_used(case: dict[str, Any]) -> None:
    assert has_usage_stats(case["hard"], case["used"], case["relevant"]) is case["expected"]


def _filled(pattern: str, **values: str) -> str:
    """An upstream message, after the subject; the last pattern's list has a stray blank."""
    return pattern.strip().format(**values)


def test_what_is_exceeded_is_listed_and_nothing_else() -> None:
    hard = {"pods": "10", "requests.cpu": "1", "requests.memory": "1Gi"}
    server = server_with(hard, {"pods": "3", "requests.cpu": "900m", "requests.memory": "600Mi"})
    answer = post(server, "pods", pod(resources={"requests": {"cpu": "0.3", "memory": "200Mi"}}))
    why = _filled(
        ORACLE["message_patterns"][0],
        quota="q",
        delta="requests.cpu=300m",
        used="requests.cpu=900m",
        hard="requests.cpu=1",
    )
    assert message(answer) == f'pods "p" is forbidden: {why}'
    assert used(server)["pods"] == "3", "nothing was charged"


def test_where_compute_is_limited_everybody_must_say_how_much() -> None:
    server = server_with({"requests.cpu": "1", "requests.memory": "1Gi", "pods": "5"})
    containers = [
        {"name": "b", "image": "x", "resources": {"requests": {"memory": "1Mi"}}},
        {"name": "a", "image": "x"},
    ]
    why = _filled(
        ORACLE["message_patterns"][1],
        quota="q",
        list="requests.cpu for: a,b; requests.memory for: a",
    )
    answer = post(server, "pods", pod(containers=containers))
    assert message(answer) == f'pods "p" is forbidden: {why}'


def test_a_quota_that_nobody_has_counted_yet_refuses() -> None:
    server = server_with({"pods": "1", "requests.storage": "1Gi"}, {"requests.storage": "0"})
    why = _filled(ORACLE["message_patterns"][2], quota="q", list="pods")
    assert message(post(server, "pods", pod())) == f'pods "p" is forbidden: {why}'


# --- what is charged


@pytest.mark.parametrize(
    ("plural", "body", "charged"),
    [
        ("configmaps", {"metadata": {"name": "a"}}, {"configmaps": "1", "count/configmaps": "1"}),
        ("secrets", {"metadata": {"name": "a"}}, {"secrets": "1"}),
        (
            "services",
            {"metadata": {"name": "a"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}},
            {"services": "1", "services.nodeports": "1"},
        ),
        (
            "services",
            {
                "metadata": {"name": "a"},
                "spec": {
                    "type": "LoadBalancer",
                    "ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}],
                },
            },
            {"services": "1", "services.nodeports": "2", "services.loadbalancers": "1"},
        ),
        (
            "persistentvolumeclaims",
            {
                "metadata": {"name": "a"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "gold",
                    "resources": {"requests": {"storage": "2Gi"}},
                },
            },
            {
                "persistentvolumeclaims": "1",
                "requests.storage": "2Gi",
                "gold.storageclass.storage.k8s.io/requests.storage": "2Gi",
                "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
            },
        ),
        (
            "pods",
            pod(resources={"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}}),
            {"pods": "1", "cpu": "1", "requests.cpu": "1", "limits.cpu": "2", "memory": "1Gi"},
        ),
        (
            "pods",
            pod(resources={"limits": {"example.com/gpu": "2"}}),
            {"requests.example.com/gpu": "2", "count/pods": "1"},
        ),
    ],
)
def test_an_object_is_charged_for_by_its_kind(
    plural: str, body: dict[str, Any], charged: dict[str, str]
) -> None:
    hard = {name: "10" if quantity.value(text) < 10 else "10Gi" for name, text in charged.items()}
    others = {
        "count/deployments.apps": "1",
        "bronze.storageclass.storage.k8s.io/requests.storage": "1Gi",
    }
    server = server_with({**hard, **others})
    assert post(server, plural, body).code == 201
    assert used(server) == {**dict.fromkeys(others, "0"), **charged}


def test_a_workload_is_counted_and_never_asked_for_its_pods_resources() -> None:
    server = server_with({"count/deployments.apps": "1", "requests.cpu": "1"})
    spec = {"containers": [{"name": "c", "image": "x"}]}
    for name, code in (("a", 201), ("b", 403)):
        body = {
            "metadata": {"name": name},
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec},
            },
        }
        path = "/apis/apps/v1/namespaces/n/deployments"
        answer = handle(server, Request("POST", path, body=body))
        assert answer.code == code
    assert message(answer) == (
        'deployments.apps "b" is forbidden: exceeded quota: q, '
        "requested: count/deployments.apps=1, used: count/deployments.apps=1, "
        "limited: count/deployments.apps=1"
    )


def test_a_dry_run_is_checked_and_not_charged() -> None:
    server = server_with({"pods": "1"})
    assert post(server, "pods", pod(), "?dryRun=All").code == 201
    assert used(server) == {"pods": "0"}
    assert post(server, "pods", pod()).code == 201
    assert post(server, "pods", pod("p2"), "?dryRun=All").code == 403


def test_all_quotas_apply_and_a_refusal_charges_none() -> None:
    server = server_with({"pods": "5"})
    add_quota(server, "tight", {"pods": "1"}, None)
    assert post(server, "pods", pod("a")).code == 201
    assert "exceeded quota: tight" in message(post(server, "pods", pod("b")))
    assert (used(server), used(server, "tight")) == ({"pods": "1"}, {"pods": "1"})


def test_a_service_that_grows_is_charged_the_difference() -> None:
    server = server_with({"services.nodeports": "1"})
    body = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    assert post(server, "services", body).code == 201
    path = "/api/v1/namespaces/n/services/s"
    ports = [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]
    for change, code in (({"type": "NodePort"}, 200), ({"ports": ports}, 403)):
        patch = Request("PATCH", path, body={"spec": change})
        patch.content_type = "application/merge-patch+json"
        assert handle(server, patch).code == code
    assert used(server) == {"services.nodeports": "1"}


# --- scopes


@pytest.mark.parametrize(
    ("scope", "within", "without"),
    [
        ({"scopes": ["BestEffort"]}, pod(), pod(resources={"requests": {"cpu": "1"}})),
        ({"scopes": ["NotBestEffort"]}, pod(resources={"requests": {"cpu": "1"}}), pod()),
        ({"scopes": ["Terminating"]}, pod(activeDeadlineSeconds=5), pod()),
        ({"scopes": ["NotTerminating"]}, pod(), pod(activeDeadlineSeconds=5)),
        ({"scopes": ["PriorityClass"]}, pod(priorityClassName="system-node-critical"), pod()),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [
                        {
                            "scopeName": "PriorityClass",
                            "operator": "NotIn",
                            "values": ["system-node-critical"],
                        }
                    ]
                }
            },
            pod(),
            pod(priorityClassName="system-node-critical"),
        ),
    ],
)
def test_scopes_choose_the_pods_that_count(scope: Any, within: Any, without: Any) -> None:
    for body, count in ((within, "1"), (without, "0")):
        server = server_with({"pods": "3", "count/configmaps": "1"}, **scope)
        assert post(server, "pods", body).code == 201
        assert post(server, "configmaps", {"metadata": {"name": "a"}}).code == 201
        assert used(server) == {"pods": count, "count/configmaps": "0"}


# --- whatever is created

AMOUNTS = st.sampled_from(["1m", "100m", "1", "1500m", "2"])


@given(st.lists(AMOUNTS, max_size=12), AMOUNTS)
def test_what_is_used_is_the_sum_of_what_was_let_in_and_never_too_much(
    asked: list[str], hard: str
) -> None:
    server = server_with({"requests.cpu": hard})
    total = 0
    for number, cpu in enumerate(asked):
        answer = post(server, "pods", pod(f"p{number}", {"requests": {"cpu": cpu}}))
        fits = total + quantity.milli(cpu) <= quantity.milli(hard)
        assert answer.code == (201 if fits else 403)
        total += quantity.milli(cpu) if fits else 0
        assert quantity.milli(used(server)["requests.cpu"]) == total
