"""Nothing is created in a namespace that is not there or is going away; some never go.

Source: `staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver.admission.attempt import Attempt

NAMESPACES = BY_PLURAL["", "v1", "namespaces"]
IMMORTAL = ("default", "kube-system", "kube-public")


def admit(attempt: Attempt) -> Any:
    """Refuse creation where there is no namespace to create in."""
    new = attempt.new
    if not attempt.resource.namespaced:
        return new
    name = new.metadata.namespace
    namespace = attempt.server.find(NAMESPACES, None, name)
    if namespace is None:
        raise errors.not_found("namespaces", "", name)
    if namespace.status.phase == "Terminating":
        why = f"unable to create new content in namespace {name} because it is being terminated"
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        raise attempt.forbidden(why, causes=[cause])
    return new


def check(attempt: Attempt) -> None:
    """Refuse to delete the namespaces that a cluster cannot do without."""
    if attempt.old.metadata.name in IMMORTAL:
        raise attempt.forbidden("this namespace may not be deleted")
