"""A pod's status as its kubelet reports it: phase and conditions from its containers.

Sources: `pkg/kubelet/kubelet_pods.go` (getPhase, generateAPIPodStatus),
`pkg/kubelet/status/generate.go`.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from kubecourse.api import conditions, models
from kubecourse.node.kubelet.records import INIT, SIDECAR, ContainerRecord

core = models.core_v1

OWN = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
"""The conditions that the kubelet writes; all others it leaves as they are."""
FINAL = ("Succeeded", "Failed")

PodCondition = core.PodCondition


@lru_cache(maxsize=8192)
def _condition(
    type: str,
    status: str,
    reason: str | None,
    message: str | None,
    since: datetime,
    generation: int,
) -> Any:
    """A condition, shared by the pods that have the same one."""
    return PodCondition(
        type=type,
        status=status,
        reason=reason,
        message=message,
        lastTransitionTime=since,
        observedGeneration=generation,
    )


def initialized(inits: list[ContainerRecord]) -> bool:
    """Whether all init containers have done what the pod needs to go on."""
    return not incomplete(inits)


def incomplete(inits: list[ContainerRecord]) -> list[str]:
    """The init containers that the pod still waits for."""
    return [
        record.spec.name
        for record in inits
        if not (record.started if record.kind == SIDECAR else record.exit_code == 0)
    ]


def phase(restart_policy: str, inits: list[ContainerRecord], apps: list[ContainerRecord]) -> str:
    """The pod's phase."""
    pending_init = False
    for record in inits:
        if record.kind == SIDECAR:
            pending_init |= not record.started and record.run is None
        elif record.exit_code is None:
            pending_init = True
        elif record.exit_code:
            if restart_policy == "Never":
                return "Failed"
            pending_init = True
    running = waiting = stopped = succeeded = 0
    for record in apps:
        if record.run is None:
            waiting += 1
        elif record.run.finished_at is None:
            running += 1
        else:
            stopped += 1
            succeeded += record.run.exit_code == 0 and record.waiting is None
    if pending_init or waiting:
        return "Pending"
    if running:
        return "Running"
    if restart_policy == "Always":
        return "Running"
    if stopped == succeeded:
        return "Succeeded"
    return "Failed" if restart_policy == "Never" else "Running"


class Conditions:
    """The conditions that a kubelet last worked out for one pod."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def make(
        self,
        now: datetime,
        pod: Any,
        phase: str,
        network: bool,
        inits: list[ContainerRecord],
        apps: list[ContainerRecord],
    ) -> list[Any]:
        """All of them; each keeps its time while its status stays the same."""
        generation = pod.metadata.generation
        result = [
            self._put(now, generation, OWN[0], "True" if network else "False"),
            self._initialized(now, generation, phase, inits),
        ]
        status, reason, message = _containers_ready(phase, inits, apps)
        ready = (status, reason, message)
        if status == "True" and pod.spec.readinessGates:
            ready = _gates(pod) or ready
        result.append(self._put(now, generation, OWN[2], *ready))
        result.append(self._put(now, generation, OWN[3], status, reason, message))
        scheduled = conditions.get(pod.status.conditions, OWN[4])
        if scheduled is None or scheduled.status != "True":
            scheduled = self._put(now, generation, OWN[4], "True")
        result.append(scheduled)
        result += [c for c in pod.status.conditions or () if c.type not in OWN]
        return result

    def _initialized(
        self, now: datetime, generation: int, phase: str, inits: list[ContainerRecord]
    ) -> Any:
        names = incomplete(inits) if inits else []
        if phase == "Succeeded" and not names:
            return self._put(now, generation, OWN[1], "True", "PodCompleted")
        if not names:
            return self._put(now, generation, OWN[1], "True")
        message = f"containers with incomplete status: [{' '.join(names)}]"
        return self._put(now, generation, OWN[1], "False", "ContainersNotInitialized", message)

    def _put(
        self,
        now: datetime,
        generation: int,
        type: str,
        status: str,
        reason: str | None = None,
        message: str | None = None,
    ) -> Any:
        old = self._known.get(type)
        if old is not None and old.status == status:
            now = old.lastTransitionTime
        condition = self._known[type] = _condition(type, status, reason, message, now, generation)
        return condition


def _containers_ready(
    phase: str, inits: list[ContainerRecord], apps: list[ContainerRecord]
) -> tuple[str, str | None, str | None]:
    if phase == "Succeeded":
        return "False", "PodCompleted", None
    if phase == "Failed":
        return "False", "PodFailed", None
    unready = [
        record.spec.name
        for group in (inits, apps)
        for record in group
        if record.kind != INIT and not (record.ready and record.running)
    ]
    if not unready:
        return "True", None, None
    return "False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"


def _gates(pod: Any) -> tuple[str, str, str] | None:
    """What the pod's own readiness gates still ask for."""
    messages = []
    for gate in pod.spec.readinessGates:
        name = gate.conditionType
        condition = conditions.get(pod.status.conditions, name)
        if condition is None:
            messages.append(
                f'corresponding condition of pod readiness gate "{name}" does not exist.'
            )
        elif condition.status != "True":
            messages.append(
                f'the status of pod readiness gate "{name}" is not "True", but {condition.status}'
            )
    return ("False", "ReadinessGatesNotReady", ", ".join(messages)) if messages else None
