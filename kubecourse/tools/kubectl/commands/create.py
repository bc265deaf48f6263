"""`kubectl create deployment` and the like, `expose`, `autoscale`: objects from a few flags.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/create/create_*.go`, `…/pkg/cmd/{expose,autoscale}`,
`…/pkg/generate/versioned/`.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from kubecourse.api import names
from kubecourse.api.errors import ApiError
from kubecourse.node.runtime.references import InvalidReference, parse_reference
from kubecourse.tools.kubectl.changing import store
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.manifests import info_of
from kubecourse.tools.kubectl.podspecs import pod_spec
from kubecourse.tools.kubectl.resources import Info, from_flags
from kubecourse.tools.sources import find_path

Json = dict[str, Any]

# --- what generators share; results are what `--dry-run=client` prints, Go's zeros included


def new_object(
    inv: Invocation, kind: str, name: str, api: str = "v1", labels: Json | None = None
) -> Json:
    """An object with metadata only. Its namespace stands there if one was asked for."""
    metadata: Json = {"name": name}
    if inv.namespace_given and inv.flags["namespace"] and kind != "Namespace":
        metadata["namespace"] = inv.flags["namespace"]
    metadata["creationTimestamp"] = None
    if labels:
        metadata["labels"] = labels
    return {"kind": kind, "apiVersion": api, "metadata": metadata}


_FAILED = {
    "configmap": "failed to create configmap:",
    "clusterrolebinding": "failed to create clusterrolebinding:",
    "cronjob": "failed to create cronjob:",
    "deployment": "failed to create deployment:",
    "job": "failed to create job:",
    "priorityclass": "failed to create priorityclass:",
    "rolebinding": "failed to create rolebinding:",
    "secret": "failed to create secret",
    "service": "failed to create {type} service:",
    "serviceaccount": "failed to create serviceaccount:",
}
"""What comes before the server's words, by what is created; before those for others nothing."""


def generated(inv: Invocation, obj: Json, done: str = "created") -> None:
    """Store an object made from flags; what is only printed names no namespace by itself."""
    try:
        store(inv, replace(info_of(inv, obj), object=obj), done)
    except ApiError as error:
        _, verb, what = [*inv.path.split(), ""][:3]
        if verb != "create" or what not in _FAILED:
            raise
        text = _FAILED[what].format(type=obj.get("spec", {}).get("type"))
        raise KubectlError(f"{text} {error.message}") from None


def present(values: Json) -> Json:
    """Those values that say something."""
    return {key: value for key, value in values.items() if value}


def environment(pairs: Iterable[str]) -> list[Json]:
    """Variables from `KEY=VALUE`. Raises KubectlError."""
    found: list[Json] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[-._a-zA-Z][-._a-zA-Z0-9]*", name):
            raise KubectlError(f"invalid env: {pair}")
        found.append({"name": name, "value": value} if value else {"name": name})
    return found


def label_pairs(text: str) -> dict[str, str]:
    """`a=b,c=d`, as `--labels` and `--selector` of generators have it. Raises KubectlError."""
    found: dict[str, str] = {}
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not equals:
            raise KubectlError(f"unexpected label spec: {part}")
        if not key:
            raise KubectlError("unexpected empty label key")
        found[key] = value
    return found


def _number(text: str, function: str = "Atoi") -> int:
    """A number of a flag. Raises KubectlError in Go's words."""
    if not re.fullmatch(r"-?[0-9]+", text):
        raise KubectlError(f'strconv.{function}: parsing "{text}": invalid syntax')
    return int(text)


# --- namespaces, Deployments, pods, autoscalers


@command("create namespace")
def namespace(inv: Invocation) -> None:
    """A namespace."""
    generated(inv, new_object(inv, "Namespace", inv.args[0]) | {"spec": {}, "status": {}})


