"""How a command line is read: flags, commands, and what is wrong with them."""

import re
from pathlib import Path

import pytest

from kubecourse.tools.kubectl import Connection, cli, run
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.flags import Flag, parse
from tests.tools.kubectl import recorded_world as world

FLAGS = (
    Flag("namespace", "n"),
    Flag("all", "A", type="bool"),
    Flag("watch", "w", type="bool"),
    Flag("replicas", type="int", default=1),
    Flag("filename", "f", type="strings"),
    Flag("env", "e", type="array"),
    Flag("timeout", type="duration"),
    Flag("dry-run", default="none", bare="unchanged"),
)


@pytest.mark.parametrize(
    ("line", "args", "flags"),
    [
        ("get pods", ["get", "pods"], {}),
        ("-n a x", ["x"], {"namespace": "a"}),
        ("-na -n=b --namespace c", [], {"namespace": "c"}),
        ("-Aw", [], {"all": True, "watch": True}),
        ("-Anb", [], {"all": True, "namespace": "b"}),
        ("--all=false --watch=T", [], {"all": False, "watch": True}),
        ("--dry-run x", ["x"], {"dry-run": "unchanged"}),
        ("--dry-run=client", [], {"dry-run": "client"}),
        ("-f a,b -f c", [], {"filename": ["a", "b", "c"]}),
        ("-e a,b -e c", [], {"env": ["a,b", "c"]}),
        ("--timeout 1m30s", [], {"timeout": 90.0}),
        ("a -- -n b", ["a", "-n", "b"], {}),
        ("- x", ["-", "x"], {}),
    ],
)
def test_a_command_line(line: str, args: list[str], flags: dict[str, object]) -> None:
    parsed = parse(line.split(), FLAGS, "kubectl")
    assert parsed.args == args
    assert {name: parsed.flags[name] for name in parsed.changed} == flags


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--foo", "unknown flag: --foo"),
        ("-Ax", "unknown shorthand flag: 'x' in -Ax"),
        ("--namespace", "flag needs an argument: --namespace"),
        ("-wn", "flag needs an argument: 'n' in -wn"),
        ("--=x", "bad flag syntax: --=x"),
        (
            "--replicas=x",
            'invalid argument "x" for "--replicas" flag: '
            'strconv.ParseInt: parsing "x": invalid syntax',
        ),
        (
            "-A=maybe",
            'invalid argument "maybe" for "-A, --all" flag: '
            'strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (
            "--timeout=5",
            'invalid argument "5" for "--timeout" flag: time: missing unit in duration "5"',
        ),
    ],
)
def test_what_pflag_objects_to(line: str, message: str) -> None:
    with pytest.raises(KubectlError) as refused:
        parse(line.split(), FLAGS, "kubectl get")
    assert str(refused.value) == f"{message}\nSee 'kubectl get --help' for usage."


def test_where_a_double_dash_stood() -> None:
    assert parse(["pod", "--", "ls", "-l"], FLAGS, "kubectl").dash == 1


@pytest.fixture
def connection() -> Connection:
    return Connection(world.server_at(0, [*world.CONFIG, *world.nodes()]))


def test_kubectl_may_be_written_before_the_command(connection: Connection) -> None:
    assert run(connection, "kubectl get nodes -o name") == run(
        connection, ["get", "nodes", "-o", "name"]
    )


def test_flags_may_stand_before_the_command(connection: Connection) -> None:
    assert run(connection, "-n tab get cm cm -o name").stdout == "configmap/cm\n"


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("", "kubectl controls the Kubernetes cluster manager.\n\nBasic Commands (Beginner):\n"),
        ("--help", "kubectl controls the Kubernetes cluster manager.\n"),
        ("get --help", "Display one or many resources\n\nExamples:\n"),
        ("help get", "Display one or many resources\n\nExamples:\n"),
        ("rollout status -h", "Show the status of the rollout\n"),
        ("options", "The following options can be passed to any command:\n"),
    ],
)
def test_help(connection: Connection, line: str, start: str) -> None:
    output = run(connection, line)
    assert (output.code, output.stderr) == (0, "")
    assert output.stdout.startswith(start)


def test_a_group_alone_is_explained_and_fails(connection: Connection) -> None:
    output = run(connection, "rollout")
    assert output.code == 1
    assert "Available Commands:\n" in output.stdout
    assert run(connection, "rollout foo").stderr == (
        "error: unknown command \"foo\"\nSee 'kubectl rollout -h' for help and examples\n"
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("scale deploy/a --replicas=-1", "The --replicas=COUNT flag is required, and COUNT must"),
        ("autoscale deploy/a --max=2 --min=5", "--max=MAXPODS must be larger or equal to"),
        ("run a --image=b --rm", "--rm should only be used for attached containers"),
        ("run --image=b -- sh", "NAME is required for run"),
        ("patch pod a -p {} --type=foo", "--type must be one of [json merge strategic], not"),
        ("get pods --dry-run=client", "unknown flag: --dry-run"),
        ("label pod a b=c --dry-run=maybe", "Invalid dry-run value (maybe). Must be"),
    ],
)
def test_what_commands_object_to(connection: Connection, line: str, problem: str) -> None:
    output = run(connection, line)
    assert (output.code, output.stdout) == (1, "")
    assert output.stderr.startswith(f"error: {problem}")


