"""`kubectl get`, against what the real client printed.

Ages are compared too: the clock is set to where the recorded table has it.
"""

import re
from typing import Any

import pytest

from kubecourse.api import yaml
from kubecourse.tools.kubectl import Connection, Output, run
from tests.tools.kubectl import recorded_world as world

WEB = [world.deployment("nginx:1.25", 2, 2, 2), world.replica_set("6b9866c484", "nginx:1.25", 2, 2)]
TAB = world.named("Namespace", "tab", status={"phase": "Active"})
TERMINATING = world.named("Namespace", "tab", status={"phase": "Terminating"})


def events() -> list[dict[str, Any]]:
    """The recorded events, by their ages."""
    found = []
    for index, line in enumerate(world.recorded("get events")["stdout"].splitlines()[1:]):
        age, kind, reason, target, message = line.split(None, 4)
        about, _, name = target.partition("/")
        found.append(
            world.named(
                "Event",
                f"{index:02}",
                age=11 - int(age.rstrip("s")),
                type=kind,
                reason=reason,
                message=message,
                involvedObject={"kind": about.capitalize(), "name": name, "namespace": "tab"},
                lastTimestamp=world.named("Pod", "x", age=11 - int(age[:-1]))["metadata"][
                    "creationTimestamp"
                ],
            )
        )
    return found


# scenario: (seconds since the scenario began, the objects there were)
CASES: dict[str, tuple[int, list[dict[str, Any]]]] = {
    "get-pods": (8, world.PODS),
    "get-pods -o name": (8, world.PODS),
    "get-pods --no-headers": (9, world.PODS),
    "selector": (12, world.PODS),
    "field-selector": (12, world.PODS),
    "jsonpath": (12, world.PODS),
    "get -o wide rs": (9, WEB),
    "get svc": (9, world.SERVICES),
    "get endpoints": (9, world.ENDPOINTS),
    "get -o wide endpoints": (9, world.ENDPOINTS),
    "get endpointslices": (9, world.SLICES),
    "get -o wide endpointslices": (9, world.SLICES),
    "get cm": (9, world.CONFIG),
    "get -o wide cm": (9, world.CONFIG),
    "get secret": (9, world.CONFIG),
    "get -o wide secret": (9, world.CONFIG),
    "get events": (11, events()),
    "get nodes": (10, world.nodes()),
    "get -o wide nodes": (10, world.nodes()),
    "get nodes cordoned": (10, world.nodes(cordoned="node-3")),
    "get node roles": (10, world.nodes(roles=True)),
    "get node labels column": (10, world.nodes(roles=True)),
    "get deploy scaling": (
        15,
        [
            world.deployment("nginx:1.25", 3, 2, 3),
            world.replica_set("6b9866c484", "nginx:1.25", 3, 2),
        ],
    ),
    "get deploy mid-rollout": (19, world.MID_ROLLOUT),
    "get-deploy-at-once": (0, world.AT_ONCE),
    "get-pods-early": (1, world.pods("get-pods-early", 1)),
    "get-deploy-deadline": (18, world.DEADLINE),
    "get ns": (11, world.NAMESPACES),
    "get ns terminating": (23, [TERMINATING]),
    "get sts": (9, world.OTHERS),
    "get -o wide sts": (9, world.OTHERS),
    "get -o wide limitrange": (9, world.OTHERS),
    "get pdb": (10, world.OTHERS),
    "get job": (10, world.OTHERS),
    "get hpa": (10, world.OTHERS),
    "get -o wide hpa": (10, world.OTHERS),
    "get ingress": (10, world.OTHERS),
    "get -o wide ingress": (10, world.OTHERS),
    "get -o wide pvc": (10, world.OTHERS),
    "get -o wide netpol": (10, world.OTHERS),
    "get sa": (10, world.OTHERS),
    "get priorityclass": (10, world.OTHERS),
    "get -o wide all": (11, [*world.PODS, *world.SERVICES, *WEB, *world.OTHERS]),
    "get-pods-other-ns": (0, world.PODS),
    "explain": (0, []),
}


def ask(age: int, objects: list[dict[str, Any]], args: list[str]) -> Output:
    return run(world.server_at(age, objects), args)


def words(record: dict[str, Any]) -> list[str]:
    """The recorded command line. Only jsonpath templates have spaces in them."""
    head, template, rest = record["args"].partition("jsonpath=")
    return (
        [*head.split()[1:-1], head.split()[-1], f"jsonpath={rest}"]
        if template
        else head.split()[1:]
    )


@pytest.mark.parametrize("scenario", CASES)
def test_get_prints_what_the_real_client_printed(scenario: str) -> None:
    record = world.recorded(scenario)
    output = ask(*CASES[scenario], words(record))
    assert output.stdout == record["stdout"]
    assert output.stderr == record["stderr"]
    assert output.code == record["rc"]