@command("create deployment")
def deployment(inv: Invocation) -> None:
    """A Deployment; what follows `--` is its container's command."""
    (name, *words), images, port = inv.args, inv.flags["image"], inv.flags["port"]
    if len(images) > 1 and words:
        raise KubectlError("cannot specify multiple --image options and command")
    containers = []
    for image in images:
        container = {"name": _container_name(inv, name, image), "image": image, "command": words}
        containers.append(present(container) | {"resources": {}})
    if port >= 0:
        containers[0]["ports"] = [{"containerPort": port}]
    labels = {"app": name}
    metadata = {"creationTimestamp": None, "labels": labels}
    spec = {
        "replicas": inv.flags["replicas"],
        "selector": {"matchLabels": labels},
        "template": {"metadata": metadata, "spec": {"containers": containers}},
        "strategy": {},
    }
    obj = new_object(inv, "Deployment", name, "apps/v1", labels)
    generated(inv, obj | {"spec": spec, "status": {}})


def _container_name(inv: Invocation, deployment: str, image: str) -> str:
    """The image's last part, without its tag; made to fit, with a random suffix, for DNS."""
    name = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    if re.search(r"[_.]", name):
        rng = inv.connection.clock.rng(f"kubectl/{deployment}")
        name = f"{re.sub(r'[_.]', '-', name)}-{names.random_suffix(rng)}"
    return name


def pod(inv: Invocation) -> Json:
    """The pod of `kubectl run`. Raises KubectlError."""
    given, (name, *words) = inv.flags, inv.args
    try:
        parse_reference(given["image"])
    except InvalidReference as error:
        raise KubectlError(f'Invalid image name "{given["image"]}": {error}') from None
    labels = label_pairs(given["labels"]) or {"run": name}
    annotations = label_pairs(",".join(given["annotations"]))
    container = {
        "name": name,
        "image": given["image"],
        "command" if given["command"] else "args": words,
        "ports": [{"containerPort": _number(given["port"])}] if given["port"] else None,
        "env": environment(given["env"]),
    }
    stdin = {"stdin": given["stdin"], "stdinOnce": given["stdin"], "tty": given["tty"]}
    container = present(container) | {"resources": {}}
    container |= present({"imagePullPolicy": given["image-pull-policy"], **stdin})
    made = new_object(inv, "Pod", name, labels=labels)
    made["metadata"] |= present({"annotations": annotations})
    policies = {"restartPolicy": given["restart"], "dnsPolicy": "ClusterFirst"}
    return made | {"spec": {"containers": [container], **policies}, "status": {}}


@command("autoscale")
def autoscale(inv: Invocation) -> None:
    """Create an autoscaler for each object."""
    least, most, cpu = (inv.flags[name] for name in ("min", "max", "cpu-percent"))
    for info in from_flags(inv):
        resource, kind = info.resource, info.object["kind"]
        if "scale" not in resource.subresources:
            version = resource.api_version if resource.group else f"/{resource.version}"
            raise KubectlError(
                f"cannot autoscale a {kind}: could not find scale subresource for {version},"
                f" Resource={resource.plural} in discovery information"
            )
        target = {"kind": kind, "name": info.name, "apiVersion": resource.api_version}
        spec: Json = {"scaleTargetRef": target, "maxReplicas": most}
        if least > 0:
            spec["minReplicas"] = least
        if cpu >= 0:
            usage = {"type": "Utilization", "averageUtilization": cpu}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": usage}}]
        name = inv.flags["name"] or info.name
        autoscaler = new_object(inv, "HorizontalPodAutoscaler", name, "autoscaling/v2")
        status = {"desiredReplicas": 0, "currentMetrics": None}
        generated(inv, autoscaler | {"spec": spec, "status": status}, "autoscaled")


# --- services


def service(inv: Invocation, name: str, spec: Json, labels: Json, done: str = "created") -> None:
    """A Service."""
    obj = new_object(inv, "Service", name, labels=labels)
    generated(inv, obj | {"spec": present(spec), "status": {"loadBalancer": {}}}, done)


@command("create service clusterip")
@command("create service externalname")
@command("create service loadbalancer")
@command("create service nodeport")
def create_service(inv: Invocation) -> None:
    """A Service of the type that the command names."""
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    given, labels = inv.flags.get, {"app": inv.args[0]}
    spec = {
        "ports": [_tcp_port(text, given("node-port") or 0) for text in inv.flags["tcp"]],
        "selector": labels,
        "clusterIP": given("clusterip"),
        "type": next(each for each in types if inv.path.endswith(each.lower())),
        "externalName": given("external-name"),
    }
    if not spec["ports"] and spec["clusterIP"] != "None" and not spec["externalName"]:
        raise KubectlError("at least one tcp port specifier must be provided")
    service(inv, inv.args[0], spec, labels)


