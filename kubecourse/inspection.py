"""What can be asked of a cluster: its objects, what is used, what happened and why.

Answers come from etcd's history and the nodes' meters, in no time, and change nothing.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from kubecourse.api.labels import parse_selector
from kubecourse.api.resources import Resource, find
from kubecourse.clock import Clock
from kubecourse.control_plane.controller_manager import ControllerManager
from kubecourse.node.kubelet import Kubelet
from kubecourse.node.resources.meter import Meter, NodeUsage, Usage

if TYPE_CHECKING:
    from kubecourse.tools.explanation import Explanation
    from kubecourse.tools.timeline import Timeline
    from kubecourse.tools.waiting import Waiting


class CourseError(Exception):
    """Something asked of the course that it cannot do; the message says what to do instead."""

    def _render_traceback_(self) -> list[str]:
        """In a notebook the message is enough: where in our code it came up helps nobody."""
        return [f"{type(self).__name__}: {self}"]


class Diary(list[Any]):
    """Lines of a controller's diary; a notebook shows them as text."""

    def __repr__(self) -> str:
        return "\n".join(f"{time:8.3f} s  {key}: {text}" for time, key, text in self)


class Objects:
    """A cluster's objects by their names, which are as kubectl's: `pod/web-1`, `deploy/web`."""

    def get(self, name: str, namespace: str = "default") -> Any:
        """An object by kind and name: `cluster.get("deployment/web")`. None if it is not there."""
        raise NotImplementedError

    def list(
        self, kind: str, namespace: str | None = "default", selector: str = ""
    ) -> builtins.list[Any]:
        """All objects of a kind in a namespace (None: in all), that a label selector matches."""
        raise NotImplementedError

    def pods(self, owner: str = "", namespace: str = "default") -> builtins.list[str]:
        """The names of all pods, or of those that a Deployment, ReplicaSet, … of that name has."""
        return [
            pod.metadata.name
            for pod in self.list("pods", namespace)
            if not owner or owner in self._owners(pod)
        ]

    def _owners(self, obj: Any) -> builtins.list[str]:
        """The names of an object's owners, and of theirs."""
        names: list[str] = []
        for reference in obj.metadata.ownerReferences or ():
            names.append(reference.name)
            owner = self.get(f"{reference.kind}/{reference.name}", obj.metadata.namespace)
            if owner is not None:
                names += self._owners(owner)
        return names

    def _resource(self, word: str) -> Resource:
        found = find(word)
        if found is None:
            raise CourseError(
                f'no resource type "{word}" here: cluster.kubectl("api-resources") lists them'
            )
        return found


