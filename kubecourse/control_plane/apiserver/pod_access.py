"""The way into a pod's containers: the API server asks the kubelet of the pod's node.

Sources: `pkg/registry/core/pod/strategy.go` (LogLocation, streamLocation),
`pkg/kubelet/kubelet_pods.go` (validateContainerLogStatus).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kubecourse.api import errors
from kubecourse.api.resources import BY_PLURAL

if TYPE_CHECKING:
    from kubecourse.control_plane.apiserver.server import APIServer

NODES = BY_PLURAL["", "v1", "nodes"]
KUBELET_PORT = 10250
UNANSWERED = "i/o timeout"
"""How the message ends where a machine does not answer at all."""
_PULLING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


class PodAccess:
    """One pod, its node as the server has it, and the kubelets by the names of their nodes."""

    def __init__(self, server: APIServer, pod: Any, kubelets: Mapping[str, Any]) -> None:
        self.pod = pod
        self._node = server.find(NODES, None, pod.spec.nodeName or "")
        self._kubelets = kubelets
        self._statuses = {
            status.name: status
            for field in ("containerStatuses", "initContainerStatuses")
            for status in getattr(pod.status, field, None) or ()
        }

    def container(self, name: str = "") -> str:
        """The name of the one that is meant. Raises BadRequest."""
        spec, pod = self.pod.spec, self.pod.metadata.name
        main = [container.name for container in spec.containers]
        before = [container.name for container in spec.initContainers or ()]
        if not name and len(main) == 1:
            return str(main[0])
        if not name:
            also = f" or one of the init containers: [{' '.join(before)}]" if before else ""
            raise errors.bad_request(
                f"a container name must be specified for pod {pod}, "
                f"choose one of: [{' '.join(main)}]{also}"
            )
        if name not in main + before:
            raise errors.bad_request(f"container {name} is not valid for pod {pod}")
        return name

    def kubelet(self, asked: str = "") -> Any:
        """The kubelet of the pod's node. Raises an error 500 where it does not answer.

        Where there is no such node, NotFound, with the server's words. `asked` is the path that
        the API server gets there; without one it opens a stream.
        """
        node = self.pod.spec.nodeName
        if self._node is None:
            raise errors.not_found("pods", "", node)
        kubelet = self._kubelets.get(node)
        if kubelet is not None and kubelet.running:
            return kubelet
        host = f"{(self.pod.status and self.pod.status.hostIP) or node}:{KUBELET_PORT}"
        cut_off = kubelet is not None and not kubelet.runtime.powered
        why = UNANSWERED if cut_off else "connect: connection refused"
        trying = f'Get "https://{host}/{asked}"' if asked else "error dialing backend"
        raise errors.ApiError(500, "", f"{trying}: dial tcp {host}: {why}")

    def running(self, name: str) -> Any:
        """A container that runs, in the node's runtime. Raises BadRequest, an error 500."""
        metadata = self.pod.metadata
        if not self.pod.spec.nodeName:
            raise errors.bad_request(f"pod {metadata.name} does not have a host assigned")
        kubelet = self.kubelet()
        status = self._statuses.get(name)
        if status is None or status.state is None or status.state.running is None:
            why = f'unable to upgrade connection: container not found ("{name}")'
            raise errors.internal(why)
        return kubelet.runtime.container(metadata.uid, name)

    def logged(self, name: str, previous: bool = False) -> Any | None:
        """The container whose log can be read; None while its pod has no node.

        Raises BadRequest for a container that has not started, an error 500 as `kubelet` does.
        """
        metadata = self.pod.metadata
        if not self.pod.spec.nodeName:
            return None
        place = f"{metadata.namespace}/{metadata.name}/{name}"
        kubelet = self.kubelet(f"containerLogs/{place}")
        status = self._statuses.get(name)
        state, last = getattr(status, "state", None), getattr(status, "lastState", None)
        where = f'container "{name}" in pod "{metadata.name}"'
        ended = last is not None and last.terminated is not None
        if previous and not ended:
            raise errors.bad_request(f"previous terminated {where} not found")
        if not previous and not ended and not (state and (state.running or state.terminated)):
            waiting = state.waiting if state is not None else None
            reason = (waiting.reason if waiting else None) or "ContainerCreating"
            raise errors.bad_request(f"{where} is waiting to start: {_PULLING.get(reason, reason)}")
        sandbox = kubelet.runtime.sandboxes.get(metadata.uid)
        runs = getattr(sandbox, "previous" if previous else "containers", {})
        if name not in runs:
            raise errors.bad_request(f"{where} is terminated")
        return runs[name]
