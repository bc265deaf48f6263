"""Requests recorded from a real API server, put to the simulated one.

The records are `data/records/*.json`, written by a Kubernetes v1.36.2 control plane.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kubecourse.api.resources import BY_PLURAL, Resource
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.rest import Request, Response, handle
from kubecourse.control_plane.etcd import Etcd

RECORDS = Path(__file__).parents[2] / "data" / "records"
_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[^/]+).*"
)


def records(name: str) -> list[dict[str, Any]]:
    """The records of a file that are requests or manifests."""
    found = json.loads((RECORDS / f"{name}.json").read_text())
    return [record for record in found if "method" in record or "manifest" in record]


def server_with(*namespaces: str) -> APIServer:
    server = APIServer(Clock(seed=0), Etcd())
    for name in namespaces:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        assert handle(server, Request("POST", "/api/v1/namespaces", body=body)).code == 201
    return server


def resource_at(path: str) -> Resource | None:
    """The resource that a path is about, if it is served."""
    match = _PATH.fullmatch(urlsplit(path).path)
    if match is None:
        return None
    return BY_PLURAL.get((match["group"] or "", match["version"], match["plural"]))


_LARGE = re.compile(r'data\.a = "x"\*(\d+)')


def body_of(record: dict[str, Any]) -> Any:
    """The recorded body; a very large one is recorded by how it was made."""
    body = record["body"]
    if isinstance(body, str) and (match := _LARGE.fullmatch(body)):
        metadata = {"name": record["response"]["details"]["name"]}
        data = {"a": "x" * int(match[1])}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    return body


class Replay:
    """All of a file's requests, one after another; later ones build on earlier ones."""

    def __init__(self, server: APIServer) -> None:
        self._server = server
        self._addresses: dict[str, str] = {}

    def __call__(self, record: dict[str, Any]) -> Response:
        body = body_of(record)
        for recorded, ours in self._addresses.items():
            if isinstance(body, str):
                body = body.replace(recorded, ours)
        content_type = record["contentType"] or ""
        request = Request(record["method"], record["path"], body=body, content_type=content_type)
        response = handle(self._server, request)
        self._remember_address(record["response"], response.body)
        return response

    def _remember_address(self, recorded: Any, ours: Any) -> None:
        """Addresses are drawn; a later request that names one means the one drawn here."""
        if isinstance(recorded, dict) and recorded.get("kind") == ours.get("kind") == "Service":
            self._addresses[recorded["spec"]["clusterIP"]] = ours["spec"]["clusterIP"]


# --- comparing

_FREE = {
    "uid", "creationTimestamp", "deletionTimestamp", "resourceVersion", "nodePort",
    "lastTransitionTime",
}  # fmt: skip
_SUFFIXED = re.compile(r"\b(kube-api-access-|gen-|g{58})[a-z0-9]{5}\b")
_UID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
_CLUSTER_IP = re.compile(r"\b10\.96\.\d+\.\d+\b")
_HUNK = re.compile(r"^@@ -\d+,(\d+) \+\d+,(\d+) @@$", re.MULTILINE)
_ARTEFACT = "openshift-service-ca.crt"


def normal(value: Any, key: str = "") -> Any:
    """A response without what differs from run to run."""
    if key in _FREE and value:
        return f"<{key}>"
    if isinstance(value, dict):
        return {k: normal(v, k) for k, v in value.items() if k != "managedFields"}
    if isinstance(value, list):
        # The distribution that was recorded projects one more ConfigMap into every pod.
        return [normal(v) for v in value if not _is_artefact(v)]
    if isinstance(value, str):
        value = _UID.sub("<uid>", value)
        value = _SUFFIXED.sub(r"\1<suffix>", value)
        value = _HUNK.sub(r"@@ \1 lines, \2 lines @@", value)  # moved by that ConfigMap
        return _CLUSTER_IP.sub("<cluster IP>", value)
    return value


def _is_artefact(value: Any) -> bool:
    return isinstance(value, dict) and (value.get("configMap") or {}).get("name") == _ARTEFACT


def expected_warnings(record: dict[str, Any]) -> list[str]:
    header = record.get("warning") or ""
    return [json.loads(text) for text in re.findall(r'299 - ("(?:[^"\\]|\\.)*")', header)]


def differences(expected: Any, got: Any, path: str = "") -> list[str]:
    """Where two JSON values differ, one line each."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return [
            line
            for key in sorted(expected.keys() | got.keys())
            for line in differences(
                expected.get(key, "<absent>"), got.get(key, "<absent>"), f"{path}.{key}"
            )
        ]
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [
            line
            for index, pair in enumerate(zip(expected, got, strict=True))
            for line in differences(*pair, f"{path}[{index}]")
        ]
    return [] if expected == got else [f"{path}: recorded {expected!r}, got {got!r}"]


def disagreement(record: dict[str, Any], response: Response) -> list[str]:
    """How an answer differs from the recorded one; nothing where it agrees."""
    lines = []
    if response.code != record["code"]:
        lines.append(f"code: recorded {record['code']}, got {response.code}")
    lines += differences(normal(record["response"]), normal(response.body))
    # What is not simulated says so, which the real server has no reason to.
    warnings = [text for text in response.warnings if not text.startswith("simulated:")]
    lines += differences(expected_warnings(record), warnings, "warnings")
    return lines
