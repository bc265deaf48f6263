"""The cluster that the real kubectl's tables were recorded on, as far as the records tell.

Pods are the recorded objects. The other objects are written here as the scenario had them; each
one's age is chosen so that it shows as recorded. Nothing runs: they are put into etcd as they are.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubecourse.api import codec
from kubecourse.api.resources import BY_KIND
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.etcd import Etcd

RECORDS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "records" / "tables.json").read_text()
)
PODS: list[dict[str, Any]] = next(
    [{"apiVersion": "v1", "kind": "Pod", **pod} for pod in record["items"]]
    for record in RECORDS
    if record["scenario"] == "pods-json-behind-tables"
)
STARTED = datetime(2026, 11, 23, 1, 28, 59, tzinfo=UTC)
"""When the first objects of the scenario were created."""


def recorded(scenario: str) -> dict[str, Any]:
    """The first record of that name that has text."""
    return next(r for r in RECORDS if r["scenario"].strip() == scenario and "stdout" in r)


def server_at(age: int, objects: list[dict[str, Any]]) -> APIServer:
    """A server that holds the objects, `age` seconds after the scenario began."""
    clock = Clock(seed=0)
    server = APIServer(clock, Etcd())
    for data in objects:
        resource = BY_KIND[data["apiVersion"], data["kind"]]
        obj, unknown = codec.decode(data, resource.schema)
        assert not unknown
        server.etcd.put(resource.key(obj.metadata.namespace, obj.metadata.name), obj)
    clock.now = clock.seconds(STARTED) + age
    return server


def named(
    kind: str, name: str, *, version: str = "v1", age: int = 0, **fields: Any
) -> dict[str, Any]:
    """An object of the scenario's namespace, created `age` seconds after the scenario began."""
    created = datetime.fromtimestamp(STARTED.timestamp() + age, UTC)
    metadata = {
        "name": name,
        "creationTimestamp": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **fields.pop("metadata", {}),
    }
    if BY_KIND[version, kind].namespaced:
        metadata["namespace"] = "tab"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def _workload(image: str, hash_: str = "") -> dict[str, Any]:
    labels = {"app": "web"} | ({"pod-template-hash": hash_} if hash_ else {})
    return {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "web", "image": image}]},
        },
    }


def deployment(image: str, replicas: int, ready: int, updated: int) -> dict[str, Any]:
    status = {"readyReplicas": ready, "updatedReplicas": updated, "availableReplicas": ready}
    labels = {"labels": {"app": "web"}}
    spec = {"replicas": replicas, **_workload(image)}
    return named("Deployment", "web", version="apps/v1", metadata=labels, spec=spec, status=status)


def replica_set(
    hash_: str, image: str, replicas: int, ready: int, age: int = 0, current: int | None = None
) -> dict[str, Any]:
    status = {"replicas": replicas if current is None else current, "readyReplicas": ready}
    labels = {"labels": {"app": "web", "pod-template-hash": hash_}}
    spec = {"replicas": replicas, **_workload(image, hash_)}
    return named(
        "ReplicaSet",
        f"web-{hash_}",
        version="apps/v1",
        age=age,
        metadata=labels,
        spec=spec,
        status=status,
    )


def service(name: str, **spec: Any) -> dict[str, Any]:
    return named("Service", name, spec=spec, status={"loadBalancer": {}})


SERVICES = [
    service("ext", type="ExternalName", externalName="db.example.com"),
    service(
        "lb",
        type="LoadBalancer",
        clusterIP="10.96.93.39",
        selector={"app": "nothing"},
        ports=[{"port": 80, "nodePort": 30860, "protocol": "TCP"}],
    ),
    service(
        "web",
        type="NodePort",
        clusterIP="10.96.85.137",
        selector={"app": "web"},
        ports=[{"port": 80, "nodePort": 30555, "protocol": "TCP"}],
    ),
]

