"""Pods are held to the standard that the labels of their namespace name: enforced, or warned of.

The standards themselves are in `pod_standards.py`.
Source: `staging/src/k8s.io/pod-security-admission/admission/admission.go`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from kubecourse.api import errors
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver.admission import pod_standards
from kubecourse.control_plane.apiserver.admission.attempt import Attempt

PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
TEMPLATED = (
    "CronJob DaemonSet Deployment Job PodTemplate ReplicaSet ReplicationController StatefulSet"
)
"""The kinds whose pods are warned of before they are made."""

_PODS = BY_PLURAL["", "v1", "pods"]
_NAMESPACES = BY_PLURAL["", "v1", "namespaces"]
_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)")


class Policy(NamedTuple):
    """A standard, and in which version it holds."""

    level: str = LEVELS[0]
    version: str = "latest"

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    def complaints(self, metadata: Any, spec: Any) -> list[pod_standards.Complaint]:
        """What about a pod is against the standard."""
        minor = None if self.version == "latest" else int(self.version.removeprefix("v1."))
        return pod_standards.complaints(self.level, minor, metadata, spec)


def _policy(labels: Mapping[str, str] | None, mode: str) -> Policy:
    """What labels ask for. The strictest standard stands for one that does not exist."""
    if not labels:
        return Policy()
    level = labels.get(PREFIX + mode, LEVELS[0])
    version = labels.get(f"{PREFIX}{mode}-version", "latest")
    return Policy(
        level if level in LEVELS else LEVELS[-1],
        version if _VERSION.fullmatch(version) else "latest",
    )


def _wrong(labels: Mapping[str, str] | None) -> list[errors.FieldError]:
    """What is wrong with the labels that name standards."""
    problems = []
    for mode in ("enforce", "audit", "warn"):
        level, version = PREFIX + mode, f"{PREFIX}{mode}-version"
        said = (labels or {}).get(level, LEVELS[0])
        if said not in LEVELS:
            why = f"must be one of {', '.join(LEVELS)}"
            problems.append(errors.invalid(f"metadata.labels[{level}]", said, why))
        said = (labels or {}).get(version, "latest")
        if said != "latest" and not _VERSION.fullmatch(said):
            why = 'must be "latest" or "v1.x"'
            problems.append(errors.invalid(f"metadata.labels[{version}]", said, why))
    return problems


def check_namespace(attempt: Attempt) -> None:
    """Its labels must name standards; whoever enforces another hears which pods are against it."""
    new, old = attempt.new, attempt.old
    labels = new.metadata.labels
    before = old.metadata.labels if old is not None else None
    problems = _wrong(labels)
    if problems and [*map(str, problems)] != [*map(str, _wrong(before))]:
        raise errors.invalid_object("Namespace", "", new.metadata.name, problems)
    policy, was = _policy(labels, "enforce"), _policy(before, "enforce")
    if old is None or policy == was or policy.level == LEVELS[0]:
        return
    if policy.version == was.version and LEVELS.index(policy.level) <= LEVELS.index(was.level):
        return
    _warn_of_pods(attempt, policy)


def _warn_of_pods(attempt: Attempt, policy: Policy) -> None:
    """The pods that are there already, those that are wrong in the same way on one line."""
    name = attempt.new.metadata.name
    alike: dict[str, list[str]] = {}
    for pod in attempt.server.list(_PODS, name):
        found = policy.complaints(pod.metadata, pod.spec)
        if found:
            reasons = ", ".join(each.reason for each in found)
            alike.setdefault(reasons, []).append(pod.metadata.name)
    if not alike:
        return
    attempt.options.warn(
        f'existing pods in namespace "{name}" violate the new PodSecurity enforce level "{policy}"'
    )
    lines = []
    for reasons, pods in alike.items():
        others = f" (and {len(pods) - 1} other pod{'s' * (len(pods) > 2)})" if pods[1:] else ""
        lines.append(f"{pods[0]}{others}: {reasons}")
    for line in sorted(lines):
        attempt.options.warn(line)


def check_pod(attempt: Attempt) -> None:
    """A pod must be as its namespace enforces. Raises Forbidden."""
    new, old = attempt.new, attempt.old
    labels = _labels_of_namespace(attempt)
    if not labels or (old is not None and _images(new) == _images(old)):
        return
    policy = _policy(labels, "enforce")
    if found := policy.complaints(new.metadata, new.spec):
        why = f'violates PodSecurity "{policy}": {_told(found)}'
        raise attempt.forbidden(why)
    _warn(attempt, labels, new.metadata, new.spec)


def check_template(attempt: Attempt) -> None:
    """Whoever makes a workload is warned of pods that are against what the namespace warns of."""
    labels = _labels_of_namespace(attempt)
    if not labels:
        return
    holder = attempt.new
    if holder.kind != "PodTemplate":
        holder = holder.spec
    if attempt.new.kind == "CronJob":
        holder = holder.jobTemplate.spec
    template = holder.template
    if template is not None and template.spec is not None:
        _warn(attempt, labels, template.metadata, template.spec)


def _warn(attempt: Attempt, labels: Mapping[str, str], metadata: Any, spec: Any) -> None:
    policy = _policy(labels, "warn")
    if found := policy.complaints(metadata, spec):
        attempt.options.warn(f'would violate PodSecurity "{policy}": {_told(found)}')


def _told(found: list[pod_standards.Complaint]) -> str:
    return ", ".join(f"{each.reason} ({each.detail})" for each in found)


def _labels_of_namespace(attempt: Attempt) -> dict[str, str]:
    """The labels of the object's namespace that name standards."""
    namespace = attempt.new.metadata.namespace or ""
    with errors.ignoring("NotFound"):
        labels = attempt.server.get(_NAMESPACES, None, namespace).metadata.labels or {}
        return {key: value for key, value in labels.items() if key.startswith(PREFIX)}
    return {}


def _images(pod: Any) -> list[str]:
    containers = [*(pod.spec.initContainers or ()), *(pod.spec.containers or ())]
    return [each.image for each in containers]
