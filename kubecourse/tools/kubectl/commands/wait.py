"""`kubectl wait`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl import flags, jsonpath, output, resources
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info
from kubecourse.tools.kubectl.watching import Test, wait_until

Json = dict[str, Any]
WEEK = 7 * 24 * 3600.0


def run(inv: Invocation) -> None:
    """Let time pass until each object is as wanted."""
    goal = inv.flags["for"]
    test = _test(goal)
    try:
        infos = resources.from_flags(inv, fetch=goal.lower() not in ("delete", "create"))
    except ApiError as error:
        if goal.lower() == "delete" and error.reason == "NotFound":
            return
        raise
    if not infos:
        if goal.lower() == "delete":
            return
        raise KubectlError("no matching resources found")
    timeout = inv.flags["timeout"] if inv.flags["timeout"] >= 0 else WEEK
    end = inv.connection.now + timeout
    for info in infos:
        _await(inv, info, test, end, goal)


def _await(inv: Invocation, info: Info, test: Test, end: float, goal: str) -> None:
    met, last = wait_until(inv.connection, info, test, end - inv.connection.now)
    if not met:
        if inv.flags["timeout"] == 0:
            raise KubectlError(f"condition not met for {info.resource.plural}/{info.name}")
        if last is None and goal.lower() not in ("delete", "create"):
            inv.connection.get(info.resource, info.namespace, info.name)
        raise KubectlError(
            f"timed out waiting for the condition on {info.resource.plural}/{info.name}"
        )
    output.print_result(inv, replace(info, object=last or info.object), "condition met")


def _test(goal: str) -> Test:
    """What --for asks. Raises KubectlError."""
    if goal.lower() == "delete":
        return lambda obj: obj is None
    if goal.lower() == "create":
        return lambda obj: obj is not None
    kind, equals, rest = goal.partition("=")
    if kind == "condition" and equals:
        name, _, value = rest.partition("=")
        return lambda obj: obj is not None and _has_condition(obj, name, value or "true")
    if kind == "jsonpath" and equals:
        return _jsonpath_test(rest)
    raise KubectlError(f'unrecognized condition: "{goal}"')


def _has_condition(obj: Json, name: str, value: str) -> bool:
    status = obj.get("status") or {}
    observed = status.get("observedGeneration")
    if observed is not None and observed < obj["metadata"].get("generation", 0):
        return False
    for condition in status.get("conditions") or []:
        if condition["type"].lower() == name.lower():
            return str(condition["status"]).lower() == value.lower()
    return False


def _jsonpath_test(text: str) -> Test:
    end = text.find("}")
    expression, equals, value = text[: end + 1], "", ""
    if end < 0:
        expression, equals, value = text.partition("=")
    elif text[end + 1 :]:
        rest = text[end + 1 :]
        if not rest.startswith("="):
            raise KubectlError(
                "jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or"
                " --for=jsonpath='{.status.readyReplicas}'"
            )
        equals, value = "=", rest[1:]
    if equals and not value:
        raise KubectlError("jsonpath wait has to have a value after equal sign")
    value = value.strip("'\"")
    template = jsonpath.parse(jsonpath.relaxed(expression))

    def test(obj: Json | None) -> bool:
        if obj is None:
            return False
        found = jsonpath.find(template, obj, allow_missing=True)
        if len(found) > 1:
            raise KubectlError("given jsonpath expression matches more than one value")
        if not found:
            return False
        return not value or jsonpath.go_print(found[0]) == value

    return test


COMMAND = Command(
    name="wait",
    use="wait ([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)])"
    " [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]]",
    short="Wait for a specific condition on one or many resources",
    group="Advanced Commands",
    flags=(
        *flags.FILENAME,
        *flags.SELECTOR,
        *flags.FIELD_SELECTOR,
        *flags.ALL_NAMESPACES,
        *flags.OUTPUT,
        Flag("all", type="bool", help="All objects of the types, in the namespace."),
        Flag("for", help="create, delete, condition=NAME[=VALUE] or jsonpath=EXPRESSION[=VALUE]."),
        Flag("timeout", type="duration", default=30.0, help="0 looks once, below 0 waits a week."),
    ),
    run=run,
)