ENDPOINTS = [
    named("Endpoints", "lb"),
    named(
        "Endpoints",
        "web",
        subsets=[
            {
                "addresses": [{"ip": "10.240.1.174"}, {"ip": "10.240.1.175"}],
                "ports": [{"port": 80, "protocol": "TCP"}],
            }
        ],
    ),
]

SLICES = [
    named("EndpointSlice", "lb-tcnpf", version="discovery.k8s.io/v1", addressType="IPv4"),
    named(
        "EndpointSlice",
        "web-hj6mf",
        version="discovery.k8s.io/v1",
        addressType="IPv4",
        ports=[{"port": 80, "protocol": "TCP"}],
        endpoints=[{"addresses": ["10.240.1.175"]}, {"addresses": ["10.240.1.174"]}],
    ),
]

CONFIG = [
    named("ConfigMap", "cm", data={"a": "1", "b": "2"}),
    named("ConfigMap", "kube-root-ca.crt", data={"ca.crt": "x"}),
    named("ConfigMap", "openshift-service-ca.crt", data={"service-ca.crt": "x"}),
    named("Secret", "sec", type="Opaque", data={"a": "aGVsbG8="}),
]


def nodes(*, roles: bool = False, cordoned: str = "") -> list[dict[str, Any]]:
    """Six nodes, sixteen minutes old."""
    found = []
    for number in range(1, 7):
        name = f"node-{number}"
        labels = {"topology.kubernetes.io/zone": f"zone-{'abc'[(number - 1) % 3]}"}
        if roles and number == 2:
            labels |= {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/edge": ""}
        info = {
            "kubeletVersion": "v1.36.2",
            "osImage": "Fake Linux",
            "kernelVersion": "6.1.0",
            "architecture": "amd64",
            "containerRuntimeVersion": "containerd://2.0.0",
        }
        status = {
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": f"192.168.0.{number}"}],
            "nodeInfo": info,
        }
        spec = {"unschedulable": True} if name == cordoned else {}
        metadata = {"labels": labels}
        found.append(named("Node", name, age=-1000, metadata=metadata, spec=spec, status=status))
    return found


_STATES: dict[str, dict[str, Any]] = {
    "Running": {"running": {}},
    "Completed": {"terminated": {"exitCode": 0, "reason": "Completed"}},
    "Pending": {},
    "SchedulingGated": {},
}
_PHASES = {"Running": "Running", "Completed": "Succeeded"}


def printed(scenario: str) -> list[list[str]]:
    """The cells of the recorded text's last table."""
    table = recorded(scenario)["stdout"].rstrip().rpartition("\n\n")[2]
    return [line.split() for line in table.splitlines()[1:]]


def pods(scenario: str, now: int, namespace: str = "tab") -> list[dict[str, Any]]:
    """Pods as the table of a scenario, that many seconds after its begin, shows them."""
    found = []
    for name, ready, shown, restarts, age, *where in printed(scenario):
        state = _STATES.get(shown, {"waiting": {"reason": shown}})
        count, _, total = ready.partition("/")
        ip, node = (cell if cell != "<none>" else "" for cell in (where or ["", ""])[:2])
        gated = {"type": "PodScheduled", "status": "False", "reason": shown}
        status = {
            "phase": _PHASES.get(shown, "Pending"),
            "podIP": ip,
            "conditions": [gated] if shown == "SchedulingGated" else [],
            "containerStatuses": [
                {
                    "name": f"c{i}",
                    "ready": i < int(count),
                    "restartCount": int(restarts),
                    "state": state,
                }
                for i in range(int(total) if state else 0)
            ],
        }
        spec = {"nodeName": node, "containers": [{"name": f"c{i}"} for i in range(int(total))]}
        metadata = {"labels": {"app": "web"}}
        one = named(
            "Pod", name.removeprefix("pod/"), age=now - seconds(age), metadata=metadata, spec=spec,
            status=status,
        )  # fmt: skip
        one["metadata"]["namespace"] = namespace
        found.append(one)
    return found


def seconds(age: str) -> int:
    """An age as it is printed."""
    return int(age[:-1]) * {"s": 1, "m": 60}[age[-1]]


AT_ONCE = [
    deployment("nginx:1.25", 2, 0, 2),
    replica_set("6b9866c484", "nginx:1.25", 2, 0),
    *pods("get-deploy-at-once", 0),
]
DEADLINE = [
    deployment("broken:1", 3, 3, 1),
    replica_set("7cdfc8d44b", "nginx:1.25", 0, 0),
    replica_set("5f5794754f", "nginx:1.26", 3, 3, age=2),
    replica_set("5b4cb7bfc4", "broken:1", 1, 0, age=9),
]
for each in DEADLINE:
    each["metadata"]["namespace"] = "ex"
DEADLINE += pods("get-deploy-deadline", 18, "ex")
NAMESPACES = [
    named("Namespace", name, age=11 - seconds(age), status={"phase": status})
    for name, status, age in printed("get ns")
]
MID_ROLLOUT = [
    deployment("broken:1", 3, 3, 1),
    replica_set("6b9866c484", "nginx:1.25", 3, 3),
    replica_set("84f9cd9cb8", "broken:1", 1, 0, age=15),
    *pods("get deploy mid-rollout", 19),
]


POD_C = {"metadata": {}, "spec": {"containers": [{"name": "c", "image": "busybox"}]}}
JOB_UID = "e65ec22d-157b-481b-b4d6-8a7c1abccca5"
OTHERS = [
    named(
        "StatefulSet",
        "st",
        version="apps/v1",
        spec={
            "replicas": 1,
            "template": {"spec": {"containers": [{"name": "c", "image": "nginx:1"}]}},
        },
        status={"readyReplicas": 1},
    ),
    named(
        "Job",
        "j",
        version="batch/v1",
        spec={
            "completions": 3,
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": JOB_UID}},
            "template": POD_C,
        },
        status={
            "succeeded": 3,
            "startTime": "2026-11-23T01:28:59Z",
            "completionTime": "2026-11-23T01:29:03Z",
            "conditions": [{"type": "Complete", "status": "True"}],
        },
    ),
    named(
        "CronJob",
        "cj",
        version="batch/v1",
        spec={"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": POD_C}}},
    ),
    named(
        "HorizontalPodAutoscaler",
        "h",
        version="autoscaling/v2",
        spec={
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 4,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 50},
                    },
                }
            ],
        },
    ),
    named(
        "PodDisruptionBudget",
        "b",
        version="policy/v1",
        spec={"minAvailable": 1},
        status={"disruptionsAllowed": 1},
    ),
    named("PodDisruptionBudget", "b2", version="policy/v1", spec={"maxUnavailable": "25%"}),
    named("LimitRange", "lr"),
    named("ServiceAccount", "default"),
    named(
        "Ingress",
        "ing",
        version="networking.k8s.io/v1",
        spec={"rules": [{"host": "a.example.com"}]},
    ),
    named(
        "NetworkPolicy",
        "np",
        version="networking.k8s.io/v1",
        spec={"podSelector": {"matchLabels": {"app": "web"}}},
    ),
    named(
        "PersistentVolumeClaim",
        "pvc",
        spec={"volumeMode": "Filesystem"},
        status={"phase": "Pending"},
    ),
    named(
        "PriorityClass",
        "system-cluster-critical",
        version="scheduling.k8s.io/v1",
        age=-1690,
        value=2000000000,
        preemptionPolicy="PreemptLowerPriority",
    ),
    named(
        "PriorityClass",
        "system-node-critical",
        version="scheduling.k8s.io/v1",
        age=-1690,
        value=2000001000,
        preemptionPolicy="PreemptLowerPriority",
    ),
]
