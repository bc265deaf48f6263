"""What probes and lifecycle hooks do: run a command in a container, or ask it over the network.

Sources: `pkg/kubelet/prober/prober.go`, `pkg/probe`, `pkg/kubelet/lifecycle/handlers.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubecourse.node.kubelet.containers import PodContainer

HOOK_TIMEOUT = 30.0
LOCAL = (None, "", "localhost", "127.0.0.1")
Outcome = tuple[bool | None, str, float]
"""Success or not (None: it could not be tried), what a failure says, how many seconds it took."""


def ask(container: PodContainer, probe: Any) -> Outcome:
    """Do what a probe says once."""
    timeout = float(probe.timeoutSeconds or 1)
    runtime = container.worker.kubelet.runtime
    if probe.exec is not None:
        assert container.run is not None
        command = probe.exec.command or []
        result = runtime.exec(container.run, command)
        if container.run.mood == "hang" or result.seconds > timeout:
            text = f'command timed out: "{" ".join(command)}" timed out after {timeout:g}s'
            return False, text, timeout
        return result.code == 0, result.stdout + result.stderr, 0.0
    action = probe.httpGet or probe.tcpSocket or probe.grpc
    if not _port_number(container.spec, action.port):
        return None, f'strconv.Atoi: parsing "{action.port}": invalid syntax', 0.0
    if probe.httpGet is not None:
        return _http_get(container, action, timeout)
    if probe.grpc is not None:
        return _check_health(container, action, timeout)
    address, listener = _connect(container, action.host, action.port)
    return listener is not None, f"dial tcp {address}: connect: connection refused", 0.0


def run_hook(container: PodContainer, handler: Any) -> tuple[float, str]:
    """Run a hook of a container: how many seconds it takes, and what went wrong if anything."""
    if handler.sleep is not None:
        return float(handler.sleep.seconds or 0), ""
    if handler.httpGet is not None:
        _, said, seconds = _http_get(container, handler.httpGet, HOOK_TIMEOUT)
        return seconds, said
    if handler.exec is None or container.run is None:
        return 0.0, ""
    result = container.worker.kubelet.runtime.exec(container.run, handler.exec.command or [])
    if result.code == 0:
        return result.seconds, ""
    command = " ".join(handler.exec.command or [])
    return result.seconds, (
        f'Exec lifecycle hook ([{command}]) for Container "{container.spec.name}" in Pod '
        f"\"{container.worker.title}\" failed - error: command '{command}' exited with "
        f'{result.code}: {result.stderr}, message: "{result.stdout}{result.stderr}"'
    )


def _port_number(spec: Any, port: int | str) -> int:
    """A port by number, or by the name that the container gives it; 0 if it gives none."""
    named = {declared.name: int(declared.containerPort) for declared in spec.ports or ()}
    return named.get(port) or (int(port) if str(port).isdigit() else 0)


def _connect(container: PodContainer, host: str | None, port: int | str) -> tuple[str, Any]:
    """An address of the pod, or of the host that is named, and the container that listens there."""
    worker, number = container.worker, _port_number(container.spec, port)
    sandbox = worker.sandbox
    assert sandbox is not None
    address = f"{host or sandbox.ip}:{number}"
    if host not in (*LOCAL, sandbox.ip):
        sandbox = worker.kubelet.runtime.by_ip.get(host or "")
    return address, sandbox.listener(number) if sandbox is not None else None


def _http_get(container: PodContainer, action: Any, timeout: float) -> Outcome:
    address, listener = _connect(container, action.host, action.port)
    path = f"/{(action.path or '').removeprefix('/')}"
    asked = f'Get "{(action.scheme or "HTTP").lower()}://{address}{path}"'
    if listener is None:
        return False, f"{asked}: dial tcp {address}: connect: connection refused", 0.0
    reply = listener.answer(path, int(address.rpartition(":")[2]))
    if reply.hangs or reply.latency > timeout:
        why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return False, f"{asked}: {why}", timeout
    if 200 <= reply.status < 400:
        return True, "", 0.0
    return False, f"HTTP probe failed with statuscode: {reply.status}", 0.0


def _check_health(container: PodContainer, action: Any, timeout: float) -> Outcome:
    """Ask a gRPC service for its health, as `pkg/probe/grpc/grpc.go` does.

    Every server here implements the health protocol, and all its services are as well as it is.
    """
    address, listener = _connect(container, None, action.port)
    if listener is None:  # it tries to connect for as long as it may
        why = (
            f'failed to connect service "{address}" within {timeout:g}s: context deadline exceeded'
        )
        return False, f"timeout: {why}", timeout
    reply = listener.answer("/grpc.health.v1.Health/Check", int(action.port))
    if reply.hangs or reply.latency > timeout:
        return False, f"timeout: health rpc did not complete within {timeout:g}s", timeout
    if reply.status >= 500:
        return False, 'service unhealthy (responded with "NOT_SERVING")', 0.0
    return True, "", 0.0