def _tcp_port(text: str, node_port: int) -> Json:
    """`port` or `port:targetPort`."""
    outer, inner = [*text.split(":"), ""][:2]
    port = _number(outer, "ParseUint")
    if not 0 <= port <= 65535:
        raise KubectlError(f'strconv.ParseUint: parsing "{outer}": value out of range')
    target: int | str = port if not inner else int(inner) if inner.isdigit() else inner
    name = text.replace(":", "-")
    found = {"name": name, "protocol": "TCP", "port": port, "targetPort": target}
    return {**found, "nodePort": node_port} if node_port else found


EXPOSABLE = ("Deployment", "Pod", "ReplicaSet", "ReplicationController", "Service")


@command("expose")
def expose(inv: Invocation) -> None:
    """Create a Service for each object."""
    # --selector says what the Service selects, not what is exposed.
    for info in from_flags(replace(inv, flags={**inv.flags, "selector": ""})):
        if info.object["kind"] not in EXPOSABLE:
            kind = ".".join(filter(None, (info.object["kind"], info.resource.group)))
            raise KubectlError(f"cannot expose a {kind}")
        _expose(inv, info)


def _expose(inv: Invocation, info: Info) -> None:
    obj, given = info.object, inv.flags
    selector = label_pairs(given["selector"]) if given["selector"] else _selector(obj)
    ports = _ports(obj, given["port"], given["protocol"])
    if not ports and given["cluster-ip"] != "None":
        raise KubectlError("couldn't find port via --port flag or introspection")
    target = given["target-port"]
    target = int(target) if target.isdigit() else target
    rows = []
    for count, (port, protocol) in enumerate(ports, 1):
        row: Json = {"name": f"port-{count}"} if len(ports) > 1 else {}
        rows.append(row | {"protocol": protocol, "port": port, "targetPort": target or port})
    flags = {"clusterIP": "cluster-ip", "type": "type"}
    spec = {"ports": rows, "selector": selector} | {key: given[f] for key, f in flags.items()}
    labels = label_pairs(given["labels"]) or obj["metadata"].get("labels")
    service(inv, given["name"] or info.name[:63], spec, labels, "exposed")


def _selector(obj: Json) -> dict[str, str]:
    """The labels that find an object's pods. Raises KubectlError."""
    kind = obj["kind"]
    if kind == "Pod":
        selector = obj["metadata"].get("labels")
        problem = "the pod has no labels and cannot be exposed"
    else:
        selector = obj["spec"].get("selector") or {}
        problem = "the service has no pod selector set"
        if kind in ("Deployment", "ReplicaSet"):
            problem = f"invalid {kind.lower()}: no selectors"
            if expressions := selector.get("matchExpressions"):
                problem = f'couldn\'t convert expressions - "{expressions}" to map-based selector'
                problem, selector = f"{problem} format", {}
            selector = selector.get("matchLabels")
    if not selector:
        introspection = "couldn't retrieve selectors via --selector flag or introspection"
        raise KubectlError(f"{introspection}: {problem}")
    return dict(selector)


def _ports(obj: Json, given: str, protocol: str) -> list[tuple[int, str]]:
    """Ports and their protocols: those given, or those that the object says it has."""
    if obj["kind"] == "Service":
        present = [(p["port"], p.get("protocol", "TCP")) for p in obj["spec"].get("ports") or []]
    else:
        present = [
            (port["containerPort"], port.get("protocol", "TCP"))
            for container in pod_spec(obj).get("containers") or []
            for port in container.get("ports") or []
        ]
    if not given:
        return [(port, protocol or own) for port, own in dict.fromkeys(present)]
    known = dict(present)
    numbers = [_number(text) for text in given.split(",")]
    return [(port, protocol or known.get(port, "TCP")) for port in numbers]


# --- configuration


