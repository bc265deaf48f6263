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
from typing import Any, NamedTuple

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


class _Similar(NamedTuple):
    """The different messages lately written for one reason about one object."""

    last: float
    messages: tuple[str, ...] = ()


class _Allowance(NamedTuple):
    """How many more events of one type may be written about one object."""

    at: float
    left: float = BURST


class _Seen(NamedTuple):
    """How often an event has happened, and how it was last written, if it was."""

    times: int = 0
    event: Any = None


class EventRecorder:
    """Writes one component's events; `host` is the node it speaks from, if it is a node's."""

    def __init__(self, client: Client, component: str, host: str | None = None) -> None:
        self._client = client
        self._clock = client.clock
        self._source = core.EventSource(component=component, host=host)
        self._component = component
        self._similar: dict[tuple[Any, ...], _Similar] = {}
        self._allowances: dict[tuple[Any, str], _Allowance] = {}
        self._seen: dict[tuple[Any, ...], _Seen] = {}
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
        seen = self._seen.get(key, _Seen())
        count, before = seen.times + 1, seen.event
        _remember(self._seen, key, _Seen(count, before))
        if not self._allowed((uid, type)):
            return
        now = self._clock.utc()
        if before is not None:
            again = replace(
                before,
                metadata=replace(before.metadata, resourceVersion=None),
                message=message,
                count=count,
                lastTimestamp=now,
            )
            try:
                self._seen[key] = _Seen(count, self._client.update(again))
                return
            except ApiError:
                count = 1  # it has expired, or gone with its namespace
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
            count=count,
        )
        try:
            self._seen[key] = _Seen(count, self._client.create(event))
        except ApiError:
            self._seen.pop(key, None)  # an event is a courtesy: nobody fails for want of one

    def _correlate(self, about: tuple[Any, ...], message: str) -> tuple[tuple[Any, ...], str]:
        """The key under which an event is counted, and its message: one of many is combined."""
        now = self._clock.now
        last, messages = self._similar.get(about, _Similar(now))
        if now - last > SIMILAR_WITHIN:
            messages = ()
        if message not in messages:
            messages = (*messages, message)
        combined = len(messages) >= SIMILAR
        _remember(self._similar, about, _Similar(now, messages[combined:]))
        return (about, COMBINED + message) if combined else ((*about, message), message)

    def _allowed(self, about: tuple[Any, str]) -> bool:
        now = self._clock.now
        at, left = self._allowances.get(about, _Allowance(now))
        left = min(BURST, left + (now - at) / SECONDS_PER_EVENT)
        _remember(self._allowances, about, _Allowance(now, left - (left >= 1)))
        return left >= 1

    def _unique(self) -> int:
        """A number for the event's name that grows with time, as client-go's nanoseconds do."""
        self._written += 1
        return (int(self._clock.now * 1_000_000) << 20) + self._written


def _remember(memory: dict[Any, Any], key: Any, value: Any) -> None:
    """Keep something, and if that is too much forget the older half.

    To look for the oldest one each time would mean to walk past all the gone.
    """
    memory[key] = value
    if len(memory) > REMEMBERED:
        for key in list(islice(memory, REMEMBERED // 2)):
            del memory[key]
