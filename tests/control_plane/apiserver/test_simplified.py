"""The list of what nothing acts on is exact: no field is missing from it, and none is too many."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import kubecourse
from kubecourse.api import codec, schema
from kubecourse.api.resources import BY_KIND, RESOURCES
from kubecourse.control_plane.apiserver.validation import simplified, warnings

HARMLESS = {
    "core/v1.Container": "stdinOnce tty",
    "core/v1.EmptyDirVolumeSource": "medium",
    "core/v1.Event": "firstTimestamp lastTimestamp eventTime series related reportingInstance",
    "apiextensions/v1.CustomResourceDefinitionSpec": "preserveUnknownFields",
    "apiextensions/v1.CustomResourceDefinitionVersion": "additionalPrinterColumns",
    "core/v1.HTTPGetAction": "httpHeaders",
    "core/v1.NodeSpec": "podCIDR podCIDRs providerID configSource externalID",
    "core/v1.PersistentVolumeSpec": (
        "gcePersistentDisk awsElasticBlockStore glusterfs nfs rbd iscsi cinder cephfs fc flocker "
        "flexVolume azureFile vsphereVolume quobyte azureDisk photonPersistentDisk "
        "portworxVolume scaleIO storageos csi local mountOptions volumeAttributesClassName"
    ),
    "core/v1.PodSecurityContext": (
        "supplementalGroupsPolicy fsGroupChangePolicy seLinuxChangePolicy"
    ),
    "core/v1.PodSpec": "ephemeralContainers serviceAccount",
    "core/v1.SecurityContext": "capabilities allowPrivilegeEscalation procMount",
    "core/v1.Secret": "stringData",
    "core/v1.ServiceAccountTokenProjection": "audience expirationSeconds",
    "core/v1.ServiceSpec": "loadBalancerIP loadBalancerSourceRanges",
    "core/v1.Taint": "timeAdded",
    "core/v1.VolumeMount": "recursiveReadOnly",
    "coordination/v1.LeaseSpec": "leaseDurationSeconds preferredHolder",
    "discovery/v1.Endpoint": "deprecatedTopology",
    "scheduling/v1.PriorityClass": "description",
    "storage/v1.StorageClass": "mountOptions",
}
"""Fields that nothing reads and whose absence nobody could notice.

