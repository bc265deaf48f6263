"""A client that sends requests at a steady rate, and keeps what came of each.

Requests take virtual time. One that is under way when its container ends has failed.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from kubecourse.clock import Clock, Timer
from kubecourse.node.network import Connection, Network, Response, parse_url, patience


class Row(NamedTuple):
    """One request. `time` is when it was sent, in virtual seconds; `latency` in seconds."""

    time: float
    ok: bool
    status: int
    error: str
    latency: float
    pod: str


class Second(NamedTuple):
    """What became of the requests sent within one second."""

    second: int
    ok: int
    failed: int


class Traffic:
    """Sends `rate` GETs a second to `url`, from `start()` to `stop()`.

    `keep_alive`: over one connection, as browsers do, until it breaks; else a new one each time.
    `from_pod` and `namespace` as for `Network.request`. `rows` are the finished requests, in the
    order in which they finished.
    """

    def __init__(
        self,
        network: Network,
        clock: Clock,
        url: str,
        rate: float = 10.0,
        *,
        keep_alive: bool = False,
        timeout: float = 5.0,
        from_pod: str | None = None,
        namespace: str = "default",
    ) -> None:
        if rate <= 0:
            raise ValueError("rate is requests per second: give a number above 0")
        self.url, self.rate = url, rate
        self.rows: list[Row] = []
        self.pending = 0
        parse_url(url)  # complains now rather than later
        self._network, self._clock = network, clock
        self._timeout, self._keep_alive = timeout, keep_alive
        self._source = (from_pod, namespace)
        self._connection: Connection | None = None
        self._timer: Timer | None = None
        self._began, self._sent = 0.0, 0

    @property
    def running(self) -> bool:
        return self._timer is not None

    def start(self) -> None:
        """Begin to send, now."""
        if self._timer is None:
            self._began, self._sent = self._clock.now, 0
            self._timer = self._clock.call_later(0, self._send, background=True)

    def stop(self) -> None:
        """Send no more; what is under way still finishes."""
        self._clock.cancel(self._timer)
        self._timer = None

    # --- results

    def per_second(self) -> list[Second]:
        """How many requests of each second were answered, and how many failed."""
        answered = Counter(int(row.time) for row in self.rows if row.ok)
        failed = Counter(int(row.time) for row in self.rows if not row.ok)
        seconds = sorted(answered.keys() | failed.keys())
        return [Second(second, answered[second], failed[second]) for second in seconds]

    def pods(self) -> dict[str, int]:
        """How many requests each pod answered."""
        return dict(sorted(Counter(row.pod for row in self.rows if row.status).items()))

    def failures(self) -> dict[str, int]:
        """How many requests failed, by error or status."""
        return dict(Counter(row.error or f"HTTP {row.status}" for row in self.rows if not row.ok))

    def summary(self) -> str:
        """In a few lines: how many requests were answered, and why the others were not."""
        failures = self.failures()
        failed = sum(failures.values())
        lines = [f"{len(self.rows)} requests: {len(self.rows) - failed} answered, {failed} failed"]
        return "\n".join(lines + [f"{count:6d}  {why}" for why, count in failures.items()])

    # --- sending

    def _send(self) -> None:
        self._sent += 1
        due = self._began + self._sent / self.rate
        self._timer = self._clock.call_at(due, self._send, background=True)
        made = self._connect()
        if isinstance(made, str):
            response = Response(0, "", made, patience(made, self._timeout))
        else:
            response = self._network.ask(made, self.url, self._timeout)
        self.pending += 1
        self._clock.call_later(
            response.latency, self._answered, self._clock.now, made, response, background=True
        )

    def _connect(self) -> Connection | str:
        kept = self._connection
        if kept is not None and kept.container.listens(kept.endpoint.port):
            return kept
        made = self._network.open(parse_url(self.url), *self._source)
        self._connection = made if self._keep_alive and not isinstance(made, str) else None
        return made

    def _answered(self, sent: float, made: Connection | str, response: Response) -> None:
        self.pending -= 1
        if not isinstance(made, str) and not made.container.running:
            error = f'Get "{self.url}": read: connection reset by peer'
            response = response._replace(status=0, error=error)
        latency = round(self._clock.now - sent, 6)
        self.rows.append(
            Row(sent, response.ok, response.status, response.error, latency, response.pod)
        )
