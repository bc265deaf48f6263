"""Pods want to be near some pods and away from others, and others have wishes about them.

Source: `pkg/scheduler/framework/plugins/interpodaffinity/{filtering,scoring}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from kubecourse.api.labels import (
    NOTHING,
    Requirement,
    Selector,
    SelectorError,
    selector_from_label_selector,
)
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo, PodGroup, labels_of
from kubecourse.control_plane.scheduler.framework import (
    MAX_SCORE,
    Census,
    ClusterEvent,
    Part,
    Plugin,
    Verdict,
    Window,
)

HARD_AFFINITY_WEIGHT = 1
"""What an existing pod's required affinity adds to the score of its surroundings."""

SELF = True
"""Stands for a node's value of a label when it is a domain of its own."""

NOT_NEAR = Verdict(
    "InterPodAffinity", ("node(s) didn't match pod affinity rules",), resolvable=False
)
TOO_NEAR = Verdict("InterPodAffinity", ("node(s) didn't match pod anti-affinity rules",))
UNWANTED = Verdict(
    "InterPodAffinity", ("node(s) didn't satisfy existing pods anti-affinity rules",)
)


class Term:
    """One affinity term of a pod: which other pods, and within which domain."""

    __slots__ = ("_all_namespaces", "_namespaces", "_selector", "key", "weight")

    def __init__(
        self, term: Any, namespace: str, labels: dict[str, str], cache: Cache, weight: int = 0
    ) -> None:
        self.key: str = term.topologyKey
        self.weight = weight
        try:
            selector = selector_from_label_selector(term.labelSelector)
            spaces = selector_from_label_selector(term.namespaceSelector)
        except SelectorError:
            selector = spaces = NOTHING
        extra = [
            Requirement(k, "=", (labels[k],)) for k in term.matchLabelKeys or () if k in labels
        ]
        extra += [
            Requirement(k, "!=", (labels[k],)) for k in term.mismatchLabelKeys or () if k in labels
        ]
        if extra and selector is not NOTHING:
            selector = Selector([*selector.requirements, *extra])
        self._selector = selector
        names = list(term.namespaces or ())
        if not names and term.namespaceSelector is None:
            names = [namespace]
        self._all_namespaces = term.namespaceSelector is not None and spaces.empty
        names += [name for name, found in cache.namespaces.items() if spaces.matches(found)]
        self._namespaces = frozenset(names)

    def matches(self, namespace: str, labels: dict[str, str]) -> bool:
        """Whether it is about pods of a namespace with these labels."""
        return (self._all_namespaces or namespace in self._namespaces) and self._selector.matches(
            labels
        )


class Terms(NamedTuple):
    """All affinity terms of a pod: required ones, and preferred ones (apart: negative weight)."""

    near: list[Term]
    apart: list[Term]
    preferred: list[Term]

    @property
    def none(self) -> bool:
        """Whether the pod has no wishes about others."""
        return not (self.near or self.apart or self.preferred)


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
    """What one existing pod means for the pod, within one domain.

    unwanted: its anti-affinity terms against the pod; near, apart: the pod's own required terms
    that it meets; score: what it adds to the score.
    """

    unwanted: int = 0
    near: int = 0
    apart: int = 0
    score: int = 0


NEUTRAL = Relation()


class Place(NamedTuple):
    """A node's value of a topology label (None: it has none), and the sums over its pods."""

    domain: Any
    sums: Relation


def _plus(a: Relation, b: Relation, times: int = 1) -> Relation:
    return Relation(
        a.unwanted + b.unwanted * times,
        a.near + b.near * times,
        a.apart + b.apart * times,
        a.score + b.score * times,
    )


