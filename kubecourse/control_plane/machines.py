"""The machines of the control plane, and what can happen to them.

Each runs a member of etcd, an API server, a scheduler and a controller manager; the last two use
the API server beside them, and work where they hold their Lease. A single machine is the control
plane of a managed cluster: nobody else can take over, so there is nothing to elect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from kubecourse.client import Client
from kubecourse.client.leader_election import LeaderElector
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.controller_manager import ControllerManager
from kubecourse.control_plane.etcd import Etcd, EtcdMember, Members, Stopped
from kubecourse.control_plane.etcd.wire import Wire
from kubecourse.control_plane.load_balancer import Connection, LoadBalancer
from kubecourse.control_plane.scheduler import PROFILE, Scheduler

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


class MachineFacts(NamedTuple):
    """How a machine of the control plane is.

    `etcd` is leader, follower, candidate or stopped; `revision` how far its member has come;
    `quorum`: whether that can write. `apiserver` is ready, not ready or stopped; `in_rotation`:
    whether clients are sent there. `scheduler` and `controller_manager` are leading, waiting,
    restarting or stopped.
    """

    name: str
    zone: str
    powered: bool
    etcd: str
    term: int
    revision: int
    quorum: bool
    apiserver: str
    in_rotation: bool
    scheduler: str
    controller_manager: str


class ControlPlaneMachine:
    """One machine. `serving`: whether its API server runs."""

    def __init__(self, plane: ControlPlane, name: str, zone: str, alone: bool) -> None:
        self.name = name
        self.zone = zone
        self.serving = self.in_rotation = True
        stream = "kube-apiserver" if alone else f"kube-apiserver/{name}"
        self.server = APIServer(plane.clock, plane.etcd_of(name), stream)

        def client(user: str) -> Client:
            return Client(Connection(plane.balancer, name, self), plane.clock, user)

        self.controller_manager = ControllerManager(client(ControllerManager.name))
        self.scheduler = Scheduler(client(Scheduler.name))
        self.programs = {
            program.name: LeaderElector(
                client(program.name), program, name, speaker, elect=not alone
            )
            for program, speaker in (
                (self.controller_manager, ControllerManager.name),
                (self.scheduler, PROFILE),
            )
        }

    @property
    def etcd(self) -> Etcd | EtcdMember | Stopped:
        """Its member of etcd."""
        return self.server.etcd

    def facts(self, up: bool) -> MachineFacts:
        """How it is; `up`: whether it has power."""
        etcd, serving = self.etcd, "stopped"
        if self.serving and up:
            serving = "ready" if etcd.ready else "not ready"
        return MachineFacts(
            self.name, self.zone, up, etcd.role, etcd.term, etcd.revision, etcd.ready, serving,
            self.in_rotation, self.programs[Scheduler.name].state,
            self.programs[ControllerManager.name].state,
        )  # fmt: skip


class ControlPlane:
    """All machines of the control plane: `plane["control-plane-1"]` is one of them.

    `zones` has each one's name and zone. `unpowered` are all machines of the cluster that have no
    power.
    """

    def __init__(self, clock: Clock, zones: dict[str, str]) -> None:
        self.clock = clock
        self.unpowered: list[str] = []
        alone = len(zones) == 1
        self.members = None if alone else Members(clock, zones)
        self.store = self.members.store if self.members is not None else Etcd()
        """What all members of etcd agree on, and what a single one holds."""
        self.wire = self.members.wire if self.members is not None else Wire(clock)
        self.balancer = LoadBalancer(clock, self.connected)
        self.machines = {
            name: ControlPlaneMachine(self, name, zone, alone) for name, zone in zones.items()
        }
        first, *others = self.machines.values()
        for machine in others:  # add-ons that serve or admit are registered with all of them
            machine.server.extensions = first.server.extensions
        self.balancer.serve([first, *others])

    def __getitem__(self, name: str) -> ControlPlaneMachine:
        return self.machines[name]

    def __iter__(self) -> Iterator[ControlPlaneMachine]:
        return iter(self.machines.values())

    def etcd_of(self, name: str) -> Etcd | EtcdMember:
        """A machine's member of etcd; a single machine's has no others."""
        return self.store if self.members is None else self.members[name]

    def start(self) -> None:
        """Start the programs that take turns; the first machine's come first."""
        for machine in self:
            for program in machine.programs.values():
                program.start()

    # --- how it is

    def facts(self) -> list[MachineFacts]:
        """How each machine is. Asks nobody, so it never fails."""
        return [machine.facts(machine.name not in self.unpowered) for machine in self]

    @property
    def etcd_leader(self) -> str | None:
        """The machine whose member of etcd leads in the newest term."""
        leading = [fact for fact in self.facts() if fact.etcd == "leader"]
        return max(leading, key=lambda fact: fact.term).name if leading else None

    @property
    def has_quorum(self) -> bool:
        """Whether any member of etcd can write."""
        return any(machine.etcd.ready for machine in self)

    def leader(self, program: str) -> str | None:
        """The machine whose scheduler or controller manager works."""
        return next((m.name for m in self if m.programs[program].state == "leading"), None)

    def working(self, program: str) -> Any:
        """The scheduler or controller manager that works; if none does, the first machine's."""
        machine = self.machines.get(self.leader(program) or "") or next(iter(self))
        return machine.programs[program].program

    def connected(self, one: str, other: str) -> bool:
        """Whether messages get from one machine to another."""
        dark = self.unpowered
        return one not in dark and other not in dark and self.wire.connected(one, other)

    @property
    def sides(self) -> tuple[frozenset[str], ...]:
        """What is cut off from what; nothing where there is no partition."""
        return self.wire.sides

    # --- what happens to it

    def fail(self, name: str) -> None:
        """Any machine loses its power; one of the control plane, what is not on its disk."""
        if name not in self.unpowered:
            self.unpowered.append(name)
        if name in self.machines:
            for program in self[name].programs.values():
                program.stop()
            self._stop_etcd(name, lose_unsynced=True)
        self.disturbed()

    def recover(self, name: str) -> None:
        """A machine has power again; one of the control plane starts all that is to run there."""
        if name in self.unpowered:
            self.unpowered.remove(name)
        self.disturbed()
        for component in COMPONENTS if name in self.machines else ():
            self.start_component(component, name)

    def partition(self, *sides: Collection[str]) -> None:
        """Cut groups of machines off from each other."""
        if self.members is not None:
            self.members.partition(*sides)
        else:
            self.wire.split(sides)
        self.disturbed()

    def stop_component(self, component: str, name: str) -> None:
        """Stop one component of one machine."""
        machine = self[name]
        if component == "kube-apiserver":
            machine.serving = False
        elif component != "etcd":
            machine.programs[component].stop()
        else:
            self._stop_etcd(name)
        self.disturbed()

    def _stop_etcd(self, name: str, lose_unsynced: bool = False) -> None:
        if self.members is not None:
            self.members.crash(name, lose_unsynced)
        else:
            self[name].server.etcd = Stopped(self.store)

    def start_component(self, component: str, name: str) -> None:
        """Start one component of one machine again, if that has power."""
        machine = self[name]
        if name in self.unpowered:
            return
        if component == "kube-apiserver":
            machine.serving = True
        elif component == "etcd" and self.members is not None:
            self.members.restart(name)
        elif component == "etcd":
            machine.server.etcd = self.store
        self.disturbed()
        if component in machine.programs:
            machine.programs[component].start()

    def disturbed(self) -> None:
        """Something has happened: connections look again, and nobody's silence goes unnoticed."""
        self.clock.attend()
        self.balancer.look_again()
        for machine in self:
            for program in machine.programs.values():
                program.watch_out()
