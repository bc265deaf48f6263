"""Label selectors, node selectors, affinity, tolerations, topology spread.

Sources: `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go`,
`pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api import errors, names
from kubecourse.control_plane.apiserver.validation import checks
from kubecourse.control_plane.apiserver.validation.checks import Errors

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NOT_AN_OPERATOR = "not a valid selector operator"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_BOTH_KEYS = "exists in both matchLabelKeys and labelSelector"


def _values_fit(path: str, rule: Any, out: Errors, one_value: tuple[str, ...] = ()) -> None:
    values = rule.values or []
    if rule.operator in ("In", "NotIn"):
        if not values:
            why = "must be specified when `operator` is 'In' or 'NotIn'"
            out.append(errors.required(f"{path}.values", why))
    elif rule.operator in ("Exists", "DoesNotExist"):
        if values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            out.append(errors.field_forbidden(f"{path}.values", why))
    elif rule.operator in one_value:
        if len(values) != 1:
            why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            out.append(errors.required(f"{path}.values", why))
    else:
        out.append(errors.invalid(f"{path}.operator", rule.operator or "", _NOT_AN_OPERATOR))


def _label_values(path: str, values: list[str] | None, out: Errors) -> None:
    for index, value in enumerate(values or ()):
        checks.obeys(f"{path}[{index}]", value, names.validate_label_value, out)


def label_selector(path: str, selector: Any, out: Errors) -> None:
    """A label selector, which may be absent."""
    if selector is None:
        return
    checks.labels(f"{path}.matchLabels", selector.matchLabels, out)
    for index, rule in enumerate(selector.matchExpressions or ()):
        at = f"{path}.matchExpressions[{index}]"
        _values_fit(at, rule, out)
        checks.qualified(f"{at}.key", rule.key, out)
        _label_values(f"{at}.values", rule.values, out)


# --- node affinity


def _node_rule(path: str, rule: Any, out: Errors, any_value: bool) -> None:
    _values_fit(path, rule, out, ("Gt", "Lt"))
    checks.qualified(f"{path}.key", rule.key, out)
    if not any_value:
        _label_values(f"{path}.values", rule.values, out)


def _node_field_rule(path: str, rule: Any, out: Errors, any_value: bool) -> None:
    if rule.operator not in ("In", "NotIn"):
        out.append(errors.invalid(f"{path}.operator", rule.operator or "", _NOT_AN_OPERATOR))
    elif len(rule.values or ()) != 1:
        why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        out.append(errors.required(f"{path}.values", why))
    if rule.key != "metadata.name":
        out.append(errors.invalid(f"{path}.key", rule.key or "", "not a valid field selector key"))
        return
    for index, value in enumerate(rule.values or ()):
        checks.dns_subdomain(f"{path}.values[{index}]", value, out)


def _node_term(path: str, term: Any, out: Errors, any_value: bool = False) -> None:
    for index, rule in enumerate(term.matchExpressions or ()):
        _node_rule(f"{path}.matchExpressions[{index}]", rule, out, any_value)
    for index, rule in enumerate(term.matchFields or ()):
        _node_field_rule(f"{path}.matchFields[{index}]", rule, out, any_value)


def node_selector(path: str, selector: Any, out: Errors) -> None:
    """A node selector: terms of which one must hold."""
    path = f"{path}.nodeSelectorTerms"
    if not selector.nodeSelectorTerms:
        out.append(errors.required(path, "must have at least one node selector term"))
    for index, term in enumerate(selector.nodeSelectorTerms or ()):
        _node_term(f"{path}[{index}]", term, out)


def _weight(path: str, weight: int | None, out: Errors) -> None:
    if not 0 < (weight or 0) <= 100:
        out.append(errors.invalid(f"{path}.weight", weight or 0, "must be in the range 1-100"))


def _node_affinity(path: str, affinity: Any, out: Errors) -> None:
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution
    if required is not None:
        node_selector(f"{path}.{_REQUIRED}", required, out)
    preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution
    for index, term in enumerate(preferred or ()):
        at = f"{path}.{_PREFERRED}[{index}]"
        _weight(at, term.weight, out)
        if term.preference is not None:
            _node_term(f"{at}.preference", term.preference, out, any_value=True)


# --- pod affinity


def _pod_affinity(path: str, affinity: Any, out: Errors) -> None:
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution
    for index, term in enumerate(required or ()):
        _pod_term(f"{path}.{_REQUIRED}[{index}]", term, out)
    preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution
    for index, term in enumerate(preferred or ()):
        at = f"{path}.{_PREFERRED}[{index}]"
        _weight(at, term.weight, out)
        _pod_term(f"{at}.podAffinityTerm", term.podAffinityTerm, out)


def _pod_term(path: str, term: Any, out: Errors) -> None:
    label_selector(f"{path}.labelSelector", term.labelSelector, out)
    label_selector(f"{path}.namespaceSelector", term.namespaceSelector, out)
    for name in term.namespaces or ():
        checks.dns_label(f"{path}.namespace", name, out)
    _match_keys(path, term, out)
    if not term.topologyKey:
        out.append(errors.required(f"{path}.topologyKey", "can not be empty"))
    checks.qualified(f"{path}.topologyKey", term.topologyKey, out)


def _match_keys(path: str, term: Any, out: Errors) -> None:
    for field, keys in (
        ("matchLabelKeys", term.matchLabelKeys),
        ("mismatchLabelKeys", term.mismatchLabelKeys),
    ):
        if keys and term.labelSelector is None:
            why = "must not be specified when labelSelector is not set"
            out.append(errors.field_forbidden(f"{path}.{field}", why))
            continue
        for index, key in enumerate(keys or ()):
            checks.qualified(f"{path}.{field}[{index}]", key, out)
    for index, key in enumerate(term.matchLabelKeys or ()):
        if key in (term.mismatchLabelKeys or ()):
            why = "exists in both matchLabelKeys and mismatchLabelKeys"
            out.append(errors.invalid(f"{path}.matchLabelKeys[{index}]", key, why))


_AFFINITIES: tuple[tuple[str, Callable[[str, Any, Errors], None]], ...] = (
    ("nodeAffinity", _node_affinity),
    ("podAffinity", _pod_affinity),
    ("podAntiAffinity", _pod_affinity),
)


def affinity(path: str, value: Any, out: Errors) -> None:
    """What a pod wants to be near to, or far from."""
    for name, check in _AFFINITIES:
        part = getattr(value, name)
        if part is not None:
            check(f"{path}.{name}", part, out)


# --- taints and tolerations


def tolerations(path: str, values: list[Any] | None, out: Errors) -> None:
    """The taints that a pod bears."""
    for index, value in enumerate(values or ()):
        _toleration(f"{path}[{index}]", value, out)


def _toleration(path: str, value: Any, out: Errors) -> None:
    operator = value.operator or ""
    if value.key:
        checks.qualified(f"{path}.key", value.key, out)
    elif operator != "Exists":
        meaning = "match all values and all keys"
        why = f'operator must be Exists when `key` is empty, which means "{meaning}"'
        out.append(errors.invalid(f"{path}.operator", operator, why))
    if value.tolerationSeconds is not None and value.effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        out.append(errors.invalid(f"{path}.effect", value.effect or "", why))
    if operator in ("Equal", ""):
        checks.label_value(f"{path}.operator", value.value, out)
    elif operator == "Exists":
        if value.value:
            why = "value must be empty when `operator` is 'Exists'"
            out.append(errors.invalid(f"{path}.operator", value.value, why))
    else:
        out.append(errors.not_supported(f"{path}.operator", operator, ("Equal", "Exists")))
    if value.effect:
        checks.one_of(f"{path}.effect", value.effect, EFFECTS, out)


# --- topology spread

_POLICIES = ("Honor", "Ignore")


def topology_spread(path: str, values: list[Any] | None, out: Errors) -> None:
    """How evenly a workload's pods must lie."""
    for index, value in enumerate(values or ()):
        _constraint(f"{path}[{index}]", value, (values or [])[index + 1 :], out)


