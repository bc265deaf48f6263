"""Strategic merge patch: laws, and what `kubectl apply` is for."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api.patch import (
    PatchError,
    strategic_merge_patch,
    three_way_merge_patch,
    two_way_merge_patch,
)
from kubecourse.api.schema import struct

DEPLOYMENT = struct("apps/v1.Deployment")
SERVICE = struct("core/v1.Service")


def deployment(**spec):
    return {"metadata": {"name": "web"}, "spec": {"template": {"spec": spec}}}


def test_containers_are_found_by_name():
    web = deployment(containers=[{"name": "web", "image": "a"}, {"name": "log", "image": "b"}])
    patch = deployment(containers=[{"name": "log", "image": "c"}])
    assert strategic_merge_patch(web, patch, DEPLOYMENT)["spec"]["template"]["spec"] == {
        "containers": [{"name": "web", "image": "a"}, {"name": "log", "image": "c"}]
    }


def test_what_did_not_change_is_shared():
    web = deployment(containers=[{"name": "web", "image": "a"}])
    patched = strategic_merge_patch(web, {"spec": {"replicas": 2}}, DEPLOYMENT)
    assert patched["spec"]["template"] is web["spec"]["template"]


def test_apply_leaves_alone_what_others_set():
    """Somebody scaled by hand, an injector added a container: apply changes neither."""
    applied = deployment(containers=[{"name": "web", "image": "a"}])
    manifest = deployment(containers=[{"name": "web", "image": "b"}])
    live = deployment(containers=[{"name": "web", "image": "a"}, {"name": "proxy", "image": "p"}])
    live["spec"]["replicas"] = 7
    patch = three_way_merge_patch(applied, manifest, live, DEPLOYMENT)
    assert patch["spec"]["template"]["spec"] == {
        "$setElementOrder/containers": [{"name": "web"}],
        "containers": [{"name": "web", "image": "b"}],
    }
    after = strategic_merge_patch(live, patch, DEPLOYMENT)
    assert after["spec"]["replicas"] == 7
    assert [c["image"] for c in after["spec"]["template"]["spec"]["containers"]] == ["b", "p"]


def test_apply_deletes_what_left_the_manifest():
    applied = deployment(containers=[{"name": "web"}, {"name": "old"}], nodeSelector={"a": "1"})
    manifest = deployment(containers=[{"name": "web"}])
    patch = three_way_merge_patch(applied, manifest, applied, DEPLOYMENT)
    assert patch["spec"]["template"]["spec"] == {
        "$setElementOrder/containers": [{"name": "web"}],
        "containers": [{"name": "old", "$patch": "delete"}],
        "nodeSelector": None,
    }


def test_changing_the_strategy_clears_the_other_ones_fields():
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    a = {"spec": {"strategy": rolling}}
    b = {"spec": {"strategy": {"type": "Recreate"}}}
    patch = three_way_merge_patch({}, b, a, DEPLOYMENT)
    assert patch == {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge_patch(a, patch, DEPLOYMENT) == b


def test_two_ports_of_one_number_do_not_disturb_an_apply_without_changes():
    ports = [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    service = {"spec": {"ports": ports}}
    assert three_way_merge_patch(service, service, service, SERVICE) == {}


def test_an_element_needs_its_key():
    patch = deployment(containers=[{"image": "b"}])
    with pytest.raises(PatchError) as error:
        strategic_merge_patch(deployment(containers=[{"name": "web"}]), patch, DEPLOYMENT)
    assert error.value.message == "map: map[image:b] does not contain declared merge key: name"
    assert (error.value.code, error.value.reason) == (500, "")


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ([1], 400),
        ({"metadata": {"$deleteFromPrimitiveListX": ["a"]}}, 400),
        ({"metadata": {"finalizers": [["a"]]}}, 422),
    ],
)
def test_codes_of_errors(patch, code):
    with pytest.raises(PatchError) as error:
        strategic_merge_patch({"metadata": {"finalizers": []}}, patch, DEPLOYMENT)
    assert error.value.code == code


# --- laws

letters = st.sampled_from("ab")


def elements(key, keys, **fields):
    """Lists of objects told apart by a key."""
    element = st.fixed_dictionaries({key: st.sampled_from(keys)}, optional=fields)
    return st.lists(element, max_size=len(keys), unique_by=lambda item: item[key])


volumes = elements(
    "name", "vw", emptyDir=st.just({"medium": "Memory"}), hostPath=st.just({"path": "/"})
)
containers = elements(
    "name",
    "xyz",
    image=letters,
    env=elements("name", "ABC", value=letters),
    ports=elements("containerPort", [80, 443], name=letters),
    command=st.lists(letters, max_size=2),
    resources=st.dictionaries(
        st.sampled_from(["limits", "requests"]), st.dictionaries(letters, letters), max_size=2
    ),
)
strategies = st.sampled_from(
    [
        {"type": "Recreate"},
        {"type": "RollingUpdate"},
        {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
    ]
)
pod_specs = st.fixed_dictionaries(
    {},
    optional={
        "containers": containers,
        "volumes": volumes,
        "nodeSelector": st.dictionaries(letters, letters),
        "tolerations": elements("key", "ab", effect=letters),
        "replicas": st.integers(0, 2),
    },
)
deployments = st.builds(
    lambda finalizers, pod, strategy: {
        "metadata": {"name": "web", "finalizers": finalizers},
        "spec": {"strategy": strategy, "template": {"spec": pod}},
    },
    # in alphabetical order: see the test about that below
    st.sets(st.sampled_from("pqr")).map(sorted),
    pod_specs,
    strategies,
)


@given(deployments, deployments)
def test_a_patch_made_from_two_objects_turns_one_into_the_other(a, b):
    before = copy.deepcopy((a, b))
    assert strategic_merge_patch(a, two_way_merge_patch(a, b, DEPLOYMENT), DEPLOYMENT) == b
    assert (a, b) == before


@given(deployments, deployments)
def test_apply_onto_what_was_applied_gives_the_manifest(a, b):
    assert strategic_merge_patch(a, three_way_merge_patch(a, b, a, DEPLOYMENT), DEPLOYMENT) == b


def decoded(value):
    """The value without nulls and leftover directives, which are no fields of any Go type."""
    if isinstance(value, dict):
        return {
            key: decoded(item)
            for key, item in value.items()
            if item is not None and not key.startswith("$")
        }
    return [decoded(item) for item in value] if isinstance(value, list) else value


@given(deployments, deployments, deployments)
def test_applying_again_changes_nothing_more(original, manifest, live):
    patch = three_way_merge_patch(original, manifest, live, DEPLOYMENT)
    once = decoded(strategic_merge_patch(live, patch, DEPLOYMENT))
    again = three_way_merge_patch(manifest, manifest, once, DEPLOYMENT)
    assert strategic_merge_patch(once, again, DEPLOYMENT) == once


def test_putting_strings_in_alphabetical_order_goes_unnoticed():
    """The real kubectl sorts the old list before it compares; any other order it does send."""

    def finalizers(*names):
        return {"metadata": {"finalizers": list(names)}}

    assert two_way_merge_patch(finalizers("b", "a"), finalizers("a", "b"), DEPLOYMENT) == {}
    assert two_way_merge_patch(finalizers("b", "a"), finalizers("b", "a"), DEPLOYMENT) == {
        "metadata": {"$setElementOrder/finalizers": ["b", "a"]}
    }
