"""`kubectl create quota` and `create poddisruptionbudget`: objects that say how many and how much.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/create/create_{quota,pdb}.go`; for selectors
`staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go` (ParseToLabelSelector).
"""

from __future__ import annotations

import re
from typing import Any

from kubecourse.api.labels import Requirement, SelectorError, parse_selector
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.commands.create import generated, new_object, present
from kubecourse.tools.kubectl.commands.set import resource_list
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation

Json = dict[str, Any]
OPERATORS = {"in": "In", "notin": "NotIn", "exists": "Exists", "!": "DoesNotExist"}
NOTHING_YET = ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")


@command("create quota")
def quota(inv: Invocation) -> None:
    """A ResourceQuota."""
    try:
        hard = resource_list(inv.flags["hard"])
    except KubectlError as error:  # here kubectl begins it with a capital
        raise KubectlError(str(error).replace("invalid argument", "Invalid argument")) from None
    scopes = inv.flags["scopes"].split(",") if inv.flags["scopes"] else []
    if "" in scopes:
        raise KubectlError('invalid resource quota scope ""')
    obj = new_object(inv, "ResourceQuota", inv.args[0])
    generated(inv, obj | {"spec": present({"hard": hard, "scopes": scopes}), "status": {}})


@command("create poddisruptionbudget")
def budget(inv: Invocation) -> None:
    """A PodDisruptionBudget, with a number or a percentage."""
    spec: Json = {}
    for flag, field in (("min-available", "minAvailable"), ("max-unavailable", "maxUnavailable")):
        if text := inv.flags[flag]:
            if not re.fullmatch("[0-9]+%?", text):
                raise KubectlError(f"invalid format specified for {flag}")
            spec[field] = int(text) if text.isdigit() else text
    spec["selector"] = _selector(inv.flags["selector"])
    obj = new_object(inv, "PodDisruptionBudget", inv.args[0], "policy/v1")
    generated(inv, obj | {"spec": spec, "status": dict.fromkeys(NOTHING_YET, 0)})


def _selector(text: str) -> Json:
    """A selector as an object has it, from one as it is typed. Raises KubectlError."""
    try:
        requirements = parse_selector(text).requirements
    except SelectorError as error:
        raise KubectlError(f'couldn\'t parse the selector string "{text}": {error}') from None
    equal = {each.key: each.values[0] for each in requirements if each.operator in ("=", "==")}
    others = [_expression(each) for each in requirements if each.operator not in ("=", "==")]
    return present({"matchLabels": equal, "matchExpressions": others})


def _expression(condition: Requirement) -> Json:
    key, operator, values = condition.key, condition.operator, sorted(condition.values)
    if operator not in OPERATORS:
        unknown = "is not a valid label selector operator"
        why = unknown if operator == "!=" else "isn't supported in label selectors"
        raise KubectlError(f'"{operator}" {why}')
    return {"key": key, "operator": OPERATORS[operator]} | present({"values": values})
