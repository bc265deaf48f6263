"""Probes: asking a container whether it has started, is ready, is still alive.

Each probe beats with its period from the moment the pod's sandbox was there; the first beat that
counts is the first after its initial delay. A readiness or startup probe without a delay is also
asked right after the start. A probe whose answer cannot change, because nothing in the container
has, is not asked again until something does: the answers are the same, and time costs nothing.
Sources: `pkg/kubelet/prober/{worker,prober,prober_manager}.go`, `pkg/probe`.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from kubecourse.clock import Timer
from kubecourse.node.kubelet.records import ContainerRecord
from kubecourse.node.runtime.images import NEVER

if TYPE_CHECKING:
    from kubecourse.node.kubelet.worker import PodWorker

READINESS, LIVENESS, STARTUP = "Readiness", "Liveness", "Startup"
FIRST = 0.05
"""Seconds from a container's start to the first readiness probe that has no delay."""
PATIENCE = 60.0
"""Seconds for which `settle` waits for a container that is not ready yet."""

Outcome = tuple[bool, str, float]
"""Success or not, what a failure says, and how many seconds it took."""


class Prober:
    """One probe of one container's present run."""

    __slots__ = (
        "_failures",
        "_kind",
        "_passed",
        "_record",
        "_run",
        "_spec",
        "_successes",
        "_timer",
        "_worker",
    )

    def __init__(self, worker: PodWorker, record: ContainerRecord, kind: str, spec: Any) -> None:
        self._worker = worker
        self._record = record
        self._run: Any = record.run
        self._kind = kind
        self._spec = spec
        self._timer: Timer | None = None
        self._successes = self._failures = 0
        self._passed = kind == LIVENESS

    @property
    def kind(self) -> str:
        """Readiness, Liveness or Startup."""
        return self._kind

    def begin(self) -> None:
        """Ask for the first time when it is due."""
        if self._kind != LIVENESS and not self._spec.initialDelaySeconds:
            self._at(self._worker.kubelet.clock.now + FIRST)
        else:
            self._at_next_beat()

    def stop(self) -> None:
        """Ask no more."""
        self._worker.kubelet.clock.cancel(self._timer)
        self._timer = None
        self._run = None

    def _at(self, when: float) -> None:
        clock = self._worker.kubelet.clock
        assert self._run is not None
        waited_for = not self._passed and clock.now < self._run.started_at + PATIENCE
        self._timer = clock.call_at(when, self._ask, background=not waited_for)

    def _at_next_beat(self) -> None:
        assert self._run is not None
        period = float(self._spec.periodSeconds or 10)
        earliest = self._run.started_at + (self._spec.initialDelaySeconds or 0)
        epoch = self._worker.probe_epoch
        now = self._worker.kubelet.clock.now
        beats = ceil((max(earliest, now + 0.001) - epoch) / period - 1e-9)
        self._at(epoch + beats * period)

    def _ask(self) -> None:
        run = self._run
        if run is None or not run.running:
            return
        if not self._worker.kubelet.running:
            self._at_next_beat()
            return
        ok, output, seconds = ask(self._worker, self._record, self._spec)
        if seconds:
            self._timer = self._worker.kubelet.clock.call_later(
                seconds, self._answered, ok, output, background=self._passed
            )
        else:
            self._answered(ok, output)

    def _answered(self, ok: bool, output: str) -> None:
        run = self._run
        if run is None or not run.running:
            return
        if ok:
            self._successes, self._failures = self._successes + 1, 0
        else:
            self._successes, self._failures = 0, self._failures + 1
            self._worker.kubelet.recorder.warning(
                self._worker.pod,
                "Unhealthy",
                f"{self._kind} probe failed: {output}",
                self._record.path,
            )
        self._judge(ok)
        if self._run is None:
            return
        if ok and self._passed and run.steady:
            run.watch(self._wake)
        else:
            self._at_next_beat()

    def _wake(self) -> None:
        """Something in the container has changed."""
        if self._run is not None:
            self._at_next_beat()

    def _judge(self, ok: bool) -> None:
        """See whether enough answers agree."""
        if ok and self._successes >= (self._spec.successThreshold or 1):
            if not self._passed:
                self._passed = True
                self._tell(True)
        elif not ok and self._failures >= (self._spec.failureThreshold or 3):
            if self._kind == READINESS:
                if self._passed:
                    self._passed = False
                    self._tell(False)
            else:
                self._give_up()

    def _tell(self, passed: bool) -> None:
        record = self._record
        if self._kind == STARTUP:
            self.stop()
            record.probes.remove(self)
            _has_started(self._worker, record)
        else:
            record.ready = passed
        self._worker.probed(record)

    def _give_up(self) -> None:
        name, kind = self._record.spec.name, self._kind.lower()
        grace = self._spec.terminationGracePeriodSeconds
        if grace is None:
            grace = self._worker.pod.spec.terminationGracePeriodSeconds
        self.stop()
        why = f"Container {name} failed {kind} probe, will be restarted"
        self._worker.condemn(self._record, why, 30.0 if grace is None else float(grace))


# --- a container's probes


