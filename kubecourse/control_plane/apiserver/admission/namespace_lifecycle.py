"""Nothing is created in a namespace that is not there or is going away; some never go.

Source: `staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors
from kubecourse.api.resources import BY_PLURAL, Resource
from kubecourse.control_plane.apiserver.request import Options

NAMESPACES = BY_PLURAL["", "v1", "namespaces"]
IMMORTAL = ("default", "kube-system", "kube-public")


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Refuse creation where there is no namespace to create in."""
    if not resource.namespaced:
        return new
    name = new.metadata.namespace
    namespace = server.find(NAMESPACES, None, name)
    if namespace is None:
        raise errors.not_found("namespaces", "", name)
    if namespace.status.phase == "Terminating":
        why = f"unable to create new content in namespace {name} because it is being terminated"
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        raise errors.forbidden(
            resource.plural, resource.group, new.metadata.name, why, causes=[cause]
        )
    return new


def check(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> None:
    """Refuse to delete the namespaces that a cluster cannot do without."""
    if old.metadata.name in IMMORTAL:
        raise errors.forbidden(
            "namespaces", "", old.metadata.name, "this namespace may not be deleted"
        )
