"""Pods want to be near some pods and away from others, and others have wishes about them.

Source: `pkg/scheduler/framework/plugins/interpodaffinity/{filtering,scoring}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

from kubecourse.api.labels import selector_from_label_selector
from kubecourse.control_plane.scheduler.cache import SELF, Cache, NodeInfo, PodGroup, labels_of
from kubecourse.control_plane.scheduler.framework import (
    MAX_SCORE,
    Candidates,
    Census,
    ClusterEvent,
    Plugin,
    Verdict,
)
from kubecourse.control_plane.scheduler.owners import narrowed

HARD_AFFINITY_WEIGHT = 1
"""What an existing pod's required affinity adds to the score of its surroundings."""

NAME = "InterPodAffinity"
NOT_NEAR = Verdict(NAME, ("node(s) didn't match pod affinity rules",), resolvable=False)
TOO_NEAR = Verdict(NAME, ("node(s) didn't match pod anti-affinity rules",))
UNWANTED = Verdict(NAME, ("node(s) didn't satisfy existing pods anti-affinity rules",))


class Term:
    """One affinity term of a pod: which other pods, and within which domain."""

    __slots__ = ("_everywhere", "_namespaces", "_selector", "key", "weight")

    def __init__(
        self, term: Any, namespace: str, labels: dict[str, str], cache: Cache, weight: int = 0
    ) -> None:
        self.key: str = term.topologyKey
        self.weight = weight
        self._selector = narrowed(
            term.labelSelector, labels, term.matchLabelKeys, term.mismatchLabelKeys
        )
        names = list(term.namespaces or ())
        if not names and term.namespaceSelector is None:
            names = [namespace]
        spaces = selector_from_label_selector(term.namespaceSelector)
        names += [name for name, found in cache.namespaces.items() if spaces.matches(found)]
        self._everywhere = spaces.empty
        self._namespaces = frozenset(names)

    def matches(self, namespace: str, labels: dict[str, str]) -> bool:
        """Whether it is about pods of a namespace with these labels."""
        return (self._everywhere or namespace in self._namespaces) and self._selector.matches(
            labels
        )


class Terms(NamedTuple):
    """All affinity terms of a pod: required ones, and preferred ones (apart: negative weight)."""

    near: list[Term]
    apart: list[Term]
    preferred: list[Term]


def terms_of(affinity: Any, namespace: str, labels: dict[str, str], cache: Cache) -> Terms:
    """The terms of a pod with this affinity."""
    found = Terms([], [], [])
    if affinity is None:
        return found
    for side, required, sign in (
        (affinity.podAffinity, found.near, 1),
        (affinity.podAntiAffinity, found.apart, -1),
    ):
        if side is not None:
            for term in side.requiredDuringSchedulingIgnoredDuringExecution or ():
                required.append(Term(term, namespace, labels, cache))
            for preferred in side.preferredDuringSchedulingIgnoredDuringExecution or ():
                term, weight = preferred.podAffinityTerm, sign * preferred.weight
                found.preferred.append(Term(term, namespace, labels, cache, weight))
    return found


class Relation(NamedTuple):
    """What existing pods mean for the pod, within one domain.

    unwanted: their anti-affinity terms against the pod; near, apart: the pod's own required terms
    that they meet; score: what they add to the score.
    """

    unwanted: int = 0
    near: int = 0
    apart: int = 0
    score: int = 0

    def plus(self, other: Relation, times: int = 1) -> Relation:
        """The sum, with the other counted so many times."""
        return Relation(
            self.unwanted + other.unwanted * times,
            self.near + other.near * times,
            self.apart + other.apart * times,
            self.score + other.score * times,
        )


NEUTRAL = Relation()


class Place(NamedTuple):
    """A node's domain by a topology label, and the sums over the node's pods."""

    domain: Any
    sums: Relation


class Survey(NamedTuple):
    """The sums in each domain that has several nodes, by label, and whether any pod is near."""

    sums: list[dict[Any, Relation]]
    company: bool


