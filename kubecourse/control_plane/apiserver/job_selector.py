"""A Job tells its pods by its own uid, unless its author insists on another way.

Source: `pkg/registry/batch/job/strategy.go` (generateSelector).
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.control_plane.apiserver.defaults import default

meta = models.meta_v1

PREFIX = "batch.kubernetes.io/"
UID, NAME = "controller-uid", "job-name"


def generated(job: Any) -> Any:
    """A new Job with its selector, and the labels of its pods."""
    spec = job.spec
    if spec.manualSelector or spec.template is None:
        return job
    own = {UID: job.metadata.uid, NAME: job.metadata.name or ""}
    own |= {PREFIX + key: value for key, value in own.items()}
    given = spec.template.metadata or meta.ObjectMeta()
    metadata = replace(given, labels={**own, **(given.labels or {})})
    selector = spec.selector or meta.LabelSelector()
    chosen = {PREFIX + UID: job.metadata.uid, **(selector.matchLabels or {})}
    selector = replace(selector, matchLabels=dict(sorted(chosen.items())))
    template = replace(spec.template, metadata=metadata)
    return default(replace(job, spec=replace(spec, selector=selector, template=template)))