class Inspection(Objects):
    """Questions to a cluster. Names of objects are as kubectl's: `pod/web-1`, `deploy/web`."""

    clock: Clock
    etcd: Any
    kubelets: dict[str, Kubelet]

    @property
    def controller_manager(self) -> ControllerManager:
        """The one that works; if none does, the first."""
        raise NotImplementedError

    # --- what there is

    def get(self, name: str, namespace: str = "default") -> Any:
        """An object by kind and name: `cluster.get("deployment/web")`. None if it is not there."""
        resource, _, local = name.partition("/")
        found = self._resource(resource)
        stored = self.etcd.get(found.key(namespace if found.namespaced else None, local))
        return stored.value if stored is not None else None

    def list(
        self, kind: str, namespace: str | None = "default", selector: str = ""
    ) -> builtins.list[Any]:
        """All objects of a kind in a namespace (None: in all), that a label selector matches."""
        found = self._resource(kind)
        below = f"{namespace}/" if namespace and found.namespaced else ""
        objects = self.etcd.serializable(found.prefix + below).values()
        matches = parse_selector(selector).matches
        return [obj for obj in objects if not selector or matches(obj.metadata.labels)]

    def _pod(self, name: str, namespace: str) -> Any:
        found = self.get(f"pod/{name}", namespace)
        if found is None:
            raise CourseError(f'pods "{name}" not found: cluster.pods() lists the pods there are')
        return found

    def _kubelet(self, name: str) -> Kubelet:
        if name not in self.kubelets:
            raise CourseError(f"no node {name!r}: there are {', '.join(self.kubelets)}")
        return self.kubelets[name]

    # --- what is used

    def usage(
        self, pod: str, container: str = "", namespace: str = "default", at: float | None = None
    ) -> Usage | None:
        """What a pod's container uses, or used at a time; None if it did not run then."""
        meter, uid, name = self._measured(pod, container, namespace)
        return None if meter is None else meter.usage(uid, name, at)

    def usage_series(
        self,
        pod: str,
        start: float,
        end: float,
        step: float = 1.0,
        *,
        container: str = "",
        namespace: str = "default",
    ) -> builtins.list[Usage]:
        """The same at each step between two times, where it ran."""
        meter, uid, name = self._measured(pod, container, namespace)
        return [] if meter is None else meter.series(uid, name, start, end, step)

    def node_usage(self, node: str, at: float | None = None) -> NodeUsage:
        """What everything on a node uses, or used at a time."""
        return self._kubelet(node).meter.node(at)

    def _measured(self, pod: str, container: str, namespace: str) -> tuple[Meter | None, str, str]:
        found = self._pod(pod, namespace)
        kubelet = self.kubelets.get(found.spec.nodeName or "")
        name = container or found.spec.containers[0].name
        return kubelet.meter if kubelet else None, found.metadata.uid, name

    def _meter(self, node: str) -> Any:
        """What measures a node's containers; None if the node cannot be reached."""
        kubelet = self.kubelets.get(node)
        if kubelet is None or not kubelet.runtime.powered:
            return None
        return kubelet.meter

    # --- what happened, and why

    def diary(self, controller: str, last: int = 10) -> Diary:
        """The last laps of a controller's loop in which it decided something, a line each."""
        controllers = self.controller_manager.controllers
        if controller not in controllers:
            raise CourseError(f"no controller {controller!r}: there are {', '.join(controllers)}")
        return Diary(list(controllers[controller].diary)[-last:])

    def explain(
        self, name: str, namespace: str = "default", *, at: float | str | None = None
    ) -> Explanation | Waiting:
        """Why a pod is where it is or pending, or what anything else is waiting for.

        `at`: a past moment instead of now, as a virtual second or as a resourceVersion (text).
        """
        from kubecourse.tools.explanation import explain_pod
        from kubecourse.tools.past import Past
        from kubecourse.tools.waiting import explain_object

        kind, _, local = name.partition("/")
        resource = self._resource(kind)
        past = Past(self.etcd, self.clock, None if at is None else self._revision(at))
        found = past.get(resource, namespace, local)
        if found is None:
            then = "" if at is None else f" at {past.now:.3f} s"
            raise CourseError(
                f'{resource.plural} "{local}" not found{then}: '
                f'cluster.kubectl("get {resource.plural}") lists what there is'
            )
        return explain_pod(past, found) if resource.kind == "Pod" else explain_object(past, found)

    def timeline(self, name: str, namespace: str = "default") -> Timeline:
        """What happened to an object, when, and what each step waited for; to a gone one as well.

        Of a node that falls silent: until its pods are replaced, and until it is back.
        """
        from kubecourse.tools.past import Past
        from kubecourse.tools.timeline import timeline

        kind, _, local = name.partition("/")
        found = timeline(Past(self.etcd, self.clock), self._resource(kind), namespace, local)
        if found is None:
            raise CourseError(f"nothing is known of {name!r}: give a kind and a name, as pod/web-1")
        return found

    def _revision(self, at: float | str) -> int:
        if not isinstance(at, str):
            return self.etcd.revision_at(at)
        if not at.isdigit():
            raise CourseError(f"at={at!r}: give a virtual second, or a resourceVersion as text")
        return int(at)
