"""The history of a DaemonSet or StatefulSet: each template it had, as a ControllerRevision.

Source: `pkg/controller/history/controller_history.go`, `pkg/controller/daemon/update.go`,
`pkg/controller/statefulset/stateful_set_control.go`.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from msgspec.structs import replace

from kubecourse.api import codec, models, names
from kubecourse.api.errors import ApiError
from kubecourse.api.memo import memo
from kubecourse.control_plane.controller_manager.controller import (
    ManagedController,
    controller_or_namespace,
    owned_by,
)

ControllerRevision = models.apps_v1.ControllerRevision

HASH_LABEL = "controller-revision-hash"


def template_hash(template: Any, collisions: int | None) -> str:
    """A name for a pod template: FNV-1a of its canonical JSON, in letters that make no words.

    The real one hashes Go's dump of the struct, which nothing else can reproduce.
    """
    data = json.dumps(codec.encode(template), sort_keys=True, separators=(",", ":")).encode()
    if collisions is not None:
        data += collisions.to_bytes(8, "little")
    value = 0x811C9DC5
    for byte in data:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return names.safe_encode(str(value))


@memo
def _data(template: Any) -> dict[str, Any]:
    """What a revision keeps of its owner: a patch that puts the template back."""
    return {"spec": {"template": {**codec.encode(template), "$patch": "replace"}}}


@memo
def template_in(revision: Any) -> Any:
    """The pod template that a revision keeps."""
    kept = {k: v for k, v in revision.data["spec"]["template"].items() if k != "$patch"}
    return codec.decode(kept, "core/v1.PodTemplateSpec")[0]


class Revisions:
    """Keeps the revisions of one kind's objects. `label` is where a revision has its hash."""

    def __init__(self, controller: ManagedController, label: str) -> None:
        self._controller = controller
        self._client = controller.client
        self._label = label
        self._informer = controller.follow(ControllerRevision, None, controller_or_namespace)

    def of(self, owner: Any) -> list[Any]:
        found = self._informer.indexed(controller_or_namespace, owner.metadata.uid)
        return sorted(found, key=lambda each: (each.revision, each.metadata.name))

    def current(self, owner: Any) -> Any:
        """The revision of the owner's template, made if there is none.

        A template that is back has its old revision, which becomes the newest.
        Raises ApiError.
        """
        known = self.of(owner)
        data = _data(owner.spec.template)
        newest = known[-1].revision if known else 0
        for revision in reversed(known):
            if revision.data == data:
                if revision.revision < newest:
                    revision = self._client.update(replace(revision, revision=newest + 1))
                return revision
        return self._create(owner, newest + 1, data)

    def _create(self, owner: Any, number: int, data: dict[str, Any]) -> Any:
        template, metadata = owner.spec.template, owner.metadata
        collisions = owner.status.collisionCount or 0
        digest = template_hash(template, collisions)
        given = (template.metadata.labels if template.metadata is not None else None) or {}
        name, labels = f"{metadata.name}-{digest}", {**given, self._label: digest}
        described = owned_by(owner, name=name, labels=labels, annotations=metadata.annotations)
        revision = ControllerRevision(metadata=described, data=data, revision=number)
        try:
            return self._client.create(revision)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            there: Any = self._client.get(ControllerRevision, name, metadata.namespace)
            if there.data == data:
                return there  # the cache is a moment behind
            status = replace(owner.status, collisionCount=collisions + 1)
            self._client.update_status(replace(owner, status=status))
            raise

    def prune(self, owner: Any, live: Collection[str | None]) -> None:
        """Delete the oldest revisions beyond the limit that no pod has; `live` are the others."""
        spare = [each for each in self.of(owner) if each.metadata.name not in live]
        limit = owner.spec.revisionHistoryLimit
        for revision in spare[: max(0, len(spare) - (10 if limit is None else limit))]:
            self._controller.discard(revision)
