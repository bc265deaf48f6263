"""Namespaces name the standard that their pods must meet, or are warned of."""

from typing import Any

import pytest

from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.rest import Request, Response, handle
from tests.control_plane.apiserver import replay

LABEL = "pod-security.kubernetes.io/"
SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def server() -> APIServer:
    server = replay.server_with()
    for level in ("baseline", "restricted"):
        assert namespace(server, level, enforce=level).code == 201
    assert namespace(server, "warned", warn="restricted").code == 201
    return server


def namespace(server: APIServer, name: str, **labels: str) -> Response:
    found = {LABEL + key.replace("_", "-"): value for key, value in labels.items()}
    body = {"metadata": {"name": name, "labels": found}}
    return handle(server, Request("POST", "/api/v1/namespaces", body=body))


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    named = [{"name": "abc"[n], "image": "x", **each} for n, each in enumerate(containers or ({},))]
    return {"metadata": {"name": "p"}, "spec": {"containers": named, **spec}}


def create(server: APIServer, where: str, body: dict[str, Any], query: str = "") -> Response:
    return handle(server, Request("POST", f"/api/v1/namespaces/{where}/pods{query}", body=body))


def context(**fields: Any) -> dict[str, Any]:
    return {"securityContext": fields}


def port(number: int) -> dict[str, int]:
    return {"containerPort": number, "hostPort": number}


BASELINE = [
    (pod(), ""),
    (
        pod(context(privileged=True), {}, context(privileged=True)),
        'privileged (containers "a", "c" must not set securityContext.privileged=true)',
    ),
    (
        pod(hostPID=True, hostNetwork=True),
        "host namespaces (hostNetwork=true, hostPID=true)",
    ),
    (
        pod({"ports": [port(90)]}, {"ports": [port(80), port(91)]}),
        'hostPort (containers "a", "b" use hostPorts 80, 90, 91)',
    ),
    (
        pod(volumes=[{"name": "logs", "hostPath": {"path": "/var/log"}}]),
        'hostPath volumes (volume "logs")',
    ),
    (
        pod(context(capabilities={"add": ["SYS_TIME", "CHOWN", "NET_ADMIN"]})),
        'non-default capabilities (container "a" must not include "NET_ADMIN", "SYS_TIME" in '
        "securityContext.capabilities.add)",
    ),
    (
        pod(
            context(seccompProfile={"type": "Unconfined"}),
            **context(seccompProfile={"type": "Unconfined"}),
        ),
        'seccompProfile (pod and container "a" must not set securityContext.seccompProfile.type '
        'to "Unconfined")',
    ),
    (
        pod(context(appArmorProfile={"type": "Unconfined"})),
        'forbidden AppArmor profile (container "a" must not set AppArmor profile type to '
        '"Unconfined")',
    ),
    (
        pod(context(seLinuxOptions={"type": "spc_t", "role": "r"})),
        'seLinuxOptions (container "a" set forbidden securityContext.seLinuxOptions: type '
        '"spc_t"; role may not be set)',
    ),
    (
        pod(**context(sysctls=[{"name": "kernel.msgmax", "value": "1"}])),
        "forbidden sysctls (kernel.msgmax)",
    ),
    (
        pod({"livenessProbe": {"tcpSocket": {"port": 80, "host": "10.1.1.1"}}}),
        'probe or lifecycle host (container "a" uses probe or lifecycle host "10.1.1.1")',
    ),
    (
        pod(hostIPC=True, volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
        'host namespaces (hostIPC=true), hostPath volumes (volume "v")',
    ),
]


@pytest.mark.parametrize(("body", "expected"), BASELINE)
def test_the_baseline(body: dict[str, Any], expected: str, server: APIServer) -> None:
    answer = create(server, "baseline", body, "?dryRun=All")
    if not expected:
        assert answer.code == 201
        return
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
    begin = 'pods "p" is forbidden: violates PodSecurity "baseline:latest": '
    assert answer.body["message"] == begin + expected


NOTHING_SAID = (
    'allowPrivilegeEscalation != false (container "a" must set securityContext.'
    'allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must set '
    'securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "a" must '
    'set securityContext.runAsNonRoot=true), seccompProfile (pod or container "a" must set '
    'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
)
RESTRICTED = [
    (pod(context(**SAFE)), ""),
    (pod(), NOTHING_SAID),
    (
        pod(context(**SAFE), volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
        'restricted volume types (volume "v" uses restricted volume type "hostPath")',
    ),
    (
        pod(context(**SAFE, runAsUser=0), **context(runAsNonRoot=False)),
        "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false), "
        'runAsUser=0 (container "a" must not set runAsUser=0)',
    ),
    (
        pod(context(**{**SAFE, "capabilities": {"add": ["NET_BIND_SERVICE", "CHOWN"]}})),
        'unrestricted capabilities (container "a" must set '
        'securityContext.capabilities.drop=["ALL"]; container "a" must not include "CHOWN" in '
        "securityContext.capabilities.add)",
    ),
]


@pytest.mark.parametrize(("body", "expected"), RESTRICTED)
def test_the_restricted_standard(body: dict[str, Any], expected: str, server: APIServer) -> None:
    refused = create(server, "restricted", body, "?dryRun=All")
    warned = create(server, "warned", body, "?dryRun=All")
    assert warned.code == 201
    if not expected:
        assert (refused.code, warned.warnings) == (201, [])
        return
    assert refused.body["message"].endswith(f'violates PodSecurity "restricted:latest": {expected}')
    assert warned.warnings == [f'would violate PodSecurity "restricted:latest": {expected}']


def test_whoever_makes_a_workload_is_warned(server: APIServer) -> None:
    body = {"metadata": {"name": "j"}, "spec": {"template": pod()}}
    body["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    path = "/apis/batch/v1/namespaces/{}/jobs?dryRun=All"
    for where, expected in (
        ("warned", [f'would violate PodSecurity "restricted:latest": {NOTHING_SAID}']),
        ("restricted", []),
    ):
        answer = handle(server, Request("POST", path.format(where), body=body))
        assert (answer.code, answer.warnings) == (201, expected)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            {"enforce": "strict"},
            f'metadata.labels[{LABEL}enforce]: Invalid value: "strict": must be one of '
            "privileged, baseline, restricted",
        ),
        (
            {"warn_version": "1.36"},
            f'metadata.labels[{LABEL}warn-version]: Invalid value: "1.36": must be "latest" or '
            '"v1.x"',
        ),
    ],
)
def test_labels_name_standards(labels: dict[str, str], expected: str, server: APIServer) -> None:
    answer = namespace(server, "odd", **labels)
    assert answer.code == 422
    assert answer.body["message"] == f'Namespace "odd" is invalid: {expected}'


