"""What admission adds to a pod, and what it refuses."""

from typing import Any

import pytest

from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.rest import Request, Response, handle
from tests.control_plane.apiserver import replay

PODS = "/api/v1/namespaces/n/pods"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"


def create_pod(server: APIServer, name: str = "p", **spec: Any) -> Response:
    given = {"containers": [{"name": "c", "image": "x"}], **spec}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": given}
    return handle(server, Request("POST", PODS, body=body))


def create_class(server: APIServer, name: str, value: int, **more: Any) -> Response:
    body = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        **more,
    }
    return handle(server, Request("POST", CLASSES, body=body))


def test_pods_of_one_template_find_their_token_under_one_name() -> None:
    server = replay.server_with("n")
    names = {create_pod(server, name).body["spec"]["volumes"][0]["name"] for name in ("a", "b")}
    assert len(names) == 1


def test_a_pod_may_do_without_a_token() -> None:
    server = replay.server_with("n")
    spec = create_pod(server, automountServiceAccountToken=False).body["spec"]
    assert spec["serviceAccountName"] == "default"
    assert "volumes" not in spec


def test_what_lies_where_the_token_would_is_left_there() -> None:
    server = replay.server_with("n")
    mount = {"name": "mine", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    container = {"name": "c", "image": "x", "volumeMounts": [mount]}
    volumes = [{"name": "mine", "emptyDir": {}}]
    spec = create_pod(server, containers=[container], volumes=volumes).body["spec"]
    assert [volume["name"] for volume in spec["volumes"]] == ["mine"]


def test_a_pods_priority_is_that_of_its_class() -> None:
    server = replay.server_with("n")
    assert create_class(server, "high", 1000, preemptionPolicy="Never").code == 201
    spec = create_pod(server, priorityClassName="high").body["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (1000, "Never")


def test_a_pod_without_a_class_gets_the_default_one() -> None:
    server = replay.server_with("n")
    create_class(server, "usual", 7, globalDefault=True)
    spec = create_pod(server).body["spec"]
    assert (spec["priorityClassName"], spec["priority"]) == ("usual", 7)


def test_a_class_must_be_there() -> None:
    answer = create_pod(replay.server_with("n"), priorityClassName="high")
    assert answer.code == 403
    assert answer.body["message"] == (
        'pods "p" is forbidden: no PriorityClass with name high was found'
    )


def test_a_kind_that_nothing_acts_on_is_accepted_with_a_warning() -> None:
    server = replay.server_with("n")
    api = "rbac.authorization.k8s.io/v1"
    body = {"apiVersion": api, "kind": "Role", "metadata": {"name": "r"}, "rules": []}
    answer = handle(server, Request("POST", f"/apis/{api}/namespaces/n/roles", body=body))
    assert answer.code == 201
    assert answer.warnings == ["simulated: roles are stored, but everybody may do everything"]


def test_a_pod_that_names_a_runtime_class_is_refused_as_there_are_none() -> None:
    answer = create_pod(replay.server_with("n"), runtimeClassName="gvisor")
    why = 'pods "p" is forbidden: pod rejected: RuntimeClass "gvisor" not found'
    assert (answer.code, answer.body["message"]) == (403, why)


@pytest.mark.parametrize(
    ("expandable", "phase", "why"),
    [
        (True, "Bound", ""),
        (True, "Pending", "only bound persistent volume claims can be expanded"),
        (
            False,
            "Bound",
            "only dynamically provisioned pvc can be resized and the storageclass that "
            "provisions the pvc must support resize",
        ),
    ],
)
def test_a_claim_grows_only_where_its_class_says_so(expandable: bool, phase: str, why: str) -> None:
    server, path = replay.server_with("n"), "/api/v1/namespaces/n/persistentvolumeclaims"
    kind = {"metadata": {"name": "c"}, "provisioner": "a.b/c", "allowVolumeExpansion": expandable}
    handle(server, Request("POST", "/apis/storage.k8s.io/v1/storageclasses", body=kind))
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "c"}
    small, large = ({**spec, "resources": {"requests": {"storage": s}}} for s in ("1Gi", "2Gi"))
    body = {"metadata": {"name": "v"}, "spec": small}
    assert handle(server, Request("POST", path, body=body)).code == 201
    status = {**body, "status": {"phase": phase}}
    assert handle(server, Request("PUT", f"{path}/v/status", body=status)).code == 200
    answer = handle(server, Request("PUT", f"{path}/v", body={**body, "spec": large}))
    assert answer.code == (403 if why else 200), answer.body
    assert not why or answer.body["message"].endswith(f"is forbidden: {why}")
