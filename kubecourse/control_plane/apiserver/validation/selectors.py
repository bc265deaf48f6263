"""Label selectors, node selectors, affinity, tolerations, topology spread.

Sources: `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go`,
`pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors, at

EFFECT = r.one_of("NoSchedule", "PreferNoSchedule", "NoExecute")
_NOT_AN_OPERATOR = "not a valid selector operator"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def _values_fit(rule: Any, out: Errors) -> None:
    if rule.operator in ("In", "NotIn"):
        if not rule.values:
            out.required("values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif rule.operator in ("Exists", "DoesNotExist"):
        if rule.values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            out.forbidden("values", why)
    else:
        out.invalid("operator", rule.operator or "", _NOT_AN_OPERATOR)


def _node_values_fit(rule: Any, out: Errors) -> None:
    if rule.operator not in ("Gt", "Lt"):
        _values_fit(rule, out)
    elif len(rule.values or ()) != 1:
        out.required("values", "must be specified single value when `operator` is 'Lt' or 'Gt'")


_VALUES = ("values", r.each(r.LABEL_VALUE))
LABEL_SELECTOR = r.struct(
    ("matchLabels", r.labels),
    ("matchExpressions", r.each(_values_fit, ("key", r.QUALIFIED), _VALUES)),
)

# --- affinity


def _node_field(rule: Any, out: Errors) -> None:
    if rule.operator not in ("In", "NotIn"):
        out.invalid("operator", rule.operator or "", _NOT_AN_OPERATOR)
    elif len(rule.values or ()) != 1:
        why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        out.required("values", why)
    if rule.key != "metadata.name":
        out.invalid("key", rule.key or "", "not a valid field selector key")
    else:
        at("values", r.each(r.SUBDOMAIN), rule.values, out)


_NODE_RULE = (_node_values_fit, ("key", r.QUALIFIED))
_NODE_FIELDS = ("matchFields", r.each(_node_field))
_NODE_TERM = r.struct(("matchExpressions", r.each(*_NODE_RULE, _VALUES)), _NODE_FIELDS)
# What a node would preferably have may be any value, not only one fit for a label.
_PREFERENCE = r.struct(("matchExpressions", r.each(*_NODE_RULE)), _NODE_FIELDS)
_TERMS = r.given(r.each(_NODE_TERM), why="must have at least one node selector term")
NODE_SELECTOR = r.struct(("nodeSelectorTerms", _TERMS))
"""A node selector: terms of which one must hold."""


@r.even_absent
def _weight(weight: int | None, out: Errors) -> None:
    if not 0 < (weight or 0) <= 100:
        out.invalid("", weight or 0, "must be in the range 1-100")


def _namespaces(term: Any, out: Errors) -> None:
    for name in term.namespaces or ():
        at("namespace", r.LABEL, name, out)


def _label_keys(owner: Any, out: Errors) -> None:
    for field in _LABEL_KEYS:
        keys = getattr(owner, field, None)
        if keys and owner.labelSelector is None:
            out.forbidden(field, "must not be specified when labelSelector is not set")
        else:
            at(field, _KEYS, keys, out)


_LABEL_KEYS = ("matchLabelKeys", "mismatchLabelKeys")
_KEYS = r.each(r.QUALIFIED)
_POD_TERM = r.struct(
    ("labelSelector", LABEL_SELECTOR),
    ("namespaceSelector", LABEL_SELECTOR),
    _namespaces,
    _label_keys,
    ("topologyKey", r.given(why="can not be empty")),
    ("topologyKey", r.QUALIFIED),
)
_POD_AFFINITY = r.struct(
    (_REQUIRED, r.each(_POD_TERM)),
    (_PREFERRED, r.each(("weight", _weight), ("podAffinityTerm", _POD_TERM))),
)
_NODE_AFFINITY = r.struct(
    (_REQUIRED, NODE_SELECTOR),
    (_PREFERRED, r.each(("weight", _weight), ("preference", _PREFERENCE))),
)
AFFINITY = r.struct(
    ("nodeAffinity", _NODE_AFFINITY),
    ("podAffinity", _POD_AFFINITY),
    ("podAntiAffinity", _POD_AFFINITY),
)
"""What a pod wants to be near to, or far from."""

# --- tolerations


def _toleration(value: Any, out: Errors) -> None:
    operator = value.operator or ""
    if not value.key and operator != "Exists":
        meaning = "match all values and all keys"
        why = f'operator must be Exists when `key` is empty, which means "{meaning}"'
        out.invalid("operator", operator, why)
    if value.tolerationSeconds is not None and value.effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        out.invalid("effect", value.effect or "", why)
    if operator in ("Equal", ""):
        at("operator", r.LABEL_VALUE, value.value, out)
    elif operator != "Exists":
        out.unsupported("operator", operator, ("Equal", "Exists"))
    elif value.value:
        out.invalid("operator", value.value, "value must be empty when `operator` is 'Exists'")


TOLERATIONS = r.each(("key", r.QUALIFIED_IF_ANY), _toleration, ("effect", EFFECT))
"""The taints that a pod bears."""

# --- topology spread


@r.even_absent
def _skew(value: int | None, out: Errors) -> None:
    if (value or 0) <= 0:
        out.invalid("", value or 0, r.NOT_POSITIVE)


def _min_domains(value: Any, out: Errors) -> None:
    count, action = value.minDomains, value.whenUnsatisfiable or ""
    if count is not None and count <= 0:
        out.invalid("minDomains", count, r.NOT_POSITIVE)
    if count is not None and action != "DoNotSchedule":
        why = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        out.invalid("minDomains", count, why)


def _repeated(values: list[Any], out: Errors) -> None:
    pairs = [(value.topologyKey, value.whenUnsatisfiable) for value in values]
    for index, (key, action) in enumerate(pairs):
        if (key, action) in pairs[index + 1 :]:
            path = f"[{index}].{{topologyKey, whenUnsatisfiable}}"
            out.duplicate(path, f"{{{key}, {action}}}")


_POLICY = r.one_of("Honor", "Ignore")
_CONSTRAINTS = r.each(
    ("maxSkew", _skew),
    ("topologyKey", r.given(why="can not be empty")),
    ("whenUnsatisfiable", r.even_absent(r.one_of("DoNotSchedule", "ScheduleAnyway"))),
    _min_domains,
    ("nodeAffinityPolicy", _POLICY),
    ("nodeTaintsPolicy", _POLICY),
    _label_keys,
    ("labelSelector", LABEL_SELECTOR),
)
TOPOLOGY_SPREAD = r.struct(_CONSTRAINTS, _repeated)
"""How evenly a workload's pods must lie."""