class _Part(Part):
    counts = True

    def __init__(self, pod: Any, terms: Terms, cache: Cache) -> None:
        self._pod_namespace = pod.metadata.namespace
        self._pod_labels = labels_of(pod)
        self._terms = terms
        self._cache = cache
        self._by_key: dict[str, list[tuple[PodGroup, Relation]]] = {
            term.key: [] for term in (*terms.near, *terms.apart, *terms.preferred)
        }
        self._seen = 0
        self._meet_new_groups()
        relations = [r for pairs in self._by_key.values() for _, r in pairs]
        self.judges = bool(terms.near or terms.apart or any(r.unwanted for r in relations))
        self.ranks = bool(terms.preferred or any(r.score for r in relations))
        self._first_of_kind = self._meets_near(self._pod_namespace, self._pod_labels)

    def _meets_near(self, namespace: str, labels: dict[str, str]) -> bool:
        near = self._terms.near
        return bool(near) and all(term.matches(namespace, labels) for term in near)

    def _meet_new_groups(self) -> None:
        groups = self._cache.groups
        for group in islice(groups.values(), self._seen, None):
            for key, relation in self._relations(group).items():
                if relation != NEUTRAL:
                    self._by_key.setdefault(key, []).append((group, relation))
        self._seen = len(groups)

    def _relations(self, group: PodGroup) -> dict[str, Relation]:
        found: dict[str, Relation] = {}
        own = self._terms
        near = self._meets_near(group.namespace, group.labels)
        for term in own.near:
            _add(found, term.key, Relation(near=near))
        for term in own.apart:
            _add(found, term.key, Relation(apart=term.matches(group.namespace, group.labels)))
        for term in own.preferred:
            if term.matches(group.namespace, group.labels):
                _add(found, term.key, Relation(score=term.weight))
        theirs = terms_of(group.affinity, group.namespace, group.labels, self._cache)
        for term in theirs.apart:
            if term.matches(self._pod_namespace, self._pod_labels):
                _add(found, term.key, Relation(unwanted=1))
        for term in theirs.near:
            if term.matches(self._pod_namespace, self._pod_labels):
                _add(found, term.key, Relation(score=HARD_AFFINITY_WEIGHT))
        for term in theirs.preferred:
            if term.matches(self._pod_namespace, self._pod_labels):
                _add(found, term.key, Relation(score=term.weight))
        return found

    @property
    def silent(self) -> bool:
        """Whether it has nothing to say."""
        return not (self.judges or self.ranks)

    # --- what it knows of nodes

    def facts(self, info: NodeInfo) -> tuple[Any, ...]:
        """The node's domains, by label."""
        return tuple(
            SELF if key in info.labels and self._cache.unique(key) else info.labels.get(key)
            for key in self._by_key
        )

    def summary(self, info: NodeInfo, facts: tuple[Any, ...]) -> tuple[Place, ...]:
        if len(self._cache.groups) != self._seen:
            self._meet_new_groups()
        places = []
        name = info.name
        for domain, pairs in zip(facts, self._by_key.values(), strict=True):
            sums = NEUTRAL
            if domain is not None:
                for group, relation in pairs:
                    pods = group.counts.get(name, 0)
                    if pods:
                        sums = _plus(sums, relation, pods)
            places.append(Place(domain, sums))
        return tuple(places)

    def survey(self, census: Census) -> tuple[list[dict[Any, Relation]], bool]:
        """The sums in each domain that has several nodes, by label, and whether any pod is near."""
        sums: list[dict[Any, Relation]] = [{} for _ in self._by_key]
        company = False
        for places, nodes in census.items():
            for by_domain, place in zip(sums, places, strict=True):
                company = company or place.sums.near > 0
                if place.sums != NEUTRAL and place.domain is not SELF:
                    before = by_domain.get(place.domain, NEUTRAL)
                    by_domain[place.domain] = _plus(before, place.sums, nodes)
        return sums, company

    def _around(self, survey: Any, summary: tuple[Place, ...]) -> dict[str, Relation | None]:
        """The sums in a node's domains, by label; None where it does not have the label."""
        found: dict[str, Relation | None] = {}
        for key, place, by_domain in zip(self._by_key, summary, survey[0], strict=True):
            if place.domain is None:
                found[key] = None
            elif place.domain is SELF:
                found[key] = place.sums
            else:
                found[key] = by_domain.get(place.domain, NEUTRAL)
        return found

    # --- refusing

    def judge(self, survey: Any, summary: tuple[Place, ...]) -> Verdict | None:
        around = self._around(survey, summary)
        near = [around[term.key] for term in self._terms.near]
        if any(sums is None for sums in near):
            return NOT_NEAR
        alone = any(sums is not None and sums.near <= 0 for sums in near)
        if alone and (survey[1] or not self._first_of_kind):
            return NOT_NEAR
        present = [sums for sums in around.values() if sums is not None]
        if any(sums.apart > 0 for sums in present):
            return TOO_NEAR
        return UNWANTED if any(sums.unwanted > 0 for sums in present) else None

    # --- scoring

    def raw(
        self, survey: Any, summaries: Sequence[tuple[Place, ...]], window: Window
    ) -> list[int | None]:
        return [
            sum(sums.score for sums in self._around(survey, summary).values() if sums is not None)
            for summary in summaries
        ]

    def normalize(self, scores: Sequence[int | None]) -> list[int]:
        given = [score or 0 for score in scores]
        lowest, highest = min(given, default=0), max(given, default=0)
        if lowest == highest:
            return [0] * len(given)
        return [int(MAX_SCORE * ((score - lowest) / (highest - lowest))) for score in given]


def _add(to: dict[str, Relation], key: str, relation: Relation) -> None:
    to[key] = _plus(to.get(key, NEUTRAL), relation)


class InterPodAffinity(Plugin):
    """Keeps pods near to and apart from others, as they or the others require or prefer."""

    name = "InterPodAffinity"
    weight = 2

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        terms = terms_of(pod.spec.affinity, pod.metadata.namespace, labels_of(pod), cache)
        if terms.none and not cache.affinities:
            return None
        part = _Part(pod, terms, cache)
        return None if part.silent else part

    def might_help(self, event: ClusterEvent, pod: Any, cache: Cache) -> bool:
        if event.kind == "node":
            return True
        own = terms_of(pod.spec.affinity, pod.metadata.namespace, labels_of(pod), cache)
        if event.old is not None:  # gone, or changed: it may have been in the way
            theirs = _terms_of_pod(event.old, cache)
            return _any_matches(own.apart, event.old) or _any_matches(theirs.apart, pod)
        return _any_matches(own.near, event.new)


def _terms_of_pod(pod: Any, cache: Cache) -> Terms:
    return terms_of(pod.spec.affinity, pod.metadata.namespace, labels_of(pod), cache)


def _any_matches(terms: Iterable[Term], pod: Any) -> bool:
    return any(term.matches(pod.metadata.namespace, labels_of(pod)) for term in terms)