def _constraint(path: str, value: Any, rest: list[Any], out: Errors) -> None:
    if (value.maxSkew or 0) <= 0:
        out.append(errors.invalid(f"{path}.maxSkew", value.maxSkew or 0, checks.NOT_POSITIVE))
    checks.required(f"{path}.topologyKey", value.topologyKey, out, "can not be empty")
    action = value.whenUnsatisfiable or ""
    checks.one_of(f"{path}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway"), out)
    if any(o.topologyKey == value.topologyKey and o.whenUnsatisfiable == action for o in rest):
        pair = f"{{{value.topologyKey}, {action}}}"
        out.append(errors.duplicate(f"{path}.{{topologyKey, whenUnsatisfiable}}", pair))
    _min_domains(f"{path}.minDomains", value.minDomains, action, out)
    for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if getattr(value, field) is not None:
            checks.one_of(f"{path}.{field}", getattr(value, field), _POLICIES, out)
    _spread_keys(f"{path}.matchLabelKeys", value, out)
    label_selector(f"{path}.labelSelector", value.labelSelector, out)


def _min_domains(path: str, count: int | None, action: str, out: Errors) -> None:
    if count is None:
        return
    if count <= 0:
        out.append(errors.invalid(path, count, checks.NOT_POSITIVE))
    if action != "DoNotSchedule":
        why = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        out.append(errors.invalid(path, count, why))


def _spread_keys(path: str, value: Any, out: Errors) -> None:
    if not value.matchLabelKeys:
        return
    selector = value.labelSelector
    if selector is None:
        why = "must not be specified when labelSelector is not set"
        out.append(errors.field_forbidden(path, why))
        used = set()
    else:
        used = {*(selector.matchLabels or ()), *(e.key for e in selector.matchExpressions or ())}
    for index, key in enumerate(value.matchLabelKeys):
        checks.qualified(f"{path}[{index}]", key, out)
        if key in used:
            out.append(errors.invalid(f"{path}[{index}]", key, _BOTH_KEYS))
