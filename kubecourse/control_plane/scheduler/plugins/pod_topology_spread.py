"""Pods that belong together are spread over nodes, zones, or whatever labels tell apart.

Constraints with `DoNotSchedule` refuse nodes, those with `ScheduleAnyway` score them. Pods
without constraints of their own are spread by the system's: over nodes and zones, those of one
Service or controller.

Source: `pkg/scheduler/framework/plugins/podtopologyspread/{common,filtering,scoring}.go`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

from kubecourse.api.labels import (
    NOTHING,
    Requirement,
    Selector,
    SelectorError,
    selector_from_label_selector,
)
from kubecourse.control_plane.scheduler.cache import ZONE, Cache, NodeInfo, PodGroup, labels_of
from kubecourse.control_plane.scheduler.framework import (
    MAX_SCORE,
    Census,
    ClusterEvent,
    Part,
    Plugin,
    Verdict,
    Window,
)
from kubecourse.control_plane.scheduler.owners import Owners
from kubecourse.control_plane.scheduler.plugins.node_affinity import RequiredNodes
from kubecourse.control_plane.scheduler.plugins.taint_toleration import untolerated

HOSTNAME = "kubernetes.io/hostname"


SELF = True
"""Stands for a node's value of a label when it is a domain of its own."""

MISSING_LABEL = Verdict(
    "PodTopologySpread",
    ("node(s) didn't match pod topology spread constraints (missing required label)",),
    resolvable=False,
)
SKEWED = Verdict("PodTopologySpread", ("node(s) didn't match pod topology spread constraints",))


class Rule(NamedTuple):
    """A constraint, whoever made it."""

    key: str
    max_skew: int
    selector: Selector
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False


class Place(NamedTuple):
    """What a rule sees of a node object: its domain, and whether its pods count."""

    domain: Any
    counted: bool


class Facts(NamedTuple):
    """The places of the hard rules and of the soft ones; None: such nodes are not scored."""

    hard: tuple[Place, ...]
    soft: tuple[Place, ...] | None


def rules_of(pod: Any, action: str) -> list[Rule]:
    """The pod's own constraints with this `whenUnsatisfiable`."""
    labels = labels_of(pod)
    found = []
    for given in pod.spec.topologySpreadConstraints or ():
        if given.whenUnsatisfiable != action:
            continue
        try:
            selector = selector_from_label_selector(given.labelSelector)
        except SelectorError:
            selector = NOTHING
        same = [
            Requirement(k, "=", (labels[k],)) for k in given.matchLabelKeys or () if k in labels
        ]
        if same and selector is not NOTHING:
            selector = Selector([*selector.requirements, *same])
        found.append(
            Rule(
                given.topologyKey,
                given.maxSkew,
                selector,
                given.minDomains or 1,
                given.nodeAffinityPolicy != "Ignore",
                given.nodeTaintsPolicy == "Honor",
            )
        )
    return found


class _Counter:
    """Counts the pods that a selector selects, node by node."""

    def __init__(self, selector: Selector, namespace: str, cache: Cache) -> None:
        self._selector = selector
        self._namespace = namespace
        self._cache = cache
        self._groups: list[PodGroup] = []
        self._seen = 0

    def __call__(self, node: str) -> int:
        if len(self._cache.groups) != self._seen:
            self._meet_new_groups()
        count = 0
        for group in self._groups:
            count += group.counts.get(node, 0)
        return count

    def _meet_new_groups(self) -> None:
        groups = self._cache.groups
        for group in islice(groups.values(), self._seen, None):
            if (
                group.namespace == self._namespace
                and not group.terminating
                and self._selector.matches(group.labels)
            ):
                self._groups.append(group)
        self._seen = len(groups)


