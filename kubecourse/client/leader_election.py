"""Leader election: of several copies of a program one works, the one that holds a Lease.

Who leads renews the Lease every 2 s. The others look at it about as often; one that has seen no
renewal for 15 s takes it. A leader that could not renew for 10 s gives up by ending its process,
so that there are never two. The machine's kubelet then starts it again, at once, and if it ends
again after 10, 20, 40 … 300 s.
Source: `staging/src/k8s.io/client-go/tools/leaderelection`.
"""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.client.client import Client
from kubecourse.client.events import EventRecorder
from kubecourse.clock import Timer

Lease = models.coordination_v1.Lease

LEASE_DURATION = 15.0
RENEW_DEADLINE = 10.0
RETRY_PERIOD = 2.0
JITTER = 1.2
NAMESPACE = "kube-system"
RESTART = 1.0
"""Seconds until a kubelet notices that a process has ended."""
FIRST_BACKOFF, MOST_BACKOFF, QUIET = 10.0, 300.0, 600.0
"""Seconds before a second restart, at most, and after which an earlier end is forgotten."""


class Program(Protocol):
    """What runs while it leads."""

    name: str

    def start(self) -> None: ...
    def stop(self) -> None: ...


class LeaderElector:
    """One machine's copy of a program: its process, from start to end to restart.

    `state` is `leading`, `waiting` for the Lease, `restarting` or `stopped`. Without `elect` it
    always leads, as with `--leader-elect=false`, and ends all the same when it reaches nobody.
    `speaker` is whose events tell of it.
    """

    def __init__(
        self, client: Client, program: Program, machine: str, speaker: str, elect: bool = True
    ) -> None:
        self.machine = machine
        self.identity = ""
        self.state = "stopped"
        self.program = program
        self._client = client
        self._clock = client.clock
        self._elect = elect
        self._rng = client.clock.rng(f"{program.name}/{machine}")
        self._events = EventRecorder(client, speaker)
        self._lease: Any = None
        self._observed = self._renewed = self._began = self._backoff = 0.0
        self._timer: Timer | None = None

    # --- the process

    def start(self) -> None:
        """Begin, if it is stopped."""
        if self.state == "stopped":
            self._backoff = 0.0
            self._begin()

    def stop(self) -> None:
        """End the process, for good. A Lease that it holds is left to run out."""
        self._end("stopped")

    def watch_out(self) -> None:
        """Something has happened to the control plane: see whether it still answers."""
        if self.state == "leading" and not self._clock.pending(self._timer):
            self._renewed = self._clock.now
            self._timer = self._clock.every(RETRY_PERIOD, self._beat)

    def _begin(self) -> None:
        """A process that cannot read its configuration ends at once."""
        self._began = self._observed = self._clock.now
        self._lease = None
        if not self._answers():
            self._exit()
        elif not self._elect:
            self._lead()
        else:
            self.identity = f"{self.machine}_{UUID(int=self._rng.getrandbits(128), version=4)}"
            self.state = "waiting"
            period = RETRY_PERIOD * (1 + JITTER * self._rng.random())
            self._timer = self._clock.every(period, self._beat)
            self._beat(1)

    def _end(self, state: str) -> None:
        leading, self.state = self.state == "leading", state
        self._clock.cancel(self._timer)
        if leading:
            self.program.stop()

    def _exit(self) -> None:
        self._end("restarting")
        if self._clock.now - self._began > QUIET:
            self._backoff = 0.0
        wait = self._backoff or RESTART
        self._backoff = min(self._backoff * 2, MOST_BACKOFF) or FIRST_BACKOFF
        self._timer = self._clock.call_later(wait, self._begin, background=True)

    # --- the Lease

    def _beat(self, beats: int) -> None:
        """Try to get the Lease, or to keep it. A quiet stretch of many beats tells nothing."""
        if beats > 1:
            self._observed = self._clock.now
        held = self._claim() if self._elect else self._answers()
        if self.state == "waiting":
            if held:
                self._lead()
        elif held:
            self._renewed = self._clock.now
            if not self._elect:
                self._clock.cancel(self._timer)  # all is well again
        elif self._clock.now - self._renewed >= RENEW_DEADLINE:
            if self._lease is not None:
                self._say("stopped leading")
            self._exit()

    def _lead(self) -> None:
        self.state = "leading"
        self._renewed = self._clock.now
        if self._elect:
            self._clock.cancel(self._timer)
            self._timer = self._clock.every(RETRY_PERIOD, self._beat)
            self._say("became leader")
        self.program.start()

    def _say(self, what: str) -> None:
        self._events.normal(self._lease, "LeaderElection", f"{self.identity} {what}")

    def _answers(self) -> bool:
        try:
            self._client.get(models.core_v1.Namespace, NAMESPACE)
        except ApiError:
            return False
        return True

    def _claim(self) -> bool:
        """Take the Lease if it is free, or renew it; whether it is held now."""
        try:
            try:
                lease: Any = self._client.get(Lease, self.program.name, NAMESPACE)
            except ApiError as error:
                if error.reason != "NotFound":
                    raise
                self._lease = self._client.create(self._new_lease())
                return True
            if self._lease is not lease:
                self._lease, self._observed = lease, self._clock.now
            mine = lease.spec.holderIdentity == self.identity
            if not mine and self._clock.now < self._observed + LEASE_DURATION:
                return False
            now = self._clock.utc_precise()
            changes: dict[str, Any] = {"renewTime": now}
            if not mine:
                count = (lease.spec.leaseTransitions or 0) + 1
                changes |= {"holderIdentity": self.identity, "acquireTime": now}
                changes["leaseTransitions"] = count
            spec = replace(lease.spec, **changes)
            self._lease = self._client.update(replace(lease, spec=spec))
        except ApiError:
            return False
        self._observed = self._clock.now
        return True

    def _new_lease(self) -> Any:
        now = self._clock.utc_precise()
        return Lease(
            metadata=models.meta_v1.ObjectMeta(name=self.program.name, namespace=NAMESPACE),
            spec=models.coordination_v1.LeaseSpec(
                holderIdentity=self.identity, leaseDurationSeconds=int(LEASE_DURATION),
                acquireTime=now, renewTime=now, leaseTransitions=0,
            ),
        )  # fmt: skip
