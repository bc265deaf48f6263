"""The commands. A module joins by being imported here; its commands say themselves where."""

from kubecourse.tools.kubectl.commands import (
    apply,
    cluster,
    containers,
    create,
    delete,
    describe,
    drain,
    explain,
    get,
    label,
    patch,
    rollout,
    run,
    set,
    wait,
)

__all__ = [
    "apply", "cluster", "containers", "create", "delete", "describe", "drain", "explain", "get",
    "label", "patch", "rollout", "run", "set", "wait",
]  # fmt: skip
