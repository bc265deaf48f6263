"""How `kubectl apply` decides what to send.

The manifest is written into an annotation of the object. Next time that text says what was
applied before, so that what has left the manifest can be removed and what others have added can
be left alone.

Sources: `staging/src/k8s.io/kubectl/pkg/util/apply.go`, `…/pkg/cmd/apply/patcher.go`.
"""

from __future__ import annotations

import json
from typing import Any

from kubecourse.api import schema
from kubecourse.api.patch import PatchError, three_way_merge_patch
from kubecourse.api.resources import Resource
from kubecourse.tools.kubectl.output import go_json

Json = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MISSING_ANNOTATION = (
    "resource {} is missing the " + LAST_APPLIED + " annotation which is required by kubectl apply."
    " kubectl apply should only be used on resources created declaratively by either kubectl create"
    " --save-config or kubectl apply. The missing annotation will be patched automatically."
)


def annotated(manifest: Json) -> Json:
    """A manifest with itself in its last-applied annotation."""
    metadata = manifest.get("metadata") or {}
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(LAST_APPLIED, None)
    plain = {**manifest, "metadata": {**metadata, "annotations": annotations}}
    annotations = {**annotations, LAST_APPLIED: go_json(plain) + "\n"}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def last_applied(obj: Json) -> Json | None:
    """What was applied last time, from the object's annotation; None where nothing was.

    Raises `PatchError` for an annotation that somebody has spoilt.
    """
    text = (obj["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    if not text:
        return None
    try:
        original = json.loads(text)
    except ValueError:
        original = None
    if not isinstance(original, dict):
        raise PatchError(f"the annotation {LAST_APPLIED} is not a JSON object")
    return original


def apply_patch(resource: Resource, manifest: Json, current: Json) -> Json:
    """The strategic merge patch that makes `current` what the manifest says; {} for nothing.

    Raises `kubecourse.api.patch.PatchError`.
    """
    original = last_applied(current) or {}
    return three_way_merge_patch(
        original, annotated(manifest), current, schema.struct(resource.schema)
    )
