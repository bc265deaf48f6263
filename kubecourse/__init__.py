"""Docker and Kubernetes to play with: a real Docker engine, a simulated cluster, five chapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

__all__ = ["Cluster"]


def __getattr__(name: str) -> Any:
    """`from kubecourse import Cluster`, loaded when somebody asks for it."""
    if name == "Cluster":
        from kubecourse.cluster import Cluster

        return Cluster
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext kubecourse`: the magics `%kubectl` and `%%kubectl`."""
    from kubecourse.tools import magics

    magics.load(shell)
