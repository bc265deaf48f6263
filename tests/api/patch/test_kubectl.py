"""What the real kubectl made of patches, recorded: results, error texts, and what apply sends."""

import copy

import pytest

from kubecourse.api.patch import (
    PatchError,
    json_patch,
    merge_patch,
    strategic_merge_patch,
    three_way_json_merge_patch,
    three_way_merge_patch,
)
from kubecourse.api.schema import struct
from tests.oracles import oracle

DEPLOYMENT = struct("apps/v1.Deployment")
APPLY = {
    "json": json_patch,
    "merge": merge_patch,
    "strategic": lambda doc, patch: strategic_merge_patch(doc, patch, DEPLOYMENT),
}


@pytest.mark.parametrize(
    "case", oracle("kubectl_patch")["cases"], ids=lambda case: f"{case['type']} {case['patch']}"
)
def test_kubectl_patch(case):
    doc = oracle("kubectl_patch")["doc"]
    before = copy.deepcopy((doc, case["patch"]))
    try:
        outcome = {"result": APPLY[case["type"]](doc, case["patch"])}
    except PatchError as error:
        outcome = {"error": str(error).rstrip("\n")}
    expected = {key: case[key] for key in ("result", "error") if key in case}
    assert outcome == expected
    assert (doc, case["patch"]) == before


@pytest.mark.parametrize("case", oracle("kubectl_apply")["cases"])
def test_kubectl_apply(case):
    versions = case["original"], case["modified"], case["current"]
    before = copy.deepcopy(versions)
    if case["kind"] == "Deployment":
        assert three_way_merge_patch(*versions, DEPLOYMENT) == case["patch"]
    else:
        assert three_way_json_merge_patch(*versions) == case["patch"]
    assert versions == before
