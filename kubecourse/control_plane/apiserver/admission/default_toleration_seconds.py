"""Every pod tolerates its node being lost for five minutes, unless it says otherwise.

Source: `plugin/pkg/admission/defaulttolerationseconds/admission.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.memo import memo
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.request import Options

SECONDS = 300
KEYS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def _tolerates(toleration: Any, key: str) -> bool:
    return toleration.key in (key, None) and toleration.effect in ("NoExecute", None)


@memo
def _tolerant(spec: Any) -> Any:
    given = spec.tolerations or []
    added = [
        models.core_v1.Toleration(
            key=key, operator="Exists", effect="NoExecute", tolerationSeconds=SECONDS
        )
        for key in KEYS
        if not any(_tolerates(t, key) for t in given)
    ]
    return replace(spec, tolerations=[*given, *added]) if added else spec


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Add the two tolerations to pods being created or updated."""
    if old is not None and new.spec is old.spec:
        return new
    spec = _tolerant(new.spec)
    return new if spec is new.spec else replace(new, spec=spec)
