"""Roles and bindings. Source: `pkg/apis/rbac/validation/validation.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.api import names
from kubecourse.control_plane.apiserver.validation import internal
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors, Rule
from kubecourse.control_plane.apiserver.validation.selectors import LABEL_SELECTOR

GROUP = "rbac.authorization.k8s.io"
PATH_SEGMENT = r.obeys(names.is_path_segment)

# --- roles


def _policy(namespaced: bool) -> Rule:
    def check(rule: Any, out: Errors) -> None:
        urls = rule.nonResourceURLs
        if not rule.verbs:
            out.required("verbs", "verbs must contain at least one value")
        if not urls:
            if not rule.apiGroups:
                out.required("apiGroups", "resource rules must supply at least one api group")
            if not rule.resources:
                out.required("resources", "resource rules must supply at least one resource")
            return
        if namespaced:
            why = "namespaced rules cannot apply to non-resource URLs"
            out.invalid("nonResourceURLs", urls, why)
        if rule.apiGroups or rule.resources or rule.resourceNames:
            why = "rules cannot apply to both regular resources and non-resource URLs"
            out.invalid("nonResourceURLs", urls, why)

    return check


_ANY_SELECTOR = r.given(
    r.each(LABEL_SELECTOR),
    why="at least one clusterRoleSelector required if aggregationRule is non-nil",
)
ROLE = r.struct(("rules", r.each(_policy(namespaced=True))))
CLUSTER_ROLE = r.struct(
    ("rules", r.each(_policy(namespaced=False))),
    ("aggregationRule", r.struct(("clusterRoleSelectors", _ANY_SELECTOR))),
)

# --- bindings


def _subject(namespaced: bool) -> Rule:
    def check(subject: Any, out: Errors) -> None:
        if not subject.name:
            out.required("name")
        group = subject.apiGroup or ""
        if subject.kind == "ServiceAccount":
            r.at("name", r.SUBDOMAIN, subject.name or None, out)
            if group:
                out.unsupported("apiGroup", group, ("",))
            if not namespaced and not subject.namespace:
                out.required("namespace")
        elif subject.kind not in ("User", "Group"):
            out.unsupported("kind", subject.kind, ("ServiceAccount", "User", "Group"))
        elif group != GROUP:
            out.unsupported("apiGroup", group, (GROUP,))

    return check


def _binding(*kinds: str) -> Rule:
    role = r.struct(
        ("apiGroup", r.even_absent(r.one_of(GROUP))),
        ("kind", r.even_absent(r.one_of(*kinds))),
        ("name", r.given(PATH_SEGMENT)),
    )
    return r.struct(("roleRef", role), ("subjects", r.each(_subject("Role" in kinds))))


ROLE_BINDING = _binding("Role", "ClusterRole")
CLUSTER_ROLE_BINDING = _binding("ClusterRole")


def binding_change(new: Any, old: Any, out: Errors) -> None:
    """A binding grants what it granted at first; only to whom may change."""
    if new.roleRef != old.roleRef:
        out.invalid("roleRef", internal.shown(new.roleRef), "cannot change roleRef")