class _Part(Part):
    """A summary is the number of the node's facts, and how many pods each selector finds there."""

    counts = True

    def __init__(
        self, pod: Any, cache: Cache, hard: list[Rule], soft: list[Rule], own: bool
    ) -> None:
        self._cache = cache
        self._hard = hard
        self._soft = soft
        self._own = own
        self._required = RequiredNodes(pod.spec)
        self._tolerations = pod.spec.tolerations
        self._self_match = [rule.selector.matches(labels_of(pod)) for rule in hard]
        selectors = list(dict.fromkeys(rule.selector for rule in [*hard, *soft]))
        self._counters = [_Counter(s, pod.metadata.namespace, cache) for s in selectors]
        # Where a rule's count lies in a summary.
        self._hard_at = [selectors.index(rule.selector) + 1 for rule in hard]
        self._soft_at = [selectors.index(rule.selector) + 1 for rule in soft]
        self._numbers: dict[Facts, int] = {}
        self._facts: list[Facts] = []
        self.judges = bool(hard)
        self.ranks = bool(soft)

    # --- what it knows of a node

    def facts(self, info: NodeInfo) -> int:
        """The number of its Facts."""
        found = Facts(self._hard_places(info), self._soft_places(info))
        number = self._numbers.get(found)
        if number is None:
            number = self._numbers[found] = len(self._facts)
            self._facts.append(found)
        return number

    def summary(self, info: NodeInfo, facts: int) -> tuple[int, ...]:
        name = info.name
        counters = self._counters
        if len(counters) == 1:
            return facts, counters[0](name)
        return facts, *[count(name) for count in counters]

    def _counted(self, rule: Rule, info: NodeInfo) -> bool:
        if rule.honor_affinity and not (
            self._required.anything or self._required.matches(info.name, info.labels)
        ):
            return False
        return not rule.honor_taints or untolerated(self._tolerations, info.node) is None

    def _hard_places(self, info: NodeInfo) -> tuple[Place, ...]:
        labels = info.labels
        complete = all(rule.key in labels for rule in self._hard)
        places = []
        for rule in self._hard:
            domain: Any = labels.get(rule.key)
            if domain is not None and self._cache.unique(rule.key):
                domain = SELF
            places.append(Place(domain, complete and self._counted(rule, info)))
        return tuple(places)

    def _soft_places(self, info: NodeInfo) -> tuple[Place, ...] | None:
        labels = info.labels
        if self._own and not all(rule.key in labels for rule in self._soft):
            return None
        places = []
        for rule in self._soft:
            domain: Any = labels.get(rule.key)
            if domain is not None and rule.key == HOSTNAME:
                domain = SELF
            places.append(Place(domain, self._counted(rule, info)))
        return tuple(places)

    # --- what it knows of all nodes

    def survey(
        self, census: Census
    ) -> tuple[list[tuple[dict[Any, int], int]], list[dict[Any, int]]]:
        """The pods in each domain, for hard rules and soft ones; for hard ones also the least."""
        hard = [self._pods_and_least(index, rule, census) for index, rule in enumerate(self._hard)]
        soft: list[dict[Any, int]] = [{} for _ in self._soft]
        for summary, nodes in census.items():
            places = self._facts[summary[0]].soft
            if places is None:
                continue
            for sums, place, at in zip(soft, places, self._soft_at, strict=True):
                pods = summary[at]
                if pods and place.counted and place.domain is not SELF:
                    sums[place.domain] = sums.get(place.domain, 0) + pods * nodes
        return hard, soft

    def _pods_and_least(self, index: int, rule: Rule, census: Census) -> tuple[dict[Any, int], int]:
        sums: dict[Any, int] = {}
        own: list[int] = []
        domains = 0
        at = self._hard_at[index]
        for summary, nodes in census.items():
            place = self._facts[summary[0]].hard[index]
            if not place.counted:
                continue
            if place.domain is SELF:
                own.append(summary[at])
                domains += nodes
            else:
                sums[place.domain] = sums.get(place.domain, 0) + summary[at] * nodes
        domains += len(sums)
        least = min([*own, *sums.values()], default=0) if domains >= rule.min_domains else 0
        return sums, least

    # --- refusing

    def judge(self, survey: Any, summary: tuple[int, ...]) -> Verdict | None:
        places = self._facts[summary[0]].hard
        for rule, place, (sums, least), at, itself in zip(
            self._hard, places, survey[0], self._hard_at, self._self_match, strict=True
        ):
            if place.domain is None:
                return MISSING_LABEL
            if place.domain is SELF:
                pods = summary[at] if place.counted else 0
            else:
                pods = sums.get(place.domain, 0)
            if pods + itself - least > rule.max_skew:
                return SKEWED
        return None

    # --- scoring

    def raw(
        self, survey: Any, summaries: Sequence[tuple[int, ...]], window: Window
    ) -> list[int | None]:
        places = [self._facts[summary[0]].soft for summary in summaries]
        scored = [found for found in places if found is not None]
        weights = []
        for index, rule in enumerate(self._soft):
            if rule.key == HOSTNAME:
                unscored = [s for s, found in zip(summaries, places, strict=True) if found is None]
                domains = window.size - sum([window.count(s) for s in dict.fromkeys(unscored)])
            else:
                domains = len(dict.fromkeys([found[index].domain for found in scored]))
            weights.append(math.log(domains + 2))
        rules = list(zip(self._soft, self._soft_at, survey[1], weights, strict=True))
        found: list[int | None] = []
        for summary, facts in zip(summaries, places, strict=True):
            if facts is None:
                found.append(None)
                continue
            score = 0.0
            for (domain, _), (rule, at, by_domain, weight) in zip(facts, rules, strict=True):
                if domain is not None:
                    pods = summary[at] if domain is SELF else by_domain.get(domain, 0)
                    score += pods * weight + (rule.max_skew - 1)
            whole = int(score)
            found.append(whole + (score - whole >= 0.5))
        return found

    def normalize(self, scores: Sequence[int | None]) -> list[int]:
        given = [score for score in scores if score is not None]
        highest, lowest = max(given, default=0), min(given, default=0)
        return [
            0
            if score is None
            else MAX_SCORE
            if highest == 0
            else MAX_SCORE * (highest + lowest - score) // highest
            for score in scores
        ]


class PodTopologySpread(Plugin):
    """Keeps numbers of matching pods in different domains close together."""

    name = "PodTopologySpread"
    weight = 2

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        own = bool(pod.spec.topologySpreadConstraints)
        if own:
            hard, soft = rules_of(pod, "DoNotSchedule"), rules_of(pod, "ScheduleAnyway")
        else:
            selector = self._owners.selector(pod)
            if selector.empty:
                return None
            hard, soft = [], [Rule(HOSTNAME, 3, selector), Rule(ZONE, 5, selector)]
        return _Part(pod, cache, hard, soft, own) if hard or soft else None

    def might_help(self, event: ClusterEvent, pod: Any, cache: Cache) -> bool:
        if event.kind == "node":
            return True
        about = event.old if event.new is None else event.new
        if about.metadata.namespace != pod.metadata.namespace:
            return False
        return any(
            rule.selector.matches(labels_of(state))
            for rule in rules_of(pod, "DoNotSchedule")
            for state in (event.old, event.new)
            if state is not None
        )
