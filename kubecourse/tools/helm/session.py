"""While Helm works: the cluster is served, and its time passes only when Helm is waiting for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kubecourse.api.duration import parse_duration

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster
    from kubecourse.control_plane.apiserver.http.service import Service

T = TypeVar("T")

CALM, AGAIN = 0.3, 0.03
"""Real seconds of nothing but watching after which Helm is taken to be waiting: when it has been
told something, and after a virtual second of which it heard nothing."""
STEP = 1.0
LEAST, SHARE = 6, 5
"""A wait of so many virtual seconds has a fifth as many real ones, but no fewer than six."""
OVER = "deadline exceeded"


@contextmanager
def served(cluster: Cluster) -> Generator[Service, None, None]:
    """The cluster's running service, or one for as long as this lasts, in which time stands still.

    Raises ImportError without the packages of the extra `serve`.
    """
    running = cluster.service
    if running is not None:
        yield running
        return
    service = cluster.serve(speed=0)
    try:
        yield service
    finally:
        service.stop(patience=0.05)


class _Work(Thread, Generic[T]):
    """A call in a thread of its own, so that this one can let time pass meanwhile."""

    def __init__(self, call: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.result: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result.append(self._call())
        except BaseException as error:
            self.error = error


def patiently(service: Service, call: Callable[[], T], limit: float = math.inf) -> T:
    """Call something that talks to a served cluster, and let its time pass while it waits.

    `limit`: virtual seconds for which it waits at most, each time that it has asked for something.
    A service at a speed of its own is left alone. Raises what the call raises.
    """
    work = _Work(call)
    work.start()
    patience, asked, passed, longest = CALM, service.asked, 0.0, 0.0
    while work.is_alive():
        work.join(0.01)
        if service.asked != asked:
            asked, passed = service.asked, 0.0
        if service.speed == 0 and work.is_alive() and passed < limit and service.watched > patience:
            service.step(STEP)
            passed += STEP
            longest = max(longest, passed)
            patience = AGAIN if service.watched else CALM
    if longest < limit < math.inf and OVER in str(work.error):
        service.step(limit - longest)  # this machine was too slow to let all of it pass
    if work.error is not None:
        raise work.error
    return work.result[0]


def hurried(words: list[str]) -> tuple[list[str], float]:
    """A command line whose `--timeout` is in real seconds, and how many virtual ones it asks for.

    Helm counts by this machine's clock, which the cluster's time is far ahead of.
    """
    words, virtual = list(words), math.inf
    for at, word in enumerate(words):
        flag, is_one, value = word.partition("=")
        place = at if is_one else at + 1
        if flag == "--timeout" and place < len(words):
            with suppress(ValueError):
                virtual = parse_duration(value or words[place])
                real = max(LEAST, math.ceil(virtual / SHARE))
                words[place] = f"{flag}={real}s" if is_one else f"{real}s"
    return words, virtual


def deployed_at(cluster: Cluster, release: dict[str, Any]) -> Any:
    """When a revision was stored, on the cluster's clock; Helm's own is this machine's."""
    name = f"sh.helm.release.v1.{release['name']}.v{release['revision']}"
    secret = cluster.get(f"secret/{name}", release["namespace"])
    return None if secret is None else secret.metadata.creationTimestamp
