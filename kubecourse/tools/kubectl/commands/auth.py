"""`kubectl auth can-i` and `auth whoami`: questions that the API server answers about access.

Source: `staging/src/k8s.io/kubectl/pkg/cmd/auth/{cani,whoami}.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api.resources import find
from kubecourse.control_plane.apiserver.authorization import AUTHENTICATED
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import align_rows

Json = dict[str, Any]
_ACCESS = "/apis/authorization.k8s.io/v1"


@command("auth can-i")
def can_i(inv: Invocation) -> int:
    """Whether one may: `yes`, or `no` and exit code 1."""
    verb, what = inv.args
    if what.startswith("/"):
        spec: Json = {"nonResourceAttributes": {"path": what, "verb": verb}}
    else:
        spec = {"resourceAttributes": {"verb": verb, **_resource(inv, what)}}
    kind, path = "SelfSubjectAccessReview", "selfsubjectaccessreviews"
    if user := inv.flags["as"]:
        kind, path = "SubjectAccessReview", "subjectaccessreviews"
        spec |= {"user": user, "groups": [*inv.flags["as-group"], *_groups(user)]}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    status = inv.connection.request("POST", f"{_ACCESS}/{path}", body=body)["status"]
    if not inv.flags["quiet"]:
        inv.print("yes" if status["allowed"] else "no")
    return 0 if status["allowed"] else 1


def _resource(inv: Invocation, what: str) -> Json:
    word, slash, name = what.partition("/")
    if slash and not name:
        raise KubectlError("arguments in resource/name form may not have an empty name")
    wanted: Json = {"name": name, "subresource": inv.flags["subresource"]}
    if not inv.flags["all-namespaces"]:
        wanted["namespace"] = inv.namespace
    if word == "*":
        return wanted | {"group": "*", "resource": "*"}
    found = find(word, inv.connection.resources)
    if found is None:
        inv.warn(f"the server doesn't have a resource type '{word}'\n")
        name, _, group = word.partition(".")
        return wanted | {"group": group, "resource": name}
    if not found.namespaced and not inv.flags["all-namespaces"]:
        where = f" in group '{found.group}'" if found.group else ""
        inv.warn(f"resource '{found.plural}' is not namespace scoped{where}\n")
        wanted.pop("namespace")
    return wanted | {"group": found.group, "resource": found.plural}


def _groups(user: str) -> list[str]:
    """The groups that a user is in who is only played."""
    head, _, rest = user.partition("system:serviceaccount:")
    if head or ":" not in rest:
        return [AUTHENTICATED]
    accounts = "system:serviceaccounts"
    return [accounts, f"{accounts}:{rest.partition(':')[0]}", AUTHENTICATED]


@command("auth whoami")
def whoami(inv: Invocation) -> None:
    """Name and groups of whoever asks."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    user = inv.connection.request("POST", path, body=body)["status"]["userInfo"]
    groups = " ".join(user["groups"])
    rows = [["ATTRIBUTE", "VALUE"], ["Username", user["username"]], ["Groups", f"[{groups}]"]]
    inv.write(align_rows(rows))
