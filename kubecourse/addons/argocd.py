"""The one thing that Argo CD's own pods wait for: the password of its Redis, in a Secret.

Source: `github.com/argoproj/argo-cd/cmd/argocd/commands/admin/redis_initial_password.go`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

from kubecourse.api import models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.client import Client

_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_SECRET = "argocd-redis"


def main(words: list[str], read: Callable[[str], str], client: Client) -> tuple[int, str]:
    """The program: its exit code, and what it writes."""
    if words[:2] != ["admin", "redis-initial-password"]:
        return 1, f"argocd {' '.join(words)}: not simulated\n"
    metadata = models.meta_v1.ObjectMeta(name=_SECRET, namespace=read(_NAMESPACE).strip())
    data = {"auth": b64encode(b"simulated").decode()}
    try:
        with ignoring("AlreadyExists"):
            client.create(models.core_v1.Secret(metadata=metadata, type="Opaque", data=data))
    except ApiError as error:
        return 1, f'{{"level":"fatal","msg":"{error.message}"}}\n'
    return 0, f"Checking for initial Redis password in secret {metadata.namespace}/{_SECRET}\n"
