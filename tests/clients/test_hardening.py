"""What no client should do leaves a served cluster standing, and the machine untouched."""

import json
import os
import random
import socket
import ssl
import stat
import string
import threading
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubecourse import Cluster
from kubecourse.cluster import CourseError
from kubecourse.control_plane.apiserver.http.service import Service

REQUESTS = 20_000


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    cluster = Cluster(nodes=1)
    cluster.run("run web --image=nginx:1.25")
    cluster.settle()
    return cluster


@pytest.fixture(scope="module")
def service(cluster: Cluster) -> Iterator[Service]:
    service = cluster.serve(speed=0)
    yield service
    service.stop()


class Wire:
    """A connection on which anything can be sent."""

    def __init__(self, service: Service, kubeconfig: Path | None = None) -> None:
        config = yaml.safe_load((kubeconfig or service.kubeconfig).read_text())
        self.token = config["users"][0]["user"]["token"]
        authority = config["clusters"][0]["cluster"]["certificate-authority-data"]
        self.context = ssl.create_default_context(cadata=b64decode(authority).decode())
        self.port = service.port
        self.open()

    def open(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        self.socket = self.context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.file = self.socket.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> tuple[int, bytes]:
        """The code and body of the answer; 0 where the server hung up."""
        try:
            self.socket.sendall(data)
            status = self.file.readline()
            if not status:
                return 0, b""
            headers = {}
            while line := self.file.readline().strip():
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            if data.startswith(b"HEAD"):
                return int(status.split()[1]), b""
            if headers.get("transfer-encoding") == "chunked":
                body = b""
                while size := int(self.file.readline() or b"0", 16):
                    body += self.file.read(size)
                    self.file.readline()
                self.file.readline()
            else:
                body = self.file.read(int(headers.get("content-length", "0")))
            return int(status.split()[1]), body
        except OSError:
            return 0, b""

    def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """A well-formed request, and its answer."""
        given = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [f"{name}: {value}" for name, value in given.items() if value]
        lines += [f"Content-Length: {len(body)}", "", ""]
        code, answer = self.send("\r\n".join(lines).encode("latin-1") + body)
        return code, json.loads(answer) if answer[:1] == b"{" else {}


@pytest.fixture
def wire(service: Service) -> Iterator[Wire]:
    wire = Wire(service)
    yield wire
    wire.close()


# --- who may

BINDING = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: look}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default, namespace: default}]
"""


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Bearer ", "Basic YTpi", "Bearer a.b.c"])
@pytest.mark.parametrize("path", ["/api/v1/pods", "/version", "/readyz", "/nowhere"])
def test_without_a_token_nobody_gets_anything(wire: Wire, header: str, path: str) -> None:
    code, answer = wire.ask("GET", path, Authorization=header)
    assert code == 401
    assert (answer["kind"], answer["reason"]) == ("Status", "Unauthorized")


def test_a_reader_may_look_and_nothing_else(service: Service) -> None:
    wire = Wire(service, service.reader("somebody"))
    pod = "/api/v1/namespaces/default/pods/web"
    assert wire.ask("GET", pod)[0] == 200
    assert wire.ask("GET", "/api/v1/nodes")[0] == 200
    assert wire.ask("GET", f"{pod}/log")[0] in (200, 400)
    for method, path in (
        ("DELETE", pod), ("PATCH", pod), ("POST", "/api/v1/namespaces"),
        ("GET", "/api/v1/secrets"), ("GET", f"{pod}/exec?command=ls"),
        ("POST", f"{pod}/eviction"), ("GET", "/metrics-of-nobody"),
    ):  # fmt: skip
        code, answer = wire.ask(method, path)
        assert code == 403, path
        assert 'User "somebody" cannot' in answer["message"]
    assert wire.ask("GET", pod, Impersonate_User="kubernetes-admin")[0] == 403
    assert wire.ask("GET", pod, Impersonate_Group="system:masters")[0] == 400


def test_a_service_account_is_what_its_token_says(wire: Wire, cluster: Cluster) -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    asked = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {}}
    code, answer = wire.ask("POST", path, json.dumps(asked).encode())
    assert code == 201
    bearer = f"Bearer {answer['status']['token']}"
    pods = "/api/v1/namespaces/default/pods"
    assert wire.ask("GET", pods, Authorization=bearer)[0] == 403
    cluster.run("create -f -", stdin=BINDING)
    assert wire.ask("GET", pods, Authorization=bearer)[0] == 200
    assert wire.ask("GET", "/api/v1/pods", Authorization=bearer)[0] == 403
    forged = bearer[:-4] + "AAAA"
    assert wire.ask("GET", pods, Authorization=forged)[0] == 401
    cluster.run("delete rolebinding look")


# --- what is too much


def test_a_body_that_is_too_large_is_refused(service: Service) -> None:
    wire = Wire(service)
    large = b'{"data": "' + b"x" * (3 << 20) + b'"}'
    code, answer = wire.ask("POST", "/api/v1/namespaces/default/configmaps", large)
    assert (code, answer["reason"]) == (413, "RequestEntityTooLarge")
    wire = Wire(service)
    head = f"POST /api/v1/namespaces HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {wire.token}\r\n"
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    code, _ = wire.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 49)
    assert code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd", "/api/v1/../../etc/passwd", "//etc/passwd", "/%2e%2e/etc/passwd",
        "/api/v1/namespaces/..%2f..%2fetc/pods", "/api/v1/namespaces/default/pods/..%2f..%2fetc",
        "/api/v1/namespaces/default/pods/%00", "http://example.com/api/v1/pods", "*", "/static/",
    ],
)  # fmt: skip
def test_no_path_leads_to_a_file(wire: Wire, path: str) -> None:
    code, answer = wire.ask("GET", path)
    assert code in (0, 400, 404) or not answer["items"], path
    assert b"root:" not in json.dumps(answer).encode()


def test_no_command_reaches_the_host(cluster: Cluster, tmp_path: Path) -> None:
    marker = tmp_path / "touched"
    result = cluster.run(["exec", "web", "--", "sh", "-c", f"echo x > {marker}; cat /etc/hostname"])
    assert not marker.exists()
    assert socket.gethostname() not in result.stdout


# --- nonsense

SAID_BY_THE_REAL_ONE = (
    b"Too large resource version",
    b"target.name: Required value",
    b" is registered for version ",
)
"""What v1.36 answers with a code of 500 or more, although the client is to blame."""


def mutations(wire: Wire) -> Iterator[bytes]:
    """Requests, one stranger than the other."""
    rng = random.Random(8)
    words = [
        "api", "apis", "v1", "apps", "namespaces", "default", "pods", "web", "status", "log",
        "deployments", "scale", "exec", "eviction", "portforward", "..", "%zz", "", "openapi",
        "v3", "\u00e9", "a" * 300, "watch", "version", "attach", "binding", "token", "nodes",
    ]  # fmt: skip
    queries = [
        "watch=1&timeoutSeconds=1&resourceVersion=1", "limit=x", "limit=-1", "continue=abc",
        "continue=e30", "resourceVersion=99999999999999999999", "labelSelector=a in (",
        "fieldSelector=%00", "dryRun=All", "fieldValidation=Strict", "tailLines=-1",
        "sinceTime=now", "command=ls", "limitBytes=9999999999999999999999", "resourceVersion=-1",
        "resourceVersionMatch=Exact&resourceVersion=3", "force=maybe&fieldManager=x", "&&&=",
        "sendInitialEvents=true&watch=1&timeoutSeconds=1", "timeoutSeconds=x&watch=1",
    ]  # fmt: skip
    bodies = [
        b"", b"{}", b"[]", b"null", b'"', b'{"kind":1}', b"\xff\xfe",
        b'{"spec":{"replicas":1e999}}',
        b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x"},"spec":{"containers":[null]}}',
        b'{"metadata":{"name":"\\ud800"}}', b"[" * 5000, b'{"a":' * 3000, b"k8s\x00", b"\x00" * 40,
        b'{"kind":"Scale","spec":{"replicas":-1}}', b"- op: add", b"&a [*a]",
        b"k8s\x00\x0a\xff\xff",
        b'{"kind":"DeleteOptions","gracePeriodSeconds":"x","preconditions":[]}',
        b'[{"op":"add","path":"/spec/x","value":1}]', b'[{"op":"test"}]', b'{"spec":[1]}',
        b'{"kind":"Eviction","metadata":[],"deleteOptions":"no"}', b'{"target":{"name":{}}}',
        b'{"kind":"Binding","metadata":{"name":"web"},"target":"x"}',
        b'{"kind":"TokenRequest","spec":{"expirationSeconds":"long"}}', b'{"spec":"words"}',
        b'{"spec":{"resourceAttributes":[]}}', b'{"kind":"Status"}',
    ]  # fmt: skip
    media = [
        "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "text/html",
        "application/json-patch+json", "application/merge-patch+json", "a;b=c", "",
        "application/strategic-merge-patch+json", "application/apply-patch+yaml",
    ]  # fmt: skip
    accepts = ["application/json", "application/json;as=Table;v=v1;g=meta.k8s.io", ";;", "x/y"]
    roots = [
        "/api/v1/namespaces/default/pods/web", "/apis/apps/v1/namespaces/default/deployments",
        "/api/v1/namespaces/default/configmaps/a", "/api/v1/namespaces/default/pods",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "/api/v1/namespaces/default/serviceaccounts/default/token", "/openapi/v3/api/v1",
    ]  # fmt: skip
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO"]
    while True:
        known = rng.random() < 0.8
        path = rng.choice(roots) if known else "/"
        path += "".join(f"/{rng.choice(words)}" for _ in range(rng.randrange(2 if known else 4)))
        if rng.random() < 0.4:
            path += f"?{rng.choice(queries)}".replace(" ", "%20")
        body = rng.choice(bodies)
        if rng.random() < 0.3:
            body = bytes(rng.randrange(256) for _ in range(rng.randrange(200)))
        if rng.random() < 0.2:
            body = b"k8s\x00" + body
        lines = [
            f"{rng.choice(methods)} {path} HTTP/1.1",
            "Host: a",
            f"Authorization: Bearer {wire.token}",
            f"Content-Type: {rng.choice(media)}",
            f"Accept: {rng.choice(accepts)}",
            f"Content-Length: {len(body)}",
        ]
        if rng.random() < 0.05:
            lines += ["Connection: Upgrade", f"Upgrade: {rng.choice(('websocket', 'SPDY/3.1'))}"]
        if rng.random() < 0.1:
            noise = "".join(rng.choices(string.printable.strip() + "\u00ff", k=20))
            lines.append(f"{rng.choice(('X-A', 'Impersonate-User', 'User-Agent'))}: {noise}")
        request = "\r\n".join([*lines, "", ""]).encode() + body
        if rng.random() < 0.02:
            cut = rng.randrange(len(request))
            request = request[:cut] + bytes([rng.randrange(256)]) + request[cut + 1 :]
        yield request


@pytest.mark.parametrize("count", [REQUESTS if os.environ.get("CI") else REQUESTS // 10])
def test_nonsense_is_never_an_internal_error(wire: Wire, count: int) -> None:
    codes: Counter[int] = Counter()
    for _, request in zip(range(count), mutations(wire), strict=False):
        code, answer = wire.send(request)
        codes[code] += 1
        fine = code < 500 or any(words in answer for words in SAID_BY_THE_REAL_ONE)
        assert fine, (request, answer)
        if code in (0, 101, 400) or request.startswith(b"HEAD"):
            wire.close()
            wire.open()
    assert {200, 400, 404, 405, 415} <= codes.keys()
    assert wire.ask("GET", "/readyz")[0] == 200


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "SPDY/3.1+portforward.k8s.io"])
def test_nonsense_in_streams_ends_them_and_nothing_else(
    service: Service, wire: Wire, protocol: str
) -> None:
    rng = random.Random(8)
    what = "portforward" if "portforward" in protocol else "exec"
    path = f"/api/v1/namespaces/default/pods/web/{what}?command=cat&stdin=1&stdout=1"
    for _ in range(60):
        stranger = Wire(service)
        stranger.socket.settimeout(0.2)
        lines = [
            f"GET {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {stranger.token}",
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", f"Sec-WebSocket-Protocol: {protocol}",
        ]  # fmt: skip
        stranger.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        assert b" 101 " in stranger.file.readline()
        junk = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 60)))
        framed = bytes([0x82, 0x80 | len(junk), 0, 0, 0, 0]) + junk
        stranger.socket.sendall(framed if rng.random() < 0.8 else junk)
        stranger.close()
    assert wire.ask("GET", "/readyz")[0] == 200


def test_those_who_say_nothing_keep_nobody_waiting(service: Service, wire: Wire) -> None:
    idle = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(50)]
    half = Wire(service)
    half.socket.sendall(b"POST /api/v1/namespaces HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n")
    assert wire.ask("GET", "/readyz")[0] == 200
    for each in idle:
        each.close()
    half.close()


# --- beginning and end


def test_only_this_machine_and_its_owner_get_in(service: Service) -> None:
    assert service.url.startswith("https://127.0.0.1:")
    assert stat.S_IMODE(service.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(service.kubeconfig.parent.stat().st_mode) == 0o700


def test_nothing_stays_when_it_stops(tmp_path: Path) -> None:
    cluster = Cluster(nodes=1)
    threads = threading.active_count()
    with cluster.serve(kubeconfig=tmp_path / "config") as kubeconfig:
        service = Wire(_service := cluster_service(cluster))
        assert service.ask("GET", "/readyz")[0] == 200
        assert Path(kubeconfig).exists()
        with pytest.raises(CourseError, match="served already"):
            cluster.serve()
        home = Path(_service.environment["KUBECACHEDIR"]).parent
    assert list(tmp_path.iterdir()) == []
    assert not home.exists()
    assert threading.active_count() == threads
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", service.port))
    assert service.ask("GET", "/readyz")[0] == 0
    with cluster.serve(port=service.port):
        assert Wire(cluster_service(cluster)).ask("GET", "/readyz")[0] == 200


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("mine")
    threads = threading.active_count()
    with pytest.raises(FileExistsError):
        Cluster(nodes=0).serve(kubeconfig=path)
    assert path.read_text() == "mine"
    assert threading.active_count() == threads


def cluster_service(cluster: Cluster) -> Service:
    from kubecourse.cluster import _services

    return _services[cluster]
