"""JSON patch."""

import pytest

from kubecourse.api.patch import PatchError, json_patch


def test_operations_follow_one_another():
    doc = {"spec": {"replicas": 1, "ports": [80]}}
    ops = [
        {"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "add", "path": "/spec/ports/-", "value": 443},
        {"op": "copy", "from": "/spec/ports", "path": "/old"},
        {"op": "remove", "path": "/spec/ports/0"},
        {"op": "move", "from": "/spec/replicas", "path": "/count"},
    ]
    assert json_patch(doc, ops) == {"spec": {"ports": [443]}, "old": [80, 443], "count": 3}
    assert doc == {"spec": {"replicas": 1, "ports": [80]}}


def test_slashes_and_tildes_in_names_are_written_otherwise():
    doc = {"labels": {"a/b": "1", "~": "2"}}
    ops = [
        {"op": "remove", "path": "/labels/a~1b"},
        {"op": "replace", "path": "/labels/~0", "value": "3"},
    ]
    assert json_patch(doc, ops) == {"labels": {"~": "3"}}


def test_numbers_and_booleans_are_different_things():
    with pytest.raises(PatchError, match="testing value /a failed"):
        json_patch({"a": 1}, [{"op": "test", "path": "/a", "value": True}])


def test_the_server_keeps_the_detail_to_itself():
    with pytest.raises(PatchError) as error:
        json_patch({"a": 1}, [{"op": "test", "path": "/a", "value": 2}])
    assert str(error.value) == "testing value /a failed: test failed"
    assert (error.value.code, error.value.reason) == (422, "Invalid")
    assert error.value.message == "the server rejected our request due to an error in our request"


@pytest.mark.parametrize(
    ("ops", "found", "wanted"),
    [
        ({"op": "x"}, "object", "[]handlers.jsonPatchOp"),
        ("x", "string", "[]handlers.jsonPatchOp"),
        ([1], "number", "handlers.jsonPatchOp"),
    ],
)
def test_a_patch_is_a_list_of_objects(ops, found, wanted):
    with pytest.raises(PatchError) as error:
        json_patch({}, ops)
    assert (error.value.code, error.value.reason) == (400, "BadRequest")
    assert error.value.message == (
        f"error decoding patch: json: cannot unmarshal {found} into Go value of type {wanted}"
    )


def test_ten_thousand_operations_are_enough():
    with pytest.raises(PatchError) as error:
        json_patch({}, [{}] * 10_001)
    assert error.value.code == 413


def test_what_did_not_change_is_shared():
    doc = {"big": {"thing": [1]}, "small": 1}
    assert json_patch(doc, [{"op": "remove", "path": "/small"}])["big"] is doc["big"]


def failure(op):
    with pytest.raises(PatchError) as error:
        json_patch({"a": {"list": [1]}, "n": 1}, [op])
    return str(error.value)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (
            {"op": "replace", "path": "/a/list/5", "value": 1},
            "replace operation does not apply: doc is missing key: /a/list/5: missing value",
        ),
        (
            {"op": "replace"},
            "replace operation failed to decode path: operation missing path field: missing value",
        ),
        (
            {"op": "remove", "path": ""},
            'remove operation does not apply: doc is missing path: "": missing value',
        ),
        (
            {"op": "move", "from": "/x/y", "path": "/z"},
            "move operation does not apply: doc is missing from path: /x/y: missing value",
        ),
        (
            {"op": "copy", "from": "/x/y", "path": "/z"},
            "copy operation does not apply: doc is missing from path: /x/y: missing value",
        ),
        (
            {"op": "copy", "from": "/a/list/7", "path": "/z"},
            "error in copy for from: '/a/list/7': Unable to access invalid index: 7: "
            "invalid index referenced",
        ),
        (
            {"op": "move", "from": "/n", "path": "/a/list/7"},
            "error in move for path: '/a/list/7': Unable to access invalid index: 7: "
            "invalid index referenced",
        ),
        (
            {"op": "add", "path": "/n/x/y", "value": 1},
            'add operation does not apply: doc is missing path: "/n/x/y": missing value',
        ),
    ],
)
def test_messages_name_the_place(op, message):
    assert failure(op) == message


def test_only_replace_and_test_take_the_whole_document():
    assert json_patch({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}]) == {"b": 2}
    assert json_patch({"a": 1}, [{"op": "replace", "path": "", "value": 5}]) == {"a": 1}
    assert json_patch({"a": 1}, [{"op": "test", "path": "", "value": {"a": 1}}]) == {"a": 1}
