"""Which containers of a pod are to be started, and in which order.

Source: `pkg/kubelet/kuberuntime/kuberuntime_manager.go` (computePodActions),
`…/kuberuntime_container.go` (computeInitContainerActions).
"""

from __future__ import annotations

from kubecourse.node.kubelet.records import INIT, SIDECAR, ContainerRecord


def to_start(
    restart_policy: str, inits: list[ContainerRecord], apps: list[ContainerRecord]
) -> list[ContainerRecord]:
    """The containers to start, or to stop and start again, in order.

    Init containers come one at a time, each when the one before has done its work; a sidecar has
    when it has started. Then come the others, all of them.
    """
    plan: list[ContainerRecord] = []
    for record in inits:
        if record.kind == SIDECAR:
            if needs_start(restart_policy, record):
                plan.append(record)
            if not record.started:
                return plan
        elif record.exit_code != 0:
            if needs_start(restart_policy, record):
                plan.append(record)
            return plan
    return plan + [record for record in apps if needs_start(restart_policy, record)]


def needs_start(restart_policy: str, record: ContainerRecord) -> bool:
    """Whether a container should run and does not, or should not run as it does."""
    if record.condemned is not None or record.run is None:
        return True
    if record.running:
        return False
    if record.kind == SIDECAR:
        return True
    if record.kind == INIT:
        return record.exit_code != 0 and restart_policy != "Never"
    return restart_policy == "Always" or (restart_policy == "OnFailure" and record.exit_code != 0)
