"""A container's process, where it is a script: it runs, sleeps, gets signals and ends.

As process 1 of its container it ignores SIGTERM unless it sets a trap, and a trap runs only when
the present command is done.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from kubecourse.clock import Timer
from kubecourse.node.runtime.script import FOREVER, Exit, OutOfMemory, Script
from kubecourse.node.runtime.shell import Program, ShellSyntaxError, compile_script

if TYPE_CHECKING:
    from kubecourse.node.runtime.container import Container


class Process:
    """A running script. `ports` are those it listens on, `serves` once it is the image's server."""

    __slots__ = (
        "_idle_since", "_marks", "_patience", "_period", "_signalled", "_timer", "container",
        "ports", "script", "serves",
    )  # fmt: skip

    def __init__(
        self,
        container: Container,
        program: Program,
        variables: dict[str, str],
        patience: float,
    ) -> None:
        self.container = container
        self.script = Script(container, program, variables, self)
        self.ports: set[int] = set()
        self.serves = False
        self._patience = patience
        self._timer: Timer | None = None
        self._signalled = False
        self._marks: dict[int, tuple[Any, float]] = {}
        self._idle_since = self._period = 0.0

    def go(self) -> None:
        """Run until something takes time."""
        container, script = self.container, self.script
        if not container.running:
            return
        self._idle_since = 0.0
        try:
            if self._signalled and "TERM" in script.traps:
                self._signalled = False
                script.jump_into(compile_script(script.traps.pop("TERM")))
            seconds = script.run()
        except Exit as end:
            script.status, seconds = end.code, None
        except ShellSyntaxError:
            script.status, seconds = 2, None
        except OutOfMemory:
            container.exit(137, "OOMKilled")
            return
        if seconds is None:
            container.exit(script.status)
        elif seconds != FOREVER:
            ends = container.clock.now + seconds
            waited_for = self._signalled or ends <= container.started_at + self._patience
            self._timer = container.clock.call_later(seconds, self.go, background=not waited_for)

    def stop(self) -> None:
        """The container is over."""
        self.container.clock.cancel(self._timer)

    def terminate(self) -> None:
        """SIGTERM."""
        if self.serves:
            self.container.stop_serving()
        elif self.script.traps.get("TERM"):
            self._signalled = True
            self.wake()

    # --- doing nothing, for ever

    def comes_round(self, top: int) -> bool:
        """A loop begins again; whether it will never do anything new.

        If a whole round changed nothing and hangs on nothing but files, so will the next. Then
        it is not run again until a file changes or a signal comes, at the end of a round.
        """
        script, now = self.script, self.container.clock.now
        mark = (script.effects, tuple(script.variables.items()), script.status)
        before, since = self._marks.get(top, (None, now))
        self._marks[top] = (mark, now)
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
