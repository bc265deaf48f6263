"""What a plugin is, and what the cycle asks of it.

The real framework asks every plugin about every node for every pod. Pods of one shape get the
same answers, and a node that did not change gives the same answers, so here a plugin is made once
for a shape of pod, and its answers are kept for as long as the node stays as it is (`shape.py`).
There are two kinds of answer:

- `check(node)` and `score(node)` look at one node alone. What they find follows from the node
  object (`fixed`), or from what the node's pods take and the pod's own footprint.
- `summary(node)` is everything else that a plugin needs to know of a node: the zone, how many
  matching pods it has. Nodes with equal summaries are equal to that plugin. It judges and scores
  summaries, knowing how many nodes have each. What of a summary follows from the node object
  alone are its `facts`; they are asked for when that changes.

Source: `pkg/scheduler/framework/{interface,runtime/framework,plugins/helper/normalize_score}.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo

MAX_SCORE = 100

Census = Mapping[Any, int]
"""How many nodes have a summary, by summary."""


class Verdict(NamedTuple):
    """Why a node was refused. `resolvable`: evicting pods from it might help."""

    plugin: str
    reasons: tuple[str, ...]
    resolvable: bool = True


class Candidates(NamedTuple):
    """The nodes that are being scored: which summaries they have, and how many have each."""

    summaries: list[Any]
    size: int
    count: Callable[[Any], int]


class ClusterEvent(NamedTuple):
    """Something that happened to a `node`, a `pod` on one, or a `claim`: see `might_help`."""

    kind: str
    old: Any
    new: Any


class Plugin:
    """One scheduling rule, as it applies to pods of one shape. The base says nothing.

    `weight` multiplies its scores. The flags tell which methods it has for such pods: `checks`,
    `scores` (0 to 100, not normalised), `judges`, and `ranks` (`raw` and `normalize`). `fixed`:
    `check` and the summary follow from the node object alone. `counts`: it needs a `survey`.
    """

    name = ""
    weight = 0
    fixed = checks = scores = judges = ranks = counts = False

    def __init__(self, pod: Any, cache: Cache) -> None:
        """Prepare for pods like this one."""

    def reject(self, pod: Any) -> str | None:
        """Why no node at all can take this very pod at present, or None."""
        return None

    def check(self, info: NodeInfo) -> Verdict | None:
        """Why the pod cannot go to a node, by the node alone."""
        raise NotImplementedError

    def score(self, info: NodeInfo) -> int:
        """How good a node is, by the node alone."""
        raise NotImplementedError

    def facts(self, info: NodeInfo) -> Any:
        """The share of `summary` that follows from the node object."""
        return None

    def summary(self, info: NodeInfo, facts: Any) -> Hashable:
        """All that `judge` and `raw` need to know of a node. `fixed`: the facts are all of it."""
        return facts

    def survey(self, census: Census) -> Any:
        """What `judge` and `raw` need to know of all nodes."""
        return None

    def judge(self, survey: Any, summary: Any) -> Verdict | None:
        """Why the pod cannot go to the nodes with this summary."""
        raise NotImplementedError

    def raw(self, survey: Any, candidates: Candidates) -> list[int | None]:
        """The score of each of the candidates' summaries; None: they are not to be scored."""
        return list(candidates.summaries)

    def normalize(self, scores: list[int | None]) -> list[int]:
        """The same scores from 0 to 100. It depends on which scores there are, not how many."""
        return [score or 0 for score in scores]

    def might_help(self, event: ClusterEvent, pod: Any) -> bool:
        """Whether an event may have changed its mind about a pod that it refused.

        Unless a plugin says more: a node came that it does not refuse, or refuses no longer.
        """
        if event.kind != "node" or event.new is None:
            return False
        refused = event.old is None or self.check(empty_node(event.old)) is not None
        return refused and self.check(empty_node(event.new)) is None


def empty_node(node: Any) -> NodeInfo:
    """A node without its pods."""
    info = NodeInfo(node.metadata.name)
    info.set_node(node)
    return info


def proportional(scores: Iterable[int | None], reverse: bool = False) -> list[int]:
    """Scale scores so that the highest becomes 100; reversed, so that it becomes 0."""
    given = [score or 0 for score in scores]
    highest = max(given, default=0) or 1
    scaled = [MAX_SCORE * score // highest for score in given]
    return [MAX_SCORE - score for score in scaled] if reverse else scaled
