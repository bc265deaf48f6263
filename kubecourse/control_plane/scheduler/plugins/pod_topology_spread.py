"""Pods that belong together are spread over nodes, zones, or whatever labels tell apart.

Constraints with `DoNotSchedule` refuse nodes, those with `ScheduleAnyway` score them. Pods
without constraints of their own are spread by the system's: over nodes and zones, those of one
Service or controller.

Source: `pkg/scheduler/framework/plugins/podtopologyspread/{common,filtering,scoring}.go`.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import Any, NamedTuple

from kubecourse.api.labels import Selector
from kubecourse.api.placement import RequiredNodes, untolerated
from kubecourse.control_plane.scheduler.cache import (
    HOSTNAME,
    SELF,
    ZONE,
    Cache,
    NodeInfo,
    PodGroup,
    labels_of,
)
from kubecourse.control_plane.scheduler.framework import (
    MAX_SCORE,
    Candidates,
    Census,
    ClusterEvent,
    Plugin,
    Verdict,
)
from kubecourse.control_plane.scheduler.owners import narrowed

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


class Survey(NamedTuple):
    """The pods in each domain with several nodes, rule by rule; `least`: in any domain."""

    hard: list[dict[Any, int]]
    least: list[int]
    soft: list[dict[Any, int]]


def rules_of(pod: Any, action: str) -> list[Rule]:
    """The pod's own constraints with this `whenUnsatisfiable`."""
    return [
        Rule(
            given.topologyKey,
            given.maxSkew,
            narrowed(given.labelSelector, labels_of(pod), given.matchLabelKeys),
            given.minDomains or 1,
            given.nodeAffinityPolicy != "Ignore",
            given.nodeTaintsPolicy == "Honor",
        )
        for given in pod.spec.topologySpreadConstraints or ()
        if given.whenUnsatisfiable == action
    ]


