"""A container that runs: a process that listens, answers, writes logs, and ends.

What it does comes from its image, or from its command where that is a program known here
(see `programs`). People can tell it to misbehave: `behave("hang")`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import Any, NamedTuple

from kubecourse.api.demand import Declared
from kubecourse.clock import Clock, Timer
from kubecourse.copy_on_write import Cell
from kubecourse.node.resources.load import Load
from kubecourse.node.resources.meter import Meter
from kubecourse.node.runtime.files import FileSystem, normal
from kubecourse.node.runtime.images import NEVER, Image
from kubecourse.node.runtime.process import Process
from kubecourse.node.runtime.programs import KILLED, knows
from kubecourse.node.runtime.references import parse_reference
from kubecourse.node.runtime.sandbox import Sandbox, expand
from kubecourse.node.runtime.script import WORK, Script
from kubecourse.node.runtime.shell import command_of

EXEC = 0.02
"""Seconds from a container's start until its program does something."""
START_FAILED = 128
"""The exit code of a container whose program could not even be started."""
MOODS = ("well", "slow", "failing", "flapping", "hang", "dead")
SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash")
"""Arguments that begin so are a command: their image has nothing of its own to run."""
FLAP = 20.0
"""Seconds for which a flapping container is well, and then failing, and so on."""
SLOW = 3.0
"""Seconds that a slow container takes for an answer."""
NOT_STARTED = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
    "create failed: unable to start container process: error during container init: "
)
NO_PROGRAM = 'exec: "{}": executable file not found in $PATH: unknown'


class Reply(NamedTuple):
    """What a container makes of a request: in `latency` seconds a status, or never (`hangs`)."""

    status: int
    body: str
    latency: float
    hangs: bool = False