def test_a_standard_has_versions(server: APIServer) -> None:
    assert namespace(server, "old", enforce="baseline", enforce_version="v1.33").code == 201
    host = pod({"livenessProbe": {"httpGet": {"port": 80, "host": "10.1.1.1"}}})
    assert create(server, "old", host).code == 201
    refused = create(server, "old", pod(hostIPC=True), "?dryRun=All").body["message"]
    assert 'violates PodSecurity "baseline:v1.33": ' in refused


def test_a_stricter_label_tells_which_pods_are_against_it(server: APIServer) -> None:
    assert namespace(server, "late", enforce="baseline").code == 201
    for name in ("a", "b", "c"):
        body = pod(*([context(**SAFE)] if name == "a" else [{}]))
        body["metadata"]["name"] = name
        assert create(server, "late", body).code == 201

    def label(level: str) -> list[str]:
        patch = {"metadata": {"labels": {f"{LABEL}enforce": level}}}
        kind = "application/merge-patch+json"
        path = "/api/v1/namespaces/late"
        return handle(server, Request("PATCH", path, body=patch, content_type=kind)).warnings

    assert label("restricted") == [
        'existing pods in namespace "late" violate the new PodSecurity enforce level '
        '"restricted:latest"',
        "b (and 1 other pod): allowPrivilegeEscalation != false, unrestricted capabilities, "
        "runAsNonRoot != true, seccompProfile",
    ]
    assert label("baseline") == []
