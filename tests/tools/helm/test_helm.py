"""The real Helm on a simulated cluster: what it stores, what it prints, how it waits."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubecourse import Cluster
from kubecourse.tools import helm
from kubecourse.tools.helm import main
from kubecourse.tools.kubectl import Output

pytest.importorskip("helm_python")

ROOT = Path(__file__).parents[3]
CHART = str(ROOT / "data/charts/hello")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster(nodes=2)
    cluster.images.declare("kubecourse/hello:broken", pullable=False)
    yield cluster
    assert cluster.service is None, "nothing is left listening"


def ok(cluster: Cluster, command: str, stdin: str | None = None) -> str:
    output = helm.run(cluster, command, stdin)
    assert output.code == 0, output.stderr
    return output.stdout


def image(cluster: Cluster) -> str:
    found: str = cluster.get("deployment/hello").spec.template.spec.containers[0].image
    return found


def test_an_installation_takes_no_time_unless_it_is_waited_for(cluster: Cluster) -> None:
    before = cluster.now
    printed = ok(cluster, f"install hello {CHART}")
    assert cluster.now == before
    assert cluster.get("deployment/hello").spec.replicas == 2
    assert printed.splitlines() == [
        "NAME: hello",
        cluster.clock.utc().strftime("LAST DEPLOYED: %a %b %e %H:%M:%S %Y"),
        "NAMESPACE: default",
        "STATUS: deployed",
        "REVISION: 1",
        "DESCRIPTION: Install complete",
        "TEST SUITE: None",
        "NOTES:",
        '2 pods will say "Hello" at hello.default, port 80',
    ]
    ok(cluster, f"install waited {CHART} --wait")
    assert cluster.now > before
    assert cluster.get("deployment/waited").status.readyReplicas == 2


def test_a_release_is_a_secret_with_all_that_was_installed(cluster: Cluster) -> None:
    ok(cluster, f"install hello {CHART} --set greeting=Moin")
    secret = cluster.get("secret/sh.helm.release.v1.hello.v1")
    assert secret.type == "helm.sh/release.v1"
    packed = base64.b64decode(base64.b64decode(secret.data["release"]))
    release = json.loads(gzip.decompress(packed))
    assert (release["name"], release["config"]) == ("hello", {"greeting": "Moin"})
    assert "kind: Deployment" in release["manifest"]


def test_values_come_from_files_and_flags_the_later_over_the_earlier(
    cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text("replicas: 3\nimage: {tag: '2.0'}\n")
    ok(
        cluster,
        f"install hello {CHART} -f {tmp_path}/a.yaml -f - --set replicas=4"
        " --set-string greeting=1 --set-json 'port=81'",
        "greeting: no\nport: 82\n",
    )
    assert cluster.get("deployment/hello").spec.replicas == 4
    assert image(cluster) == "kubecourse/hello:2.0"
    assert ok(cluster, "get values hello").splitlines() == [
        "USER-SUPPLIED VALUES:",
        'greeting: "1"',
        "image:",
        '  tag: "2.0"',
        "port: 81",
        "replicas: 4",
    ]
    assert 'repository: kubecourse/hello\n  tag: "2.0"' in ok(cluster, "get values hello --all")


def test_an_upgrade_runs_its_hook_first_and_drops_what_the_chart_drops(cluster: Cluster) -> None:
    ok(cluster, f"install hello {CHART} --set cache.enabled=true --wait")
    assert cluster.get("deployment/hello-cache") is not None
    printed = ok(cluster, f"upgrade hello {CHART} --set image.tag=2.0 --wait")
    assert printed.startswith('Release "hello" has been upgraded. Happy Helming!\nNAME: hello\n')
    assert image(cluster) == "kubecourse/hello:2.0"
    cluster.settle()
    assert cluster.get("deployment/hello-cache") is None, "no longer in the release"
    assert cluster.get("job/hello-migrate") is None, "hook-succeeded deletes it"
    events = [event.reason for event in cluster.list("events") if "migrate" in event.message]
    assert "SuccessfulCreate" in events


def test_an_upgrade_that_never_gets_ready_fails_and_can_be_rolled_back(cluster: Cluster) -> None:
    ok(cluster, f"install hello {CHART} --wait")
    failed = helm.run(cluster, f"upgrade hello {CHART} --set image.tag=broken --wait --timeout 20s")
    assert failed.code == 1
    assert failed.stderr.startswith("Error: UPGRADE FAILED: ")
    rows = [line.split("\t") for line in ok(cluster, "history hello").splitlines()]
    assert [cell.strip() for cell in rows[0]] == [
        "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "DESCRIPTION",
    ]  # fmt: skip
    assert [row[2].strip() for row in rows[1:] if row[2:]] == ["deployed", "failed"]
    assert ok(cluster, "rollback hello 1") == "Rollback was a success! Happy Helming!\n"
    assert image(cluster) == "kubecourse/hello:1.0"
    assert "Rollback to 1" in ok(cluster, "history hello")


def test_a_failed_upgrade_rolls_itself_back_if_told_to(cluster: Cluster) -> None:
    ok(cluster, f"install hello {CHART} --wait")
    failed = helm.run(
        cluster, f"upgrade hello {CHART} --set image.tag=broken --atomic --timeout 20s"
    )
    assert failed.code == 1
    assert image(cluster) == "kubecourse/hello:1.0"


def test_lists_and_the_end(cluster: Cluster) -> None:
    ok(cluster, f"install hello {CHART} -n team --create-namespace")
    ok(cluster, f"upgrade --install other {CHART}")
    lines = ok(cluster, "list -A").splitlines()
    assert [line.split("\t")[0].strip() for line in lines] == ["NAME", "hello", "other"]
    assert ok(cluster, "list -q -n team") == "hello\n"
    assert ok(cluster, "uninstall other") == 'release "other" uninstalled\n'
    cluster.settle()
    assert cluster.get("deployment/other") is None
    assert cluster.get("secret/sh.helm.release.v1.other.v1") is None


def test_charts_without_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    assert ok(cluster, f"lint {CHART}").endswith("1 chart(s) linted, 0 chart(s) failed\n")
    rendered = ok(cluster, f"template x {CHART} --set greeting=Moin")
    assert 'value: "Moin"' in rendered
    assert rendered.index("kind: Service") < rendered.index("kind: Deployment")
    assert "helm.sh/hook: pre-upgrade" in rendered
    assert cluster.get("deployment/x") is None
    assert "cache\t0.1.0" in ok(cluster, f"dependency list {CHART}")
    assert ok(cluster, f"create {tmp_path}/mine") == f"Creating {tmp_path}/mine\n"
    assert (tmp_path / "mine" / "Chart.yaml").exists()
    assert ok(cluster, f"package {CHART} -d {tmp_path}").endswith("hello-0.1.0.tgz\n")
    assert ok(cluster, f"show values {CHART}").startswith("replicas: 2\n")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (f"install --name hello {CHART}", "unknown flag: --name"),
        (f"install {CHART}", "INSTALLATION FAILED: must either provide a name or specify"),
        ("frobnicate", 'unknown command "frobnicate" for "helm"'),
        ("status", '"helm status" requires 1 argument\n\nUsage:  helm status RELEASE_NAME'),
        ("status nope", "release: not found"),
        (f"upgrade nope {CHART}", 'UPGRADE FAILED: "nope" has no deployed releases'),
        (f"install x {CHART} --set replicas=many", "got string, want integer"),
        (f"install x {CHART} --timeout soon", 'invalid duration "soon"'),
        ("install x nowhere/chart", "INSTALLATION FAILED: "),
        ("get", '"helm get" needs one of: values, manifest, notes, hooks'),
        ("install 'x", "cannot read the command line"),
    ],
)
def test_what_helm_complains_of(cluster: Cluster, command: str, words: str) -> None:
    output = helm.run(cluster, command)
    assert output.code == 1
    assert output.stdout == ""
    assert output.stderr.startswith("Error: ")
    assert words in output.stderr


def test_a_cluster_that_is_served_is_used_as_it_is(cluster: Cluster) -> None:
    with cluster.serve(speed=30):
        assert "deployed" in ok(cluster, f"install hello {CHART} --wait")
        assert cluster.service is not None


def test_without_helm_it_says_what_to_do(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "sdk", lambda: None)
    monkeypatch.setenv("PATH", "/nowhere")
    assert helm.available() == ""
    assert "pip install 'kubecourse[helm]'" in helm.run(cluster, "list").stderr


def test_the_helm_command_serves_where_there_is_no_library(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Any program of that name: here one that shows what it was given."""
    program = tmp_path / "helm"
    program.write_text('#!/bin/sh\necho "$@" "${KUBECONFIG##*/}"\ncat\nexit 3\n')
    program.chmod(0o755)
    cat = Path(shutil.which("cat") or "/bin/cat").parent
    monkeypatch.setattr(main, "sdk", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:{cat}")
    assert helm.run(cluster, "list -A", "typed") == Output("list -A config\ntyped", "", 3)


def test_a_cell_prints_what_helm_prints(cluster: Cluster, capsys: Any) -> None:
    cluster.helm("version")
    assert capsys.readouterr().out.startswith("v4.")
