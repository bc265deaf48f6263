"""Services get their addresses and ports before the rest of them is looked at."""

from typing import Any

import pytest

from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.rest import Request, Response, handle
from tests.control_plane.apiserver import replay

PATH = "/api/v1/namespaces/shop/services"
DRY = "?dryRun=All"
ONE_PORT = [{"port": 80}]


@pytest.fixture
def server() -> APIServer:
    return replay.server_with("shop")


def create(server: APIServer, name: str, query: str = "", **spec: Any) -> Response:
    metadata = {"name": name}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    return handle(server, Request("POST", PATH + query, body=body))


def patch(server: APIServer, name: str, **spec: Any) -> Response:
    kind = "application/merge-patch+json"
    request = Request("PATCH", f"{PATH}/{name}", body={"spec": spec}, content_type=kind)
    return handle(server, request)


def complaint(response: Response) -> str:
    assert response.code == 422
    return str(response.body["message"]).partition(" is invalid: ")[2]


def test_a_dry_run_takes_nothing(server: APIServer) -> None:
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    spec = create(server, "till", DRY, type="NodePort", ports=ports).body["spec"]
    assert spec["clusterIP"] == "10.96.0.0"
    assert [port["nodePort"] for port in spec["ports"]] == [32769, 32770]


def test_a_dry_run_does_not_see_what_it_would_not_get(server: APIServer) -> None:
    ports = [{"port": 80, "nodePort": 30700}]
    made = create(server, "till", type="NodePort", ports=ports, clusterIP="10.96.7.7")
    assert made.code == 201
    assert create(server, "other", DRY, ports=ONE_PORT, clusterIP="10.96.7.7").code == 201
    low = [{"port": 80, "nodePort": 80}]
    assert create(server, "other", DRY, type="NodePort", ports=low).code == 201
    taken = complaint(create(server, "other", DRY, type="NodePort", ports=ports))
    assert taken.endswith("Invalid value: 30700: provided port is already allocated")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"clusterIP": "10.97.0.1"},
            'spec.clusterIPs: Invalid value: ["10.97.0.1"]: failed to allocate IP 10.97.0.1: '
            "the provided network does not match the current range",
        ),
        (
            {"clusterIP": "fd00::5"},
            'spec.clusterIPs[0]: Invalid value: ["fd00::5"]: IPv6 is not configured on this '
            "cluster",
        ),
        (
            {"clusterIPs": ["10.96.3.3"]},
            'spec.clusterIPs: Invalid value: ["10.96.3.3"]: must be empty when `clusterIP` is not '
            "specified",
        ),
        (
            {"ipFamilies": ["IPv4", "IPv6"]},
            "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or "
            "'PreferDualStack' when multiple IP families are specified",
        ),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 8080}]},
            "spec.ports[0].nodePort: Invalid value: 8080: provided port is not in the valid "
            "range. The range of valid ports is 30000-32767",
        ),
        (
            {
                "type": "NodePort",
                "ports": [
                    {"name": "a", "port": 80, "nodePort": 30900},
                    {"name": "b", "port": 81, "nodePort": 30900},
                ],
            },
            "spec.ports[1].nodePort: Invalid value: 30900: provided port is already allocated",
        ),
    ],
)
def test_who_gets_no_address_or_port_hears_of_nothing_else(
    server: APIServer, spec: dict[str, Any], expected: str
) -> None:
    spec = {"ports": ONE_PORT, "sessionAffinity": "Never", **spec}
    assert complaint(create(server, "till", **spec)) == expected


def test_one_port_has_one_of_the_nodes_for_all_its_protocols(server: APIServer) -> None:
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    spec = create(server, "names", type="NodePort", ports=ports).body["spec"]
    assert spec["ports"][0]["nodePort"] == spec["ports"][1]["nodePort"]


def test_no_other_service_has_a_port_for_another_protocol(server: APIServer) -> None:
    for name, protocol, code in (("a", "TCP", 201), ("b", "UDP", 422)):
        ports = [{"port": 53, "nodePort": 30053, "protocol": protocol}]
        assert create(server, name, type="NodePort", ports=ports).code == code


def test_a_balancer_that_keeps_clients_addresses_is_asked_for_its_health(server: APIServer) -> None:
    balanced = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    spec = create(server, "till", ports=ONE_PORT, **balanced).body["spec"]
    assert 30000 <= spec["healthCheckNodePort"] <= 32767
    refused = create(server, "other", ports=ONE_PORT, healthCheckNodePort=80, **balanced)
    assert refused.code == 500
    assert "failed to allocate requested HealthCheck NodePort 80" in refused.body["message"]


def test_a_service_that_gets_an_address_only_later(server: APIServer) -> None:
    create(server, "till", type="ExternalName", externalName="till.example.com")
    changed = patch(server, "till", type="ClusterIP", externalName=None, ports=ONE_PORT)
    assert changed.code == 200
    assert changed.body["spec"]["clusterIP"].startswith("10.96.")


def test_a_changed_service_keeps_its_ports_by_name_and_gets_the_others(server: APIServer) -> None:
    first = [{"name": "a", "port": 80}]
    had = create(server, "till", type="NodePort", ports=first).body["spec"]["ports"][0]
    ports = [{"name": "b", "port": 80}, {"name": "a", "port": 81}]
    now = patch(server, "till", ports=ports).body["spec"]["ports"]
    assert now[1]["nodePort"] == had["nodePort"] != now[0]["nodePort"]
    same = [{**port, "nodePort": 30111} for port in ports]
    answer = patch(server, "till", ports=same)
    assert (answer.code, answer.body["message"]) == (500, "duplicate nodePort: {TCP 30111}")
