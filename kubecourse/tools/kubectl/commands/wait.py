"""`kubectl wait`."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

from kubecourse.api import jsonpath
from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import print_result
from kubecourse.tools.kubectl.resources import Info, from_flags
from kubecourse.tools.kubectl.watching import Test, wait_until

Json = dict[str, Any]
WEEK = 7 * 24 * 3600.0


@command("wait")
def wait(inv: Invocation) -> None:
    """Let time pass until each object is as wanted."""
    goal, timeout = inv.flags["for"], inv.flags["timeout"]
    test, clock = _test(goal), inv.connection.clock
    about_being = goal.lower() in ("delete", "create")
    try:
        infos = from_flags(inv, fetch=goal.lower() != "create")
    except ApiError as error:
        if goal.lower() != "delete" or error.reason != "NotFound":
            raise
        infos = []
    if not infos and goal.lower() != "delete":
        raise KubectlError("no matching resources found")
    end = clock.now + (timeout if timeout >= 0 else WEEK)
    for info in infos:
        met, last = wait_until(inv.connection, info, test, end - clock.now)
        if not met:
            raise _not_met(inv, info, gone=last is None and not about_being)
        print_result(inv, replace(info, object=last or info.object), "condition met")


def _not_met(inv: Invocation, info: Info, gone: bool) -> KubectlError:
    if inv.flags["timeout"] == 0:
        return KubectlError(f"condition not met for {info.plural}")
    if gone:
        inv.connection.get(info)
    return KubectlError(f"timed out waiting for the condition on {info.plural}")


def _test(goal: str) -> Test:
    """What --for asks. Raises KubectlError."""
    if goal.lower() == "delete":
        return lambda obj: obj is None
    if goal.lower() == "create":
        return lambda obj: obj is not None
    kind, equals, rest = goal.partition("=")
    if kind == "condition" and equals:
        name, _, value = rest.partition("=")
        return partial(_has_condition, name.lower(), value.lower() or "true")
    if kind == "jsonpath" and equals:
        return _jsonpath_test(rest)
    raise KubectlError(f'unrecognized condition: "{goal}"')


def _has_condition(name: str, value: str, obj: Json | None) -> bool:
    if obj is None:
        return False
    status = obj.get("status") or {}
    observed = status.get("observedGeneration")
    if observed is not None and observed < obj["metadata"].get("generation", 0):
        return False
    for condition in status.get("conditions") or []:
        if condition["type"].lower() == name:
            return str(condition["status"]).lower() == value
    return False


def _jsonpath_test(text: str) -> Test:
    match = re.fullmatch(r"([^}]*\}|[^}=]*)(?:(=)(.*))?", text, re.DOTALL)
    if match is None:
        raise KubectlError(
            "jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or"
            " --for=jsonpath='{.status.readyReplicas}'"
        )
    if match[2] and not match[3]:
        raise KubectlError(
            "jsonpath wait has to have a value after equal sign,"
            " like --for=jsonpath='{.status.readyReplicas}'=3"
        )
    template = jsonpath.parse(jsonpath.relaxed(match[1]))
    return partial(_finds, template, (match[3] or "").strip("'\""))


def _finds(template: jsonpath.Template, value: str, obj: Json | None) -> bool:
    found = [] if obj is None else jsonpath.find(template, obj)
    if len(found) > 1:
        raise KubectlError("given jsonpath expression matches more than one value")
    return bool(found) and (not value or jsonpath.go_print(found[0]) == value)
