"""Defaults: what a client left out is written in before anything is stored.

`DEFAULTS` has one pure function per kind, from an object to an object.
"""

from __future__ import annotations

from typing import Any

from kubecourse.control_plane.apiserver.defaults import core, pod, workloads

DEFAULTS = core.DEFAULTS | pod.DEFAULTS | workloads.DEFAULTS


def default(obj: Any) -> Any:
    """The object with its defaults filled in; the same object if there are none to fill."""
    function = DEFAULTS.get(type(obj))
    return obj if function is None else function(obj)
