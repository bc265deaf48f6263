"""What a plugin is, and what the cycle asks of it.

The real framework asks every plugin about every node for every pod. Pods of one shape get the
same answers, and a node that did not change gives the same answers, so here a plugin first
`prepare`s what it has to say about a shape of pod, and its answer is kept for as long as the
node stays as it is (see `shape.py`). There are three kinds of answer:

- `Part.check(node)` and `Part.score(node)` look at one node alone. What they find follows from
  the node object (`fixed`), or from what the node's pods take and the pod's own footprint, so
  that pods of equal footprint share it.
- `Part.summary(node)` is everything else that a plugin needs to know of a node: the zone, how
  many matching pods it has. Nodes with equal summaries are equal to that plugin. It judges and
  scores summaries, knowing how many nodes have each: the `census`. Of this too a part may follow
  from the node object alone: `facts`.

Source: `pkg/scheduler/framework/{interface,runtime/framework}.go`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo

MAX_SCORE = 100

Census = Mapping[Any, int]
"""How many nodes have a summary, by summary."""


class Verdict(NamedTuple):
    """Why a node was refused. `resolvable`: evicting pods from it might help."""

    plugin: str
    reasons: tuple[str, ...]
    resolvable: bool = True


class Rejected(Exception):
    """A plugin refused a pod before any node was looked at."""

    def __init__(self, plugin: str, message: str) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.message = message


class Window(Protocol):
    """The nodes that are being scored."""

    size: int

    def count(self, summary: Any) -> int:
        """How many of them have a summary, as the asking part sees it."""


class Part:
    """What one plugin has to say about one shape of pod. The base says nothing."""

    fixed = False
    """Whether `check`, or `summary`, follows from the node object alone."""
    checks = False
    """Whether it has a `check`."""
    scores = False
    """Whether it has a `score`, from 0 to 100 and not normalised."""
    judges = False
    """Whether it has a `judge`."""
    ranks = False
    """Whether it has `raw` and `normalize`."""
    counts = False
    """Whether `judge` or `raw` needs a census."""

    def check(self, info: NodeInfo) -> Verdict | None:
        """Why the pod cannot go to a node, by the node alone."""
        raise NotImplementedError

    def score(self, info: NodeInfo) -> int:
        """How good a node is, by the node alone, 0 to 100."""
        raise NotImplementedError

    def facts(self, info: NodeInfo) -> Any:
        """The share of `summary` that follows from the node object; asked when that changes."""
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

    def raw(self, survey: Any, summaries: Sequence[Any], window: Window) -> list[int | None]:
        """Scores before normalising; None stands for a node that is not to be scored."""
        raise NotImplementedError

    def normalize(self, scores: Sequence[int | None]) -> list[int]:
        """The same scores from 0 to 100. It depends on which scores there are, not how many."""
        raise NotImplementedError


class ClusterEvent(NamedTuple):
    """Something that happened and may make a pod schedulable that was not.

    kind: `node` (added, or changed), `pod` (added to a node, changed or gone from it), `claim`.
    """

    kind: str
    old: Any
    new: Any


class Plugin:
    """One scheduling rule. Its weight multiplies its scores; 0 where it has none."""

    name = ""
    weight = 0

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        """What it has to say about pods like this one and nodes, or None if nothing."""
        raise NotImplementedError

    def reject(self, pod: Any) -> str | None:
        """Why no node at all can take a pod at present, or None. Asked for every pod."""
        return None

    def might_help(self, event: ClusterEvent, pod: Any, cache: Cache) -> bool:
        """Whether an event may have changed its mind about a pod that it refused.

        Source: `EventsToRegister` of the plugin.
        """
        return False


def proportional(scores: Sequence[int | None], reverse: bool = False) -> list[int]:
    """Scale scores so that the highest becomes 100; reversed, so that it becomes 0.

    Source: `pkg/scheduler/framework/plugins/helper/normalize_score.go`.
    """
    given = [score or 0 for score in scores]
    highest = max(given, default=0)
    if highest == 0:
        return [MAX_SCORE if reverse else 0] * len(given)
    scaled = [MAX_SCORE * score // highest for score in given]
    return [MAX_SCORE - score for score in scaled] if reverse else scaled
