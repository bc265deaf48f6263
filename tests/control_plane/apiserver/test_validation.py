"""What the server refuses and warns of, as recorded from a real one."""

from typing import Any

import pytest

from kubecourse.api import codec
from kubecourse.api.resources import BY_KIND
from kubecourse.control_plane.apiserver.defaults import default
from kubecourse.control_plane.apiserver.rest import Response
from kubecourse.control_plane.apiserver.validation import validate, validate_update, warnings
from tests.control_plane.apiserver import replay

# Recorded request -> why the answer does not agree yet.
DIFFERS: dict[str, str] = {}

RECORDS = replay.records("api")


def is_ours(record: dict[str, Any]) -> bool:
    """Creations, and changes that the kind's own rules refuse."""
    resource = replay.resource_at(record["path"])
    if resource is None:
        return False
    if record["method"] == "POST":
        return record["code"] != 405
    return record["code"] == 422 and record["response"]["details"].get("kind") == resource.kind


CASES = [record["scenario"] for record in RECORDS if is_ours(record)]


@pytest.fixture(scope="module")
def answers() -> dict[str, tuple[dict[str, Any], Response]]:
    """All recorded requests put to one server, in their order."""
    send = replay.Replay(replay.server_with("api"))
    return {record["scenario"]: (record, send(record)) for record in RECORDS}


@pytest.mark.parametrize("scenario", CASES)
def test_a_recorded_request_gets_the_recorded_answer(
    scenario: str, answers: dict[str, tuple[dict[str, Any], Response]]
) -> None:
    lines = replay.disagreement(*answers[scenario])
    assert bool(lines) == (scenario in DIFFERS), "\n".join(lines)


def test_the_list_of_differences_names_recorded_requests_only() -> None:
    assert set(DIFFERS) <= set(CASES)


# --- what the records do not show


def pod(**spec: Any) -> Any:
    given = {"containers": [{"name": "c", "image": "x"}], **spec}
    obj, _ = codec.decode(
        {"metadata": {"name": "p", "namespace": "n"}, "spec": given}, "core/v1.Pod"
    )
    return default(obj)


def problems(obj: Any) -> list[str]:
    return [str(error) for error in validate(BY_KIND["v1", "Pod"], obj)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"containers": [{"name": "c", "image": "x", "env": [{"name": "A=B", "value": "1"}]}]},
            'spec.containers[0].env[0].name: Invalid value: "A=B": a valid environment variable '
            "name must consist only of printable ASCII characters other than '='",
        ),
        (
            {
                "containers": [
                    {
                        "name": "c",
                        "image": "x",
                        "env": [
                            {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.foo"}}}
                        ],
                    }
                ]
            },
            'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": '
            "error converting fieldPath: field label not supported: spec.foo",
        ),
        (
            {"containers": [{"name": "c", "image": "x", "envFrom": [{"configMapRef": {}}]}]},
            "spec.containers[0].envFrom[0].configMapRef.name: Required value",
        ),
        (
            {"containers": [{"name": "c", "image": "x", "ports": [{"containerPort": 0}]}]},
            "spec.containers[0].ports[0].containerPort: Required value",
        ),
        (
            {
                "containers": [
                    {"name": "c", "image": "x", "ports": [{"containerPort": 80, "name": "a_b"}]}
                ]
            },
            'spec.containers[0].ports[0].name: Invalid value: "a_b": must contain only '
            "alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (
            {"containers": [{"name": "c", "image": "x", "livenessProbe": {}}]},
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
        ),
        (
            {"restartPolicy": "Sometimes"},
            'spec.restartPolicy: Unsupported value: "Sometimes": '
            'supported values: "Always", "OnFailure", "Never"',
        ),
        (
            {"dnsPolicy": "None"},
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
        ),
        (
            {"activeDeadlineSeconds": 0},
            "spec.activeDeadlineSeconds: Invalid value: 0: "
            "must be between 1 and 2147483647, inclusive",
        ),
        (
            {"volumes": [{"name": "v", "configMap": {}}]},
            "spec.volumes[0].configMap.name: Required value",
        ),
        (
            {"volumes": [{"name": "v", "hostPath": {"path": "/a/../b"}}]},
            "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
        ),
        (
            {"securityContext": {"runAsUser": -1}},
            "spec.securityContext.runAsUser: Invalid value: -1: "
            "must be between 0 and 2147483647, inclusive",
        ),
        (
            {"hostAliases": [{"ip": "x"}]},
            'spec.hostAliases[0].ip: Invalid value: "x": '
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ),
        (
            {"tolerations": [{"value": "x"}]},
            'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` '
            'is empty, which means "match all values and all keys"',
        ),
    ],
)
def test_a_pod_is_refused_in_the_servers_words(spec: dict[str, Any], expected: str) -> None:
    assert problems(pod(**spec)) == [expected]


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "image": "x", **fields}]}


