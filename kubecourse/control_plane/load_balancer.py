"""The load balancer before the API servers, and what clients' connections go through.

A machine is asked for `/readyz` every 2 s; after three failures nobody is sent there any more,
after two successes it is taken back (the defaults of HAProxy: `inter 2s fall 3 rise 2`). If none
is ready all are tried. A connection stays where it is as long as that works. Watches that break
are opened again elsewhere, after the last revision that they have shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kubecourse.api.errors import ApiError, Unreachable
from kubecourse.api.resources import Resource
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.watch import Handler, Watch

if TYPE_CHECKING:
    from kubecourse.control_plane.machines import ControlPlaneMachine

CHECK_PERIOD = 2.0
FALL, RISE = 3, 2
"""Checks that must fail, or succeed, in a row."""

Connected = Callable[[str, str], bool]
"""Whether messages get from a place to a machine. '' is where people are, and the balancer."""


class LoadBalancer:
    """Decides to which machine a client is sent."""

    def __init__(self, clock: Clock, connected: Connected) -> None:
        self.connected = connected
        self.epoch = 0
        """Counts the times at which connections had reason to look again."""
        self.connections: list[Connection] = []
        """Those with open watches."""
        self._clock = clock
        self._machines: list[ControlPlaneMachine] = []
        self._streaks: dict[str, int] = {}
        self._turn = -1

    def serve(self, machines: list[ControlPlaneMachine]) -> None:
        """Send clients to these machines; if there are several, look after them."""
        self._machines = machines
        if len(machines) > 1:
            self._clock.every(CHECK_PERIOD, self._check)

    def choose(self, place: str, kept: ControlPlaneMachine | None) -> ControlPlaneMachine | None:
        """Where a connection from a place leads that led to `kept` so far.

        One that is refused goes elsewhere at once; one to a machine that has vanished waits for
        an answer until the balancer has noticed. People type their command again.
        """
        there = [m for m in self._machines if m.serving and self.connected(place, m.name)]
        ready = [m for m in there if m.in_rotation]
        if kept is not None:
            vanished = place and not self.connected("", kept.name)
            if kept in (ready or there) or not there or (vanished and kept.in_rotation):
                return kept
        if there:
            self._turn += 1
            return (ready or there)[self._turn % len(ready or there)]
        return None

    def look_again(self) -> None:
        """Something has changed: connections that no longer work find another way."""
        self.epoch += 1
        for connection in list(self.connections):
            connection.follow()

    def _check(self, beats: int) -> None:
        changed = False
        for machine in self._machines:
            ready = machine.serving and self.connected("", machine.name) and machine.etcd.ready
            streak = (
                0 if ready == machine.in_rotation else self._streaks.get(machine.name, 0) + beats
            )
            if streak >= (RISE if ready else FALL):
                machine.in_rotation, streak, changed = ready, 0, True
            self._streaks[machine.name] = streak
        if changed:
            self.look_again()


class Connection:
    """A client's way to the API: through the load balancer, or to the server of its own machine.

    `place` is the machine that the client runs on.
    """

    def __init__(
        self, balancer: LoadBalancer, place: str = "", own: ControlPlaneMachine | None = None
    ) -> None:
        self._balancer = balancer
        self._place = place
        self._own = self._machine = own
        self._server: APIServer | None = None
        self._epoch = -1
        self._streams: list[Stream] = []

    @property
    def server(self) -> APIServer:
        """The API server at the other end. Raises Unreachable."""
        if self._epoch != self._balancer.epoch:
            self.follow()
        if self._server is None:
            raise Unreachable()
        return self._server

    def follow(self) -> None:
        """Find out where it leads as things are now; watches move there."""
        balancer, before = self._balancer, self._server
        self._epoch = balancer.epoch
        machine = self._own or balancer.choose(self._place, self._machine)
        works = machine and machine.serving and balancer.connected(self._place, machine.name)
        self._machine, self._server = machine, machine.server if machine and works else None
        for stream in self._streams:
            stream.move(before, self._server)

    def watch(
        self, resource: Resource, handler: Handler, *, after: int | None = None, **selection: Any
    ) -> Stream:
        """As `APIServer.watch`; where nobody answers it waits until somebody does."""
        if self._epoch != self._balancer.epoch:
            self.follow()
        stream = Stream(self, resource, handler, after, selection)
        stream.move(None, self._server)
        if not self._streams:
            self._balancer.connections.append(self)
        self._streams.append(stream)
        return stream

    def forget(self, stream: Stream) -> None:
        """A watch has been stopped."""
        self._streams.remove(stream)
        if not self._streams:
            self._balancer.connections.remove(self)


class Stream:
    """A watch that goes on at another server when its own is gone."""

    __slots__ = ("_after", "_connection", "_handler", "_resource", "_selection", "_watch")

    def __init__(
        self,
        connection: Connection,
        resource: Resource,
        handler: Handler,
        after: int | None,
        selection: dict[str, Any],
    ) -> None:
        self._connection: Connection | None = connection
        self._resource = resource
        self._handler = handler
        self._after = after
        self._selection = selection
        self._watch: Watch | None = None

    def stop(self) -> None:
        """End it."""
        if self._connection is not None:
            self._connection.forget(self)
            self._connection = None
        if self._watch is not None:
            self._watch.stop()

    def move(self, before: APIServer | None, server: APIServer | None) -> None:
        """It can no longer be with one server, or now with another."""
        if before is not server and before is not None and self._watch is not None:
            self._after = max(self._after or 0, before.etcd.revision)
            self._watch.leave()
        if server is not None and (self._watch is None or not self._watch.active):
            try:
                self._watch = server.watch(
                    self._resource, self._handler, after=self._after, **self._selection
                )
            except ApiError as error:
                if error.code < 500:
                    raise
