"""`kubectl drain`: empty a node, pod by pod, as disruption budgets allow.

Source: `staging/src/k8s.io/kubectl/pkg/drain/{drain,filters}.go`, `…/pkg/cmd/drain/drain.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_KIND
from kubecourse.tools.kubectl import flags, output
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.commands.cordon import mark, nodes
from kubecourse.tools.kubectl.connection import WATCH_LIMIT
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info
from kubecourse.tools.kubectl.watching import wait_until_gone

Json = dict[str, Any]

PODS = BY_KIND["v1", "Pod"]
MIRROR = "kubernetes.io/config.mirror"
RETRY = 5.0
"""Seconds until an eviction that a budget refused is tried again."""

UNMANAGED = (
    "cannot delete Pods that declare no controller (use --force to override)",
    "deleting Pods that declare no controller",
)
DAEMON_SET = (
    "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)",
    "ignoring DaemonSet-managed Pods",
)
LOCAL_STORAGE = (
    "Pods with local storage (use --delete-emptydir-data to override)",
    "deleting Pods with local storage",
)
"""Why a pod is not deleted, and the warning where a flag says that it may be."""


def run(inv: Invocation) -> None:
    """Cordon the nodes, then empty one after the other."""
    infos = nodes(inv)
    for info in infos:
        mark(inv, info, True)
    errors: list[Exception] = []
    pending = [info.name for info in infos]
    for info in infos:
        try:
            _empty(inv, info)
        except (ApiError, KubectlError) as error:
            inv.error(
                f'error: unable to drain node "{info.name}" due to error: {error},'
                " continuing command..."
            )
            inv.error("There are pending nodes to be drained:")
            for name in pending:
                inv.error(f" {name}")
            errors.append(error)
        else:
            pending.remove(info.name)
            output.print_result(inv, info, "drained")
    raise_all(errors)


def _empty(inv: Invocation, node: Info) -> None:
    pods = _choose(inv, node.name)
    if inv.dry_run != "none":
        suffix = "dry run" if inv.dry_run == "client" else "server dry run"
        for pod in pods:
            inv.print(f"evicting pod {_name(pod)} ({suffix})")
        return
    end = inv.connection.now + (inv.flags["timeout"] or WATCH_LIMIT)
    waiting: list[Json] = []
    for pod in pods:
        inv.print(f"{'deleting' if inv.flags['disable-eviction'] else 'evicting'} pod {_name(pod)}")
    for pod in pods:
        _evict(inv, pod, end)
        waiting.append(pod)
    for pod in waiting:
        _await(inv, pod, end)


def _name(pod: Json) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


# --- which pods


def _choose(inv: Invocation, node: str) -> list[Json]:
    """The pods to delete. Raises KubectlError if there are some that must not be."""
    fatal: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    chosen: list[Json] = []
    selector = inv.flags["pod-selector"]
    for pod in inv.connection.list(PODS, None, labels=selector, fields=f"spec.nodeName={node}"):
        if MIRROR in (pod["metadata"].get("annotations") or {}):
            continue
        delete, reason, allowed = _verdict(inv, pod)
        if reason:
            listed = warnings if allowed else fatal
            listed.setdefault(reason[1 if allowed else 0], []).append(_name(pod))
        if delete:
            chosen.append(pod)
    if fatal:
        parts = [f"cannot delete {why}: {', '.join(fatal[why])}" for why in sorted(fatal)]
        text = parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
        raise _Refused(text, parts)
    if warnings:
        inv.warn("; ".join(f"{why}: {', '.join(warnings[why])}" for why in sorted(warnings)))
    return chosen


class _Refused(KubectlError):
    """Pods that must not be deleted. In the end kubectl prints each reason on a line of its own."""

    def __init__(self, text: str, parts: list[str]) -> None:
        super().__init__("\n".join(parts), bare=True)
        self.text = text

    def __str__(self) -> str:
        return self.text


def _verdict(inv: Invocation, pod: Json) -> tuple[bool, tuple[str, str] | None, bool]:
    """Whether to delete a pod, what speaks against it, and whether a flag allows it."""
    owners = pod["metadata"].get("ownerReferences") or []
    controller = next((owner for owner in owners if owner.get("controller")), None)
    finished = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    if controller and controller["kind"] == "DaemonSet" and not finished:
        return False, DAEMON_SET, inv.flags["ignore-daemonsets"]
    volumes = pod["spec"].get("volumes") or []
    if any("emptyDir" in volume for volume in volumes) and not finished:
        allowed = inv.flags["delete-emptydir-data"]
        return allowed, LOCAL_STORAGE, allowed
    if controller is None and not finished:
        return inv.flags["force"], UNMANAGED, inv.flags["force"]
    return True, None, True


# --- evicting


def _evict(inv: Invocation, pod: Json, end: float) -> None:
    """Evict a pod; where a budget refuses, again and again. Raises ApiError, KubectlError."""
    metadata = pod["metadata"]
    grace = inv.flags["grace-period"]
    options = {"gracePeriodSeconds": grace} if grace >= 0 else {}
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "deleteOptions": options,
    }
    while True:
        try:
            if inv.flags["disable-eviction"]:
                grace_period = grace if grace >= 0 else None
                place = (PODS, metadata["namespace"], metadata["name"])
                inv.connection.delete(*place, grace_period=grace_period)
            else:
                inv.connection.create(PODS, metadata["namespace"], eviction, subresource="eviction")
        except ApiError as error:
            if error.reason == "NotFound":
                return
            where = f'pods/"{metadata["name"]}" -n "{metadata["namespace"]}"'
            if error.reason != "TooManyRequests":
                raise KubectlError(f"error when evicting {where}: {error.message}") from None
            inv.error(f"error when evicting {where} (will retry after 5s): {error.message}")
            if inv.connection.now + RETRY > end:
                raise _timed_out(inv) from None
            inv.connection.clock.advance(RETRY)
        else:
            return


def _await(inv: Invocation, pod: Json, end: float) -> None:
    """Wait until a pod is gone."""
    metadata = pod["metadata"]
    info = Info(PODS, metadata["namespace"], metadata["name"])
    if not wait_until_gone(inv.connection, info, metadata["uid"], end - inv.connection.now):
        raise _timed_out(inv)
    inv.print(f"pod/{metadata['name']} {'deleted' if inv.flags['disable-eviction'] else 'evicted'}")


def _timed_out(inv: Invocation) -> KubectlError:
    if not inv.flags["timeout"]:
        return KubectlError(
            "not done after an hour of virtual time; the real kubectl would go on trying", bare=True
        )
    return KubectlError(f"global timeout reached: {inv.flags['timeout']:g}s", bare=True)


COMMAND = Command(
    name="drain",
    use="drain NODE",
    short="Drain node in preparation for maintenance",
    group="Cluster Management Commands",
    flags=(
        *flags.SELECTOR,
        *flags.DRY_RUN,
        Flag("output", "o", help="Output format."),
        Flag("pod-selector", help="Only pods with these labels."),
        Flag("force", type="bool", help="Also pods that nobody will replace."),
        Flag("ignore-daemonsets", type="bool", help="Leave the pods of DaemonSets."),
        Flag("delete-emptydir-data", type="bool", help="Also pods whose data will be lost."),
        Flag("disable-eviction", type="bool", help="Delete without asking disruption budgets."),
        Flag("grace-period", type="int", default=-1, help="Seconds to give the pods; -1: theirs."),
        Flag("timeout", type="duration", help="How long to try; 0 is for as long as it takes."),
    ),
    run=run,
)