They are records (events, leases), or what only a provider of storage or a cloud would read, of
which there is none; ephemeral containers are refused, and `stringData` is gone once stored.
"""

DONE_UNREAD = {"core/v1.Volume": "emptyDir"}
"""Fields that are acted on without being read: any volume that is nothing else starts empty."""

READ_ELSEWHERE = {
    "apiextensions/v1.CustomResourceConversion": "webhook",
    "core/v1.Container": "tty",
    "core/v1.ContainerRestartRule": "action",
    "core/v1.Event": "series",
    "core/v1.GRPCAction": "service",
    "core/v1.HTTPGetAction": "scheme",
    "core/v1.DownwardAPIVolumeFile": "mode",
    "core/v1.KeyToPath": "mode",
    "core/v1.SecurityContext": "privileged",
    "core/v1.ServiceAccountTokenProjection": "expirationSeconds",
    "core/v1.Volume": "csi ephemeral image",
    "core/v1.PersistentVolumeSpec": "csi local",
    "scheduling/v1.PriorityClass": "description",
}
"""Fields that are listed although some component reads one of that name: of another type, or
for another purpose than to act on it as the kubelet does."""

PASSED_ON = (
    "api/codec", "api/models", "api/patch", "api/schema", "control_plane/apiserver/defaults",
    "control_plane/apiserver/managed_fields", "control_plane/apiserver/tables",
    "control_plane/apiserver/admission/pod_standards", "control_plane/apiserver/validation",
    "api/versions", "lessons", "publish", "tools",
)  # fmt: skip
"""Code that keeps, checks and shows fields without acting on them."""


@cache
def names_read() -> set[str]:
    """Every name of an attribute, or word in a string, that a component reads."""
    root = Path(kubecourse.__file__).parent
    found = set()
    for file in sorted(root.rglob("*.py")):
        if file.relative_to(root).as_posix().startswith(PASSED_ON):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(node.value.replace(".", " ").split())
    return found


def listed(table: dict[str, str]) -> set[tuple[str, str]]:
    return {(name, field) for name, fields in table.items() for field in fields.split()}


ROWS = {(row.type, row.field): row for row in simplified.ROWS}


@cache
def served() -> dict[tuple[str, str], str]:
    """Every field of the served kinds with a path to it, but not below what is listed."""
    found: dict[tuple[str, str], str] = {}
    seen: set[str] = set()

    def walk(name: str, path: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for field in schema.struct(name).fields.values():
            here = (name, field.name)
            if field.name in ("metadata", "status", "kind", "apiVersion") or here in codec.DISABLED:
                continue
            found[here] = f"{path}.{field.name}"
            if here not in ROWS and here not in listed(HARMLESS) and field.element is not None:
                walk(field.element.name, found[here])

    for resource in RESOURCES:
        if (resource.schema, "") not in ROWS:
            walk(resource.schema, resource.kind)
    return found


def test_whatever_nothing_reads_is_listed() -> None:
    unread = {place for place in served() if place[1] not in names_read()}
    excused = listed(HARMLESS) | listed(DONE_UNREAD)
    missing = {served()[place] for place in unread - ROWS.keys() - excused}
    assert missing == set()


def test_whatever_is_listed_is_not_read() -> None:
    """A field that begins to be acted on is struck off."""
    for place in ROWS.keys() | listed(HARMLESS):
        if place[1]:
            assert (place[1] in names_read()) == (place in listed(READ_ELSEWHERE)), place


def test_no_field_is_listed_twice() -> None:
    assert len(ROWS) == len(simplified.ROWS)
    assert not ROWS.keys() & listed(HARMLESS)
    assert {place for place in ROWS if place[1]} <= served().keys()


# --- the warnings


def something(kind: schema.Type, harmless: tuple[Any, ...]) -> Any:
    """A JSON value of a type that is not among the harmless ones."""
    if kind.form == "list":
        assert kind.element is not None
        return [something(kind.element, ())]
    if kind.form == "map":
        assert kind.element is not None
        return {"a": something(kind.element, ())}
    if kind.form == "struct":
        fields = schema.struct(kind.name).fields.values()
        return {f.name: something(f.type, ()) for f in list(fields)[:1]}
    if kind.form == "bool":
        return True not in harmless
    return {"int": 1, "quantity": "1", "bytes": "YQ==", "any": {}}.get(kind.form, "x")


def wrapped(path: list[str], name: str, value: Any) -> Any:
    """A manifest in which `value` lies at a path of fields of the Go type `name`."""
    if not path:
        return value
    field = schema.struct(name).fields[path[0]]
    inner = wrapped(path[1:], field.element.name if field.element else "", value)
    return {path[0]: [inner] if len(path) > 1 and field.type.form == "list" else inner}


@pytest.mark.parametrize("place", [place for place in ROWS if place[1]], ids=lambda p: ".".join(p))
def test_a_field_that_nothing_acts_on_is_accepted_with_a_warning(place: tuple[str, str]) -> None:
    kind, *path = served()[place].split(".")
    resource = next(resource for resource in RESOURCES if resource.kind == kind)
    value = something(schema.struct(place[0]).fields[place[1]].type, ROWS[place].harmless)
    obj, unknown = codec.decode(wrapped(path, resource.schema, value), resource.schema)
    assert unknown == []
    said = list(simplified.in_struct(resource.schema, obj))
    assert [text for text in said if text.endswith(f"is stored, but {ROWS[place].sentence}")]
    # The path is that of the field, with the indexes of lists.
    assert said[0].replace("[0]", "").startswith(f"simulated: {'.'.join(path)} ")


def test_what_everybody_writes_gives_no_warning() -> None:
    pod = {
        "containers": [
            {
                "name": "c",
                "image": "x",
                "securityContext": {},
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "shareProcessNamespace": False,
        "volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}],
    }
    obj, _ = codec.decode({"spec": pod}, "core/v1.Pod")
    assert list(simplified.in_struct("core/v1.Pod", obj)) == []


def test_a_kind_that_nothing_acts_on_says_so() -> None:
    obj, _ = codec.decode({"spec": {}}, "networking/v1.NetworkPolicy")
    assert warnings(BY_KIND["networking.k8s.io/v1", "NetworkPolicy"], obj) == [
        "simulated: networkpolicies are stored, but every pod reaches every other"
    ]


def kinds_of_ledger() -> Iterator[str]:
    return (kind for kind, field, _ in simplified.ledger() if not field)


def test_the_ledger_names_some_kinds_as_a_whole() -> None:
    assert set(kinds_of_ledger()) == {
        "APIService", "CSIDriver", "CSINode", "CSIStorageCapacity", "CertificateSigningRequest",
        "ClusterRole", "ClusterRoleBinding", "DeviceClass", "FlowSchema", "IPAddress", "Ingress",
        "IngressClass", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration", "NetworkPolicy", "PodTemplate",
        "PriorityLevelConfiguration", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice",
        "Role", "RoleBinding", "ServiceCIDR", "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration", "VolumeAttachment",
        "VolumeAttributesClass",
    }  # fmt: skip
