"""RBAC: who may do what, as Roles and their bindings say.

Source: `plugin/pkg/auth/authorizer/rbac/rbac.go`, `pkg/registry/rbac/validation/rule.go`,
`staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from kubecourse.api import errors
from kubecourse.api.resources import BY_PLURAL

if TYPE_CHECKING:
    from kubecourse.control_plane.apiserver.server import APIServer

MASTERS = "system:masters"
"""Its members may do everything, whatever roles say."""
AUTHENTICATED = "system:authenticated"
SERVICE_ACCOUNT = "system:serviceaccount:"
_RBAC = "rbac.authorization.k8s.io"
_VERBS = {
    "GET": ("get", "list"), "POST": ("create", "create"), "PUT": ("update", "update"),
    "PATCH": ("patch", "patch"), "DELETE": ("delete", "deletecollection"),
}  # fmt: skip
"""What a method means for an object, and for a collection."""


class User(NamedTuple):
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()


class Attributes(NamedTuple):
    """What somebody wants to do: to a resource, or, where `path` is given, to a path."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    path: str = ""


def attributes(method: str, path: str, query: Mapping[str, str]) -> Attributes:
    """What a request wants to do, whether or not its path is served."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    skipped = {"api": 2, "apis": 3}.get(parts[0], 0)
    if not skipped or len(parts) <= skipped:
        return Attributes(method.lower(), path=path)
    group = parts[1] if parts[0] == "apis" else ""
    parts, namespace = parts[skipped:], ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in ("status", "finalize"):
            parts = parts[2:]
    plural, name, subresource = (*parts, "", "")[:3]
    verb = _VERBS.get(method, ("", ""))[0 if name else 1] or method.lower()
    if verb == "list" and query.get("watch", "false").lower() not in ("", "false", "0"):
        verb = "watch"
    return Attributes(verb, group, plural, subresource, name, namespace)


def allowed(server: APIServer, user: User, wanted: Attributes) -> str | None:
    """Why somebody may do something; None if he may not."""
    if MASTERS in user.groups:
        return ""
    for reason, rule in rules(server, user, wanted.namespace):
        if _permits(rule, wanted):
            return reason
    return None


def check(server: APIServer, user: User, wanted: Attributes) -> None:
    """Raises Forbidden where somebody may not do what he wants."""
    if allowed(server, user, wanted) is None:
        raise forbidden(user, wanted)


def forbidden(user: User, wanted: Attributes) -> errors.ApiError:
    """403, saying who may not do what."""
    if wanted.path:
        why = f'User "{user.name}" cannot {wanted.verb} path "{wanted.path}"'
        return errors.ApiError(403, "Forbidden", f"forbidden: {why}", {})
    resource = f"{wanted.resource}/{wanted.subresource}".rstrip("/")
    where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    why = f'User "{user.name}" cannot {wanted.verb} resource "{resource}" '
    why += f'in API group "{wanted.group}" {where}'
    return errors.forbidden(wanted.resource, wanted.group, wanted.name, why)


def rules(server: APIServer, user: User, namespace: str) -> Iterator[tuple[str, Any]]:
    """The rules that hold for somebody in a namespace, each with why it does."""
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        if kind == "RoleBinding" and not namespace:
            return
        bindings = BY_PLURAL[_RBAC, "v1", f"{kind.lower()}s"]
        where = namespace if bindings.namespaced else None
        for binding in server.list(bindings, where):
            subject = next((s for s in binding.subjects or () if _is(user, s, namespace)), None)
            if subject is None:
                continue
            role = binding.roleRef
            roles = BY_PLURAL[_RBAC, "v1", f"{role.kind.lower()}s"]
            found = server.find(roles, where if roles.namespaced else None, role.name)
            place = f"/{namespace}" if where else ""
            reason = f'RBAC: allowed by {kind} "{binding.metadata.name}{place}" of {role.kind} '
            reason += f'"{role.name}" to {subject.kind} "{_named(subject)}"'
            for rule in (found.rules or ()) if found is not None else ():
                yield reason, rule


def _is(user: User, subject: Any, namespace: str) -> bool:
    if subject.kind == "User":
        return bool(user.name == subject.name)
    if subject.kind == "Group":
        return subject.name in user.groups
    place = subject.namespace or namespace
    return user.name == f"{SERVICE_ACCOUNT}{place}:{subject.name}"


def _named(subject: Any) -> str:
    return f"{subject.name}/{subject.namespace}" if subject.namespace else subject.name


def _permits(rule: Any, wanted: Attributes) -> bool:
    if not _has(rule.verbs, wanted.verb):
        return False
    if wanted.path:
        return any(_covers(pattern, wanted.path) for pattern in rule.nonResourceURLs or ())
    resource = f"{wanted.resource}/{wanted.subresource}".rstrip("/")
    below = wanted.subresource and f"*/{wanted.subresource}" in (rule.resources or ())
    if not _has(rule.apiGroups, wanted.group) or not (below or _has(rule.resources, resource)):
        return False
    return not rule.resourceNames or wanted.name in rule.resourceNames


def _has(given: list[str] | None, word: str) -> bool:
    return given is not None and ("*" in given or word in given)


def _covers(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return pattern == path
