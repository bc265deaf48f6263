"""Events: what components tell people about objects. Repeated ones are counted.

Source: `staging/src/k8s.io/client-go/tools/record`. As there, an event that repeats one of the
last ten minutes is written to the earlier one as a higher count.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_MODEL
from kubecourse.client.client import Client

core = models.core_v1
ObjectMeta = models.meta_v1.ObjectMeta


class EventRecorder:
    """Writes one component's events; `host` is the node it speaks from, if it is a node's."""

    def __init__(self, client: Client, component: str, host: str | None = None) -> None:
        self._client = client
        self._clock = client.clock
        self._source = core.EventSource(component=component, host=host)
        self._component = component
        self._recent: dict[tuple[Any, ...], Any] = {}
        self._written = 0

    def normal(self, obj: Any, reason: str, message: str, field_path: str | None = None) -> None:
        """Tell of something that went as it should."""
        self.event(obj, "Normal", reason, message, field_path)

    def warning(self, obj: Any, reason: str, message: str, field_path: str | None = None) -> None:
        """Tell of something that did not."""
        self.event(obj, "Warning", reason, message, field_path)

    def event(
        self, obj: Any, type: str, reason: str, message: str, field_path: str | None = None
    ) -> None:
        """Write an event about an object; `field_path` names a container of a pod."""
        metadata = obj.metadata
        key = (metadata.uid, type, reason, message, field_path)
        now = self._clock.utc()
        earlier = self._recent.get(key)
        if earlier is not None:
            again = replace(earlier, count=(earlier.count or 1) + 1, lastTimestamp=now)
            try:
                self._recent[key] = self._client.update(
                    replace(again, metadata=replace(again.metadata, resourceVersion=None))
                )
                return
            except ApiError:
                del self._recent[key]  # it has expired, or gone with its namespace
        namespace = metadata.namespace or "default"
        event = core.Event(
            metadata=ObjectMeta(
                name=f"{metadata.name}.{self._unique():016x}",
                namespace=namespace,
            ),
            involvedObject=core.ObjectReference(
                apiVersion=BY_MODEL[obj.__class__].api_version,
                kind=obj.kind,
                name=metadata.name,
                namespace=metadata.namespace,
                uid=metadata.uid,
                resourceVersion=metadata.resourceVersion,
                fieldPath=field_path,
            ),
            type=type,
            reason=reason,
            message=message,
            source=self._source,
            reportingComponent=self._component,
            reportingInstance=self._source.host,
            firstTimestamp=now,
            lastTimestamp=now,
            count=1,
        )
        try:
            stored = self._client.create(event)
        except ApiError:
            return  # an event is a courtesy: nobody fails for want of one
        self._recent[key] = stored
        if len(self._recent) > 4096:
            del self._recent[next(iter(self._recent))]

    def _unique(self) -> int:
        """A number for the event's name that grows with time, as client-go's nanoseconds do."""
        self._written += 1
        return (int(self._clock.now * 1_000_000) << 20) + self._written
