"""What `kubectl apply` sends, and why a second apply changes nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse import Cluster
from kubecourse.api.resources import BY_KIND
from kubecourse.tools.kubectl import run
from kubecourse.tools.kubectl.changing import LAST_APPLIED, annotated
from kubecourse.tools.kubectl.commands.apply import apply_patch, last_applied

CONFIG_MAP = BY_KIND["v1", "ConfigMap"]
DEPLOYMENT = BY_KIND["apps/v1", "Deployment"]

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {"name": "web", "image": "nginx:1", "env": [{"name": "A", "value": "1"}]},
                    {"name": "log", "image": "busybox"},
                ]
            },
        },
    },
}


def config_map(**data):
    metadata = {"name": "c", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_the_annotation_is_the_manifest_as_go_writes_it():
    """Compact, keys sorted, HTML escaped, a newline at its end, its own annotation left out."""
    manifest = config_map(b="<&>", a="é")
    text = annotated(annotated(manifest))["metadata"]["annotations"][LAST_APPLIED]
    assert text == (
        '{"apiVersion":"v1","data":{"a":"é","b":"\\u003c\\u0026\\u003e"},"kind":"ConfigMap",'
        '"metadata":{"annotations":{},"name":"c","namespace":"default"}}\n'
    )


def test_what_left_the_manifest_is_removed_and_what_others_added_stays():
    live = annotated(config_map(colour="green", size="large"))
    live["data"] = {**live["data"], "owner": "ops"}
    patch = apply_patch(CONFIG_MAP, config_map(colour="blue"), live)
    assert patch["data"] == {"colour": "blue", "size": None}


def test_containers_are_told_apart_by_name():
    live = annotated(WEB)
    changed = json.loads(json.dumps(WEB))
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:2"
    patch = apply_patch(DEPLOYMENT, changed, live)
    spec = patch["spec"]["template"]["spec"]
    assert spec["containers"] == [{"image": "nginx:2", "name": "web"}]


@given(st.dictionaries(st.text("ab", min_size=1), st.text(max_size=5), min_size=1))
def test_applying_the_same_again_sends_nothing(data):
    manifest = config_map(**data)
    assert apply_patch(CONFIG_MAP, manifest, annotated(manifest)) == {}
    assert last_applied(annotated(manifest))["data"] == data


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(nodes=1)


def test_a_directory_is_applied_in_the_order_of_its_names(cluster, tmp_path):
    (tmp_path / "2-b.yaml").write_text(json.dumps({**config_map(a="1"), "metadata": {"name": "b"}}))
    (tmp_path / "1-a.yml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    (tmp_path / "notes.txt").write_text("not a manifest")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "c.json").write_text(json.dumps(config_map()))
    assert run(cluster, f"apply -f {tmp_path}").stdout == (
        "configmap/a created\nconfigmap/b created\n"
    )
    assert run(cluster, f"apply -R -f {tmp_path}").stdout == (
        "configmap/a unchanged\nconfigmap/b unchanged\nconfigmap/c created\n"
    )


def test_what_a_get_prints_can_be_applied_again(cluster):
    run(cluster, "apply -f -", json.dumps(WEB))
    cluster.settle()
    printed = run(cluster, "get deploy web -o yaml").stdout
    assert run(cluster, "apply -f -", printed).stdout == "deployment.apps/web configured\n"
    assert run(cluster, "apply -f -", json.dumps(WEB)).stdout == "deployment.apps/web configured\n"
    assert run(cluster, "apply -f -", json.dumps(WEB)).stdout == "deployment.apps/web unchanged\n"


def test_a_dry_run_stores_nothing(cluster):
    for how, suffix in (("client", "dry run"), ("server", "server dry run")):
        output = run(cluster, f"apply --dry-run={how} -f -", json.dumps(WEB))
        assert output.stdout == f"deployment.apps/web created ({suffix})\n"
    assert run(cluster, "get deploy web").code == 1


def test_a_conflict_names_the_patch_and_its_target(cluster):
    run(cluster, "apply -f -", json.dumps(config_map(a="1")))
    newer = {**config_map(a="2")}
    newer["metadata"] = {**newer["metadata"], "resourceVersion": "1"}
    error = run(cluster, "apply -f -", json.dumps(newer)).stderr
    assert error.startswith("Error from server (Conflict): error when applying patch:\n{")
    assert (
        'to:\nResource: "/v1, Resource=configmaps", GroupVersionKind: "/v1, Kind=ConfigMap"\n'
        'Name: "c", Namespace: "default"\nfor: "STDIN": error when patching "STDIN": '
    ) in error


def test_a_spoilt_annotation_is_an_error_of_kubectl(cluster):
    run(cluster, "apply -f -", json.dumps(config_map(a="1")))
    run(cluster, f"annotate configmap c --overwrite {LAST_APPLIED}=rubbish")
    error = run(cluster, "apply -f -", json.dumps(config_map(a="2"))).stderr
    assert error == (
        'error: error when patching "STDIN": creating patch with: the annotation '
        f"{LAST_APPLIED} is not a JSON object\n"
    )


def test_force_makes_anew_what_cannot_be_changed(cluster):
    run(cluster, "apply -f -", json.dumps(WEB))
    other = json.loads(json.dumps(WEB).replace('"app": "web"', '"app": "other"'))
    assert "field is immutable" in run(cluster, "apply -f -", json.dumps(other)).stderr
    output = run(cluster, "apply --force -f -", json.dumps(other))
    assert (output.stdout, output.code) == ("deployment.apps/web configured\n", 0)
    assert run(cluster, "apply -f -", json.dumps(other)).stdout.endswith("unchanged\n")


def test_a_selector_chooses_among_the_manifests(cluster):
    labelled = {**config_map(), "metadata": {"name": "chosen", "labels": {"app": "web"}}}
    stdin = "\n---\n".join(map(json.dumps, [config_map(), labelled]))
    assert run(cluster, "apply -l app=web -f -", stdin).stdout == "configmap/chosen created\n"