def test_every_recorded_table_is_replayed_or_says_why_not() -> None:
    recorded = {
        record["scenario"].strip()
        for record in world.RECORDS
        if record["scenario"].startswith("get")
        and "stdout" in record
        and "-o yaml" not in record["args"]
    }
    assert recorded == {name for name in CASES if name.startswith("get")}


@pytest.mark.parametrize("scenario", ["diff none", "get-cm-yaml", "get-deploy-yaml-created"])
def test_yaml_is_printed_as_the_real_client_prints_it(scenario: str) -> None:
    text = world.recorded(scenario)["stdout"]
    server = world.server_at(0, [yaml.load(text)])
    args = world.recorded(scenario)["args"].split()[1:]
    # The simulated store has revisions of its own.
    revision = re.compile(r'resourceVersion: "[0-9]+"')
    assert revision.sub("", run(server, args).stdout) == revision.sub("", text)


# --- what the records do not show


@pytest.fixture
def connection() -> Connection:
    return Connection(world.server_at(12, [*world.PODS, *world.CONFIG, *WEB, TAB]))


@pytest.mark.parametrize(
    ("args", "first_line"),
    [
        (
            "get pods -A",
            "NAMESPACE   NAME                   READY   STATUS              RESTARTS     AGE",
        ),
        ("get cm -n tab -L app,x.io/tier", "NAME                       DATA   AGE   APP   TIER"),
        (
            "get rs -n tab --show-labels",
            "NAME             DESIRED   CURRENT   READY   AGE   LABELS",
        ),
        (
            "get cm -n tab --show-kind --no-headers",
            "configmap/cm                         2     12s",
        ),
        (
            "get deploy/web rs/web-6b9866c484 -n tab",
            "NAME                  READY   UP-TO-DATE   AVAILABLE   AGE",
        ),
        ("get cm cm -n tab -o custom-columns=N:.metadata.name,D:.data", "N     D"),
    ],
)
def test_columns(connection: Connection, args: str, first_line: str) -> None:
    assert run(connection, args).stdout.splitlines()[0] == first_line


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            "get",
            'Required resource not specified.\nUse "kubectl explain <resource>" for a detailed',
        ),
        ("get foos", 'the server doesn\'t have a resource type "foos"'),
        ("get pods --foo", "unknown flag: --foo\nSee 'kubectl get --help' for usage."),
        ("get pods -n", "flag needs an argument: 'n' in -n"),
        ("get pods x -l a=b", "name cannot be provided when a selector is specified"),
        ("get pods x -A", "a resource cannot be retrieved by name across all namespaces"),
        ("get po/x/y", "arguments in resource/name form may not have more than one slash"),
        (
            "get pods -o foo",
            'unable to match a printer suitable for the output format "foo", allowed',
        ),
        ("gett pods", 'unknown command "gett" for "kubectl"\n\nDid you mean this?\n\tset\n\tget\n'),
    ],
)
def test_what_is_wrong_on_a_command_line(connection: Connection, args: str, message: str) -> None:
    output = run(connection, args)
    assert output.code == 1
    assert f"error: {message}" in output.stderr


def test_what_is_not_there_does_not_hide_what_is(connection: Connection) -> None:
    output = run(connection, "get cm nope cm -n tab")
    assert output.stdout.splitlines()[1] == "cm     2      12s"
    assert output.stderr == 'Error from server (NotFound): configmaps "nope" not found\n'
    assert output.code == 1


def test_a_namespace_that_is_not_there_is_why_its_objects_are_not(connection: Connection) -> None:
    message = 'Error from server (NotFound): namespaces "nope" not found\n'
    assert run(connection, "get cm cm -n nope").stderr == message


def test_a_bad_selector_is_the_servers_objection(connection: Connection) -> None:
    output = run(connection, ["get", "pods", "-l", "app in (web"])
    assert output.stderr == (
        'Error from server (BadRequest): Unable to find "/v1, Resource=pods" that match label '
        'selector "app in (web", field selector "": unable to parse requirement: '
        "found '', expected: ',' or ')'\n"
    )


def test_sorting_is_by_the_value_not_its_text(connection: Connection) -> None:
    output = run(connection, "get pods -n tab --sort-by=.metadata.creationTimestamp -o name")
    assert output.stdout.splitlines()[-1] == "pod/j-849ls"


def test_a_watch_prints_changes_until_nothing_more_happens(connection: Connection) -> None:
    clock, path = connection.clock, "/api/v1/namespaces/tab/configmaps/cm"
    merge = "application/merge-patch+json"
    patch = {"data": {"c": "3"}}
    clock.call_later(2, connection.request, "PATCH", path, None, patch, merge)
    output = run(connection, "get cm cm -n tab -w")
    assert output.stdout == "NAME   DATA   AGE\ncm     2      12s\ncm     3      14s\n"
