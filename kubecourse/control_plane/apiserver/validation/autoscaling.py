"""HorizontalPodAutoscalers. Source: `pkg/apis/autoscaling/validation/validation.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.api import quantity
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rbac import PATH_SEGMENT
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.selectors import LABEL_SELECTOR


def _replicas(spec: Any, out: Errors) -> None:
    least, most = spec.minReplicas, spec.maxReplicas or 0
    if least is not None and least < 1:
        out.invalid("minReplicas", least, "must be greater than or equal to 1")
    if most == 0:
        out.required("maxReplicas", "must be set and greater than 0")
    elif most < 1:
        out.invalid("maxReplicas", most, "must be greater than 0")
    if least is not None and most < least:
        out.invalid("maxReplicas", most, "must be greater than or equal to `minReplicas`")


# --- metrics

_POSITIVE = r.refuse(lambda amount: quantity.parse_quantity(amount).nano <= 0, "must be positive")
_TARGET_TYPES = ("Utilization", "Value", "AverageValue")
_TARGET = r.struct(
    r.need(lambda target: not target.type, "must specify a metric target type", "type"),
    r.refuse(
        lambda target: target.type not in _TARGET_TYPES,
        "must be either Utilization, Value, or AverageValue",
        "type",
    ),
    ("value", _POSITIVE),
    ("averageValue", _POSITIVE),
    ("averageUtilization", r.POSITIVE),
)


def _one_target(source: Any, out: Errors) -> None:
    """Of what a resource is measured by, one must be given; of other metrics likewise."""
    target = source.target
    if hasattr(source, "metric"):
        present, path = (target.value, target.averageValue), "averageValue"
        why = "must set either a target value for metric or a per-pod target"
        both = "may not set both a target value for metric and a per-pod target"
    else:
        present, path = (target.averageUtilization, target.averageValue), "averageUtilization"
        why = "must set either a target raw value or a target utilization"
        both = "may not set both a target raw value and a target utilization"
    if present == (None, None):
        out.required(f"target.{path}", why)
    elif None not in present:
        out.forbidden("target.averageValue", both)


_NAME = ("name", r.given(why="must specify a resource name"))
_METRIC = (
    "metric",
    r.struct(("name", r.given(why="must specify a metric name")), ("selector", LABEL_SELECTOR)),
)
_REFERENCE = r.struct(("kind", r.given(PATH_SEGMENT)), ("name", r.given(PATH_SEGMENT)))
_PER_POD = r.need(
    lambda source: source.target.averageValue is None,
    "must specify a positive target averageValue",
    "target.averageValue",
)
_ONE = (("target", _TARGET), _one_target)
# By the field of a metric that holds them; the type is called so too.
_SOURCES = {
    "object": r.struct(("describedObject", _REFERENCE), _METRIC, *_ONE),
    "external": r.struct(_METRIC, *_ONE),
    "pods": r.struct(_METRIC, ("target", _TARGET), _PER_POD),
    "resource": r.struct(_NAME, *_ONE),
    "containerResource": r.struct(
        ("container", r.given(why="must specify a container")), _NAME, *_ONE
    ),
}
_TYPES = tuple(sorted(name[0].upper() + name[1:] for name in _SOURCES))


def _metric(metric: Any, out: Errors) -> None:
    if not metric.type:
        out.required("type", "must specify a metric source type")
    if metric.type not in _TYPES:
        out.unsupported("type", metric.type, _TYPES)
    meant = metric.type[:1].lower() + metric.type[1:]
    present = [name for name in _SOURCES if getattr(metric, name) is not None]
    for name in present[:1]:
        at(name, _SOURCES[name], getattr(metric, name), out)
    if meant in _SOURCES and meant not in present:
        out.required(meant, "must populate information for the given metric source")
    for name in present if len(present) > 1 else ():
        if name != meant:
            out.forbidden(name, "must populate the given metric source only")


# --- behavior


def _at_most(limit: int) -> r.Rule:
    return r.refuse(lambda value: value > limit, f"must be less than or equal to {limit}")


def _amount(limit: int) -> r.Rule:
    return r.struct(r.refuse(lambda value: value <= 0, r.NOT_POSITIVE), _at_most(limit))


_WINDOW = r.struct(
    r.refuse(lambda value: value < 0, "must be greater than or equal to zero"), _at_most(3600)
)
_POLICY = r.struct(
    ("type", r.even_absent(r.one_of("Percent", "Pods"))),
    ("value", _amount(r.INT32_MAX)),
    ("periodSeconds", _amount(1800)),
)
_SCALING = r.struct(
    ("stabilizationWindowSeconds", _WINDOW),
    ("selectPolicy", r.one_of("Disabled", "Max", "Min")),
    ("policies", r.given(r.each(_POLICY), why="must specify at least one Policy")),
)
AUTOSCALER = r.struct(
    _replicas,
    ("scaleTargetRef", _REFERENCE),
    ("metrics", r.each(_metric)),
    ("behavior", r.struct(("scaleUp", _SCALING), ("scaleDown", _SCALING))),
)
