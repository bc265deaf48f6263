"""`kubectl describe` prints what the real one printed, letter for letter."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kubecourse import Cluster
from kubecourse.api import errors
from kubecourse.api.fields import parse_field_selector
from kubecourse.api.labels import parse_selector
from kubecourse.tools.kubectl.describe import describe, label, pod_formatters
from kubecourse.tools.kubectl.output import align

DATA = Path(__file__).parents[2] / "data" / "kubectl"
PODS = json.loads((DATA / "describe_pods.json").read_text())["pods"]
OTHERS = json.loads((DATA / "describe.json").read_text())["cases"]


class Objects:
    """A source of objects that are simply there."""

    def __init__(self, objects: list[dict[str, Any]], now: str) -> None:
        self.objects = objects
        self.now = datetime.fromisoformat(now)

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Any:
        for obj in self._of(api_version, kind, namespace):
            if obj["metadata"]["name"] == name:
                return obj
        raise errors.not_found(f"{kind.lower()}s", "", name)

    def list(
        self, api_version: str, kind: str, namespace: str | None, labels: str = "", fields: str = ""
    ) -> Any:
        selector = parse_selector(labels)
        terms = parse_field_selector(fields).requirements if fields else ()
        return [
            obj
            for obj in self._of(api_version, kind, namespace)
            if selector.matches(obj["metadata"].get("labels"))
            and all(
                (_value(obj, term.field) == term.value) == (term.operator == "=") for term in terms
            )
        ]

    def _of(self, api_version: str, kind: str, namespace: str | None) -> Any:
        return [
            obj
            for obj in self.objects
            if (obj["apiVersion"], obj["kind"]) == (api_version, kind)
            and namespace in (None, obj["metadata"].get("namespace"))
        ]


def _value(obj: Any, path: str) -> str:
    for part in path.split("."):
        obj = obj.get(part, "")
    return obj


def scheduled_event(pod: dict[str, Any], text: str, now: str) -> dict[str, Any]:
    """The one event of each recorded pod; the record has its text, and its age in seconds."""
    age, message = re.search(r"Scheduled +(\d+)s +default-scheduler +(.*)", text).groups()
    at = (datetime.fromisoformat(now) - timedelta(seconds=int(age))).isoformat()
    metadata = pod["metadata"]
    involved = {key: metadata[key] for key in ("name", "namespace", "uid")}
    return {
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": "e", "namespace": metadata["namespace"]},
        "involvedObject": {"kind": "Pod", **involved},
        "type": "Normal", "reason": "Scheduled", "message": message,
        "firstTimestamp": at, "lastTimestamp": at, "source": {"component": "default-scheduler"},
    }  # fmt: skip


@pytest.mark.parametrize("case", PODS, ids=lambda case: case["name"])
def test_a_pod_is_described_as_recorded(case):
    now = "2026-11-23T01:29:12+00:00"
    source = Objects([scheduled_event(case["object"], case["text"], now)], now)
    assert describe(case["object"], source) == case["text"]


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: case["record"])
def test_other_kinds_are_described_as_recorded(case):
    source = Objects(case["related"], case["now"])
    assert describe(case["object"], source) == case["text"]


def test_events_can_be_left_out():
    case = PODS[0]
    text = describe(case["object"], Objects([], "2026-11-23T01:29:12Z"), show_events=False)
    assert text == case["text"][: case["text"].index("Events:")]


def test_an_event_that_happened_often_says_how_often_and_for_how_long():
    event = scheduled_event(PODS[0]["object"], PODS[0]["text"], "2026-11-23T01:29:00Z")
    event |= {"count": 3, "lastTimestamp": "2026-11-23T01:30:40Z"}
    text = describe(PODS[0]["object"], Objects([event], "2026-11-23T01:31:00Z"))
    assert text.splitlines()[-1].startswith("  Normal  Scheduled  20s (x3 over 2m10s)  default-")


def test_more_than_three_endpoints_are_counted():
    case = next(case for case in OTHERS if case["record"] == "describe svc web")
    endpoints = case["related"][0]
    ready = [{"addresses": [f"10.0.0.{n}"], "conditions": {"ready": True}} for n in range(5)]
    unready = {"addresses": ["10.0.0.9"], "conditions": {"ready": False}}
    source = Objects([{**endpoints, "endpoints": [unready, *ready]}], case["now"])
    assert (
        "Endpoints:                10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more...\n"
        in describe(case["object"], source)
    )


def test_a_kind_without_a_describer_is_described_field_by_field():
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": "x", "namespace": "default", "uid": "7",
            "creationTimestamp": "2026-01-05T09:00:00Z",
        },
        "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15},
    }  # fmt: skip
    assert describe(lease, Objects([], "2026-01-05T09:00:10Z")) == (
        "Name:         x\n"
        "Namespace:    default\n"
        "Labels:       <none>\n"
        "Annotations:  <none>\n"
        "API Version:  coordination.k8s.io/v1\n"
        "Kind:         Lease\n"
        "Metadata:\n"
        "  Creation Timestamp:  2026-01-05T09:00:00Z\n"
        "  UID:                 7\n"
        "Spec:\n"
        "  Holder Identity:         me\n"
        "  Lease Duration Seconds:  15\n"
        "Events:                    <none>\n"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("apiVersion", "API Version"),
        ("uid", "UID"),
        ("podIP", "Pod IP"),
        ("app.kubernetes.io/name", "app.kubernetes.io/name"),
    ],
)
def test_field_names_become_words(name, words):
    assert label(name) == words


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ({"exec": {"command": ["cat", "/tmp/healthy"]}}, "exec [cat /tmp/healthy]"),
        ({"tcpSocket": {"port": 8080}}, "tcp-socket :8080"),
        ({"httpGet": {"scheme": "HTTPS", "host": "h", "port": 1, "path": "a b"}}, "http-get https://h:1/a%20b"),
        ({"grpc": {"port": 9}}, "grpc <pod>:9 "),
        ({}, "unknown"),
    ],
)  # fmt: skip
def test_probes_are_one_line(probe, words):
    timing = {"initialDelaySeconds": 5, "timeoutSeconds": 1, "periodSeconds": 10}
    assert pod_formatters.probe(
        {**probe, **timing, "successThreshold": 1, "failureThreshold": 3}
    ) == (f"{words} delay=5s timeout=1s period=10s #success=1 #failure=3")


def test_columns_reach_over_neighbouring_lines():
    assert align("a\tb\tc\nlonger\tb\tc\nno cells\nx\ty") == (
        "a       b  c\nlonger  b  c\nno cells\nx  y"
    )


def test_a_namespace_that_does_not_go_says_what_holds_it():
    cluster = Cluster(nodes=0)
    cluster.run("create namespace stuck")
    held = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "finalizers": %s}}'
    cluster.run("create -n stuck -f -", stdin=held % '["a/b"]')
    cluster.run("delete namespace stuck --wait=false")
    cluster.advance(10)
    said = cluster.run("describe namespace stuck").stdout
    assert "  Type                                         Status  LastTransitionTime" in said
    assert "finalizers remaining: a/b in 1 resource instances" in said


CLUSTER_WIDE = {
    "networking.k8s.io/v1 IngressClass": (
        {"spec": {"controller": "x/y", "parameters": {"kind": "Gate", "name": "g"}}},
        "Labels: <none>|Annotations: <none>|Controller: x/y|Parameters:|Kind: Gate|Name: g",
    ),
    "networking.k8s.io/v1 ServiceCIDR": (
        {
            "spec": {"cidrs": ["10.8.0.0/16", "fd00::/112"]},
            "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Set"}]},
        },
        "Labels: <none>|Annotations: <none>|CIDRs: 10.8.0.0/16, fd00::/112|Status:|Conditions:|"
        "Type Status LastTransitionTime Reason Message|---- ------ ------------------ ------ "
        "-------|Ready True Mon, 01 Jan 0001 00:00:00 +0000 Set",
    ),
    "networking.k8s.io/v1 IPAddress": (
        {"spec": {"parentRef": {"resource": "services", "namespace": "a", "name": "b"}}},
        "Labels: <none>|Annotations: <none>|Parent Reference:|Group:|Resource: services|"
        "Namespace: a|Name: b",
    ),
    "storage.k8s.io/v1 VolumeAttributesClass": (
        {"driverName": "d.example", "parameters": {"iops": "9", "a": "b"}},
        "Annotations: <none>|DriverName: d.example|Parameters: a=b,iops=9",
    ),
    "storage.k8s.io/v1 CSINode": (
        {
            "spec": {
                "drivers": [
                    {"name": "plain", "nodeID": "1"},
                    {
                        "name": "rich",
                        "nodeID": "2",
                        "allocatable": {"count": 3},
                        "topologyKeys": ["zone", "rack"],
                    },
                ]
            }
        },
        "Labels: <none>|Annotations: <none>|CreationTimestamp: Mon, 01 Jan 0001 00:00:00 +0000|"
        "Spec:|Drivers:|plain:|Node ID: 1|rich:|Node ID: 2|Allocatables:|Count: 3|"
        "Topology Keys: [zone rack]",
    ),
}


@pytest.mark.parametrize("kind", CLUSTER_WIDE)
def test_kinds_that_the_whole_cluster_shares(kind: str) -> None:
    fields, expected = CLUSTER_WIDE[kind]
    api_version, name = kind.split()
    obj = {"apiVersion": api_version, "kind": name, "metadata": {"name": "x"}, **fields}
    lines = str(describe(obj, Objects([obj], "2026-01-05T09:00:00+00:00"))).splitlines()
    words = [" ".join(line.split()) for line in lines]
    assert words == ["Name: x", *expected.split("|"), "Events: <none>"]
