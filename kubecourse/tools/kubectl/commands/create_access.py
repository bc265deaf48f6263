"""`kubectl create role`, `rolebinding` and those of the cluster: who may do what.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/create/create_{role,clusterrole,rolebinding,
clusterrolebinding}.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.generating import generated, label_pairs, new_object, present
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import find_resource

Json = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"
VERBS = {
    "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "use",
    "bind", "escalate", "impersonate", "*", "proxy", "sign", "approve",
}  # fmt: skip


def _rules(inv: Invocation) -> list[Json]:
    """A rule for each API group of the resources named. Raises KubectlError."""
    given = inv.flags
    verbs = ["*"] if "*" in given["verb"] else list(dict.fromkeys(given["verb"]))
    names = list(dict.fromkeys(given["resource-name"]))
    if not verbs:
        raise KubectlError("at least one verb must be specified")
    groups: dict[str, list[str]] = {}
    for word in given["resource"]:
        kind, slash, below = word.partition("/")
        if not kind:
            raise KubectlError("resource name may not be empty")
        if kind == "*":
            groups.setdefault("*", []).append(word)
            continue
        try:
            found = find_resource(kind, inv.connection.resources)
        except KubectlError as error:
            raise KubectlError(str(error), bare=True) from None
        groups.setdefault(found.group, []).append(f"{found.plural}{slash}{below}")
    paths = given.get("non-resource-url") or []
    if not groups and not paths:
        raise KubectlError("at least one resource must be specified")
    for verb in verbs:
        if verb not in VERBS:
            inv.warn(f"'{verb}' is not a standard resource verb")
    rules = [
        {"apiGroups": [group], "resources": list(dict.fromkeys(groups[group])), "verbs": verbs}
        | present({"resourceNames": names})
        for group in sorted(groups)
    ]
    return rules + ([{"nonResourceURLs": paths, "verbs": verbs}] if paths else [])


@command("create role")
@command("create clusterrole")
def role(inv: Invocation) -> None:
    """A Role or a ClusterRole."""
    kind = "ClusterRole" if inv.path.endswith("clusterrole") else "Role"
    obj = new_object(inv, kind, inv.args[0], f"{RBAC}/v1")
    if kind == "ClusterRole":
        obj["metadata"].pop("namespace", None)
    if pairs := inv.flags.get("aggregation-rule"):
        chosen = {"clusterRoleSelectors": [{"matchLabels": label_pairs(pairs)}]}
        return generated(inv, obj | {"aggregationRule": chosen, "rules": None})
    return generated(inv, obj | {"rules": _rules(inv)})


@command("create rolebinding")
@command("create clusterrolebinding")
def binding(inv: Invocation) -> None:
    """A RoleBinding or a ClusterRoleBinding."""
    given, cluster = inv.flags, inv.path.endswith("clusterrolebinding")
    named = {"ClusterRole": given["clusterrole"], "Role": given.get("role")}
    chosen = {kind: name for kind, name in named.items() if name}
    if len(chosen) != 1:
        raise KubectlError("exactly one of clusterrole or role must be specified")
    ((kind, name),) = chosen.items()
    subjects = [
        {"kind": kind, "apiGroup": RBAC, "name": each}
        for kind, flag in (("User", "user"), ("Group", "group"))
        for each in given[flag]
    ]
    for text in given["serviceaccount"]:
        namespace, _, account = text.partition(":")
        if not namespace or not account or ":" in account:
            raise KubectlError("serviceaccount must be <namespace>:<name>")
        subjects.append({"kind": "ServiceAccount", "namespace": namespace, "name": account})
    made = new_object(inv, "ClusterRoleBinding" if cluster else "RoleBinding", inv.args[0])
    if cluster:
        made["metadata"].pop("namespace", None)
    made["apiVersion"] = f"{RBAC}/v1"
    reference = {"apiGroup": RBAC, "kind": kind, "name": name}
    generated(inv, made | present({"subjects": subjects}) | {"roleRef": reference})