@command("create configmap")
def config_map(inv: Invocation) -> None:
    """A ConfigMap; no key may come twice."""
    name = inv.args[0]
    text: Json = {}
    binary: Json = {}
    for key, value in _entries(inv):
        if objections := names.is_config_map_key(key):
            raise KubectlError(
                f'"{key}" is not a valid key name for a ConfigMap: {",".join(objections)}'
            )
        if key in text or key in binary:
            raise KubectlError(
                f'cannot add key "{key}", another key by that name already exists in Data for'
                f' ConfigMap "{name}"'
            )
        try:
            text[key] = value.decode()
        except UnicodeDecodeError:
            binary[key] = _base64(value)
    data = present({"data": text, "binaryData": binary})
    generated(inv, new_object(inv, "ConfigMap", name) | data)


def _secret(inv: Invocation, name: str, data: Json, type: str) -> None:
    generated(inv, new_object(inv, "Secret", name) | present({"data": data, "type": type}))


@command("create secret generic")
def generic_secret(inv: Invocation) -> None:
    """A Secret; no key may come twice."""
    name = inv.args[0]
    data: Json = {}
    for key, value in _entries(inv):
        if objections := names.is_config_map_key(key):
            # kubectl has no colon here, nor the article.
            raise KubectlError(f'"{key}" is not valid key name for a Secret {",".join(objections)}')
        if key in data:
            raise KubectlError(f"cannot add key {key}, another key by that name already exists")
        data[key] = _base64(value)
    _secret(inv, name, data, inv.flags["type"])


@command("create secret tls")
def tls_secret(inv: Invocation) -> None:
    """A certificate and its key."""
    name = inv.args[0]
    files = {"tls.crt": inv.flags["cert"], "tls.key": inv.flags["key"]}
    data = {key: _base64(_read(place)) for key, place in files.items()}
    _secret(inv, name, data, "kubernetes.io/tls")


@command("create secret docker-registry")
def registry_secret(inv: Invocation) -> None:
    """What a registry wants to know."""
    name = inv.args[0]
    wanted = ("docker-server", "docker-username", "docker-password", "docker-email")
    server, user, password, email = (inv.flags[flag] for flag in wanted)
    login = {"username": user, "password": password} | ({"email": email} if email else {})
    login["auth"] = _base64(f"{user}:{password}".encode())
    document = json.dumps({"auths": {server: login}}, separators=(",", ":")).encode()
    data = {".dockerconfigjson": _base64(document)}
    _secret(inv, name, data, "kubernetes.io/dockerconfigjson")


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _entries(inv: Invocation) -> Iterator[tuple[str, bytes]]:
    """Keys and values from all sources. Raises KubectlError."""
    literals, files, env_files = (
        inv.flags[f"from-{kind}"] for kind in ("literal", "file", "env-file")
    )
    if env_files and (literals or files):
        raise KubectlError("from-env-file cannot be combined with from-file or from-literal")
    for text in literals:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise KubectlError(f"invalid literal source {text}, expected key=value")
        yield key, value.encode()
    for text in files:
        yield from _from_file(text)
    for place in env_files:
        for line in _read(place).decode(errors="replace").splitlines():
            if (line := line.lstrip()) and not line.startswith("#"):
                key, _, value = line.partition("=")
                yield key, value.encode()


def _from_file(text: str) -> Iterator[tuple[str, bytes]]:
    """`file`, `key=file`, or a directory."""
    if text.count("=") > 1:
        raise KubectlError("key names or file paths cannot contain '='")
    key, equals, place = text.rpartition("=")
    if equals and not key:
        raise KubectlError(f"key name for file path {place} missing")
    if equals and not place:
        raise KubectlError(f"file path for key name {key} missing")
    path = find_path(place)
    if not path.is_dir():
        yield key or path.name, _read(place)
        return
    if key:
        raise KubectlError("cannot give a key name for a directory path")
    for file in sorted(file for file in path.iterdir() if file.is_file()):
        yield file.name, file.read_bytes()


def _read(place: str) -> bytes:
    try:
        return find_path(place).read_bytes()
    except OSError as error:
        raise KubectlError(f"error reading {place}: {(error.strerror or '').lower()}") from None
