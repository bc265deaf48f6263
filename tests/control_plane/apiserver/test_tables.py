"""What the server puts into the cells of its tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubecourse.api import codec
from kubecourse.api.resources import BY_KIND
from kubecourse.control_plane.apiserver.rest import Request, handle
from kubecourse.control_plane.apiserver.tables import printer
from tests.control_plane.apiserver.replay import server_with

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def at(seconds_ago: float) -> str:
    return (NOW - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def row(version: str, kind: str, **fields: Any) -> dict[str, Any]:
    """The cells of an object, by column."""
    resource = BY_KIND[version, kind]
    metadata = {"name": "x", "creationTimestamp": at(90), **fields.pop("metadata", {})}
    obj, unknown = codec.decode({"metadata": metadata, **fields}, resource.schema)
    assert not unknown
    table = printer(resource)
    return dict(zip((c.name for c in table.columns), table.cells(obj, NOW), strict=True))


def container(
    name: str = "c", ready: bool = False, restarts: int = 0, **state: Any
) -> dict[str, Any]:
    last = state.pop("last", {})
    return {
        "name": name,
        "ready": ready,
        "restartCount": restarts,
        "state": state,
        "lastState": last,
    }


RUNNING = container(ready=True, running={})
ENDED = {"exitCode": 0, "reason": "Completed"}
SIDECAR = {"name": "s", "restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("spec", "status", "ready", "shown"),
    [
        ({}, {"phase": "Pending"}, "0/1", "Pending"),
        ({}, {"phase": "Running", "containerStatuses": [RUNNING]}, "1/1", "Running"),
        ({}, {"phase": "Failed", "reason": "Evicted"}, "0/1", "Evicted"),
        (
            {},
            {
                "phase": "Pending",
                "containerStatuses": [container(waiting={"reason": "ErrImagePull"})],
            },
            "0/1",
            "ErrImagePull",
        ),
        (
            {},
            {"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 3})]},
            "0/1",
            "ExitCode:3",
        ),
        (
            {},
            {
                "phase": "Failed",
                "containerStatuses": [container(terminated={"exitCode": 1, "signal": 9})],
            },
            "0/1",
            "Signal:9",
        ),
        (
            {"containers": [{"name": "c"}, {"name": "d"}]},
            {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [container(terminated=ENDED), {**RUNNING, "name": "d"}],
            },
            "1/2",
            "NotReady",
        ),
        (
            {"initContainers": [{"name": "i"}, {"name": "j"}]},
            {
                "phase": "Pending",
                "initContainerStatuses": [
                    container("i", terminated=ENDED),
                    container("j", running={}),
                ],
            },
            "0/1",
            "Init:1/2",
        ),
        (
            {"initContainers": [{"name": "i"}]},
            {
                "phase": "Pending",
                "initContainerStatuses": [container("i", waiting={"reason": "CrashLoopBackOff"})],
            },
            "0/1",
            "Init:CrashLoopBackOff",
        ),
        (
            {"initContainers": [{"name": "i"}]},
            {
                "phase": "Pending",
                "initContainerStatuses": [container("i", terminated={"exitCode": 2})],
            },
            "0/1",
            "Init:ExitCode:2",
        ),
        (
            {"initContainers": [SIDECAR]},
            {
                "phase": "Running",
                "initContainerStatuses": [
                    {**container("s", ready=True, running={}), "started": True}
                ],
                "containerStatuses": [RUNNING],
            },
            "2/2",
            "Running",
        ),
        (
            {},
            {
                "phase": "Pending",
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
                ],
            },
            "0/1",
            "SchedulingGated",
        ),
    ],
)
def test_the_status_of_a_pod(
    spec: dict[str, Any], status: dict[str, Any], ready: str, shown: str
) -> None:
    cells = row("v1", "Pod", spec={"containers": [{"name": "c"}], **spec}, status=status)
    assert (cells["Ready"], cells["Status"]) == (ready, shown)


@pytest.mark.parametrize(
    ("phase", "reason", "shown"),
    [
        ("Running", "", "Terminating"),
        ("Succeeded", "", "Succeeded"),
        ("Running", "NodeLost", "Unknown"),
    ],
)
def test_the_status_of_a_pod_that_is_being_deleted(phase: str, reason: str, shown: str) -> None:
    cells = row(
        "v1",
        "Pod",
        metadata={"deletionTimestamp": at(0)},
        spec={"containers": [{"name": "c"}]},
        status={"phase": phase, "reason": reason},
    )
    assert cells["Status"] == shown


def test_restarts_say_when_the_last_was() -> None:
    last = {"terminated": {"exitCode": 1, "finishedAt": at(10)}}
    status = {
        "phase": "Running",
        "containerStatuses": [container(restarts=2, running={}, last=last)],
    }
    cells = row("v1", "Pod", spec={"containers": [{"name": "c"}]}, status=status)
    assert cells["Restarts"] == "2 (10s ago)"


@pytest.mark.parametrize(
    ("spec", "status", "external", "ports"),
    [
        ({"type": "ClusterIP", "clusterIP": "10.0.0.1"}, {}, "<none>", "<none>"),
        (
            {"type": "ClusterIP", "externalIPs": ["1.2.3.4", "5.6.7.8"]},
            {},
            "1.2.3.4,5.6.7.8",
            "<none>",
        ),
        (
            {"type": "LoadBalancer", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30000}]},
            {"loadBalancer": {"ingress": [{"ip": "9.9.9.9"}, {"hostname": "lb.example.com"}]}},
            "9.9.9.9,lb.example.com",
            "80:30000/TCP",
        ),
        (
            {"ports": [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]},
            {},
            "<none>",
            "80/TCP,53/UDP",
        ),
    ],
)
def test_a_service(spec: dict[str, Any], status: dict[str, Any], external: str, ports: str) -> None:
    cells = row("v1", "Service", spec=spec, status=status)
    assert (cells["External-IP"], cells["Port(s)"]) == (external, ports)


@pytest.mark.parametrize(
    ("ready", "spec", "shown"),
    [
        ("True", {}, "Ready"),
        ("False", {}, "NotReady"),
        ("Unknown", {"unschedulable": True}, "NotReady,SchedulingDisabled"),
        (None, {}, "Unknown"),
    ],
)
def test_the_status_of_a_node(ready: str | None, spec: dict[str, Any], shown: str) -> None:
    found = [{"type": "Ready", "status": ready}] if ready else []
    cells = row("v1", "Node", spec=spec, status={"conditions": found})
    assert cells["Status"] == shown
    assert cells["OS-Image"] == "<unknown>"


def test_an_endpoint_slice_lists_three_and_counts_the_rest() -> None:
    endpoints = [{"addresses": [f"10.0.0.{n}"]} for n in range(5)]
    cells = row("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", endpoints=endpoints)
    assert cells["Endpoints"] == "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more..."
    assert cells["Ports"] == "<unset>"


def test_an_event_that_came_again_shows_when_it_last_did() -> None:
    cells = row(
        "v1",
        "Event",
        involvedObject={"kind": "Pod", "name": "web-1"},
        eventTime="2026-01-05T08:50:00.000000Z",
        series={"count": 7, "lastObservedTime": "2026-01-05T08:59:57.500000Z"},
        reportingComponent="default-scheduler",
        message="  text\n",
    )
    assert (cells["Last Seen"], cells["First Seen"], cells["Count"]) == ("2s", "10m", 7)
    assert (cells["Object"], cells["Source"], cells["Message"]) == (
        "pod/web-1",
        "default-scheduler",
        "text",
    )


def test_other_kinds_show_name_and_age() -> None:
    assert row("coordination.k8s.io/v1", "Lease") == {"Name": "x", "Holder": "", "Age": "90s"}


# --- as an answer


def test_a_table_carries_metadata_with_each_row_or_the_object_or_nothing() -> None:
    server = server_with("default")
    path = "/api/v1/namespaces/default"
    table = handle(server, Request("GET", path, accept=TABLE)).body
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Status", "Age"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    whole = handle(server, Request("GET", f"{path}?includeObject=Object", accept=TABLE)).body
    assert whole["rows"][0]["object"]["kind"] == "Namespace"
    bare = handle(server, Request("GET", f"{path}?includeObject=None", accept=TABLE)).body
    assert "object" not in bare["rows"][0]


def test_an_ingress_counts_whatever_rules_are_left() -> None:
    rules: list[dict[str, Any]] = [{"host": host} for host in ("a", "b", "c")]

    def hosts(*more: dict[str, Any]) -> Any:
        return row("networking.k8s.io/v1", "Ingress", spec={"rules": [*more, *rules]})["Hosts"]

    assert hosts() == "a,b,c"
    assert hosts({}) == "a,b,c"
    assert hosts({"host": "d"}, {}) == "d,a,b + 2 more..."
    rules += [{}, {}]
    assert hosts() == "a,b,c + 2 more..."


def test_addresses_of_a_balancer_are_sorted_and_parameters_named() -> None:
    found = [{"ip": "10.0.0.9"}, {"hostname": "a.example"}, {"ip": "10.0.0.1"}]
    status = {"loadBalancer": {"ingress": found}}
    cells = row("networking.k8s.io/v1", "Ingress", spec={}, status=status)
    assert cells["Address"] == "10.0.0.1,10.0.0.9,a.example"
    spec = {"controller": "x/y", "parameters": {"kind": "Gate", "name": "g"}}
    assert row("networking.k8s.io/v1", "IngressClass", spec=spec)["Parameters"] == "Gate/g"