HEADER = (
    "a valid HTTP header must consist of alphanumeric characters or '-' "
    "(e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
)
RARE: list[tuple[dict[str, Any], str]] = [
    (
        container(livenessProbe={"httpGet": {"port": 80, "httpHeaders": [{"name": "a b"}]}}),
        f'containers[0].livenessProbe.httpGet.httpHeaders: Invalid value: "a b": {HEADER}',
    ),
    (
        container(lifecycle={"preStop": {"sleep": {"seconds": 31}}}),
        "containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less "
        "than terminationGracePeriodSeconds (30)",
    ),
    (
        container(resizePolicy=[{"resourceName": "disk", "restartPolicy": "NotRequired"}]),
        'containers[0].resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"',
    ),
    (
        container(restartPolicyRules=[{"action": "Restart", "exitCodes": {"operator": "In"}}]),
        "containers[0].restartPolicy: Required value: must specify restartPolicy when restart "
        "rules are used",
    ),
    (
        container(securityContext={"seccompProfile": {"type": "Localhost"}}),
        "containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be "
        "set when seccomp type is Localhost",
    ),
    (
        container(securityContext={"procMount": "Unmasked"}),
        'containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be '
        "false to use `Unmasked`",
    ),
    (
        container(volumeDevices=[{"name": "v", "devicePath": "/d"}]),
        'containers[0].volumeDevices[0].name: Not found: "v"',
    ),
    (
        container(resources={"claims": [{"name": "gpu"}]}),
        'containers[0].resources.claims[0]: Not found: "gpu": must be one of the names in '
        "pod.spec.resourceClaims which is empty",
    ),
    (
        {**container(), "shareProcessNamespace": True, "hostPID": True},
        "securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and "
        "HostPID cannot both be enabled",
    ),
    (
        {**container(), "dnsConfig": {"nameservers": ["1.1.1.1"] * 4}},
        'dnsConfig.nameservers: Invalid value: ["1.1.1.1","1.1.1.1","1.1.1.1","1.1.1.1"]: must '
        "not have more than 3 nameservers",
    ),
    (
        {**container(), "volumes": [{"name": "v", "rbd": {"image": "x"}}]},
        "volumes[0].rbd.monitors: Required value",
    ),
    (
        {**container(), "volumes": [{"name": "v", "downwardAPI": {"items": [{"path": "a"}]}}]},
        "volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
    ),
    (
        {**container(), "securityContext": {"sysctls": [{"name": "a"}, {"name": "a"}]}},
        'securityContext.sysctls[1].name: Duplicate value: "a"',
    ),
    (
        {
            **container(resources={"requests": {"cpu": "2"}}),
            "resources": {"requests": {"cpu": "1"}},
        },
        'resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate '
        "container requests of 2",
    ),
]


@pytest.mark.parametrize(("spec", "expected"), RARE)
def test_rare_fields_are_looked_at_as_well(spec: dict[str, Any], expected: str) -> None:
    assert problems(pod(**spec)) == [f"spec.{expected}"]


def test_a_good_pod_has_no_problems() -> None:
    assert problems(pod()) == []


def test_a_claim_may_ask_for_no_storage_class_at_all() -> None:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "",
    }
    manifest = {"metadata": {"name": "c", "namespace": "n"}, "spec": spec}
    claim = default(codec.decode(manifest, "core/v1.PersistentVolumeClaim")[0])
    assert validate(BY_KIND["v1", "PersistentVolumeClaim"], claim) == []


def test_a_deployments_selector_may_not_change() -> None:
    manifest = {
        "metadata": {"name": "d", "namespace": "n"},
        "spec": {
            "selector": {"matchLabels": {"app": "d"}},
            "template": {
                "metadata": {"labels": {"app": "d", "tier": "x"}},
                "spec": {"containers": [{"name": "c", "image": "x"}]},
            },
        },
    }
    old = default(codec.decode(manifest, "apps/v1.Deployment")[0])
    manifest["spec"]["selector"] = {"matchLabels": {"tier": "x"}}  # type: ignore[index]
    new = default(codec.decode(manifest, "apps/v1.Deployment")[0])
    found = validate_update(BY_KIND["apps/v1", "Deployment"], new, old)
    assert [str(error) for error in found] == [
        'spec.selector: Invalid value: {"matchLabels":{"tier":"x"}}: field is immutable'
    ]


def test_the_server_warns_of_what_is_right_and_yet_probably_a_mistake() -> None:
    container = {
        "name": "c",
        "image": "x",
        "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
        "resources": {"limits": {"memory": "100m"}},
    }
    obj = pod(containers=[container], nodeSelector={"beta.kubernetes.io/os": "linux"})
    assert warnings(BY_KIND["v1", "Pod"], obj) == [
        "spec.nodeSelector[beta.kubernetes.io/os]: "
        'deprecated since v1.14; use "kubernetes.io/os" instead',
        'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, '
        "must be an integer",
        'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, '
        "must be an integer",
        'spec.containers[0].env[1]: hides previous definition of "A", '
        "which may be dropped when using apply",
    ]
