"""Events: what components tell people about objects. Repeated ones are counted.

Source: `staging/src/k8s.io/client-go/tools/record/events_cache.go`. As there, an event that
repeats an earlier one is written to it as a higher count; the tenth different message of one
reason about one object within ten minutes, and those after it, become one event `(combined from
similar events)`; and one component writes about one object 25 times at once, then once in five
minutes, warnings apart. So a ReplicaSet of a thousand pods has some twenty writes of events and
no more.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_MODEL
from kubecourse.client.client import Client

core = models.core_v1
ObjectMeta = models.meta_v1.ObjectMeta

REMEMBERED = 4096
"""Events, and objects told of, that a recorder keeps in mind at most."""

SIMILAR = 10
SIMILAR_WITHIN = 600.0
COMBINED = "(combined from similar events): "

BURST = 25
SECONDS_PER_EVENT = 300.0


class _Similar:
    """The different messages lately written for one reason about one object."""

    __slots__ = ("last", "messages")

    def __init__(self, last: float) -> None:
        self.last = last
        self.messages: dict[str, None] = {}


class _Allowance:
    """How many more events of one type may be written about one object."""

    __slots__ = ("at", "left")

    def __init__(self, at: float) -> None:
        self.left = float(BURST)
        self.at = at

    def take(self, now: float) -> bool:
        self.left = min(BURST, self.left + (now - self.at) / SECONDS_PER_EVENT)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class _Seen:
    """An event as last written, if it was, and how often it has happened."""

    __slots__ = ("count", "event")

    def __init__(self) -> None:
        self.count = 0
        self.event: Any = None


class EventRecorder:
    """Writes one component's events; `host` is the node it speaks from, if it is a node's."""

    def __init__(self, client: Client, component: str, host: str | None = None) -> None:
        self._client = client
        self._clock = client.clock
        self._source = core.EventSource(component=component, host=host)
        self._component = component
        self._similar: dict[tuple[Any, ...], _Similar] = {}
        self._seen: dict[tuple[Any, ...], _Seen] = {}
        self._allowances: dict[Any, _Allowance] = {}
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
        uid = metadata.uid or metadata.name
        key, message = self._correlate((uid, type, reason, field_path), message)
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen()
            _forget_oldest(self._seen)
        seen.count += 1
        if not self._allowed((uid, type)):
            return
        now = self._clock.utc()
        if seen.event is not None:
            again = replace(
                seen.event,
                metadata=replace(seen.event.metadata, resourceVersion=None),
                message=message,
                count=seen.count,
                lastTimestamp=now,
            )
            try:
                seen.event = self._client.update(again)
                return
            except ApiError:
                seen.count = 1  # it has expired, or gone with its namespace
        event = core.Event(
            metadata=ObjectMeta(
                name=f"{metadata.name}.{self._unique():016x}",
                namespace=metadata.namespace or "default",
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
            count=seen.count,
        )
        try:
            seen.event = self._client.create(event)
        except ApiError:
            self._seen.pop(key, None)  # an event is a courtesy: nobody fails for want of one

    def _correlate(self, about: tuple[Any, ...], message: str) -> tuple[tuple[Any, ...], str]:
        """The key under which an event is counted, and its message: one of many is combined."""
        now = self._clock.now
        similar = self._similar.get(about)
        if similar is None or now - similar.last > SIMILAR_WITHIN:
            similar = self._similar[about] = _Similar(now)
            _forget_oldest(self._similar)
        similar.messages[message] = None
        similar.last = now
        if len(similar.messages) < SIMILAR:
            return (*about, message), message
        del similar.messages[next(iter(similar.messages))]
        return about, COMBINED + message

    def _allowed(self, about: tuple[Any, str]) -> bool:
        now = self._clock.now
        allowance = self._allowances.get(about)
        if allowance is None:
            allowance = self._allowances[about] = _Allowance(now)
            _forget_oldest(self._allowances)
        return allowance.take(now)

    def _unique(self) -> int:
        """A number for the event's name that grows with time, as client-go's nanoseconds do."""
        self._written += 1
        return (int(self._clock.now * 1_000_000) << 20) + self._written


def _forget_oldest(memory: dict[Any, Any]) -> None:
    """Forget the older half: to look for the oldest each time means to walk past all the gone."""
    if len(memory) > REMEMBERED:
        for key in list(islice(memory, REMEMBERED // 2)):
            del memory[key]
