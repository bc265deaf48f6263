"""Every version of kubectl that this machine has does all its work with a served cluster."""

import os
import pty
import re
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from kubecourse import Cluster
from kubecourse.control_plane.apiserver.http.service import Service
from tests.clients.conftest import Kubectl, run, version_of

pytestmark = pytest.mark.requires_kubectl

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.25", ports: [{containerPort: 80}]}]}
"""


@pytest.fixture
def here(cluster: Cluster, service: Service, each_kubectl: str) -> str:
    """A namespace of its own for each test and version."""
    name = f"v{version_of(each_kubectl).replace('.', '-').replace(' ', '-').lower()}"
    for number in range(1000):
        if cluster.get(f"namespace/{name}-{number}") is None:
            run(each_kubectl, service, ["create", "namespace", f"{name}-{number}"])
            return f"{name}-{number}"
    raise AssertionError


@pytest.fixture
def do(kubectl: Kubectl, here: str) -> Kubectl:
    """Run a command that must succeed in that namespace; what it printed."""

    def do(*words: str, stdin: str | None = None) -> str:
        stdout, stderr, code = kubectl("-n", here, *words, stdin=stdin)
        assert code == 0, stderr
        return stdout

    return do


@pytest.fixture
def web(do: Kubectl) -> str:
    do("apply", "-f", "-", stdin=MANIFEST)
    do("rollout", "status", "deploy/web", "--timeout=60s")
    return do("get", "pods", "-o", "name").split()[0]


def test_it_knows_whom_it_talks_to(do: Kubectl, each_kubectl: str) -> None:
    assert "v1.36.2" in do("version")
    assert "configmaps" in do("api-resources", "--verbs=list", "-o", "name")
    assert "apps/v1" in do("api-versions")
    if "1.27" not in each_kubectl:  # it asks for a version that v1.36 no longer has
        assert "kubernetes-admin" in do("auth", "whoami")
    assert do("get", "--raw", "/readyz") == "ok"


def test_what_is_applied_can_be_changed_and_applied_again(do: Kubectl, here: str) -> None:
    assert do("apply", "-f", "-", stdin=MANIFEST) == (
        "configmap/settings created\ndeployment.apps/web created\n"
    )
    assert do("apply", "-f", "-", stdin=MANIFEST) == (
        "configmap/settings unchanged\ndeployment.apps/web unchanged\n"
    )
    changed = MANIFEST.replace("{colour: blue}", "{size: large}").replace("s: 2", "s: 3")
    assert "settings configured" in do("apply", "-f", "-", stdin=changed)
    assert do("get", "cm", "settings", "-o", "jsonpath={.data}") == '{"size":"large"}'
    assert do("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "3"


def test_server_side_apply_owns_fields(do: Kubectl, kubectl: Kubectl, here: str) -> None:
    first = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1', y: '2'}\n"
    do("apply", "--server-side", "-f", "-", stdin=first)
    do("apply", "--server-side", "-f", "-", stdin=first.replace(", y: '2'", ""))
    assert do("get", "cm", "a", "-o", "jsonpath={.data}") == '{"x":"1"}'
    _, complaint, code = kubectl(
        "-n", here, "apply", "--server-side", "--field-manager=other", "-f", "-",
        stdin=first.replace("'1'", "'9'"),
    )  # fmt: skip
    assert code == 1
    assert "conflict" in complaint


def test_what_is_misspelled_is_refused(kubectl: Kubectl, here: str) -> None:
    wrong = MANIFEST.replace("replicas", "replcas")
    _, complaint, code = kubectl("-n", here, "create", "-f", "-", stdin=wrong)
    assert code == 1
    assert 'strict decoding error: unknown field "spec.replcas"' in complaint
    _, warning, code = kubectl(
        "-n", here, "create", "--validate=warn", "-f", "-",
        stdin=wrong.replace("settings", "others").replace("web", "site"),
    )  # fmt: skip
    assert code == 0
    assert 'Warning: unknown field "spec.replcas"' in warning


NOUNS = """
namespace {here}-too
deployment d --image=nginx:1.25 --replicas=2
configmap c --from-literal=a=b
secret generic s --from-literal=password=secret
quota q --hard=pods=50,configmaps=20
job j --image=busybox:1.36 -- sh -c exit
cronjob k --image=busybox:1.36 --schedule=*/5_*_*_*_*
serviceaccount a
role r --verb=get,list --resource=pods
rolebinding b --role=r --serviceaccount=default:a
clusterrole {here} --verb=get --resource=nodes
clusterrolebinding {here} --clusterrole={here} --group=people
poddisruptionbudget p --selector=app=d --min-available=1
priorityclass {here} --value=10
service clusterip v --tcp=80:8080
service nodeport n --tcp=80
ingress i --rule=example.org/*=v:80
""".strip().splitlines()


def test_every_noun_can_be_created(do: Kubectl, here: str) -> None:
    for line in NOUNS:
        words = [word.replace("_", " ") for word in line.format(here=here).split()]
        assert do("create", *words).endswith("created\n"), line
    secret = yaml.safe_load(do("get", "secret", "s", "-o", "yaml"))
    assert secret["data"] == {"password": "c2VjcmV0"}
    quota = yaml.safe_load(do("get", "quota", "q", "-o", "yaml"))
    assert quota["spec"] == {"hard": {"pods": "50", "configmaps": "20"}}
    budget = yaml.safe_load(do("get", "pdb", "p", "-o", "yaml"))
    assert budget["spec"]["minAvailable"] == 1
    job = yaml.safe_load(do("get", "job", "j", "-o", "yaml"))
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["sh", "-c", "exit"]
    assert do("create", "token", "a").count(".") == 2


def test_objects_are_changed_in_many_ways(do: Kubectl, web: str, here: str) -> None:
    assert do("scale", "deploy/web", "--replicas=3") == "deployment.apps/web scaled\n"
    do("set", "image", "deploy/web", "web=nginx:1.27")
    do("rollout", "status", "deploy/web", "--timeout=60s")
    assert "2" in do("rollout", "history", "deploy/web")
    do("rollout", "undo", "deploy/web")
    do("rollout", "restart", "deploy/web")
    do("rollout", "pause", "deploy/web")
    do("rollout", "resume", "deploy/web")
    do("label", "deploy/web", "tier=front")
    do("annotate", "deploy/web", "note=well")
    do("patch", "cm", "settings", "-p", '{"data": {"b": "2"}}')
    do("patch", "cm", "settings", "--type=json", "-p",
       '[{"op": "remove", "path": "/data/colour"}]')  # fmt: skip
    do("patch", "cm", "settings", "--type=merge", "-p", '{"data": {"c": "3"}}')
    assert do("get", "cm", "settings", "-o", "jsonpath={.data}") == '{"b":"2","c":"3"}'
    assert do("expose", "deploy/web", "--port=80") == "service/web exposed\n"
    assert do("get", "deploy", "-l", "tier=front", "-o", "name") == "deployment.apps/web\n"
    deleted = do("delete", "deploy/web", "svc/web").splitlines()
    assert [line.partition(" deleted")[0] for line in deleted] == [
        'deployment.apps "web"', 'service "web"',
    ]  # fmt: skip
    assert do("delete", "cm", "--all", "--dry-run=server").count("deleted") == 2


def test_a_change_is_shown_before_it_is_made(kubectl: Kubectl, web: str, here: str) -> None:
    changed = MANIFEST.replace("blue", "red")
    stdout, _, code = kubectl("-n", here, "diff", "-f", "-", stdin=changed)
    assert code == 1
    assert "-  colour: blue\n+  colour: red\n" in stdout


def test_containers_are_looked_into(kubectl: Kubectl, do: Kubectl, web: str, here: str) -> None:
    assert do("exec", web, "--", "hostname").strip() == web.removeprefix("pod/")
    shell = ("sh", "-c", "echo out; echo err >&2; exit 3")
    assert kubectl("-n", here, "exec", web, "--", *shell) == (
        "out\n", "err\ncommand terminated with exit code 3\n", 3,
    )  # fmt: skip
    do("run", "talker", "--image=busybox:1.36", "--restart=Never", "--",
       "sh", "-c", "for n in 1 2 3; do echo line $n; sleep 40; done")  # fmt: skip
    do("wait", "pod/talker", "--for=condition=Ready", "--timeout=60s")
    assert do("logs", "-f", "talker") == "line 1\nline 2\nline 3\n"
    assert do("logs", "talker", "--tail=1") == "line 3\n"
    assert re.match(r"2026-\S+Z line 1\n", do("logs", "talker", "--timestamps"))
    _, complaint, code = kubectl("-n", here, "exec", "talker", "--", "ls")
    assert code == 1
    assert "completed pod" in complaint


def test_what_is_typed_is_read(do: Kubectl, kubectl: Kubectl, web: str, here: str) -> None:
    assert do("exec", "-i", web, "--", "cat", stdin="one\ntwo") == "one\ntwo"
    typed = "cd /tmp\nN=5\necho $N > a\ncat a; pwd\nexit 4\necho never"
    assert kubectl("-n", here, "exec", "-i", web, "--", "sh", stdin=typed) == (
        "5\n/tmp\n", "command terminated with exit code 4\n", 4,
    )  # fmt: skip


def test_a_terminal_is_a_terminal(service: Service, each_kubectl: str, web: str, here: str) -> None:
    own, theirs = pty.openpty()
    command = [each_kubectl, "-n", here, "exec", "-it", web, "--", "sh"]
    environment = {"HOME": "/", **service.environment}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        seen = b""
        for keys, until in (
            (b"", b"# "), (b"cd /tmq\x7fp\r", b"\r\n# "), (b"pwd\r", b"/tmp\r\n# "),
            (b"exit 3\r", b"code 3\r\n"),
        ):  # fmt: skip
            os.write(own, keys)
            while not seen.endswith(until):
                seen += os.read(own, 1000)
        assert process.wait(30) == 3
    os.close(own)
    assert seen == (
        b"# cd /tmq\x08 \x08p\r\n# pwd\r\n/tmp\r\n# exit 3\r\n"
        b"command terminated with exit code 3\r\n"
    )


def test_a_port_is_forwarded(service: Service, each_kubectl: str, web: str, here: str) -> None:
    command = [each_kubectl, "-n", here, "port-forward", web, ":80"]
    environment = {"HOME": "/", **service.environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(re.search(r"127.0.0.1:(\d+) ->", line)[1])  # type: ignore[index]
        for _ in range(2):
            with urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                assert b"Welcome to nginx" in answer.read()
        process.terminate()


def test_a_node_is_drained_while_budgets_allow(do: Kubectl, web: str, here: str) -> None:
    do("create", "pdb", "web", "--selector=app=web", "--min-available=1")
    node = do("get", web, "-o", "jsonpath={.spec.nodeName}")
    drained = do("drain", node, "--ignore-daemonsets", "--force", "--timeout=60s")
    assert f"node/{node} drained" in drained
    assert do("uncordon", node) == f"node/{node} uncordoned\n"
    do("rollout", "status", "deploy/web", "--timeout=60s")


def test_what_happens_is_watched(service: Service, each_kubectl: str, do: Kubectl,
                                 here: str) -> None:  # fmt: skip
    command = [each_kubectl, "-n", here, "get", "cm", "-w", "--output-watch-events",
               "--field-selector=metadata.name!=kube-root-ca.crt"]  # fmt: skip
    environment = {"HOME": "/", **service.environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        time.sleep(0.5)
        do("create", "cm", "a")
        do("delete", "cm", "a")
        assert process.stdout is not None
        lines = [process.stdout.readline().split()[:2] for _ in range(3)]
        process.terminate()
    assert lines == [["EVENT", "NAME"], ["ADDED", "a"], ["DELETED", "a"]]


def test_pages_are_put_together(do: Kubectl, here: str) -> None:
    for number in range(5):
        do("create", "cm", f"c{number}")
    listed = do("get", "cm", "--chunk-size=2", "-o", "name").split()
    assert [name for name in listed if "/c" in name] == [f"configmap/c{n}" for n in range(5)]


def test_fields_are_explained(do: Kubectl) -> None:
    text = do("explain", "deployment.spec.strategy.rollingUpdate.maxSurge")
    assert "FIELD: maxSurge <IntOrString>" in text
    assert "The maximum number of pods that can be scheduled above" in text


def test_somebody_else_may_do_less(service: Service, each_kubectl: str, do: Kubectl) -> None:
    path = service.reader(f"reader-{Path(each_kubectl).name}-{len(service.url)}")
    try:
        words = ["--kubeconfig", str(path)]
        assert run(each_kubectl, service, [*words, "get", "pods", "-A"])[2] == 0
        _, complaint, code = run(each_kubectl, service, [*words, "delete", "ns", "default"])
        assert code == 1
        assert 'cannot delete resource "namespaces"' in complaint
        assert run(each_kubectl, service, [*words, "auth", "can-i", "get", "secrets"])[0] == "no\n"
        assert do("auth", "can-i", "create", "pods") == "yes\n"
    finally:
        path.unlink()


DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: lamps.home.example.com}
spec:
  group: home.example.com
  scope: Namespaced
  names: {plural: lamps, kind: Lamp}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Colour, type: string, jsonPath: .spec.colour}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties: {colour: {type: string, enum: [red, green]}}
"""
LAMP = """
apiVersion: home.example.com/v1
kind: Lamp
metadata: {name: desk}
spec: {colour: green}
"""
AUTOSCALER = """
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: old}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: old}
  maxReplicas: 3
  targetCPUUtilizationPercentage: 50
"""


def test_custom_resources(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=DEFINITION)
    kubectl("wait", "--for=condition=established", "crd/lamps.home.example.com")
    assert kubectl("apply", "-f", "-", stdin=LAMP)[0] == "lamp.home.example.com/desk created\n"
    assert kubectl("apply", "-f", "-", stdin=LAMP)[0] == "lamp.home.example.com/desk unchanged\n"
    assert kubectl("diff", "-f", "-", stdin=LAMP)[2] == 0
    assert kubectl("get", "lamps")[0].split() == ["NAME", "COLOUR", "desk", "green"]
    wrong = kubectl("apply", "-f", "-", stdin=LAMP.replace("green", "blue"))[1]
    assert 'spec.colour: Unsupported value: "blue": supported values: "red", "green"' in wrong
    assert "colour\t<string>" in kubectl("explain", "lamps.spec")[0]
    answer = kubectl("apply", "--server-side", "-f", "-", stdin=LAMP)
    assert answer[0] == "lamp.home.example.com/desk serverside-applied\n"
    assert kubectl("delete", "crd", "lamps.home.example.com")[2] == 0


def test_older_versions(kubectl: Kubectl) -> None:
    first = kubectl("apply", "-f", "-", stdin=AUTOSCALER)[0]
    assert first == "horizontalpodautoscaler.autoscaling/old created\n"
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=AUTOSCALER)[0]
    assert "/50%" in kubectl("get", "hpa", "old")[0]
    assert kubectl("delete", "-f", "-", stdin=AUTOSCALER)[2] == 0
