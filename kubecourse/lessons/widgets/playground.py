"""A first cluster to play with: machines with pods on them, and what one can do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from kubecourse.lessons import messages
from kubecourse.lessons.recording import READY
from kubecourse.lessons.widgets.drawn import button
from kubecourse.lessons.widgets.map import ClusterMap, Machine, workers

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

FRAME = 350
"""Milliseconds between two pictures."""
SHORT, LONG = 0.25, 20.0
"""Virtual seconds between them: while something happens, and at most while all wait."""
PATIENCE = 6
"""Pictures that look alike after which the clock runs faster."""
ENOUGH = 600.0
"""Virtual seconds after which it stops at the latest."""


def _words(key: str, **values: object) -> str:
    return messages.text(f"cluster.playground.{key}", **values)


class Playground(ClusterMap):
    """A Deployment on its nodes. `copies`, `delete` and `off` do something to it; then time runs,
    faster while nothing happens, until there is again what is wanted.
    """

    def __init__(self, cluster: Cluster, deployment: str = "hello") -> None:
        self._name = deployment
        self._did = "kubectl get pods"
        self._since, self._alike = cluster.now, 0
        super().__init__(cluster)
        self.play.interval = FRAME
        self.copies = ipywidgets.IntSlider(
            value=self._wanted, min=0, max=9, description=_words("copies"),
            continuous_update=False, style={"description_width": "initial"},
        )  # fmt: skip
        self.delete = button(_words("delete"), self._delete)
        self.off = button(_words("power_off"), self._switch)
        self.copies.observe(self._scale, "value")
        self.children[0].children = (self.copies, self.delete, self.off, self.play)

    def refresh(self) -> None:
        super().refresh()
        if hasattr(self, "copies"):
            self.copies.value = self._wanted

    # --- what one can do

    def _scale(self, _: object) -> None:
        if self.copies.value != self._wanted:
            self._do(f"kubectl scale deployment/{self._name} --replicas={self.copies.value}")

    def _delete(self, _: object) -> None:
        ready = [pod.name for pod in self.scene.pods if pod.state == READY]
        if ready:
            self._do(f"kubectl delete pod {ready[0]} --wait=false")

    def _switch(self, _: object) -> None:
        lost = self._lost
        if lost:
            self._cluster.recover_node(lost[0])
        else:
            lost = [max(self.scene.nodes, key=_busy).name]
            self._cluster.fail_node(lost[0])
        verb = "fail_node" if self._lost else "recover_node"
        self.off.description = _words("power_on" if self._lost else "power_off")
        self._do(f'cluster.{verb}("{lost[0]}")')

    def _do(self, what: str) -> None:
        self._did = what
        if what.startswith("kubectl"):
            self._cluster.run(what)
        self._since, self._alike = self._cluster.now, 0
        self.refresh()
        self.play.playing = True

    # --- time

    def _step(self, _: object) -> None:
        before = self._pods
        if self._alike < PATIENCE:
            self._cluster.advance(SHORT)
        else:
            self._cluster.wait_for(lambda: self._pods != before, LONG)
        self._alike = self._alike + 1 if self._pods == before else 0
        self.refresh()
        if self._settled or self._cluster.now - self._since > ENOUGH:
            self.play.playing = False

    @property
    def _settled(self) -> bool:
        """Whether as many are ready as are wanted, on machines that are well."""
        well = [pod.state for node in self.scene.nodes if node.powered for pod in node.pods]
        lost = [pod.state for node in self.scene.nodes if not node.powered for pod in node.pods]
        return well == [READY] * self._wanted and READY not in lost

    @property
    def _pods(self) -> list[str]:
        """Something else as soon as anything about the pods has changed."""
        return [pod.metadata.resourceVersion for pod in self._cluster.list("pods")]

    @property
    def _wanted(self) -> int:
        found: Any = self._cluster.get(f"deployment/{self._name}")
        return found.spec.replicas if found is not None else 0

    @property
    def _lost(self) -> list[str]:
        return [name for name, kubelet in self._cluster.kubelets.items() if not kubelet.running]

    # --- the picture

    def _machines(self) -> tuple[list[Machine], list[Machine]]:
        return [], [node._replace(parts={}) for node in workers(self._cluster)]

    def _below(self, then: float) -> str:
        minutes, seconds = divmod(int(then), 60)
        return f"{_words('clock', minutes=minutes, seconds=seconds)} · {self._did}"


def _busy(node: Machine) -> int:
    return len(node.pods) if node.powered else -1
