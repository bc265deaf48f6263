"""`%kubectl`, `%%kubectl` and `%helm` in a notebook cell, on the notebook's cluster.

    from kubecourse import Cluster      # gives them; `%load_ext kubecourse` does, too
    %kubectl get pods

    %%kubectl apply -f -
    apiVersion: v1
    …

The cluster is the one called `cluster` in the notebook, or else the only one there is.
IPython is imported here and nowhere else.
"""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class

from kubecourse.inspection import Objects


def load(shell: Any) -> None:
    """Give an IPython shell the magics."""
    shell.register_magics(ClusterMagics(shell))


@magics_class
class ClusterMagics(Magics):
    """The magics of one notebook."""

    @line_cell_magic
    def kubectl(self, line: str, cell: str | None = None) -> None:
        """Run a kubectl command on the notebook's cluster; the cell, if any, is its stdin.

        `{name}` and `$name` stand for the notebook's variables.
        """
        if (cluster := self._cluster()) is not None:
            cluster.kubectl(line, cell)

    @line_cell_magic
    def helm(self, line: str, cell: str | None = None) -> None:
        """Run a helm command on the notebook's cluster; the cell, if any, is its stdin."""
        if (cluster := self._cluster()) is not None:
            cluster.helm(line, cell)

    def _cluster(self) -> Any | None:
        """The cluster that the notebook means; says so if there is none."""
        names: dict[str, Any] = self.shell.user_ns if self.shell is not None else {}
        if isinstance(names.get("cluster"), Objects):
            return names["cluster"]
        found = {
            id(value): value
            for name, value in names.items()
            if isinstance(value, Objects) and not name.startswith("_")
        }
        if len(found) == 1:
            return next(iter(found.values()))
        print("error: there is no cluster yet: run `cluster = Cluster()` first", file=sys.stderr)
        return None
