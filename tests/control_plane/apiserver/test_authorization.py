"""Who may do what."""

from typing import Any

import pytest

from kubecourse import Cluster
from kubecourse.control_plane.apiserver import bootstrap
from kubecourse.control_plane.apiserver.authorization import (
    AUTHENTICATED,
    MASTERS,
    Attributes,
    User,
    allowed,
    attributes,
    forbidden,
)
from kubecourse.control_plane.apiserver.rest import Request, handle

POLICY = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: scaler, namespace: shop}
rules:
- {apiGroups: [apps], resources: [deployments], resourceNames: [web], verbs: [get]}
- {apiGroups: [apps], resources: ["*/scale"], verbs: [update, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: scalers, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: scaler}
subjects:
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: ada}
- {kind: ServiceAccount, name: robot, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewers, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: guests}]
"""
ADA, ROBOT = User("ada", (AUTHENTICATED,)), User("system:serviceaccount:shop:robot")
GUEST, ROOT = User("guest", ("guests",)), User("root", (MASTERS,))


@pytest.fixture(scope="module")
def server() -> Any:
    cluster = Cluster(nodes=0)
    bootstrap.policy(cluster.server)
    cluster.run("create namespace shop")
    assert cluster.run("create -f -", stdin=POLICY).code == 0
    return cluster.server


WEB = Attributes("get", "apps", "deployments", "", "web", "shop")
CASES = [
    (ADA, WEB, True),
    (ROBOT, WEB, True),
    (GUEST, WEB, True),
    (ROOT, WEB, True),
    (User("nobody"), WEB, False),
    (ADA, WEB._replace(name="other"), False),
    (ADA, WEB._replace(namespace="default"), False),
    (ADA, WEB._replace(verb="list", name=""), False),
    (ADA, WEB._replace(verb="patch", subresource="scale"), True),
    (ADA, WEB._replace(verb="patch", subresource="status"), False),
    (ADA, WEB._replace(verb="patch"), False),
    (GUEST, WEB._replace(verb="delete"), False),
    (GUEST, Attributes("list", "", "secrets", "", "", "shop"), False),
    (GUEST, Attributes("get", "", "pods", "log", "a", "shop"), True),
    (GUEST, Attributes("create", "", "pods", "exec", "a", "shop"), False),
    (ADA, Attributes("get", path="/apis/apps/v1"), True),
    (ADA, Attributes("get", path="/metrics"), False),
    (GUEST, Attributes("get", path="/api"), False),
]


@pytest.mark.parametrize(("user", "wanted", "may"), CASES)
def test_roles_and_bindings_decide(server: Any, user: User, wanted: Attributes, may: bool) -> None:
    assert (allowed(server, user, wanted) is not None) == may


def test_the_reason_names_the_binding(server: Any) -> None:
    assert allowed(server, ROBOT, WEB) == (
        'RBAC: allowed by RoleBinding "scalers/shop" of Role "scaler" '
        'to ServiceAccount "robot/shop"'
    )


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "/api/v1/pods", {}, Attributes("list", "", "pods")),
        ("GET", "/api/v1/pods", {"watch": "1"}, Attributes("watch", "", "pods")),
        ("GET", "/api/v1/namespaces/a", {}, Attributes("get", "", "namespaces", "", "a", "a")),
        ("PUT", "/api/v1/namespaces/a/finalize", {},
         Attributes("update", "", "namespaces", "finalize", "a", "a")),
        ("DELETE", "/apis/apps/v1/namespaces/a/deployments", {},
         Attributes("deletecollection", "apps", "deployments", "", "", "a")),
        ("POST", "/api/v1/namespaces/a/pods/b/eviction", {},
         Attributes("create", "", "pods", "eviction", "b", "a")),
        ("GET", "/version", {}, Attributes("get", path="/version")),
    ],
)  # fmt: skip
def test_a_request_says_what_it_wants(
    method: str, path: str, query: dict[str, str], expected: Attributes
) -> None:
    assert attributes(method, path, query) == expected


def test_a_refusal_says_who_may_not_do_what() -> None:
    assert str(forbidden(ADA, WEB._replace(verb="delete"))) == (
        'deployments.apps "web" is forbidden: User "ada" cannot delete resource "deployments" '
        'in API group "apps" in the namespace "shop"'
    )
    assert str(forbidden(ADA, Attributes("get", path="/metrics"))) == (
        'forbidden: User "ada" cannot get path "/metrics"'
    )


def test_requests_are_judged_by_their_user(server: Any) -> None:
    def ask(method: str, path: str, **more: Any) -> Any:
        return handle(server, Request(method, path, user="ada", groups=(AUTHENTICATED,), **more))

    assert ask("GET", "/api/v1/namespaces/shop/secrets").code == 403
    review = {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "spec": {"resourceAttributes": {**WEB._asdict(), "path": ""}},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert ask("POST", path, body=review).body["status"]["allowed"] is True
    assert ask("POST", path.replace("self", ""), body=review).code == 403
