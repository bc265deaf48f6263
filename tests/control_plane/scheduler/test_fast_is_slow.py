"""What a shape remembers gives the same answer as asking every plugin about every node anew."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.clock import START
from kubecourse.control_plane.scheduler import shape
from kubecourse.control_plane.scheduler.algorithm import Algorithm, NoFit
from kubecourse.control_plane.scheduler.cache import Cache
from kubecourse.control_plane.scheduler.plugins import RULES
from tests.control_plane.scheduler import clusters
from tests.control_plane.scheduler.plainly import Evaluation

core, meta, apps = models.core_v1, models.meta_v1, models.apps_v1


class Bench:
    """A scheduler's insides without an API server."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.algorithm = Algorithm(self.cache, Random(1))
        for namespace in ("default", "other"):
            labelled = meta.ObjectMeta(name=namespace, labels={"name": namespace})
            self.cache.set_namespace(None, core.Namespace(metadata=labelled))
        for app in clusters.APPS[:1]:  # pods of the first application belong to a Service
            spec = core.ServiceSpec(selector={"app": app})
            metadata = meta.ObjectMeta(name=app, namespace="default")
            self.cache.owners.set(None, core.Service(metadata=metadata, spec=spec))
        self.made = 0

    def pod(self, spec: Any, app: str, namespace: str) -> Any:
        self.made += 1
        metadata = meta.ObjectMeta(
            name=f"p{self.made}", namespace=namespace, uid=f"u{self.made}", labels={"app": app}
        )
        return core.Pod(metadata=metadata, spec=spec, status=core.PodStatus(phase="Pending"))

    def plainly(self, pod: Any) -> tuple[str | None, int, dict[Any, int]]:
        """The node, how many nodes were looked at and the refusals, found without memory."""
        order = self.cache.order
        evaluation = Evaluation(pod, RULES, self.cache)
        start = self.algorithm.next % len(order)
        wanted = shape.feasible_wanted(len(order))
        candidates: list[Any] = []
        refusals: dict[Any, int] = {}
        processed = 0
        for info in order[start:] + order[:start]:
            if len(candidates) == wanted:
                break
            processed += 1
            verdict = evaluation.verdict(info)
            if verdict is None:
                candidates.append(info)
            else:
                refusals[verdict] = refusals.get(verdict, 0) + 1
        if not candidates:
            return None, 0, refusals
        return evaluation.best(candidates).name, processed, {}

    def check_explanation(self, pod: Any) -> None:
        """What is told about every node is what every plugin says about it."""
        evaluation = Evaluation(pod, RULES, self.cache)
        verdicts = [evaluation.verdict(info) for info in self.cache.order]
        nodes = self.algorithm.explain(pod, [], 0.0).nodes
        assert [(n.refused_by, n.reasons, n.resolvable) for n in nodes] == [
            tuple(verdict or ("", (), False)) for verdict in verdicts
        ]
        fitting = zip(self.cache.order, verdicts, strict=True)
        candidates = [info for info, verdict in fitting if verdict is None]
        assert [n.scores for n in nodes if n.fits] == evaluation.scores(candidates)

    def schedule(self, pod: Any) -> str | None:
        """Schedule the fast way, and check it against the plain way."""
        self.check_explanation(pod)
        name, processed, refusals = self.plainly(pod)
        start = self.algorithm.next % len(self.cache.order)
        try:
            info = self.algorithm.find(pod)
        except NoFit as why:
            assert name is None
            assert why.refusals == refusals
            return None
        assert info is not None
        assert info.name == name
        assert self.algorithm.next == (start + processed) % len(self.cache.order)
        self.cache.place(pod, info.name)
        return info.name


def check_no_overcommitment(cache: Cache) -> None:
    for info in cache.order:
        assert len(info.pods) <= info.pods_total
        assert info.cpu <= info.cpu_total
        assert info.memory <= info.memory_total
        for name, used in info.others.items():
            assert used <= info.allocatable.get(name, 0)


