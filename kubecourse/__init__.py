"""Docker and Kubernetes to play with: a real Docker engine, a simulated cluster, five chapters."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster
    from kubecourse.publish.doctor import doctor
    from kubecourse.tools.sources import read

__all__ = ["Cluster", "doctor", "read"]

_HOMES = {
    "Cluster": "kubecourse.cluster",
    "doctor": "kubecourse.publish.doctor",
    "read": "kubecourse.tools.sources",
}


def __getattr__(name: str) -> Any:
    """`from kubecourse import Cluster`, loaded when somebody asks for it."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext kubecourse`: the magics `%kubectl` and `%%kubectl`."""
    from kubecourse.tools import magics

    magics.load(shell)
