"""`kubectl create`: objects from manifests, or from a few flags."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl import applying, flags, generators, output, resources
from kubecourse.tools.kubectl.changing import selected
from kubecourse.tools.kubectl.cli import Action, Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError, prefixed, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info

Json = dict[str, Any]


def run(inv: Invocation) -> None:
    """Create every object of -f."""
    if inv.args:
        raise inv.usage_error(f"Unexpected args: [{' '.join(inv.args)}]")
    if not inv.flags["filename"] and not inv.flags["kustomize"]:
        raise KubectlError("must specify one of -f and -k")
    errors: list[Exception] = []
    infos = selected(inv, resources.from_files(inv, errors))
    if not infos and not errors:
        raise KubectlError("no objects passed to create")
    for info in infos:
        try:
            store(inv, info)
        except ApiError as error:
            errors.append(prefixed(error, f'error when creating "{info.source}"'))
    raise_all(errors)


def store(inv: Invocation, info: Info, done: str = "created") -> None:
    """Send a new object, or with --dry-run=client only print it."""
    obj = info.object
    if inv.flags.get("save-config"):
        obj = applying.annotated(obj)
    if inv.dry_run != "client":
        obj = inv.connection.create(
            info.resource,
            info.namespace,
            obj,
            dry_run=inv.dry_run == "server",
            validation=resources.validation(inv),
            field_manager=inv.flags.get("field-manager") or "kubectl-create",
        )
    name = obj["metadata"].get("name") or obj["metadata"].get("generateName", "")
    output.print_result(inv, replace(info, name=name, object=obj), done)


def one_name(inv: Invocation, words: list[str] | None = None) -> str:
    """The one NAME that generators want. Raises KubectlError."""
    words = inv.args if words is None else words
    if len(words) != 1:
        raise inv.usage_error(f"exactly one NAME is required, got {len(words)}")
    return words[0]


def generated(inv: Invocation, obj: Json, done: str = "created") -> None:
    """Store an object made from flags; what is only printed names no namespace by itself."""
    store(inv, replace(resources.info_of(inv, obj), object=obj), done)


def namespace_of(inv: Invocation) -> str:
    """The namespace that generators write down: one that was asked for."""
    return inv.flags["namespace"] if inv.namespace_given else ""


# --- generators


def _deployment(inv: Invocation) -> None:
    before = len(inv.args) if inv.dash is None else inv.dash
    name, command = one_name(inv, inv.args[:before]), inv.args[before:]
    obj = generators.deployment(
        name,
        namespace_of(inv),
        list(inv.flags["image"]),
        inv.connection.clock.rng(f"kubectl/{name}"),
        command=command,
        replicas=inv.flags["replicas"],
        port=inv.flags["port"],
    )
    generated(inv, obj)


def _service(type: str) -> Action:
    def run_service(inv: Invocation) -> None:
        name = one_name(inv)
        obj = generators.service(
            name,
            namespace_of(inv),
            generators.TYPES[type],
            list(inv.flags.get("tcp", ())),
            cluster_ip=inv.flags.get("clusterip", ""),
            node_port=inv.flags.get("node-port", 0),
            external_name=inv.flags.get("external-name", ""),
        )
        generated(inv, obj)

    return run_service


def _config_map(inv: Invocation) -> None:
    name = one_name(inv)
    given = (list(inv.flags[f"from-{kind}"]) for kind in ("literal", "file", "env-file"))
    generated(inv, generators.config_map(name, namespace_of(inv), *given))


def _generic_secret(inv: Invocation) -> None:
    name = one_name(inv)
    given = (list(inv.flags[f"from-{kind}"]) for kind in ("literal", "file", "env-file"))
    generated(inv, generators.secret(name, namespace_of(inv), inv.flags["type"], *given))


def _tls_secret(inv: Invocation) -> None:
    name = one_name(inv)
    if not inv.flags["key"] or not inv.flags["cert"]:
        raise KubectlError("key and cert must be specified")
    cert, key = inv.flags["cert"], inv.flags["key"]
    generated(inv, generators.tls_secret(name, namespace_of(inv), cert, key))


def _registry_secret(inv: Invocation) -> None:
    name = one_name(inv)
    wanted = ("docker-server", "docker-username", "docker-password", "docker-email")
    server, user, password, email = (inv.flags[flag] for flag in wanted)
    if not (user and password and server):
        raise KubectlError(
            "either --from-file or the combination of --docker-username, --docker-password and"
            " --docker-server is required"
        )
    namespace = namespace_of(inv)
    generated(inv, generators.registry_secret(name, namespace, server, user, password, email))


def _namespace(inv: Invocation) -> None:
    obj = generators.new_object("Namespace", one_name(inv))
    generated(inv, {**obj, "spec": {}, "status": {}})


_COMMON = (
    *flags.OUTPUT,
    *flags.DRY_RUN,
    *flags.VALIDATE,
    *flags.FIELD_MANAGER,
    Flag("save-config", type="bool", help="Note the configuration for a later apply."),
)
_SOURCES = (
    Flag("from-literal", type="array", help="key=value; may be repeated."),
    Flag("from-file", type="strings", help="A file, key=file, or a directory; may be repeated."),
    Flag("from-env-file", type="strings", help="A file of key=value lines."),
)
_TCP = Flag("tcp", type="strings", help="port:targetPort; may be repeated.")


def _service_command(type: str, short: str, *own: Flag) -> Command:
    return Command(
        name=type,
        use=f"create service {type} NAME [--tcp=<port>:<targetPort>] [--dry-run=…]",
        short=short,
        flags=(*own, *_COMMON),
        run=_service(type),
    )


COMMAND = Command(
    name="create",
    use="create -f FILENAME",
    short="Create a resource from a file or from stdin",
    group="Basic Commands (Beginner)",
    flags=(*flags.FILENAME, *flags.SELECTOR, *_COMMON),
    run=run,
    children=(
        Command(
            name="configmap",
            aliases=("cm",),
            use="create configmap NAME [--from-file=[key=]source] [--from-literal=key1=value1]",
            short="Create a config map from a local file, directory or literal value",
            flags=(*_SOURCES, *_COMMON),
            run=_config_map,
        ),
        Command(
            name="deployment",
            aliases=("deploy",),
            use="create deployment NAME --image=image -- [COMMAND] [args...]",
            short="Create a deployment with the specified name",
            flags=(
                Flag("image", type="strings", required=True, help="Image names to run."),
                Flag("port", type="int", default=-1, help="The container port to expose."),
                Flag("replicas", "r", type="int", default=1, help="Number of replicas."),
                *_COMMON,
            ),
            run=_deployment,
        ),
        Command(
            name="namespace",
            aliases=("ns",),
            use="create namespace NAME [--dry-run=server|client|none]",
            short="Create a namespace with the specified name",
            flags=_COMMON,
            run=_namespace,
        ),
        Command(
            name="secret",
            use="create secret (docker-registry | generic | tls)",
            short="Create a secret using a specified subcommand",
            children=(
                Command(
                    name="docker-registry",
                    use="create secret docker-registry NAME --docker-username=user"
                    " --docker-password=password --docker-server=server",
                    short="Create a secret for use with a Docker registry",
                    flags=(
                        Flag(
                            "docker-server",
                            default="https://index.docker.io/v1/",
                            help="Server of the registry.",
                        ),
                        Flag("docker-username", help="User name."),
                        Flag("docker-password", help="Password."),
                        Flag("docker-email", help="Mail address."),
                        *_COMMON,
                    ),
                    run=_registry_secret,
                ),
                Command(
                    name="generic",
                    use="create secret generic NAME [--type=string] [--from-literal=key1=value1]",
                    short="Create a secret from a local file, directory, or literal value",
                    flags=(*_SOURCES, Flag("type", help="The type of the secret."), *_COMMON),
                    run=_generic_secret,
                ),
                Command(
                    name="tls",
                    use="create secret tls NAME --cert=path/to/cert/file --key=path/to/key/file",
                    short="Create a TLS secret",
                    flags=(
                        Flag("cert", help="Path to the certificate."),
                        Flag("key", help="Path to its private key."),
                        *_COMMON,
                    ),
                    run=_tls_secret,
                ),
            ),
        ),
        Command(
            name="service",
            aliases=("svc",),
            use="create service (clusterip | externalname | loadbalancer | nodeport)",
            short="Create a service using a specified subcommand",
            children=(
                _service_command(
                    "clusterip",
                    "Create a ClusterIP service",
                    _TCP,
                    Flag("clusterip", help="Its own cluster IP; None for a headless service."),
                ),
                _service_command(
                    "externalname",
                    "Create an ExternalName service",
                    Flag("external-name", required=True, help="External name of the service."),
                    _TCP,
                ),
                _service_command("loadbalancer", "Create a LoadBalancer service", _TCP),
                _service_command(
                    "nodeport",
                    "Create a NodePort service",
                    _TCP,
                    Flag("node-port", type="int", help="Port on each node."),
                ),
            ),
        ),
    ),
)