def begin(worker: PodWorker, record: ContainerRecord, ready_after: float) -> None:
    """A container has started: begin to probe it."""
    spec = record.spec
    if spec.startupProbe is not None:
        prober = Prober(worker, record, STARTUP, spec.startupProbe)
        record.probes.append(prober)
        prober.begin()
    elif ready_after:
        record.started = True
        if ready_after != NEVER:
            worker.kubelet.clock.call_later(
                ready_after,
                _declared_ready,
                worker,
                record,
                record.run,
                background=ready_after > PATIENCE,
            )
    else:
        _has_started(worker, record)


def _declared_ready(worker: PodWorker, record: ContainerRecord, run: Any) -> None:
    """The image is declared to be ready no earlier than now."""
    if run is record.run and record.running and worker.stopping is None:
        _has_started(worker, record)
        worker.probed(record)


def _has_started(worker: PodWorker, record: ContainerRecord) -> None:
    """The container counts as started: the other probes may begin."""
    record.started = True
    record.touch()
    spec = record.spec
    if spec.readinessProbe is None:
        record.ready = True
    for kind, probe in ((READINESS, spec.readinessProbe), (LIVENESS, spec.livenessProbe)):
        if probe is not None:
            prober = Prober(worker, record, kind, probe)
            record.probes.append(prober)
            prober.begin()


def stop(record: ContainerRecord, but: str = "") -> None:
    """Probe a container no more; a kind of probe may go on."""
    if record.probes:
        for prober in record.probes:
            if prober.kind != but:
                prober.stop()
        record.probes = [prober for prober in record.probes if prober.kind == but]


# --- asking


def ask(worker: PodWorker, record: ContainerRecord, spec: Any) -> Outcome:
    """Do what a probe says once."""
    timeout = float(spec.timeoutSeconds or 1)
    run = record.run
    if run is None:
        return False, "the container is gone", 0.0
    if spec.exec is not None:
        result = worker.kubelet.runtime.exec(run, spec.exec.command or [])
        if run.mood == "hang" or result.seconds > timeout:
            command = " ".join(spec.exec.command or [])
            return False, f'command timed out: "{command}" timed out after {timeout:g}s', timeout
        return result.code == 0, result.stdout + result.stderr, 0.0
    if spec.httpGet is not None:
        action = spec.httpGet
        return http_get(
            worker, action.host, port_number(record.spec, action.port), action.path or "/", timeout
        )
    if spec.tcpSocket is not None:
        return _connect(worker, spec.tcpSocket.host, port_number(record.spec, spec.tcpSocket.port))
    if spec.grpc is not None:
        return _grpc(worker, spec.grpc.port, timeout)
    return True, "", 0.0


def port_number(container: Any, port: int | str) -> int:
    """A port by number, or by the name that the container gives it; 0 if it gives none."""
    if isinstance(port, int):
        return port
    for declared in container.ports or ():
        if declared.name == port:
            return int(declared.containerPort)
    return int(port) if str(port).isdigit() else 0


def _listener(worker: PodWorker, host: str | None, port: int) -> Any:
    """The container that listens there; the pod itself unless a host is named."""
    sandbox = worker.sandbox
    assert sandbox is not None
    if host and host not in (sandbox.ip, "localhost", "127.0.0.1"):
        other = worker.kubelet.runtime.by_ip.get(host)
        return other.listener(port) if other is not None else None
    return sandbox.listener(port)


def _address(worker: PodWorker, host: str | None, port: int) -> str:
    assert worker.sandbox is not None
    return f"{host or worker.sandbox.ip}:{port}"


def http_get(worker: PodWorker, host: str | None, port: int, path: str, timeout: float) -> Outcome:
    """GET a path of the pod, as the kubelet does."""
    path = path if path.startswith("/") else f"/{path}"
    address = _address(worker, host, port)
    container = _listener(worker, host, port)
    if container is None:
        message = f'Get "http://{address}{path}": dial tcp {address}: connect: connection refused'
        return False, message, 0.0
    reply = container.answer(path, port)
    if reply.hangs or reply.latency > timeout:
        message = (
            f'Get "http://{address}{path}": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)"
        )
        return False, message, timeout
    if 200 <= reply.status < 400:
        return True, "", 0.0
    return False, f"HTTP probe failed with statuscode: {reply.status}", 0.0


def _connect(worker: PodWorker, host: str | None, port: int) -> Outcome:
    if _listener(worker, host, port) is not None:
        return True, "", 0.0
    return False, f"dial tcp {_address(worker, host, port)}: connect: connection refused", 0.0


def _grpc(worker: PodWorker, port: int, timeout: float) -> Outcome:
    container = _listener(worker, None, port)
    if container is not None:
        reply = container.answer("/grpc.health.v1.Health/Check")
        if not reply.hangs and reply.latency <= timeout:
            serving = reply.status < 500
            return (
                serving,
                "" if serving else 'service unhealthy (responded with "NOT_SERVING")',
                0.0,
            )
    address = _address(worker, None, port)
    message = (
        f'timeout: failed to connect service "{address}" within {timeout:g}s: '
        "context deadline exceeded"
    )
    return False, message, timeout
