"""A container that runs: a process that listens, answers, writes logs, and ends.

What it does comes from its image, or from its command where that is a program known here
(see `programs`). People can tell it to misbehave: `behave("hang")`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.clock import Clock, Timer
from kubecourse.node.runtime.images import NEVER, Image
from kubecourse.node.runtime.references import parse_reference

if TYPE_CHECKING:
    from kubecourse.node.runtime.sandbox import Sandbox

KILLED = 137
"""The exit code of a process that SIGKILL ended."""
MOODS = ("well", "slow", "failing", "hang", "dead")
SLOW = 3.0
"""Seconds that a slow container takes for an answer."""


class Reply(NamedTuple):
    """What a container makes of a request: in `latency` seconds a status, or never (`hangs`)."""

    status: int
    body: str
    latency: float
    hangs: bool = False


class Container:
    """One run of a container, from start to exit; a restart makes a new one."""

    __slots__ = (
        "_exit_timer", "_on_exit", "_watchers", "clock", "exit_code", "exit_reason", "finished_at",
        "id", "image", "image_id", "image_name", "log", "mood", "name", "ports", "sandbox", "script", "spec", "started_at",
        "terminating",
    )  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        sandbox: Sandbox,
        spec: Any,
        image: Image,
        id: str,
        on_exit: Callable[[Container], None] | None = None,
    ) -> None:
        self.clock = clock
        self.sandbox = sandbox
        self.spec = spec
        self.name: str = spec.name
        self.image = image
        reference = parse_reference(spec.image)
        self.image_name = reference.full
        self.image_id = f"{reference.repository}@{image.digest}"
        self.id = id
        self.started_at = clock.now
        self.finished_at: float | None = None
        self.exit_code: int | None = None
        self.exit_reason = ""
        self.terminating = False
        self.mood = "well"
        self.log: list[tuple[float, str]] = []
        self.ports = (*image.ports, *(port.containerPort for port in spec.ports or ()))
        self.script: Any = None
        self._on_exit = on_exit
        self._exit_timer: Timer | None = None
        self._watchers: list[Callable[[], None]] = []

    @property
    def steady(self) -> bool:
        """Whether it goes on answering as it does until `changed` is called."""
        return self.script is None

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.finished_at is None

    # --- its life

    def start(self, background: bool) -> None:
        """Begin to do what the image does; `background` as for timers, of its end."""
        image = self.image
        for line in image.logs:
            self.write(line)
        if image.exits_after != NEVER:
            self._exit_timer = self.clock.call_later(
                image.exits_after, self.exit, image.exit_code, background=background
            )
        if image.start_up:
            self.clock.call_later(image.start_up, self.changed, background=background)

    def exit(self, code: int, reason: str = "") -> None:
        """End with an exit code. `reason` is for ends that the process did not choose."""
        if self.finished_at is not None:
            return
        self.finished_at = self.clock.now
        self.exit_code = code
        self.exit_reason = reason or ("Completed" if code == 0 else "Error")
        self.clock.cancel(self._exit_timer)
        self._watchers.clear()
        if self.script is not None:
            self.script.stop()
        if self._on_exit is not None:
            self._on_exit(self)

    def terminate(self) -> None:
        """SIGTERM: asked to stop, it stops in its own time, or ignores it."""
        if self.finished_at is not None or self.terminating:
            return
        self.terminating = True
        if self.script is not None:
            self.script.terminate()
        elif self.mood != "hang" and self.image.stops_after != NEVER:
            self.clock.cancel(self._exit_timer)
            self._exit_timer = self.clock.call_later(
                self.image.stops_after, self.exit, self.image.stop_code
            )

    def kill(self) -> None:
        """SIGKILL."""
        self.exit(KILLED)

    def behave(self, mood: str) -> None:
        """Be `well`, `slow` (answers take 3 s), `failing` (500), `hang` (no answer) or `dead`.

        Raises ValueError for another word.
        """
        if mood not in MOODS:
            raise ValueError(f"a container cannot be {mood!r}, only {', '.join(MOODS)}")
        self.mood = mood
        if mood == "dead":
            self.exit(1)
        else:
            self.changed()

    def write(self, text: str) -> None:
        """Add a line to the log."""
        self.log.append((self.clock.now, text))

    # --- being asked

    def listens(self, port: int) -> bool:
        """Whether a connection to a port is accepted."""
        if self.finished_at is not None:
            return False
        if self.script is not None and port in self.script.ports:
            return True
        if self.script is not None and not self.script.serves:
            return False
        if port not in self.ports:
            return False
        return self.clock.now >= self.started_at + self.image.start_up and not self.terminating

    def answer(self, path: str) -> Reply:
        """What it answers to an HTTP request; it must listen."""
        image = self.image
        if self.mood == "hang":
            return Reply(0, "", 0.0, hangs=True)
        latency = image.latency + (SLOW if self.mood == "slow" else 0.0)
        if self.mood == "failing":
            return Reply(500, "Internal Server Error\n", latency)
        said = image.answers
        if isinstance(said, dict):
            said = said.get(path, said.get("*", (404, "404 page not found\n")))
        status, body = said if isinstance(said, tuple) else (image.status, said)
        if "{" in body:
            body = body.replace("{pod}", self.sandbox.pod_name)
            body = body.replace("{node}", self.sandbox.node).replace("{image}", self.spec.image)
        return Reply(status, body, latency)

    # --- being watched

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call back when what it would answer may have changed."""
        self._watchers.append(watcher)

    def changed(self) -> None:
        """What it answers, or its files, may be different from now on."""
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher()
