"""Reading JSON as strictly, and complaining in the words of, the real server's decoder."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api import codec, schema
from kubecourse.api.resources import RESOURCES
from tests.control_plane.apiserver import replay

DEPLOYMENT = "apps/v1.Deployment"
POD = "core/v1.Pod"


def refusal(data: Any, name: str) -> str:
    with pytest.raises(codec.DecodeError) as caught:
        codec.decode(data, name)
    return str(caught.value)


def pod_with(**container: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", **container}]}}


# --- what is not known


def test_unknown_fields_are_named_by_their_paths_in_the_order_written() -> None:
    data = {
        "specs": {},
        "spec": {"replica": 1, "template": {"spec": {"containers": [{"nam": "c"}]}}},
    }
    _, unknown = codec.decode(data, DEPLOYMENT)
    assert unknown == ["specs", "spec.replica", "spec.template.spec.containers[0].nam"]


def test_field_names_are_spelled_exactly() -> None:
    _, unknown = codec.decode({"spec": {"Replicas": 1}}, DEPLOYMENT)
    assert unknown == ["spec.Replicas"]


def test_kind_and_version_are_known_at_the_top_only() -> None:
    data = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"kind": "x"}}
    assert codec.decode(data, DEPLOYMENT)[1] == ["spec.kind"]


# --- what is of another type


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (
            {"spec": {"replicas": "3"}},
            DEPLOYMENT,
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas "
            "of type int32",
        ),
        (
            {"spec": {"replicas": 1.5}},
            DEPLOYMENT,
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas "
            "of type int32",
        ),
        (
            {"spec": {"replicas": 2**31}},
            DEPLOYMENT,
            "json: cannot unmarshal number 2147483648 into Go struct field "
            "DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {"spec": []},
            DEPLOYMENT,
            "json: cannot unmarshal array into Go struct field Deployment.spec "
            "of type v1.DeploymentSpec",
        ),
        (
            {"spec": {"containers": {}}},
            POD,
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers "
            "of type []v1.Container",
        ),
        (
            pod_with(image=True),
            POD,
            "json: cannot unmarshal bool into Go struct field Container.spec.containers.image "
            "of type string",
        ),
        (
            pod_with(ports=[{"containerPort": "http"}]),
            POD,
            "json: cannot unmarshal string into Go struct field "
            "ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            {"data": {"port": 80}},
            "core/v1.ConfigMap",
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (
            {"data": {"a": 1}},
            "core/v1.Secret",
            "json: cannot unmarshal number into Go struct field Secret.data of type []uint8",
        ),
        (
            pod_with(readinessProbe={"httpGet": {"port": True}}),
            POD,
            "json: cannot unmarshal bool into Go value of type int32",
        ),
        ("text", POD, "json: cannot unmarshal string into Go value of type v1.Pod"),
    ],
)
def test_a_wrong_type_is_told_as_go_tells_it(data: Any, name: str, message: str) -> None:
    assert refusal(data, name) == message


@pytest.mark.parametrize("text", ["64mb", "64 Mi", "", "1,5", "0x10"])
def test_what_is_not_a_quantity_is_refused(text: str) -> None:
    message = refusal(pod_with(resources={"requests": {"memory": text}}), POD)
    assert message.startswith("quantities must match the regular expression")


@pytest.mark.parametrize(
    ("given_value", "stored"),
    [("0.5", "500m"), (0.5, "500m"), (1, "1"), (1e6, "1M"), ("1024Mi", "1Gi"), (" 1 ", "1")],
)
def test_a_quantity_is_kept_in_its_canonical_form(given_value: Any, stored: str) -> None:
    obj, _ = codec.decode(pod_with(resources={"requests": {"cpu": given_value}}), POD)
    assert obj.spec.containers[0].resources.requests == {"cpu": stored}


@pytest.mark.parametrize(
    ("text", "byte"), [("a b=", 1), ("YWI", 0), ("YWJjZA", 4), ("?", 0), ("YWJj*GVm", 4)]
)
def test_what_is_not_base64_is_refused_where_it_stops_being_so(text: str, byte: int) -> None:
    message = refusal({"data": {"a": text}}, "core/v1.Secret")
    assert message == f"illegal base64 data at input byte {byte}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tomorrow", 'cannot parse "tomorrow" as "2006"'),
        ("2026-01-05", 'cannot parse "" as "T"'),
        ("2026-01-05 09:00:00Z", 'cannot parse " 09:00:00Z" as "T"'),
        ("2026-01-05T09:00:00", 'cannot parse "" as "Z07:00"'),
    ],
)
def test_what_is_not_a_time_is_refused_where_it_stops_being_so(text: str, why: str) -> None:
    message = refusal({"metadata": {"creationTimestamp": text}}, POD)
    assert message == f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": {why}'


def test_no_month_has_number_thirteen() -> None:
    message = refusal({"metadata": {"creationTimestamp": "2026-13-05T09:00:00Z"}}, POD)
    assert message == 'parsing time "2026-13-05T09:00:00Z": month out of range'


def test_of_two_wrong_types_the_first_is_told() -> None:
    message = refusal({"spec": {"replicas": "x", "paused": "y"}}, DEPLOYMENT)
    assert "spec.replicas" in message


def test_a_bad_quantity_is_told_before_any_wrong_type() -> None:
    data = pod_with(image=1, resources={"limits": {"cpu": "?"}})
    assert refusal(data, POD).startswith("quantities must match")


# --- what is null or empty


def test_null_is_the_same_as_nothing() -> None:
    with_nulls = {"metadata": None, "spec": {"nodeName": None, "containers": None}}
    assert codec.decode(with_nulls, POD)[0] == codec.decode({}, POD)[0]
    assert codec.decode(None, POD)[0] == codec.decode({}, POD)[0]


def test_null_in_a_list_or_map_is_the_types_zero() -> None:
    pod, _ = codec.decode({"spec": {"containers": [None]}}, POD)
    assert pod.spec.containers == codec.decode(pod_with(name=""), POD)[0].spec.containers
    config, _ = codec.decode({"data": {"a": None}}, "core/v1.ConfigMap")
    assert config.data == {"a": ""}


def test_an_explicit_zero_is_kept_only_where_it_means_something() -> None:
    replicas, _ = codec.decode({"spec": {"replicas": 0, "minReadySeconds": 0}}, DEPLOYMENT)
    assert (replicas.spec.replicas, replicas.spec.minReadySeconds) == (0, None)


def test_what_go_leaves_out_is_left_out_and_what_it_writes_is_written() -> None:
    node, _ = codec.decode({"metadata": {"name": "n", "labels": {}}}, "core/v1.Node")
    shown = codec.encode(node)
    assert shown["metadata"] == {"name": "n"}
    assert shown["spec"] == {}
    assert shown["status"]["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 0}}


# --- there and back


@pytest.mark.parametrize("resource", RESOURCES, ids=str)
def test_what_was_written_is_read_the_same(resource: Any) -> None:
    obj, unknown = codec.decode({"metadata": {"name": "x"}}, resource.schema)
    shown = codec.encode(obj)
    again, unknown_again = codec.decode(shown, resource.schema)
    assert (again, unknown, unknown_again) == (obj, [], [])
    assert codec.encode(again) == shown


def recorded_objects() -> list[dict[str, Any]]:
    found = []
    for record in replay.records("api"):
        response = record["response"]
        resource = replay.resource_at(record["path"])
        if resource and isinstance(response, dict) and response.get("kind") == resource.kind:
            found.append((record["scenario"], resource, response))
    return found


@pytest.mark.parametrize(
    ("resource", "response"),
    [pytest.param(resource, obj, id=name) for name, resource, obj in recorded_objects()],
)
def test_a_recorded_object_survives_reading_and_writing(resource: Any, response: Any) -> None:
    obj, unknown = codec.decode(response, resource.schema)
    assert unknown == []
    assert codec.encode(obj) == response


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "spec", "containers", "data", "a"]), inner)
    ),
    max_leaves=15,
)


@given(st.sampled_from(RESOURCES), JSON)
def test_any_json_is_read_or_refused_and_nothing_else(resource: Any, data: Any) -> None:
    try:
        obj, _ = codec.decode(data, resource.schema)
    except codec.DecodeError:
        return
    json.dumps(codec.encode(obj))


def test_the_schema_knows_merge_keys_and_descriptions() -> None:
    spec = schema.struct("core/v1.PodSpec")
    containers = spec.field("containers")
    assert containers is not None
    assert (containers.merge_key, str(containers.type)) == ("name", "[]v1.Container")
    assert spec.describe("containers").startswith("List of containers belonging to the pod.")
