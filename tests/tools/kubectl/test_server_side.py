"""`kubectl apply --server-side`: conflicts, taking over, and coming from client-side apply."""

import json

import pytest

from kubecourse.cluster import Cluster
from kubecourse.tools.kubectl.commands.apply import REVIEW
from kubecourse.tools.kubectl.main import run

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(nodes=1)


def config_map(**data: str) -> str:
    return json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": data}
    )


def stored(cluster: Cluster) -> dict:
    return json.loads(run(cluster, "get cm cm -o json --show-managed-fields").stdout)


def managers(cluster: Cluster) -> dict[str, dict]:
    entries = stored(cluster)["metadata"]["managedFields"]
    return {f"{e['manager']} {e['operation']}": e["fieldsV1"] for e in entries}


def test_it_creates_and_removes_what_left_the_manifest(cluster):
    for data in ({"a": "1", "b": "2"}, {"a": "1"}):
        output = run(cluster, "apply --server-side -f -", config_map(**data))
        assert (output.stdout, output.code) == ("configmap/cm serverside-applied\n", 0)
        assert stored(cluster)["data"] == data
    assert managers(cluster) == {"kubectl Apply": {"f:data": {"f:a": {}}}}


def test_managed_fields_are_shown_only_when_asked_for(cluster):
    run(cluster, "apply --server-side -f -", config_map(a="1"))
    for form in ("json", "yaml"):
        assert "managedFields" not in run(cluster, f"get cm -o {form}").stdout
        assert "managedFields" in run(cluster, f"get cm -o {form} --show-managed-fields").stdout


def test_a_conflict_is_explained_and_can_be_forced(cluster):
    run(cluster, "apply --server-side --field-manager=alice -f -", config_map(a="1"))
    output = run(cluster, "apply --server-side -f -", config_map(a="2"))
    assert output.code == 1
    assert output.stderr == (
        f'error: Apply failed with 1 conflict: conflict with "alice": .data.a{REVIEW}\n'
    )
    output = run(cluster, "apply --server-side --force-conflicts -f -", config_map(a="2"))
    assert output.stdout == "configmap/cm serverside-applied\n"
    assert managers(cluster) == {"kubectl Apply": {"f:data": {"f:a": {}}}}


def test_client_side_apply_hands_its_fields_over(cluster):
    run(cluster, "apply -f -", config_map(a="1", b="2"))
    assert list(managers(cluster)) == ["kubectl-client-side-apply Update"]
    output = run(cluster, "apply --server-side -f -", config_map(a="3"))
    assert (output.stdout, output.stderr) == ("configmap/cm serverside-applied\n", "")
    assert stored(cluster)["data"] == {"a": "3"}
    annotation = {"f:annotations": {f"f:{ANNOTATION}": {}}}
    assert managers(cluster) == {
        "kubectl Apply": {"f:data": {"f:a": {}}},
        "kubectl-last-applied Apply": {"f:metadata": annotation},
    }
    last = json.loads(stored(cluster)["metadata"]["annotations"][ANNOTATION])
    assert last["data"] == {"a": "3"}


@pytest.mark.parametrize(
    ("flags", "objection"),
    [
        ("--force-conflicts", "--force-conflicts only works with --server-side"),
        ("--server-side --force", "--force cannot be used with --server-side"),
        (
            "--server-side --dry-run=client",
            "--dry-run=client doesn't work with --server-side "
            "(did you mean --dry-run=server instead?)",
        ),
    ],
)
def test_flags_that_contradict_one_another(cluster, flags, objection):
    output = run(cluster, f"apply {flags} -f -", config_map(a="1"))
    assert (output.stderr, output.code) == (f"error: {objection}\n", 1)


def test_a_dry_run_stores_nothing(cluster):
    output = run(cluster, "apply --server-side --dry-run=server -f -", config_map(a="1"))
    assert output.stdout == "configmap/cm serverside-applied (server dry run)\n"
    assert run(cluster, "get cm cm").code == 1
