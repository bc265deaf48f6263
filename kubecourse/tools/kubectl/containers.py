"""Containers that run, or ran, behind pods: what `logs`, `exec` and `run -i` reach through the API.

The real kubectl asks the API server, which asks the node's kubelet; so does this, without the
wires. Errors are worded as they arrive at kubectl.
Sources: `staging/src/k8s.io/kubectl/pkg/cmd/util/podcmd/podcmd.go`,
`…/pkg/polymorphichelpers/logsforobject.go`, `pkg/kubelet/kubelet_pods.go`
(validateContainerLogStatus).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubecourse.api.errors import ApiError, bad_request
from kubecourse.api.resources import BY_KIND
from kubecourse.tools.kubectl.connection import Connection
from kubecourse.tools.kubectl.describe.forms import label_selector
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info, from_arguments

Json = dict[str, Any]

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
KUBELET_PORT = 10250
DIAL_TIMEOUT = 30.0
"""Seconds after which the API server gives up to reach a node."""
PODS = BY_KIND["v1", "Pod"]
_PULLING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


@dataclass(frozen=True)
class Run:
    """One run of a container on its node."""

    kubelet: Any
    pod_uid: str
    name: str
    previous: bool = False

    @property
    def container(self) -> Any:
        """The container in the node's runtime. Raises KeyError."""
        sandbox = self.kubelet.runtime.sandboxes[self.pod_uid]
        return (sandbox.previous if self.previous else sandbox.containers)[self.name]

    @property
    def lines(self) -> list[tuple[float, str]]:
        """What it wrote: each line, its line break included, with its virtual second."""
        return list(self.kubelet.runtime.logs(self.pod_uid, self.name, self.previous))


# --- choosing


def choose(pod: Json, name: str) -> tuple[str, str]:
    """A container's name, or that of the default one, and what kubectl says about the choice.

    Raises KubectlError for a name that the pod does not have.
    """
    own = container_names(pod)
    if name:
        if name not in own:
            raise KubectlError(f"container {name} is not valid for pod {pod['metadata']['name']}")
        return name, ""
    annotated = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER)
    if annotated in own:
        return str(annotated), ""
    main = len(pod["spec"].get("containers") or [])
    listed = [*own[:main], *(f"{name} (init)" for name in own[main:])]
    said = f'Defaulted container "{own[0]}" out of: {", ".join(listed)}' if len(own) > 1 else ""
    return own[0], said


def container_names(pod: Json) -> list[str]:
    """All containers of a pod, those that run before the others last."""
    keys = ("containers", "initContainers")
    return [container["name"] for key in keys for container in pod["spec"].get(key) or []]


def named_pods(inv: Invocation, name: str) -> tuple[Info, list[Json]]:
    """The object of a POD or TYPE/NAME, and its pods, the fittest first."""
    info = from_arguments(inv, [name if "/" in name else f"pod/{name}"])[0]
    return info, pods_of(inv.connection, info)


def pods_of(connection: Connection, info: Info) -> list[Json]:
    """The pod itself, or the pods that a workload or Service selects, the fittest first."""
    if info.object["kind"] == "Pod":
        return [info.object]
    kind = info.object["kind"]
    selector = (info.object.get("spec") or {}).get("selector")
    if not selector:
        raise KubectlError(f"cannot get the logs from {kind}: it selects no pods")
    if kind == "Service":
        selector = {"matchLabels": selector}
    found = connection.list(PODS, info.namespace, labels=label_selector(selector))
    if not found:
        raise KubectlError(f"timed out waiting for the condition: no pods match {info}")
    return sorted(found, key=_fitness)


def _fitness(pod: Json) -> tuple[Any, ...]:
    """Scheduled, running, ready and old pods come before others."""
    status = pod.get("status") or {}
    phases = {"Running": 0, "Unknown": 1, "Pending": 2}
    ready = any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in status.get("conditions") or []
    )
    return (
        not pod["spec"].get("nodeName"),
        phases.get(status.get("phase", ""), 3),
        not ready,
        pod["metadata"]["creationTimestamp"],
        pod["metadata"]["name"],
    )


# --- reaching the node


def find_run(connection: Connection, pod: Json, name: str, previous: bool = False) -> Run | None:
    """The run of a container whose log can be read; None while its pod has no node.

    Raises ApiError for a container that has not started, or whose node does not answer.
    """
    name, _ = choose(pod, name)
    node = pod["spec"].get("nodeName")
    if not node:
        return None
    state = _status(pod, name)
    current, last = state.get("state") or {}, state.get("lastState") or {}
    where = f'container "{name}" in pod "{pod["metadata"]["name"]}"'
    if previous:
        if not last.get("terminated"):
            raise bad_request(f"previous terminated {where} not found")
    elif "running" not in current and "terminated" not in current and "terminated" not in last:
        reason = (current.get("waiting") or {}).get("reason", "ContainerCreating")
        raise bad_request(f"{where} is waiting to start: {_PULLING.get(reason, reason)}")
    kubelet = reach(connection, pod, f"containerLogs/{_path(pod, name)}")
    run = Run(kubelet, pod["metadata"]["uid"], name, previous)
    try:
        run.container  # noqa: B018
    except KeyError:
        raise bad_request(f"{where} is terminated") from None
    return run


def reach(connection: Connection, pod: Json, asked: str = "") -> Any:
    """The kubelet of a pod's node. Raises ApiError where it does not answer.

    `asked` is the path that the API server gets there; without one it opens a stream.
    """
    node = pod["spec"]["nodeName"]
    kubelet = getattr(connection.cluster, "kubelets", {}).get(node)
    if kubelet is not None and kubelet.running:
        return kubelet
    host = f"{(pod.get('status') or {}).get('hostIP') or node}:{KUBELET_PORT}"
    why = "connect: connection refused"
    if kubelet is not None and not kubelet.runtime.powered:
        connection.clock.advance(DIAL_TIMEOUT)
        why = "i/o timeout"
    trying = f'Get "https://{host}/{asked}"' if asked else "error dialing backend"
    raise ApiError(500, "", f"{trying}: dial tcp {host}: {why}")


def _path(pod: Json, name: str) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}/{name}"


def _status(pod: Json, name: str) -> Json:
    status = pod.get("status") or {}
    for key in ("containerStatuses", "initContainerStatuses"):
        for each in status.get(key) or []:
            if each["name"] == name:
                return each
    return {}


def running(connection: Connection, pod: Json, name: str) -> Run:
    """A container that a command can be run in. Raises KubectlError, ApiError."""
    phase = (pod.get("status") or {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        raise KubectlError(
            f"cannot exec into a container in a completed pod; current phase is {phase}"
        )
    node = pod["spec"].get("nodeName")
    if not node:
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    kubelet = reach(connection, pod)
    if "running" not in (_status(pod, name).get("state") or {}):
        raise KubectlError(
            f'Internal error occurred: unable to upgrade connection: container not found ("{name}")'
        )
    return Run(kubelet, pod["metadata"]["uid"], name)
