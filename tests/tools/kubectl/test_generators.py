"""Objects made from flags are those that the real kubectl makes."""

import json
import shlex
import subprocess
from functools import cache

import pytest

from kubecourse import Cluster
from kubecourse.tools.kubectl import run

COMMANDS = [
    "create deployment web --image=nginx:1.25 --image=ghcr.io/a/b@sha256:abc --port=80 -r 3",
    "create deployment web --image=busybox -- sh -c 'sleep 5'",
    "create deployment web --image=nginx -n team",
    "create service clusterip web --tcp=80:8080 --tcp=443",
    "create service clusterip web --clusterip=None",
    "create service nodeport web --tcp=80 --node-port=30080",
    "create service loadbalancer web --tcp=5678:http",
    "create service externalname web --external-name=db.example.com",
    "create configmap c --from-literal=a=1 --from-literal=b='x y' --from-literal=q='\"in quotes\"'",
    "create configmap c",
    "create configmap c --from-file={text} --from-file=key={binary}",
    "create configmap c --from-env-file={env}",
    "create secret generic c --from-literal=a=1",
    "create secret generic c --from-file={binary} --type=example.com/x",
    "create secret docker-registry x --docker-server=s --docker-username=u --docker-password=p",
    "create namespace x",
    "create quota team --hard=pods=5,requests.cpu=1,requests.memory=1024Mi --scopes=BestEffort",
    "create resourcequota team -n team",
    "create pdb web --selector=app=web,tier==front --min-available=50%",
    "create poddisruptionbudget web --selector='app in (b,a),!old,new' --max-unavailable=1",
    # and their errors
    "create quota team --hard=pods",
    "create quota team --hard=pods=many",
    "create quota team --scopes=,",
    "create pdb web",
    "create pdb web --selector=app=web",
    "create pdb web --selector=app=web --min-available=1 --max-unavailable=1",
    "create pdb web --selector=app=web --min-available=1Gi",
    "create pdb web --selector=app=web=x --min-available=1",
    "create pdb web --selector=app!=web --min-available=1",
    "create pdb web --selector='app>1' --min-available=1",
    "create service clusterip web",
    "create service clusterip web --tcp=eighty",
    "create service clusterip web --tcp=70000",
    "create service nodeport web --tcp=80:x:y",
    "create configmap c --from-literal=a",
    "create configmap c --from-literal=a=1 --from-literal=a=2",
    "create configmap c --from-literal=a/b=1",
    "create configmap c --from-file=/nowhere/at/all",
    "create deployment a b --image=nginx",
    "create deployment a --image=nginx --image=busybox -- sh",
    "run --image=nginx",
    "create deployment Bad_Name --image=nginx --replicas=-1",
    "create secret generic c --from-literal=a=1 --from-literal=a=2",
    "create secret generic c --from-literal=a/b=1",
    "create secret tls x",
    "create secret docker-registry x",
    "run r --image=nginx --image-pull-policy=Foo",
    "run r --image=nginx --expose",
    "run r --image='not an image'",
    "run r --image=nginx --port=x",
    "run r --image=nginx -l nolabel",
    "run r --image=nginx -t",
    "run r --image=nginx --env=A",
    "run r --image=nginx --rm",
    "run r --image=nginx --restart=Sometimes",
]


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster(nodes=0)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "text.txt").write_text("hello\nworld\n")
    (tmp_path / "data.bin").write_bytes(b"\x00\xff")
    (tmp_path / "some.env").write_text("# comment\nA=1\n\nB=x=y\n")
    return {
        "text": tmp_path / "text.txt",
        "binary": tmp_path / "data.bin",
        "env": tmp_path / "some.env",
    }


@cache
def real_minor_version() -> int:
    text = subprocess.run(
        ["kubectl", "version", "--client", "-o", "json"], capture_output=True, check=True
    ).stdout
    return int(json.loads(text)["clientVersion"]["minor"].rstrip("+"))


@pytest.mark.requires_kubectl
@pytest.mark.parametrize("command", COMMANDS)
def test_a_generator_prints_what_the_real_kubectl_prints(cluster, files, command, tmp_path):
    if real_minor_version() not in range(30, 34):
        pytest.skip("the embedded kubectl prints what 1.33 does, this kubectl is another")
    head, dash, tail = command.partition(" -- ")
    text = f"{head} --dry-run=client -o yaml{dash}{tail}".format(**files)
    real = subprocess.run(
        ["kubectl", *shlex.split(text)],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin"},
        check=False,
    )
    ours = run(cluster, text)
    assert (ours.stdout, ours.stderr, ours.code) == (real.stdout, real.stderr, real.returncode)


def test_names_that_dns_would_not_take_are_made_to_fit(cluster):
    output = run(cluster, "create deployment web --image=my_app.v2 --dry-run=client -o jsonpath="
                 "'{.spec.template.spec.containers[0].name}'")  # fmt: skip
    assert output.stdout[:-5] == "my-app-v2-"


def test_a_generated_object_is_accepted_by_the_server(cluster):
    output = run(cluster, "create deployment web --image=nginx --dry-run=server")
    assert output.stdout == "deployment.apps/web created (server dry run)\n"