class Container:
    """One run of a container, from start to exit; a restart makes a new one."""

    __slots__ = (
        "_environment", "_exit_timer", "_files", "_on_exit", "_services", "_spawned", "_watchers",
        "clock", "exit_code", "exit_message", "exit_reason", "finished_at", "id", "image",
        "image_id", "image_name", "listening", "load", "log", "meter", "mood", "name", "patience",
        "ports", "processes", "sandbox", "serving", "spec", "started_at", "strange", "terminating",
    )  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        sandbox: Sandbox,
        spec: Any,
        image: Image,
        id: str,
        on_exit: Callable[[Container], None],
        meter: Meter,
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
        self.exit_reason = self.exit_message = ""
        self.terminating = False
        self.mood = "well"
        self.log: list[tuple[float, str]] = []
        self.ports = (*image.ports, *(port.containerPort for port in spec.ports or ()))
        asked = list(_asked(spec))
        if self.ports and (image.described or not sandbox.spec.hostNetwork):
            asked = [] if image.described else [port for port in asked if asked.count(port) > 1]
        self.ports += tuple(asked)
        self.processes: dict[int, Process] = {}
        self.listening: tuple[int, ...] = ()
        self.serving = self.strange = False
        self._spawned = 1
        self.patience = 0.0
        self.meter = meter
        self.load = Load(self, clock.now)
        self._services = sandbox.provider.services()
        self._environment: dict[str, str] | None = None
        if spec.envFrom or any(variable.valueFrom for variable in spec.env or ()):
            self._environment = sandbox.provider.environment(spec, self._services)
        self._files: FileSystem | None = None
        if any(mount.subPath or mount.subPathExpr for mount in spec.volumeMounts or ()):
            _ = self.files  # such a part of a volume is what it was at the start
        self._on_exit = on_exit
        self._exit_timer: Timer | None = None
        self._watchers: list[Callable[[], None]] = []

    @property
    def cell(self) -> Cell | None:
        """What it is a part of: its node's kubelet."""
        return self.clock.cell

    @property
    def running(self) -> bool:
        return self.finished_at is None

    @property
    def environment(self) -> dict[str, str]:
        """Its environment variables, as they were at its start."""
        if self._environment is None:
            self._environment = self.sandbox.provider.environment(self.spec, self._services)
        return self._environment

    @property
    def user(self) -> int | str:
        """The user that its processes run as, by number, or by name if only the image says."""
        wanted: int | None = security(self.spec, self.sandbox.security, "runAsUser")
        return self.image.user if wanted is None else wanted

    @property
    def files(self) -> FileSystem:
        if self._files is None:
            self._files = self.sandbox.files(self.spec, self.environment, self.image.unseen)
        return self._files

    @property
    def last_words(self) -> str:
        """Its termination message: why it could not start, or what it left behind for this."""
        spec, message = self.spec, self.exit_message
        path = spec.terminationMessagePath or "/dev/termination-log"
        if not message and self._files is not None and self._files.is_file(path):
            message = self._files.read(path)
        falls_back = spec.terminationMessagePolicy == "FallbackToLogsOnError" and self.exit_code
        if not message and falls_back:
            message = "".join(line for _, line in self.log[-80:])
        return message[-4096:]

    # --- its life

    def start(self, patience: float) -> None:
        """Begin. `settle` waits for what it does in its first `patience` seconds."""
        words, clock, image = self._command_line(), self.clock, self.image
        self.patience = patience
        self.meter.begin(self.load)
        if words and knows(self, words[0]):
            script = Script(self, (command_of(words),), self.environment)
            process = self.processes[1] = Process(self, script, 1, patience)
            clock.call_later(EXEC, process.go)
            return
        if words and image.userland:
            self.exit_message = NOT_STARTED + NO_PROGRAM.format(words[0])
            self.exit(START_FAILED, "StartError")
            return
        self.write("".join(f"{line}\n" for line in image.logs))
        end = image.exits_after
        if end == NEVER and self.ends and (self.spec.command or not image.described):
            end = WORK
        if end != NEVER:
            late = end > patience
            self._exit_timer = clock.call_later(end, self.exit, image.exit_code, background=late)
        if image.start_up:
            clock.call_later(image.start_up, self.changed, background=image.start_up > patience)

    def spawn(self, script: Script) -> int:
        """Run a script in the background; returns its process's number."""
        self._spawned += 6
        process = Process(self, script, self._spawned, self.patience)
        if self.running:
            self.processes[process.pid] = process
            self.clock.call_later(0.0, process.go)
        return process.pid

    def ended(self, process: Process) -> None:
        """A process has: with the first one ends the container, with the last another's wait."""
        process.stop()
        self.processes.pop(process.pid, None)
        main = self.processes.get(1)
        if process.pid == 1:
            self.exit(process.script.status)
        elif main is not None and main.waits and len(self.processes) == 1:
            main.script.status = process.script.status
            main.go()

    def _command_line(self) -> list[str]:
        """What it runs, in words; empty if it does what its image does."""
        spec, image = self.spec, self.image
        words = [*(spec.command or ()), *(spec.args or ())]
        if not spec.command:
            own = image.entrypoint or image.command or (spec.args or ("",))[0] in SHELLS
            words = [*image.entrypoint, *(spec.args or image.command)] if own else []
        return [expand(word, self.environment) if "$" in word else word for word in words]

    def exit(self, code: int, reason: str = "") -> None:
        """End with an exit code. `reason` is for ends that the process did not choose."""
        if self.finished_at is not None:
            return
        self.finished_at = self.clock.now
        self.exit_code = code
        self.exit_reason = reason or ("Completed" if code == 0 else "Error")
        self.clock.cancel(self._exit_timer)
        self._watchers.clear()
        self.meter.end(self.load)
        for process in self.processes.values():
            process.stop()
        self.processes.clear()
        self._on_exit(self)

    def terminate(self) -> None:
        """SIGTERM: asked to stop, it stops in its own time, or ignores it."""
        if self.finished_at is not None or self.terminating:
            return
        self.terminating = True
        if self.mood == "hang":
            return
        if 1 in self.processes:
            self.processes[1].terminate()
        else:
            self.stop_serving()

    def stop_serving(self) -> None:
        """The server has been asked to stop."""
        if self.image.stops_after != NEVER:
            self.clock.cancel(self._exit_timer)
            self._exit_timer = self.clock.call_later(self.image.stops_after, self.exit, 0)

    def kill(self) -> None:
        """SIGKILL."""
        self.exit(KILLED)

    def out_of_memory(self) -> None:
        """The kernel kills all that runs in it (`memory.oom.group`), for want of memory."""
        self.exit(KILLED, "OOMKilled")

    @property
    def ends(self) -> bool:
        """Whether a program that nobody knows does some work and ends, and is no server.

        So does an init container's, and that of a pod that is to complete, if it has no ports.
        """
        pod = self.sandbox.spec
        if any(each.name == self.name for each in pod.initContainers or ()):
            return self.spec.restartPolicy != "Always"
        return pod.restartPolicy in ("Never", "OnFailure") and not self.ports

    def does_what_it_should(self) -> bool:
        """What a program of the image itself finds, such as `redis-cli ping`."""
        listens = not self.ports or any(map(self.listens, self.ports))
        return listens and not self.fails

    @property
    def demands(self) -> Declared:
        """What it wants of the machine, its processes' own wishes apart."""
        return self.image.demands | self.sandbox.demands(self.name)

    @property
    def program(self) -> str:
        """The name of its first process, as the kernel has it."""
        words = self._command_line() or [self.image_name.partition("@")[0].rpartition(":")[0]]
        return words[0].rpartition("/")[2][:15]

    @property
    def written(self) -> int:
        """Bytes of its own files and its log."""
        own = self._files.written if self._files is not None else 0
        return own + sum(len(line) for _, line in self.log)

    def behave(self, mood: str) -> None:
        """Be `well`, `slow` (answers take 3 s), `failing` (500), `flapping` (well and failing in
        turn), `hang` (no answer) or `dead`.

        Raises ValueError for another word.
        """
        if mood not in MOODS:
            raise ValueError(f"a container cannot be {mood!r}, only {', '.join(MOODS)}")
        self.mood = mood
        if mood == "dead":
            self.exit(1)
        self.changed()

    def write(self, text: str) -> None:
        """Add to the log; an unfinished line is finished by what comes next."""
        if self.load.limits.disk < inf:
            self.sandbox.provider.wrote()
        for line in text.splitlines(keepends=True):
            when = self.clock.now
            if self.log and not self.log[-1][1].endswith("\n"):
                when, begun = self.log.pop()
                line = begun + line
            self.log.append((when, line))

    # --- being asked

    @property
    def steady(self) -> bool:
        """Whether it goes on answering as it does until `changed` is called."""
        return self.up and self.mood != "flapping" and self.meter.is_steady(self.load)

    @property
    def up(self) -> bool:
        """Whether it has started up."""
        return self.image.start_up == 0 or self.clock.now >= self.started_at + self.image.start_up

    @property
    def fails(self) -> bool:
        """Whether it can be asked but does not do what it should."""
        ill = self.clock.now % (2 * FLAP) >= FLAP
        return self.mood == "failing" or (self.mood == "flapping" and ill)

    def listens(self, port: int) -> bool:
        """Whether a connection to a port is accepted."""
        if self.finished_at is not None:
            return False
        if port in self.listening or (self.processes and not self.serving):
            return port in self.listening
        return port in self.ports and not self.terminating and self.up

    def answer(self, path: str, port: int = 0) -> Reply:
        """What it answers to an HTTP request; it must listen."""
        image = self.image
        if self.mood == "hang":
            return Reply(0, "", 0.0, hangs=True)
        latency = image.latency + (SLOW if self.mood == "slow" else 0.0)
        latency = self.meter.serve(self.load, latency)
        if self.fails:
            return Reply(500, "Internal Server Error\n", latency)
        listed = port in self.listening  # a plain web server, that has nothing but files
        if listed or self._has_pages:
            page = path.partition("?")[0]
            place = normal(f"{page}index.html" if page.endswith("/") else page)
            place = place if listed else image.root + place
            if self.files.is_file(place):
                return Reply(200, self.files.read(place), latency)
            if listed:
                return Reply(404, "404 Not Found\n", latency)
        said = image.answers
        if isinstance(said, dict):
            said = said.get(path, said.get("*", (404, "404 page not found\n")))
        status, body = said if isinstance(said, tuple) else (image.status, said)
        if "{" in body:
            body = body.replace("{pod}", self.sandbox.pod_name)
            body = body.replace("{node}", self.sandbox.node).replace("{image}", self.spec.image)
        return Reply(status, body, latency)

    @property
    def _has_pages(self) -> bool:
        """Whether somebody may have put files where its image's web server finds them."""
        root = self.image.root
        mounts = (mount.mountPath for mount in self.spec.volumeMounts or ())
        return bool(root) and (self._files is not None or any(map(root.startswith, mounts)))

    # --- being watched

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call back, once, when what it would answer may have changed."""
        self._watchers.append(watcher)

    def changed(self) -> None:
        """What it answers, or its files, may be different from now on."""
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher()


def _asked(spec: Any) -> Iterator[int]:
    """The ports that probes ask for.

    Who declares none is taken to listen there, and so is, of an image that nobody described, who
    has two probes that ask alike, or the host's network, where ports are declared to be reserved.
    """
    for probe in (spec.startupProbe, spec.readinessProbe, spec.livenessProbe):
        way = probe and (probe.httpGet or probe.tcpSocket or probe.grpc)
        if way and isinstance(way.port, int):
            yield way.port


def security(spec: Any, pod: Any, field: str) -> Any:
    """A field of a container's security context, or else of its pod's; None if neither says."""
    own = getattr(spec.securityContext, field, None)
    return getattr(pod, field, None) if own is None else own
