"""What can happen to a cluster: machines, components and containers fail, and come back."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import Any

from kubecourse.control_plane.machines import COMPONENTS, ControlPlane
from kubecourse.inspection import CourseError, Inspection
from kubecourse.node.kubelet import Kubelet


class Failures(Inspection):
    """Lets things happen at once, in no time; what follows takes time."""

    control_plane: ControlPlane

    # --- machines

    def fail_node(self, name: str) -> None:
        """The machine is gone: nothing reaches it, and it tells nobody."""
        for kubelet in self._kubelets(name):
            kubelet.stop()
            kubelet.runtime.powered = False
        self.control_plane.fail(name)

    def recover_node(self, name: str) -> None:
        """The machine answers again."""
        self.control_plane.recover(name)
        for kubelet in self._kubelets(name):
            kubelet.runtime.powered = True
            kubelet.start()

    def zone(self, name: str) -> list[str]:
        """The names of all machines of a zone."""
        control_plane = [machine.name for machine in self.control_plane if machine.zone == name]
        workers = [k.name for k in self.kubelets.values() if k.machine.zone == name]
        if not control_plane + workers:
            raise CourseError(f"no machine is in {name!r}: Cluster(zones=3) spreads them")
        return list(dict.fromkeys(control_plane + workers))

    def fail_zone(self, name: str) -> None:
        """All machines of a zone are gone."""
        for machine in self.zone(name):
            self.fail_node(machine)

    def recover_zone(self, name: str) -> None:
        """All machines of a zone answer again."""
        for machine in self.zone(name):
            self.recover_node(machine)

    def partition(self, *sides: str | Collection[str]) -> None:
        """Cut groups of machines off from each other; a single group from everybody else.

        Machines that are in no group, people and the load balancer reach all. It concerns what
        etcd, API servers, kubelets and controllers tell one another, not the pods' network.
        """
        groups = [[side] if isinstance(side, str) else side for side in sides]
        for name in chain(*groups):
            self._kubelets(name)
        self.control_plane.partition(*groups)

    def heal(self) -> None:
        """Join again what was cut off. Machines that have failed stay so."""
        self.control_plane.partition()

    def _kubelets(self, name: str) -> list[Kubelet]:
        """The kubelet of a machine, if it has one."""
        own = name in self.control_plane.machines and name not in self.kubelets
        return [] if own else [self._kubelet(name)]

    # --- components

    def stop(self, component: str) -> None:
        """Stop a component, everywhere or on one machine.

        `kube-scheduler`, `deployment-controller`, `etcd@control-plane-1`, `kubelet@node-1`, ….
        """
        self._component(component, "stop")

    def start(self, component: str) -> None:
        """Start a component again."""
        self._component(component, "start")

    def _component(self, name: str, verb: str) -> None:
        component, _, place = name.partition("@")
        machines = [m for m in self.control_plane if place in ("", m.name)]
        controllers = self.control_plane.working("kube-controller-manager").controllers
        if component == "kubelet":
            kubelet = self._kubelet(place)
            if kubelet.runtime.powered:
                getattr(kubelet, verb)()
        elif component in COMPONENTS and machines:
            for machine in machines:
                getattr(self.control_plane, f"{verb}_component")(component, machine.name)
        elif component in controllers and machines:
            for machine in machines:
                getattr(machine.controller_manager, verb)(component)
        else:
            known = ", ".join([*COMPONENTS, "kubelet@node-1", *controllers])
            raise CourseError(f"no component {name!r} here; there are {known}")

    # --- containers

    def crash(
        self, pod: str, container: str = "", namespace: str = "default", code: int = 1
    ) -> None:
        """A pod's container ends by itself, with an exit code."""
        self._container(pod, container, namespace).exit(code)

    def misbehave(
        self, pod: str, how: str, container: str = "", namespace: str = "default"
    ) -> None:
        """A pod's container becomes `slow`, `failing`, `flapping`, `hang`, `dead`, or `well`."""
        try:
            self._container(pod, container, namespace).behave(how)
        except ValueError as error:
            raise CourseError(str(error)) from None

    def _container(self, pod: str, container: str, namespace: str) -> Any:
        found = self._pod(pod, namespace)
        name = container or found.spec.containers[0].name
        node = found.spec.nodeName
        try:
            return self.kubelets[node].runtime.container(found.metadata.uid, name)
        except KeyError:
            raise CourseError(
                f"pod {pod} runs no container {name!r}: let time pass, or look at its state"
            ) from None