class InterPodAffinity(Plugin):
    """Keeps pods near to and apart from others, as they or the others require or prefer."""

    name = NAME
    weight = 2
    counts = True

    def __init__(self, pod: Any, cache: Cache) -> None:
        self._namespace = pod.metadata.namespace
        self._labels = labels_of(pod)
        self._cache = cache
        self._own = terms_of(pod.spec.affinity, self._namespace, self._labels, cache)
        own = self._own
        self._by_key: dict[str, list[tuple[PodGroup, Relation]]] = {
            term.key: [] for term in own.near + own.apart + own.preferred
        }
        self._seen = 0
        self._meet_new_groups()
        relations = [relation for pairs in self._by_key.values() for _, relation in pairs]
        self.judges = bool(own.near or own.apart or any(r.unwanted for r in relations))
        self.ranks = bool(own.preferred or any(r.score for r in relations))
        self._first_of_kind = self._meets_near(self._namespace, self._labels)

    def _meets_near(self, namespace: str, labels: dict[str, str]) -> bool:
        near = self._own.near
        return bool(near) and all(term.matches(namespace, labels) for term in near)

    def _meet_new_groups(self) -> None:
        groups = self._cache.groups
        for group in islice(groups.values(), self._seen, None):
            if group.affinity is not None or any(self._own):
                for key, relation in self._relations(group).items():
                    if relation != NEUTRAL:
                        self._by_key.setdefault(key, []).append((group, relation))
        self._seen = len(groups)

    def _relations(self, group: PodGroup) -> dict[str, Relation]:
        """What each pod of a group means for the pod, by topology label."""
        own = self._own
        theirs = terms_of(group.affinity, group.namespace, group.labels, self._cache)
        about_them = group.namespace, group.labels
        about_it = self._namespace, self._labels
        near = self._meets_near(*about_them)
        found = [(term.key, Relation(near=near)) for term in own.near]
        for terms, subject, meaning in (
            (own.apart, about_them, Relation(apart=1)),
            (theirs.apart, about_it, Relation(unwanted=1)),
            (theirs.near, about_it, Relation(score=HARD_AFFINITY_WEIGHT)),
        ):
            found += [(term.key, meaning) for term in terms if term.matches(*subject)]
        for terms, subject in ((own.preferred, about_them), (theirs.preferred, about_it)):
            for term in terms:
                if term.matches(*subject):
                    found.append((term.key, Relation(score=term.weight)))
        sums: dict[str, Relation] = {}
        for key, relation in found:
            sums[key] = sums.get(key, NEUTRAL).plus(relation)
        return sums

    # --- what it knows of nodes

    def facts(self, info: NodeInfo) -> tuple[Any, ...]:
        return tuple(self._cache.domain(info, key) for key in self._by_key)

    def summary(self, info: NodeInfo, facts: tuple[Any, ...]) -> tuple[Place, ...]:
        if len(self._cache.groups) != self._seen:
            self._meet_new_groups()
        places = []
        for domain, pairs in zip(facts, self._by_key.values(), strict=True):
            sums = NEUTRAL
            if domain is not None:
                for group, relation in pairs:
                    pods = group.counts.get(info.name, 0)
                    if pods:
                        sums = sums.plus(relation, pods)
            places.append(Place(domain, sums))
        return tuple(places)

    def survey(self, census: Census) -> Survey:
        sums: list[dict[Any, Relation]] = [{} for _ in self._by_key]
        company = False
        for places, nodes in census.items():
            for by_domain, place in zip(sums, places, strict=True):
                company = company or place.sums.near > 0
                if place.sums != NEUTRAL and place.domain is not SELF:
                    before = by_domain.get(place.domain, NEUTRAL)
                    by_domain[place.domain] = before.plus(place.sums, nodes)
        return Survey(sums, company)

    def _around(self, survey: Survey, summary: tuple[Place, ...]) -> dict[str, Relation]:
        return {
            key: place.sums if place.domain is SELF else by_domain.get(place.domain, NEUTRAL)
            for key, place, by_domain in zip(self._by_key, summary, survey.sums, strict=True)
            if place.domain is not None
        }

    # --- refusing and scoring

    def judge(self, survey: Survey, summary: tuple[Place, ...]) -> Verdict | None:
        around = self._around(survey, summary)
        near = [around.get(term.key) for term in self._own.near]
        if any(sums is None for sums in near):
            return NOT_NEAR
        alone = any(sums is not None and sums.near <= 0 for sums in near)
        if alone and (survey.company or not self._first_of_kind):
            return NOT_NEAR
        if any(sums.apart > 0 for sums in around.values()):
            return TOO_NEAR
        return UNWANTED if any(sums.unwanted > 0 for sums in around.values()) else None

    def raw(self, survey: Survey, candidates: Candidates) -> list[int | None]:
        return [
            sum(sums.score for sums in self._around(survey, summary).values())
            for summary in candidates.summaries
        ]

    def normalize(self, scores: list[int | None]) -> list[int]:
        given = [score or 0 for score in scores]
        lowest, highest = min(given, default=0), max(given, default=0)
        if lowest == highest:
            return [0] * len(given)
        return [int(MAX_SCORE * ((score - lowest) / (highest - lowest))) for score in given]

    def might_help(self, event: ClusterEvent, pod: Any) -> bool:
        if event.kind != "pod":
            return event.kind == "node"
        other = event.old
        if other is None:
            return _any_matches(self._own.near, event.new)
        # It is gone, or changed: it may have been in the way.
        namespace, labels = other.metadata.namespace, labels_of(other)
        theirs = terms_of(other.spec.affinity, namespace, labels, self._cache)
        return _any_matches(self._own.apart, other) or _any_matches(theirs.apart, pod)


def _any_matches(terms: Iterable[Term], pod: Any) -> bool:
    return any(term.matches(pod.metadata.namespace, labels_of(pod)) for term in terms)