@pytest.fixture(autouse=True, scope="module")
def small_windows() -> Any:
    """Look at few nodes in small clusters too, as the real one does from 100 on."""
    before = shape.MIN_FEASIBLE
    shape.MIN_FEASIBLE = 3
    yield
    shape.MIN_FEASIBLE = before


@settings(max_examples=150)
@given(st.data())
def test_the_fast_way_is_the_plain_way(data: Any) -> None:
    bench = Bench()
    count = data.draw(st.integers(1, 9))
    for number in range(count):
        bench.cache.set_node(data.draw(clusters.nodes(f"n{number}")))
    specs = data.draw(st.lists(clusters.specs(), min_size=1, max_size=4))
    actions = st.sampled_from(["pod"] * 8 + ["gone", "ending", "node", "lost"])
    for action in data.draw(st.lists(actions, min_size=3, max_size=25)):
        placed = list(bench.cache.pods.values())
        if action == "pod":
            spec = data.draw(st.sampled_from(specs))
            app = data.draw(st.sampled_from(clusters.APPS))
            namespace = data.draw(st.sampled_from(["default", "default", "other"]))
            bench.schedule(bench.pod(spec, app, namespace))
            check_no_overcommitment(bench.cache)
        elif action == "gone" and placed:
            victim = data.draw(st.sampled_from(placed)).pod.metadata
            bench.cache.remove((victim.namespace, victim.name))
        elif action == "ending" and placed:
            chosen = data.draw(st.sampled_from(placed))
            metadata = replace(chosen.pod.metadata, deletionTimestamp=START)
            bench.cache.place(replace(chosen.pod, metadata=metadata), chosen.node)
        elif action == "node":
            name = f"n{data.draw(st.integers(0, count))}"
            info = bench.cache.nodes.get(name)
            if info is None or not info.pods:  # a node does not shrink under its pods
                bench.cache.set_node(data.draw(clusters.nodes(name)))
        elif action == "lost" and len(bench.cache.order) > 1:
            bench.cache.remove_node(data.draw(st.sampled_from(bench.cache.order)).name)


@settings(max_examples=60)
@given(st.data())
def test_a_preview_changes_nothing(data: Any) -> None:
    """Explaining a pod leaves everything as it was, whether a node takes it or not."""
    bench = Bench()
    for number in range(data.draw(st.integers(1, 5))):
        bench.cache.set_node(data.draw(clusters.nodes(f"n{number}")))
    drawn = data.draw(st.lists(clusters.specs(), min_size=2, max_size=6))
    *placed, pod = [bench.pod(spec, "a", "default") for spec in drawn]
    for each in placed:
        bench.schedule(each)
    before = taken(bench)
    decision = bench.algorithm.explain(pod, [], 0.0)
    assert bool(decision.best) is not bool(decision.message)
    assert taken(bench) == before
    assert bench.schedule(pod) == (decision.best or None) or len(bench.cache.order) > 3


def taken(bench: Bench) -> dict[str, Any]:
    """What is taken of each node, and by whom."""
    return {
        name: (info.cpu, info.memory, list(info.ports), list(info.pods))
        for name, info in bench.cache.nodes.items()
    }


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_the_first_of_the_best_is_the_root_of_gos_heap(scores: list[int]) -> None:
    heap = list(range(len(scores)))
    for place in reversed(range(len(heap) // 2)):
        sift_down(heap, scores, place)
    assert shape.first_of_best(scores) == heap[0]


def sift_down(heap: list[int], scores: list[int], place: int) -> None:
    """Go's container/heap `down`, for a heap with the highest score on top."""
    while (child := 2 * place + 1) < len(heap):
        if child + 1 < len(heap) and scores[heap[child + 1]] > scores[heap[child]]:
            child += 1
        if scores[heap[child]] <= scores[heap[place]]:
            return
        heap[place], heap[child] = heap[child], heap[place]
        place = child
