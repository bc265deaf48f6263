"""Kinds that are asked for now and then: stored, given defaults, shown, and said to do nothing."""

from __future__ import annotations

import json

import pytest

from kubecourse import Cluster
from kubecourse.control_plane.apiserver.rest import Request, handle

THINGS = """
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: ann}
spec:
  request: LS0t
  signerName: example.com/staff
  expirationSeconds: 86400
  usages: [client auth]
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: health}
spec: {priorityLevelConfiguration: {name: slow}}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: slow}
spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {}}}}
---
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: more}
spec: {cidrs: [10.112.0.0/16]}
---
apiVersion: networking.k8s.io/v1
kind: IPAddress
metadata: {name: 10.112.0.1}
spec: {parentRef: {resource: services, namespace: default, name: web}}
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: gpu}
spec: {}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: one}
spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu}}]}}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: each}
spec: {spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu}}]}}}
---
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: {name: of-node-1}
spec: {driver: example.com, nodeName: node-1, pool: {name: a, generation: 1, resourceSliceCount: 1}}
"""
SHOWN = {
    "csr": "ann example.com/staff 24h Pending",
    "flowschema": "health slow 1000 <none>",
    "prioritylevelconfiguration": "slow Limited 30 64 8 50",
    "servicecidr": "more 10.112.0.0/16",
    "ip": "10.112.0.1 services/default/web",
    "deviceclass": "gpu",
    "resourceclaim": "one pending",
    "resourceclaimtemplate": "each",
    "resourceslice": "of-node-1 node-1 example.com a",
}


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    cluster = Cluster(nodes=1)
    answer = cluster.run("apply -f -", THINGS)
    assert answer.code == 0, answer.text
    assert answer.stderr.count("Warning: simulated:") == len(SHOWN)
    return cluster


@pytest.mark.parametrize(("kind", "row"), SHOWN.items())
def test_they_are_shown_in_their_columns(cluster: Cluster, kind: str, row: str) -> None:
    """Their ages stand at different places, and are left out here."""
    line = cluster.run(f"get {kind} --no-headers").text.split()
    age = cluster.run(f"get {kind}").text.split("\n")[0].split().index("AGE")
    assert " ".join(line[:age] + line[age + 1 :]) == row


def test_a_second_apply_changes_nothing(cluster: Cluster) -> None:
    answer = cluster.run("apply --server-side --force-conflicts -f -", THINGS)
    assert answer.code == 0, answer.text


def test_devices_are_wanted_one_by_one_unless_somebody_says_otherwise(cluster: Cluster) -> None:
    path = "{.spec.devices.requests[0].exactly.allocationMode}"
    assert cluster.run(f"get resourceclaim one -o jsonpath={path}").text == "ExactCount"


def test_an_approval_changes_the_status_alone() -> None:
    cluster = Cluster(nodes=1)
    cluster.run("apply -f -", THINGS.partition("---")[0])
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests/ann/approval"
    resources = cluster.run("get --raw /apis/certificates.k8s.io/v1").text
    assert "certificatesigningrequests/approval" in resources
    assert '"signerName":"example.com/staff"' in cluster.run(f"get --raw {path}").text
    approved = {"type": "Approved", "status": "True", "reason": "Known", "message": "by hand"}
    patch = {"status": {"conditions": [approved]}, "spec": {"signerName": "example.com/other"}}
    kind = "application/merge-patch+json"
    request = Request("PATCH", path, body=json.dumps(patch).encode(), content_type=kind)
    assert handle(cluster.server, request).code == 200
    row = cluster.run("get csr ann --no-headers").text.split()
    assert (row[2], row[-1]) == ("example.com/staff", "Approved")


EVENT = """
apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: news}
eventTime: "2026-01-05T09:00:00.000000Z"
action: Telling
reason: Because
note: hello
type: Normal
reportingController: example.com/teller
reportingInstance: teller-1
regarding: {kind: Pod, namespace: default, name: web}
"""


def test_an_event_is_the_same_in_both_groups() -> None:
    cluster = Cluster(nodes=1)
    answer = cluster.run("apply -f -", EVENT)
    assert answer.text == "event.events.k8s.io/news created\n"
    get = "get events news -o jsonpath={.involvedObject.name}/{.message}/{.reportingComponent}"
    assert cluster.run(get).text == "web/hello/example.com/teller"
    newer = "get events.events.k8s.io news -o jsonpath={.regarding.name}/{.note}"
    assert cluster.run(newer).text == "web/hello"
    assert "hello" in cluster.run("get events").text
