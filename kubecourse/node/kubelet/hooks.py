"""Lifecycle hooks: what a container runs after its start and before its end.

Sources: `pkg/kubelet/lifecycle/handlers.go`, `pkg/kubelet/kuberuntime/kuberuntime_container.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubecourse.node.kubelet.probes import http_get, port_number
from kubecourse.node.kubelet.records import ContainerRecord

if TYPE_CHECKING:
    from kubecourse.node.kubelet.worker import PodWorker


def run(worker: PodWorker, record: ContainerRecord, handler: Any) -> tuple[float, str]:
    """Run a hook in a container: how many seconds it takes, and what went wrong if anything."""
    if handler.sleep is not None:
        return float(handler.sleep.seconds or 0), ""
    if handler.exec is not None and record.run is not None:
        command = handler.exec.command or []
        result = worker.kubelet.runtime.exec(record.run, command)
        if result.code == 0:
            return result.seconds, ""
        metadata = worker.pod.metadata
        pod = f"{metadata.name}_{metadata.namespace}({metadata.uid})"
        return result.seconds, (
            f"Exec lifecycle hook ([{' '.join(command)}]) for Container "
            f'"{record.spec.name}" in Pod "{pod}" failed - error: command '
            f"'{' '.join(command)}' exited with {result.code}: {result.stderr}, "
            f'message: "{result.stdout}{result.stderr}"'
        )
    if handler.httpGet is not None:
        action = handler.httpGet
        port = port_number(record.spec, action.port)
        ok, output, seconds = http_get(worker, action.host, port, action.path or "/", 30.0)
        return seconds, "" if ok else output
    return 0.0, ""
