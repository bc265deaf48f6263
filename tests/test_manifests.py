"""Manifests as they are written in tutorials: accepted or refused as by a real cluster.

What was accepted can be read, changed by controllers, and applied again.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kubecourse import Cluster
from kubecourse.api.resources import RESOURCES, Resource

FEATURES = (Path(__file__).parent / "data" / "manifests" / "features.yaml").read_text()
DOCUMENTS = FEATURES.split("---\n")
NAME = re.compile(r"kind: (\w+)\n(?:.*\n)*?metadata: \{name: ([^,}]+)")


def identity(document: str) -> str:
    match = NAME.search(document)
    return "-".join(match.groups()) if match else "List"


@cache
def small_cluster() -> Cluster:
    return Cluster(nodes=1)


@pytest.mark.parametrize("document", DOCUMENTS, ids=identity)
def test_a_manifest_is_accepted_or_refused_as_by_the_real_server(document: str) -> None:
    result = small_cluster().run("create -f - --dry-run=server", document)
    said = [
        line.removeprefix("Warning: ").rstrip()
        for line in result.stderr.splitlines()
        # What is not simulated says so, which the real server has no reason to.
        if line and not line.startswith("Warning: simulated:")
    ]
    assert said == re.findall(r"^# (?:warned|refused): (.*)$", document, re.MULTILINE)
    assert result.code == (1 if "\n# refused: " in f"\n{document}" else 0)


# --- odd documents


CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
JSON = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "%s"}}'
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefg", "bcdefgh", strict=True)
)
UNPARSED = "error: error parsing STDIN: error converting YAML to JSON: yaml: "


@pytest.mark.parametrize(
    ("text", "stdout", "stderr"),
    [
        pytest.param(
            CONFIG + "data: {a: '1', a: '2'}\n", "configmap/a created\n", "", id="key twice"
        ),
        pytest.param(
            JSON % "a" + "\n" + JSON % "b" + JSON % "c",
            "configmap/a created\nconfigmap/b created\nconfigmap/c created\n",
            "",
            id="JSON one after another",
        ),
        pytest.param(
            JSON % "b" + "\n---\n" + CONFIG,
            "configmap/b created\nconfigmap/a created\n",
            "",
            id="JSON, then YAML",
        ),
        pytest.param(
            "---\n# nothing\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a,},}\n",
            "configmap/a created\n",
            "",
            id="braces with comments and commas",
        ),
        pytest.param("# nothing\n", "", "error: no objects passed to create\n", id="nothing"),
        pytest.param(
            BOMB, "", UNPARSED + "document contains excessive aliasing\n", id="a bomb of aliases"
        ),
        pytest.param(
            CONFIG + f"data: {{a: {'x' * (4 << 20)}}}\n",
            "",
            'Error from server (RequestEntityTooLarge): error when creating "STDIN": '
            "Request entity too large: limit is 3145728\n",
            id="too large",
        ),
        pytest.param(
            CONFIG.replace("v1", "v1beta1"),
            "",
            'error: resource mapping not found for name: "a" namespace: "" from "STDIN": '
            'no matches for kind "ConfigMap" in version "v1beta1"\n'
            "ensure CRDs are installed first\n",
            id="a version that is gone",
        ),
    ],
)
def test_odd_documents_are_read_as_by_the_real_kubectl(text: str, stdout: str, stderr: str) -> None:
    result = small_cluster().run("create -f - --dry-run=server", text)
    printed = result.stdout.replace(" (server dry run)", "")
    assert (printed, result.stderr) == (stdout, stderr)


# --- reading and applying again


@cache
def busy_cluster() -> Cluster:
    """A cluster in which everything that is accepted was applied, and time passed."""
    cluster = Cluster(nodes=2)
    every_kind = Path(__file__).parent / "tools" / "kubectl" / "every_kind.yaml"
    extensions = Path(__file__).parent / "data" / "manifests" / "extensions.yaml"
    more = f"{every_kind.read_text()}\n---\n{extensions.read_text()}".split("\n---\n")
    for document in (*DOCUMENTS, *more):
        cluster.run("apply -f -", document)
    cluster.advance(30)
    return cluster


SERVED = [resource for resource in RESOURCES if resource.kind != "Event"]


@pytest.mark.parametrize("resource", SERVED, ids=str)
def test_whatever_get_prints_can_be_applied_again(resource: Resource) -> None:
    """Nothing changes but the annotation in which kubectl keeps what was applied."""
    cluster = busy_cluster()
    objects = cluster.server.list(resource)
    assert objects
    for obj in objects:
        name, namespace = obj.metadata.name, obj.metadata.namespace
        where = f"-n {namespace}" if namespace else ""
        printed = cluster.run(f"get {resource.qualified} {name} {where} -o yaml").stdout
        result = cluster.run("apply -f -", printed)
        assert result.code == 0, result.stderr
        assert re.fullmatch(r"\S+ (configured|unchanged)\n", result.stdout)
        again = cluster.server.get(resource, namespace, name)
        assert without_annotation(again) == without_annotation(obj)


def without_annotation(obj: Any) -> Any:
    """An object without what the annotation changes: a Deployment counts it as a generation."""
    freed = {"annotations": None, "generation": None, "managedFields": None}
    return replace(obj, metadata=replace(obj.metadata, resourceVersion=None, **freed))
