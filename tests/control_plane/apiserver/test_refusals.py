"""What `refusals.yaml` says of wrong objects: every complaint, in the server's words and order."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.rest import Request, Response, handle
from tests.control_plane.apiserver import replay

CASES = yaml.safe_load((Path(__file__).parent / "refusals.yaml").read_text())
_REST = re.compile(
    r" must consist of .*| \(regex .*| \(e\.g\. .*|,? (and )?must start and end .*", re.DOTALL
)
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def server() -> APIServer:
    return replay.server_with("api")


def create(server: APIServer, path: str, body: Any) -> Response:
    return handle(server, Request("POST", f"{path}?dryRun=All", body=body))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_a_wrong_object_is_refused(case: dict[str, Any], server: APIServer) -> None:
    answer = create(server, case["path"], {"metadata": {"name": "x"}, **case["object"]})
    assert answer.code == 422
    causes = [f"{each['field']}: {each['message']}" for each in answer.body["details"]["causes"]]
    assert [_REST.sub("", _UID.sub("<uid>", text)) for text in causes] == case["says"]


PODS = "/api/v1/namespaces/api/pods"


def pod(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "x"}], **spec},
    }


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (
            PODS,
            {**pod(), "metadata": {"name": "a.b"}},
            "metadata.name: this is used in the Pod's hostname, which can result in surprising "
            "behavior; a DNS label is recommended: [must not contain dots]",
        ),
        (
            PODS,
            pod(
                volumes=[
                    {
                        "name": "v",
                        "configMap": {
                            "name": "c",
                            "items": [{"key": "a", "path": "d"}, {"key": "b", "path": "d/e"}],
                        },
                    }
                ]
            ),
            'volume "v" (ConfigMap "c"): overlapping paths: "d/e" with "d"',
        ),
        (
            "/api/v1/namespaces/api/services",
            {
                "metadata": {"name": "s"},
                "spec": {"ports": [{"port": 80}], "trafficDistribution": "PreferClose"},
            },
            'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
        ),
        (
            "/api/v1/namespaces/api/persistentvolumeclaims",
            {
                "metadata": {"name": "c"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1500m"}},
                },
            },
            'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be '
            "an integer",
        ),
    ],
)
def test_what_is_right_and_yet_surprising_is_warned_of(
    server: APIServer, path: str, body: Any, expected: str
) -> None:
    answer = create(server, path, body)
    assert answer.code == 201
    assert expected in answer.warnings
