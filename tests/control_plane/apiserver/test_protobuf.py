"""Protobuf bodies: written here by hand of the schema's numbers, read back as JSON has them."""

import struct
from base64 import b64decode
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api import codec, schema
from kubecourse.control_plane.apiserver import protobuf


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number: int, payload: bytes | int) -> bytes:
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def encode(name: str, value: dict[str, Any]) -> bytes:
    """A struct as a Go client writes it."""
    out = b""
    for row in schema.rows(name):
        each = schema.Field(row)
        if not each.name:
            out += field(each.number, encode(each.type.name, value)) if each.number else b""
        elif each.name in value:
            out += entries(each.number, each.type, value[each.name])
    return out


def entries(number: int, kind: schema.Type, value: Any) -> bytes:
    if kind.form == "list":
        assert kind.element
        if not kind.go.startswith("[]"):
            return field(number, b"".join(entries(1, kind.element, item) for item in value))
        return b"".join(entries(number, kind.element, item) for item in value)
    if kind.form == "map":
        assert kind.element
        return b"".join(
            field(number, field(1, key.encode()) + entries(2, kind.element, item))
            for key, item in value.items()
        )
    return field(number, scalar(kind, value))


def scalar(kind: schema.Type, value: Any) -> bytes | int:
    match kind.form:
        case "struct":
            return encode(kind.name, value)
        case "string":
            return value.encode()
        case "int" | "bool":
            return int(value)
        case "bytes":
            return b64decode(value)
        case "quantity":
            return field(1, value.encode())
        case "time":
            return field(1, int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()))
        case "intorstring":
            return (
                field(1, 1) + field(3, value.encode())
                if type(value) is str
                else (field(1, 0) + field(2, value))
            )
    raise NotImplementedError(kind.form)


def envelope(version: str, kind: str, body: bytes) -> bytes:
    named = field(1, version.encode()) + field(2, kind.encode())
    return b"k8s\0" + field(1, named) + field(2, body)


OBJECTS = {
    ("v1", "Pod", "core/v1.Pod"): {
        "metadata": {"name": "a", "labels": {"app": "web", "": ""}, "finalizers": ["x/y"],
                     "creationTimestamp": "2026-01-05T09:00:00Z", "generation": 0},
        "spec": {
            "containers": [{
                "name": "c", "image": "nginx:1.25", "command": ["sh", "-c", ""],
                "env": [{"name": "A", "value": ""},
                        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 5},
                "readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 0},
                "securityContext": {"runAsUser": 0, "privileged": False},
            }],
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "configMap": {"name": "m"}}],
            "tolerations": [{"key": "k", "operator": "Exists", "tolerationSeconds": -1}],
            "terminationGracePeriodSeconds": 0,
        },
    },
    ("v1", "Secret", "core/v1.Secret"): {
        "metadata": {"name": "s"}, "data": {"k": "c2VjcmV0", "e": ""}, "type": "Opaque",
    },
    ("apps/v1", "Deployment", "apps/v1.Deployment"): {
        "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}},
                 "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}},
    },
    ("policy/v1", "PodDisruptionBudget", "policy/v1.PodDisruptionBudget"): {
        "spec": {"minAvailable": 1},
    },
    ("v1", "DeleteOptions", "meta/v1.DeleteOptions"): {
        "gracePeriodSeconds": 0, "propagationPolicy": "Background", "dryRun": ["All"],
    },
}  # fmt: skip


@pytest.mark.parametrize(("named", "value"), OBJECTS.items(), ids=lambda item: str(item)[:40])
def test_what_was_written_is_read(named: tuple[str, str, str], value: dict[str, Any]) -> None:
    version, kind, name = named
    read = protobuf.decode(envelope(version, kind, encode(name, value)))
    assert (read.pop("apiVersion"), read.pop("kind")) == (version, kind)
    if name.startswith("meta/"):
        assert read == value
    else:
        assert codec.decode(read, name) == codec.decode(value, name)


def test_zeros_that_mean_nothing_are_dropped_and_others_kept() -> None:
    pod = {"spec": {"terminationGracePeriodSeconds": 0, "hostNetwork": False, "nodeName": ""}}
    read = protobuf.decode(envelope("v1", "Pod", encode("core/v1.Pod", pod)))
    assert read["spec"] == {"terminationGracePeriodSeconds": 0}


def test_lists_of_numbers_may_be_packed() -> None:
    packed = field(4, varint(7) + varint(300))
    body = field(2, field(14, packed))
    read = protobuf.decode(envelope("v1", "Pod", body))
    assert read["spec"]["securityContext"] == {"supplementalGroups": [7, 300]}


def test_what_nobody_knows_is_skipped() -> None:
    unknown = varint(900 << 3 | 1) + struct.pack("<d", 1.0) + varint(901 << 3 | 5) + b"1234"
    body = unknown + field(1, field(1, b"a"))
    assert protobuf.decode(envelope("v1", "Pod", body))["metadata"] == {"name": "a"}


@pytest.mark.parametrize(
    "data",
    [b"", b"k8s", b"{}", b"k8s\0\xff", envelope("v1", "Nope", b""), envelope("v1", "Pod", b"\x0a"),
     envelope("v1", "Pod", field(1, 5)), envelope("v1", "Pod", b"\x0b")],
)  # fmt: skip
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(protobuf.Malformed):
        protobuf.decode(data)


@given(st.binary(max_size=200), st.sampled_from(sorted(OBJECTS)))
def test_whatever_comes_is_read_or_refused(junk: bytes, named: tuple[str, str, str]) -> None:
    version, kind, _ = named
    try:
        read = protobuf.decode(envelope(version, kind, junk))
    except protobuf.Malformed:
        return
    assert read["kind"] == kind
