"""A container's processes, where they are scripts: they run, sleep, get signals and end.

As process 1 of its container a script ignores SIGTERM unless it sets a trap, and a trap runs only
when the present command is done; `wait` is done at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Any

from kubecourse.api.demand import Demand
from kubecourse.clock import Timer
from kubecourse.node.resources.meter import Wish
from kubecourse.node.runtime.script import FOREVER, Script

if TYPE_CHECKING:
    from kubecourse.node.runtime.container import Container

A_CORE = Demand(1.0)


class Process:
    """A running script. `serves` once it is the image's server, `waits` for its children's end."""

    __slots__ = (
        "_followed", "_idle_since", "_marks", "_patience", "_period", "_signalled", "_timer",
        "_wishes", "container", "pid", "script", "serves", "waits",
    )  # fmt: skip

    def __init__(self, container: Container, script: Script, pid: int, patience: float) -> None:
        self.container = container
        self.script = script
        self.pid = pid
        self.serves = self.waits = False
        script.process = self
        self._patience = patience
        self._timer: Timer | None = None
        self._signalled = False
        self._marks: dict[int, tuple[Any, float]] = {}
        self._followed: dict[str, int] = {}
        self._idle_since = self._period = 0.0
        self._wishes: list[Wish] = []

    def go(self) -> None:
        """Run until something takes time."""
        container, script = self.container, self.script
        if self.pid not in container.processes:
            return
        self._idle_since = 0.0
        self.waits = False
        if self._signalled and "TERM" in script.traps:
            self._signalled = False
            script.interrupt(script.traps["TERM"])
        was_busy, script.busy = script.busy, False
        seconds = script.run()
        if script.busy != was_busy:
            self.want({"cpu": A_CORE} if script.busy else {})
        if seconds is None:
            container.ended(self)
        elif seconds != FOREVER and container.running:
            ends = container.clock.now + seconds
            waited_for = self._signalled or ends <= container.started_at + self._patience
            self._timer = container.clock.call_later(seconds, self.go, background=not waited_for)

    def stop(self) -> None:
        """It is over."""
        self.container.clock.cancel(self._timer)
        self.want({})

    def want(self, demands: Mapping[str, Demand]) -> None:
        """From now on it wants so much CPU and memory, and what it wanted before no more."""
        if demands or self._wishes:
            container = self.container
            self._wishes = container.meter.want(container.load, demands, self._wishes)

    def terminate(self) -> None:
        """SIGTERM."""
        if self.serves and self.pid == 1:
            self.container.stop_serving()
        elif self.script.traps.get("TERM"):
            self._signalled = True
            if self.waits:
                self.go()
            else:
                self.wake()
        elif self.pid != 1:
            self.script.status = 143
            self.container.ended(self)

    def follow(self, paths: list[str]) -> None:
        """Write what is added to files from now on, as `tail -f` does."""
        files = self.container.files
        self._followed = {p: len(files.read(p)) if files.is_file(p) else 0 for p in paths}
        self.container.watch(self._follow)

    def _follow(self) -> None:
        files = self.container.files
        for path, seen in self._followed.items():
            if files.is_file(path):
                text = files.read(path)
                self._followed[path] = len(text)
                self.script.write(text[seen if len(text) >= seen else 0 :])
        self.container.watch(self._follow)

    # --- doing nothing, for ever

    def comes_round(self, loop: Any) -> bool:
        """A loop begins again; whether it will never do anything new.

        If a whole round changed nothing and hangs on nothing but files, so will the next. Then
        it is not run again until a file changes or a signal comes, at the end of a round.
        """
        script, now, depth = self.script, self.container.clock.now, len(self.script.todo)
        done = script.effects + self.container.files.changes
        mark = (loop, done, script.variables, script.status, script.stdin)
        before, since = self._marks.get(depth, (None, now))
        self._marks[depth] = (mark, now)
        idle = before == mark and script.pure and not self._signalled and now > since
        if not idle or now < self.container.started_at + self._patience:
            return False
        self._idle_since, self._period = now, now - since
        self.container.watch(self.wake)
        return True

    def wake(self) -> None:
        """Something has changed: come round again, at the end of the present round."""
        if not self._idle_since or not self.container.running:
            return
        clock = self.container.clock
        rounds = max(1, ceil((clock.now - self._idle_since) / self._period - 1e-9))
        when = self._idle_since + rounds * self._period
        self._idle_since = 0.0
        self._marks.clear()
        self._timer = clock.call_at(when, self.go, background=not self._signalled)