class PodTopologySpread(Plugin):
    """Keeps numbers of matching pods in different domains close together.

    A summary is the number of the node's Facts, and how many pods each selector finds there.
    """

    name = "PodTopologySpread"
    weight = 2
    counts = True

    def __init__(self, pod: Any, cache: Cache) -> None:
        self._cache = cache
        self._namespace = pod.metadata.namespace
        self._own = bool(pod.spec.topologySpreadConstraints)
        self._hard = rules_of(pod, "DoNotSchedule")
        self._soft = rules_of(pod, "ScheduleAnyway")
        if not self._own and not (selector := cache.owners.selector(pod)).empty:
            self._soft = [Rule(HOSTNAME, 3, selector), Rule(ZONE, 5, selector)]
        self.judges = bool(self._hard)
        self.ranks = bool(self._soft)
        self._required = RequiredNodes(pod.spec)
        self._tolerations = pod.spec.tolerations
        self._self_match = [rule.selector.matches(labels_of(pod)) for rule in self._hard]
        self._selectors = list(dict.fromkeys(rule.selector for rule in self._hard + self._soft))
        self._groups: list[list[PodGroup]] = [[] for _ in self._selectors]
        self._seen = 0
        # Where a rule's count lies in a summary.
        self._hard_at = [self._selectors.index(rule.selector) + 1 for rule in self._hard]
        self._soft_at = [self._selectors.index(rule.selector) + 1 for rule in self._soft]
        self._numbers: dict[Facts, int] = {}
        self._facts: list[Facts] = []

    # --- what it knows of a node

    def facts(self, info: NodeInfo) -> int:
        labels = info.labels
        complete = all(rule.key in labels for rule in self._hard)
        hard = tuple(
            Place(self._cache.domain(info, rule.key), complete and self._counted(rule, info))
            for rule in self._hard
        )
        soft = None
        if not self._own or all(rule.key in labels for rule in self._soft):
            soft = tuple(
                Place(SELF if rule.key == HOSTNAME else labels[rule.key], self._counted(rule, info))
                if rule.key in labels
                else Place(None, self._counted(rule, info))
                for rule in self._soft
            )
        found = Facts(hard, soft)
        number = self._numbers.setdefault(found, len(self._facts))
        if number == len(self._facts):
            self._facts.append(found)
        return number

    def _counted(self, rule: Rule, info: NodeInfo) -> bool:
        if rule.honor_affinity and not self._required.matches(info.name, info.labels):
            return False
        return not rule.honor_taints or untolerated(self._tolerations, info.node) is None

    def summary(self, info: NodeInfo, facts: int) -> tuple[int, ...]:
        if len(self._cache.groups) != self._seen:
            self._meet_new_groups()
        found = [facts]
        for groups in self._groups:
            count = 0
            for group in groups:
                count += group.counts.get(info.name, 0)
            found.append(count)
        return tuple(found)

    def _meet_new_groups(self) -> None:
        known = self._cache.groups
        for group in islice(known.values(), self._seen, None):
            if group.namespace == self._namespace and not group.terminating:
                for selector, groups in zip(self._selectors, self._groups, strict=True):
                    if selector.matches(group.labels):
                        groups.append(group)
        self._seen = len(known)

    # --- what it knows of all nodes

    def survey(self, census: Census) -> Survey:
        survey = Survey([], [], [{} for _ in self._soft])
        for index, rule in enumerate(self._hard):
            self._count_hard(index, rule, census, survey)
        for summary, nodes in census.items():
            places = self._facts[summary[0]].soft or ()
            for sums, place, at in zip(survey.soft, places, self._soft_at, strict=False):
                pods = summary[at]
                if pods and place.counted and place.domain is not SELF:
                    sums[place.domain] = sums.get(place.domain, 0) + pods * nodes
        return survey

    def _count_hard(self, index: int, rule: Rule, census: Census, survey: Survey) -> None:
        sums: dict[Any, int] = {}
        own: list[int] = []
        domains = 0
        at = self._hard_at[index]
        for summary, nodes in census.items():
            place = self._facts[summary[0]].hard[index]
            if place.counted and place.domain is SELF:
                own.append(summary[at])
                domains += nodes
            elif place.counted:
                sums[place.domain] = sums.get(place.domain, 0) + summary[at] * nodes
        enough = domains + len(sums) >= rule.min_domains
        survey.hard.append(sums)
        survey.least.append(min([*own, *sums.values()], default=0) if enough else 0)

    # --- refusing

    def judge(self, survey: Survey, summary: tuple[int, ...]) -> Verdict | None:
        for rule, place, sums, least, at, itself in zip(
            self._hard, self._facts[summary[0]].hard, survey.hard, survey.least, self._hard_at,
            self._self_match, strict=True,
        ):  # fmt: skip
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

    def raw(self, survey: Survey, candidates: Candidates) -> list[int | None]:
        scored = {
            summary: places
            for summary in candidates.summaries
            if (places := self._facts[summary[0]].soft) is not None
        }
        unscored = [summary for summary in candidates.summaries if summary not in scored]
        weights = []
        for index, rule in enumerate(self._soft):
            if rule.key == HOSTNAME:
                domains = candidates.size - sum(map(candidates.count, unscored))
            else:
                domains = len(dict.fromkeys(places[index].domain for places in scored.values()))
            weights.append(math.log(domains + 2))
        rules = list(zip(self._soft, self._soft_at, survey.soft, weights, strict=True))
        found: list[int | None] = []
        for summary in candidates.summaries:
            if summary not in scored:
                found.append(None)
                continue
            score = 0.0
            for (domain, _), (rule, at, sums, weight) in zip(scored[summary], rules, strict=True):
                if domain is not None:
                    pods = summary[at] if domain is SELF else sums.get(domain, 0)
                    score += pods * weight + (rule.max_skew - 1)
            found.append(math.floor(score + 0.5))
        return found

    def normalize(self, scores: list[int | None]) -> list[int]:
        given = [score for score in scores if score is not None]
        highest, lowest = max(given, default=0), min(given, default=0)
        if highest == 0:
            return [0 if score is None else MAX_SCORE for score in scores]
        return [
            0 if score is None else MAX_SCORE * (highest + lowest - score) // highest
            for score in scores
        ]

    def might_help(self, event: ClusterEvent, pod: Any) -> bool:
        if event.kind != "pod":
            return event.kind == "node"
        states = [state for state in (event.old, event.new) if state is not None]
        return states[0].metadata.namespace == self._namespace and any(
            rule.selector.matches(labels_of(state)) for rule in self._hard for state in states
        )