def test_objections_are_about_flags_and_arguments_that_there_are() -> None:
    stack = [cli.ROOT]
    while stack:
        command = stack.pop()
        stack += command.children
        known = {flag.name for flag in (*command.flags, *cli.GLOBAL)} | {"args", "names"}
        for objection in command.objections:
            terms = objection.condition.replace(" or ", " ").split()
            holes = re.findall(r"\{([a-z-]+)\}", objection.message)
            names = {re.match(r"!?([a-z-]+)", term)[1] for term in terms}
            assert names | set(holes) - {"words", "command"} <= known, objection


def test_unbalanced_quotes_are_named(connection: Connection) -> None:
    assert (
        run(connection, "get 'pods").stderr
        == "error: cannot read the command line: No closing quotation\n"
    )


def test_the_context_remembers_its_namespace() -> None:
    server = world.server_at(0, world.CONFIG)
    assert run(server, "config current-context").stdout == "kubecourse\n"
    run(server, "config set-context --current --namespace=tab")
    assert run(server, "get cm cm -o name").stdout == "configmap/cm\n"
    assert "    namespace: tab\n" in run(server, "config view").stdout


def test_versions(connection: Connection) -> None:
    assert run(connection, "version").stdout == (
        "Client Version: v1.33.0\nKustomize Version: v5.6.0\nServer Version: v1.36.2\n"
    )
    assert run(connection, "version --client -o yaml").stdout.startswith("clientVersion:\n")
    assert "apps/v1\n" in run(connection, "api-versions").stdout


def test_resource_types(connection: Connection) -> None:
    lines = run(connection, "api-resources").stdout.splitlines()
    assert lines[0].split() == ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]
    assert ["pods", "po", "v1", "true", "Pod"] in [line.split() for line in lines]
    assert "deployments.apps\n" in run(connection, "api-resources -o name").stdout
    assert "pods" not in run(connection, "api-resources --namespaced=false -o name").stdout


# --- explain


def test_explaining_a_field_of_some_values(connection: Connection) -> None:
    assert run(connection, "explain svc.spec.type").stdout.startswith(
        "KIND:       Service\nVERSION:    v1\n\nFIELD: type <string>\n"
        "ENUM:\n    ClusterIP\n    ExternalName\n    LoadBalancer\n    NodePort\n\nDESCRIPTION:\n"
    )


def test_explaining_all_fields_below(connection: Connection) -> None:
    text = run(connection, "explain deployments.apps.spec --recursive").stdout
    below = "    matchExpressions\t<[]LabelSelectorRequirement>\n"
    assert f"\n  selector\t<LabelSelector> -required-\n{below}" in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("explain foo", 'the server doesn\'t have a resource type "foo"'),
        ("explain pod.spec.foo", 'field "foo" does not exist'),
    ],
)
def test_what_cannot_be_explained(connection: Connection, line: str, message: str) -> None:
    error = "" if message.startswith("the server") else "error: "
    assert run(connection, line).stderr == f"{error}{message}\n"


# --- files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: b: c",
            "error parsing STDIN: error converting YAML to JSON: yaml: mapping values are not",
        ),
        (
            "kind: Pod",
            'error validating "STDIN": error validating data: apiVersion not set; if you',
        ),
        (
            "a: 1",
            'error validating "STDIN": error validating data: [apiVersion not set, kind not set]',
        ),
        (
            "[1]",
            'error validating "STDIN": error validating data: invalid object to validate: [1]; if',
        ),
        (
            "{apiVersion: v1, kind: Foo, metadata: {name: a}}",
            'resource mapping not found for name: "a" namespace: "" from "STDIN": '
            'no matches for kind "Foo" in version "v1"\nensure CRDs are installed first',
        ),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}}",
            'the namespace from the provided object "b" does not match the namespace "tab". '
            "You must pass '--namespace=b' to perform this operation.",
        ),
    ],
)
def test_what_is_wrong_with_a_manifest(connection: Connection, text: str, message: str) -> None:
    output = run(connection, "create -n tab -f -", text)
    assert output.stderr.startswith(f"error: {message}")
    assert output.code == 1


def test_a_directory_is_read_in_order_without_what_is_no_manifest(
    connection: Connection, tmp_path: Path
) -> None:
    for name in ("b.yaml", "a.yml", "c.json", "d.txt"):
        kind = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "%s"}}'
        (tmp_path / name).write_text(kind % name[0])
    output = run(connection, f"create -f {tmp_path} --dry-run=client")
    assert output.stdout == "".join(f"configmap/{name} created (dry run)\n" for name in "abc")
    missing = tmp_path / "nope.yaml"
    assert run(connection, f"create -f {missing}").stderr == (
        f'error: the path "{missing}" does not exist\n'
    )


def test_several_types_go_with_each_name(connection: Connection) -> None:
    run(connection, "create namespace both")
    output = run(connection, "delete node,namespace both --wait=false")
    assert output.stdout == 'namespace "both" deleted\n'
    assert output.stderr == 'Error from server (NotFound): nodes "both" not found\n'
    refused = "error: you must specify only one resource\n"
    assert run(connection, "get all both").stderr == refused
