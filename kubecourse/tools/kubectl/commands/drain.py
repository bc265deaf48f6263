"""`kubectl cordon`, `uncordon` and `drain`, which empties a node as disruption budgets allow.

Source: `staging/src/k8s.io/kubectl/pkg/drain/{drain,filters}.go`, `…/pkg/cmd/drain/drain.go`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_KIND
from kubecourse.tools.kubectl.changing import send_patch
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.connection import WATCH_LIMIT
from kubecourse.tools.kubectl.describe.formatters import controller_of
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import dry_run_suffix, print_result
from kubecourse.tools.kubectl.resources import Info, Selection, from_arguments
from kubecourse.tools.kubectl.watching import wait_until_gone

Json = dict[str, Any]

PODS = BY_KIND["v1", "Pod"]
MIRROR = "kubernetes.io/config.mirror"
RETRY = 5.0
"""Seconds until an eviction that a budget refused is tried again."""


def _nodes(inv: Invocation) -> list[Info]:
    """The nodes that the arguments or -l name. Raises KubectlError."""
    selection = Selection.of(inv)
    return from_arguments(inv, ["nodes", *inv.args], selection)


def _mark(unschedulable: bool, inv: Invocation, info: Info) -> None:
    """Make a node take new pods, or not, and say so."""
    done = "cordoned" if unschedulable else "uncordoned"
    if bool(info.object["spec"].get("unschedulable")) == unschedulable:
        print_result(inv, info, f"already {done}")
    else:
        send_patch(inv, info, {"spec": {"unschedulable": unschedulable or None}}, done)


def _mark_all(unschedulable: bool, inv: Invocation) -> None:
    for info in _nodes(inv):
        _mark(unschedulable, inv, info)


command("cordon")(partial(_mark_all, True))
command("uncordon")(partial(_mark_all, False))


@command("drain")
def drain(inv: Invocation) -> None:
    """Cordon the nodes, then empty one after the other."""
    infos = _nodes(inv)
    for info in infos:
        _mark(True, inv, info)
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
            inv.error("\n ".join(["There are pending nodes to be drained:", *pending]))
            errors.append(error)
        else:
            pending.remove(info.name)
            print_result(inv, info, "drained")
    raise_all(errors)


def _empty(inv: Invocation, node: Info) -> None:
    """Evict all pods that may go; those whose budgets refuse again and again, all 5 seconds."""
    refused, going = _choose(inv, node.name), list[Info]()
    clock = inv.connection.clock
    end = round(clock.now + (inv.flags["timeout"] or WATCH_LIMIT), 6)  # as the clock counts
    while refused or going:
        tried, refused = refused, []
        for pod in tried:
            inv.print(f"evicting pod {pod.namespace}/{pod.name}{dry_run_suffix(inv)}")
            if inv.dry_run == "none":
                (going if _evict(inv, pod) else refused).append(pod)
        until = min(clock.now + RETRY, end) if refused else end
        going = [pod for pod in going if not _is_gone(inv, pod, until)]
        clock.advance(until - clock.now if refused else 0)
        if clock.now >= end and (refused or going):
            raise _timed_out(inv, refused, going)


def _is_gone(inv: Invocation, pod: Info, until: float) -> bool:
    """Wait for a pod to go, and say so when it does."""
    uid = pod.object["metadata"]["uid"]
    gone = wait_until_gone(inv.connection, pod, uid, until - inv.connection.clock.now)
    if gone:
        inv.print(f"{pod} evicted")
    return gone


# --- which pods

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


class _Refused(KubectlError):
    """Pods that are not deleted. In the end kubectl prints each reason on a line of its own."""

    def __init__(self, parts: list[str]) -> None:
        super().__init__("\n".join(parts), bare=True)
        self.text = parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"

    def __str__(self) -> str:
        return self.text


def _choose(inv: Invocation, node: str) -> list[Info]:
    """The pods to delete. Raises KubectlError if there are some that must not be."""
    refused: dict[str, list[str]] = {}
    warned: dict[str, list[str]] = {}
    chosen: list[Info] = []
    labels, fields = inv.flags["pod-selector"], f"spec.nodeName={node}"
    for pod in inv.connection.list(PODS, None, labels, fields):
        metadata = pod["metadata"]
        if MIRROR in (metadata.get("annotations") or {}):
            continue
        delete, reasons, allowed = _verdict(inv, pod)
        if reasons:
            listed = warned if allowed else refused
            name = f"{metadata['namespace']}/{metadata['name']}"
            listed.setdefault(reasons[int(allowed)], []).append(name)
        if delete:
            chosen.append(Info(PODS, metadata["namespace"], metadata["name"], pod))
    if refused:
        raise _Refused([f"cannot delete {text}" for text in _listed(refused)])
    if warned:
        inv.warn("; ".join(_listed(warned)))
    return chosen


def _listed(pods: dict[str, list[str]]) -> list[str]:
    return [f"{reason}: {', '.join(pods[reason])}" for reason in sorted(pods)]


def _verdict(inv: Invocation, pod: Json) -> tuple[bool, tuple[str, str] | None, bool]:
    """Whether to delete a pod, what speaks against it, and whether a flag allows it."""
    controller = controller_of(pod["metadata"])
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return True, None, True
    if controller and controller["kind"] == "DaemonSet":
        return False, DAEMON_SET, inv.flags["ignore-daemonsets"]
    if any("emptyDir" in volume for volume in pod["spec"].get("volumes") or []):
        allowed = inv.flags["delete-emptydir-data"]
        return allowed, LOCAL_STORAGE, allowed
    if controller is None:
        return inv.flags["force"], UNMANAGED, inv.flags["force"]
    return True, None, True


# --- evicting


def _evict(inv: Invocation, pod: Info) -> bool:
    """Evict a pod, unless a budget refuses that for now. Raises KubectlError."""
    grace = inv.flags["grace-period"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": {"gracePeriodSeconds": grace} if grace >= 0 else {},
    }
    try:
        inv.connection.create(pod, eviction, "eviction")
    except ApiError as error:
        where = f'error when evicting pods/"{pod.name}" -n "{pod.namespace}"'
        if error.reason == "TooManyRequests":
            inv.error(f"{where} (will retry after 5s): {error.message}")
            return False
        if error.reason != "NotFound":
            raise KubectlError(f"{where}: {error.message}") from None
    return True


def _timed_out(inv: Invocation, refused: list[Info], going: list[Info]) -> KubectlError:
    if not inv.flags["timeout"]:
        return KubectlError(
            "not done after an hour of virtual time; the real kubectl would go on trying", bare=True
        )
    why = f"global timeout reached: {inv.flags['timeout']:g}s"
    parts = [f'error when evicting pods/"{p.name}" -n "{p.namespace}": {why}' for p in refused]
    for pod in going:
        where = f'pod "{pod.name}" in namespace "{pod.namespace}"'
        parts.append(f"error when waiting for {where} to terminate: {why}")
    return _Refused(parts)
