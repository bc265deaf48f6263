"""The roles that a cluster has from its start, for when somebody asks who may do what.

Source: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from kubecourse.api import models
from kubecourse.api.resources import BY_MODEL, RESOURCES, Resource
from kubecourse.control_plane.apiserver.authorization import AUTHENTICATED, MASTERS

if TYPE_CHECKING:
    from kubecourse.control_plane.apiserver.server import APIServer

rbac = models.rbac_v1
READERS = "kubecourse:readers"
"""A group whose members may look at everything but Secrets."""

_ALL = ["*"]
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_CONTAINERS = {"attach", "exec", "portforward"}
_RBAC = "rbac.authorization.k8s.io"
_SET_BY_ADMINS = {"endpoints", "endpointslices", "events", "limitranges", "resourcequotas"}
_PUBLIC = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_DISCOVERY = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_PUBLIC]


def _rules(verbs: list[str], names: Callable[[Resource], Iterable[str]]) -> list[rbac.PolicyRule]:
    """For each group a rule for those of its resources that are named."""
    groups: dict[str, list[str]] = {}
    for resource in RESOURCES:
        groups.setdefault(resource.group, []).extend(names(resource))
    return [
        rbac.PolicyRule(apiGroups=[group], resources=sorted(resources), verbs=verbs)
        for group, resources in groups.items()
        if resources
    ]


def _seen(resource: Resource) -> list[str]:
    """A resource and what can be read below it, unless that gives power."""
    if resource.kind == "Secret":
        return []
    below = {"log", "scale", "status"} & set(resource.subresources)
    return [resource.plural, *(f"{resource.plural}/{name}" for name in below)]


def _seen_in_namespace(resource: Resource) -> list[str]:
    return _seen(resource) if resource.namespaced and resource.group != _RBAC else []


def _changed(resource: Resource) -> list[str]:
    if not resource.namespaced or resource.group == _RBAC or resource.plural in _SET_BY_ADMINS:
        return []
    below = (_CONTAINERS | {"eviction", "scale", "token"}) & set(resource.subresources)
    return [resource.plural, *(f"{resource.plural}/{name}" for name in below)]


def _used(resource: Resource) -> list[str]:
    if resource.kind == "Secret":
        return [resource.plural]
    return [f"{resource.plural}/{name}" for name in _CONTAINERS & set(resource.subresources)]


def _bound(resource: Resource) -> list[str]:
    return [resource.plural] if resource.namespaced and resource.group == _RBAC else []


def _roles() -> dict[str, list[rbac.PolicyRule]]:
    view = _rules(_READ, _seen_in_namespace)
    view.append(rbac.PolicyRule(apiGroups=[""], resources=["namespaces"], verbs=_READ))
    edit = [*view, *_rules(_WRITE, _changed), *_rules(_READ, _used)]
    reviews = [f"selfsubject{what}reviews" for what in ("access", "rules")]
    everything = rbac.PolicyRule(apiGroups=_ALL, resources=_ALL, verbs=_ALL)
    return {
        "cluster-admin": [everything, rbac.PolicyRule(nonResourceURLs=_ALL, verbs=_ALL)],
        "admin": [*edit, *_rules([*_READ, *_WRITE], _bound)],
        "edit": edit,
        "view": view,
        "kubecourse:reader": _rules(_READ, _seen),
        "system:basic-user": [
            rbac.PolicyRule(apiGroups=[group], resources=names, verbs=["create"])
            for group, names in (
                ("authorization.k8s.io", reviews),
                ("authentication.k8s.io", ["selfsubjectreviews"]),
            )
        ],
        "system:discovery": [rbac.PolicyRule(nonResourceURLs=_DISCOVERY, verbs=["get"])],
    }


_BINDINGS = {
    "cluster-admin": ("cluster-admin", MASTERS),
    "kubecourse:readers": ("kubecourse:reader", READERS),
    "system:basic-user": ("system:basic-user", AUTHENTICATED),
    "system:discovery": ("system:discovery", AUTHENTICATED),
}
"""By name: the role, and the group that has it."""


def policy(server: APIServer) -> None:
    """Create those of the roles and bindings that are not there."""
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    made: list[Any] = [
        rbac.ClusterRole(metadata=models.meta_v1.ObjectMeta(name=name, labels=labels), rules=rules)
        for name, rules in _roles().items()
    ]
    made += [
        rbac.ClusterRoleBinding(
            metadata=models.meta_v1.ObjectMeta(name=name, labels=labels),
            roleRef=rbac.RoleRef(apiGroup=_RBAC, kind="ClusterRole", name=role),
            subjects=[rbac.Subject(apiGroup=_RBAC, kind="Group", name=group)],
        )
        for name, (role, group) in _BINDINGS.items()
    ]
    for obj in made:
        resource = BY_MODEL[type(obj)]
        if server.find(resource, None, obj.metadata.name) is None:
            server.create(resource, obj, manager="kube-apiserver")
