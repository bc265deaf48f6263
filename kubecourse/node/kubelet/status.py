"""A pod's status as its kubelet reports it: phase and conditions from its containers.

Sources: `pkg/kubelet/kubelet_pods.go` (getPhase, generateAPIPodStatus),
`pkg/kubelet/status/{generate,status_manager}.go`.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.node.kubelet.containers import INIT, SIDECAR, PodContainer

if TYPE_CHECKING:
    from kubecourse.node.kubelet.worker import PodWorker

core = models.core_v1

OWN = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
"""The conditions that the kubelet writes; all others it leaves as they are."""
FINAL = ("Succeeded", "Failed")
Verdict = tuple[str, str | None, str | None]
"""A condition's status, reason and message."""
YES: Verdict = ("True", None, None)


@lru_cache(maxsize=8192)
def _condition(type: str, verdict: Verdict, since: datetime, generation: int) -> Any:
    """A condition, shared by the pods that have the same one."""
    status, reason, message = verdict
    return core.PodCondition(
        type=type,
        status=status,
        reason=reason,
        message=message,
        lastTransitionTime=since,
        observedGeneration=generation,
    )


def phase(worker: PodWorker) -> str:
    """The phase that a pod's containers make; one that is stopped for good is in a final one."""
    if worker.reason is not None:
        return "Failed"
    found = _phase(worker.over, worker.inits, worker.apps)
    return "Failed" if worker.over and found not in FINAL else found


def _phase(over: bool, inits: list[PodContainer], apps: list[PodContainer]) -> str:
    """`over`: nothing is started again any more."""
    pending = any(app.run is None for app in apps)
    for init in inits:
        if init.kind == SIDECAR:
            pending |= not init.started and init.run is None
        elif init.exit_code and (over or not init.restarts_after(init.exit_code)):
            return "Failed"
        else:
            pending |= init.exit_code != 0
    if pending:
        return "Pending"
    ended = [app.exit_code for app in apps]
    if None in ended or any(init.kind == SIDECAR and init.running for init in inits):
        return "Running"
    if not over and any(app.restarts_after(app.exit_code or 0) for app in apps):
        return "Running"
    return "Failed" if any(ended) else "Succeeded"


def _initialized(phase: str, worker: PodWorker) -> Verdict:
    """Once it is, it stays so: a sidecar may start again, and is stopped in the end."""
    if phase == "Succeeded":
        return "True", "PodCompleted", None
    known = worker.conditions.get("Initialized")
    started = any(not app.waits for app in worker.apps)
    if started or (known is not None and known[1].status == "True"):
        return YES
    if names := " ".join(init.spec.name for init in worker.inits if not init.has_passed):
        message = f"containers with incomplete status: [{names}]"
        return "False", "ContainersNotInitialized", message
    return YES


def _containers_ready(phase: str, containers: list[PodContainer]) -> Verdict:
    if phase in FINAL:
        return "False", "PodCompleted" if phase == "Succeeded" else "PodFailed", None
    waited_for = [c for c in containers if c.kind != INIT and not (c.ready and c.running)]
    if not waited_for:
        return YES
    names = " ".join(container.spec.name for container in waited_for)
    return "False", "ContainersNotReady", f"containers with unready status: [{names}]"


def _gates(pod: Any) -> Verdict:
    """What the pod's own readiness gates still ask for."""
    messages = []
    for gate in pod.spec.readinessGates or ():
        name = f'pod readiness gate "{gate.conditionType}"'
        condition = conditions.get(pod.status.conditions, gate.conditionType)
        if condition is None:
            messages.append(f"corresponding condition of {name} does not exist.")
        elif condition.status != "True":
            messages.append(f'the status of {name} is not "True", but {condition.status}')
    return ("False", "ReadinessGatesNotReady", ", ".join(messages)) if messages else YES


def write(worker: PodWorker) -> None:
    """Write a pod's status, if it is not what is there; conditions of others stay as they are."""
    client, name = worker.kubelet.client, worker.pod.metadata.name
    namespace = worker.pod.metadata.namespace
    if worker.reason is not None and worker.reason[0] != "Evicted":
        # As `pkg/kubelet/active_deadline.go` does, each time that a status is made.
        worker.kubelet.recorder.normal(worker.pod, *worker.reason)
    try:
        current: Any = client.get(core.Pod, name, namespace)
        if current.metadata.uid != worker.uid:
            return
        new = _status(worker, current)
        if new != current.status:
            metadata = models.meta_v1.ObjectMeta(name=name, namespace=namespace, uid=worker.uid)
            client.update_status(core.Pod(metadata=metadata, status=new))
    except ApiError as error:
        if error.code != 404:
            worker.later("status", 1.0, worker.write_status, background=True)


def _status(worker: PodWorker, pod: Any) -> Any:
    kubelet, sandbox = worker.kubelet, worker.sandbox
    shown = phase(worker)
    listed = _conditions(worker, pod, shown)
    reason, message = worker.reason or (None, None)
    if shown in FINAL and not worker.over:
        # It is not over until nothing can run any more.
        shown, reason, message = pod.status.phase, None, None
    if pod.status.phase in FINAL:
        shown = pod.status.phase
    return replace(
        pod.status,
        phase=shown,
        reason=reason,
        message=message,
        observedGeneration=pod.metadata.generation,
        conditions=listed,
        hostIP=kubelet.machine.address,
        hostIPs=kubelet.host_ips,
        podIP=sandbox.ip if sandbox is not None else None,
        podIPs=[core.PodIP(ip=sandbox.ip)] if sandbox is not None else None,
        startTime=worker.start_time,
        initContainerStatuses=[init.status() for init in worker.inits] or None,
        containerStatuses=[app.status() for app in worker.apps],
        nominatedNodeName=None,
    )


def _conditions(worker: PodWorker, pod: Any, shown: str) -> list[Any]:
    """All of them; each keeps its time while its status stays the same."""
    known, generation = worker.conditions, pod.metadata.generation
    now, others = worker.kubelet.clock.utc(), pod.status.conditions or ()
    network = worker.sandbox is not None and not worker.over
    containers = _containers_ready(shown, worker.containers)
    verdicts = (
        YES if network else ("False", None, None),
        _initialized(shown, worker),
        _gates(pod) if containers is YES and pod.spec.readinessGates else containers,
        containers,
        YES,
    )
    for type, verdict in zip(OWN, verdicts, strict=True):
        (before, old) = known.get(type, (None, None))
        if before != (verdict, generation):
            since = old.lastTransitionTime if old and old.status == verdict[0] else now
            known[type] = ((verdict, generation), _condition(type, verdict, since, generation))
    result = [known[type][1] for type in OWN]
    scheduled = conditions.get(others, OWN[4])
    if scheduled is not None and scheduled.status == "True":
        result[4] = scheduled
    result += [c for c in others if c.type not in OWN]
    if worker.disruption and worker.over and worker.reason is not None:
        target = core.PodCondition(
            type="DisruptionTarget", status="True", reason="TerminationByKubelet",
            message=worker.reason[1], lastTransitionTime=now, observedGeneration=generation,
        )  # fmt: skip
        result = conditions.put(result, target)
    return result
