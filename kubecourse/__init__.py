"""Docker and Kubernetes to play with: a real Docker engine, a simulated cluster, five chapters."""

from __future__ import annotations

import sys
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
        if name == "Cluster":
            _give_magics()
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _give_magics() -> None:
    """In a notebook whoever has a cluster has `%kubectl` as well."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and "kubectl" not in shell.magics_manager.magics["line"]:
        load_ipython_extension(shell)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext kubecourse`: the magics `%kubectl` and `%%kubectl`."""
    from kubecourse.tools import magics

    magics.load(shell)
