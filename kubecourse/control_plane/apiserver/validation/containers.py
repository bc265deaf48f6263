"""Containers: ports, environment, probes, hooks.

Source: `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubecourse.api import errors, names
from kubecourse.control_plane.apiserver.validation import (
    checks,
    references,
    resources,
    security,
    volumes,
)
from kubecourse.control_plane.apiserver.validation.checks import Errors

PROTOCOLS = ("SCTP", "TCP", "UDP")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
RESTART_POLICIES = ("Always", "OnFailure", "Never")
MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_NOT_IN_INIT = "may not be set for init containers without restartPolicy=Always"
_NOT_IN_EPHEMERAL = "cannot be set for an Ephemeral Container"
_EPHEMERAL_FORBIDS = (
    "ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "livenessProbe",
    "readinessProbe", "startupProbe", "lifecycle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pod:
    """What containers must know of the pod that they are in."""

    volumes: dict[str, Any]
    claims: frozenset[str]
    grace_period: int | None
    restart_policy: str | None
    host_users: bool
    is_pod: bool


# --- ports and environment


def _ports(path: str, ports: list[Any], out: Errors) -> None:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at = f"{path}[{index}]"
        if port.name and checks.obeys(f"{at}.name", port.name, names.is_valid_port_name, out):
            checks.distinct(f"{at}.name", port.name, seen, out)
        if not port.containerPort:
            out.append(errors.required(f"{at}.containerPort"))
        else:
            checks.port_number(f"{at}.containerPort", port.containerPort, out)
        if port.hostPort:
            checks.port_number(f"{at}.hostPort", port.hostPort, out)
        checks.required_one_of(f"{at}.protocol", port.protocol, PROTOCOLS, out)


def host_ports(path: str, containers: list[Any], out: Errors, first: int = 0) -> None:
    """No two containers may ask for the same port of the node."""
    seen: set[str] = set()
    for number, container in enumerate(containers, first):
        for index, port in enumerate(container.ports or ()):
            if port.hostPort:
                key = f"{port.protocol}/{port.hostIP or ''}/{port.hostPort}"
                checks.distinct(f"{path}[{number}].ports[{index}].hostPort", key, seen, out)


_VALUE_SOURCES: tuple[tuple[str, Callable[[str, Any, Errors], None]], ...] = (
    (
        "fieldRef",
        lambda path, ref, out: references.field_ref(path, ref, references.ENV_FIELDS, out),
    ),
    ("resourceFieldRef", lambda path, ref, out: references.resource_ref(path, ref, out, False)),
    ("configMapKeyRef", references.key_ref),
    ("secretKeyRef", references.key_ref),
)


def _env(path: str, variables: list[Any], out: Errors) -> None:
    for index, variable in enumerate(variables):
        at = f"{path}[{index}]"
        if checks.required(f"{at}.name", variable.name, out):
            checks.obeys(f"{at}.name", variable.name, checks.env_name, out)
        if variable.valueFrom is not None:
            _value_from(f"{at}.valueFrom", variable, out)


def _value_from(path: str, variable: Any, out: Errors) -> None:
    sources = 0
    for name, check in _VALUE_SOURCES:
        ref = getattr(variable.valueFrom, name)
        if ref is not None:
            sources += 1
            check(f"{path}.{name}", ref, out)
    if sources == 0:
        one = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        why = f"must specify one of: {one}"
    elif variable.value:
        why = "may not be specified when `value` is not empty"
    elif sources > 1:
        why = "may not have more than one field specified at a time"
    else:
        return
    out.append(errors.invalid(path, "", why))


def _env_from(path: str, sources: list[Any], out: Errors) -> None:
    for index, source in enumerate(sources):
        at = f"{path}[{index}]"
        if source.prefix:
            checks.obeys(f"{at}.prefix", source.prefix, checks.env_name, out)
        present = [n for n in ("configMapRef", "secretRef") if getattr(source, n) is not None]
        for name in present:
            references.all_keys_ref(f"{at}.{name}", getattr(source, name), out)
        if not present:
            why = "must specify one of: `configMapRef` or `secretRef`"
            out.append(errors.invalid(path, "", why))
        elif len(present) > 1:
            why = "may not have more than one field specified at a time"
            out.append(errors.invalid(path, "", why))


# --- probes and hooks


def _exec(path: str, action: Any, pod: Pod, out: Errors) -> None:
    if not action.command:
        out.append(errors.required(f"{path}.command"))


def _http_get(path: str, action: Any, pod: Pod, out: Errors) -> None:
    checks.required(f"{path}.path", action.path, out)
    checks.port_number_or_name(f"{path}.port", action.port, out)
    checks.one_of(f"{path}.scheme", action.scheme, ("HTTP", "HTTPS"), out)
    for header in action.httpHeaders or ():
        checks.obeys(f"{path}.httpHeaders", header.name or "", checks.header_name, out)


def _tcp_socket(path: str, action: Any, pod: Pod, out: Errors) -> None:
    checks.port_number_or_name(f"{path}.port", action.port, out)


def _sleep(path: str, action: Any, pod: Pod, out: Errors) -> None:
    grace = pod.grace_period
    if grace is not None and not 0 <= (action.seconds or 0) <= grace:
        why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        out.append(errors.invalid(path, action.seconds, why))


_HANDLERS: dict[str, Callable[[str, Any, Pod, Errors], None]] = {
    "exec": _exec,
    "httpGet": _http_get,
    "tcpSocket": _tcp_socket,
    "grpc": _tcp_socket,
    "sleep": _sleep,
}


def _handler(path: str, value: Any, pod: Pod, out: Errors) -> None:
    found = None
    for name, check in _HANDLERS.items():
        action = getattr(value, name, None)
        if action is None:
            continue
        if found:
            why = "may not specify more than 1 handler type"
            out.append(errors.field_forbidden(f"{path}.{name}", why))
            continue
        found = name
        check(f"{path}.{name}", action, pod, out)
    if not found:
        out.append(errors.required(path, "must specify a handler type"))


_PROBE_NUMBERS = (
    "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
    "failureThreshold",
)  # fmt: skip


def _probe(path: str, probe: Any, pod: Pod, out: Errors) -> None:
    _handler(path, probe, pod, out)
    for name in _PROBE_NUMBERS:
        checks.non_negative(f"{path}.{name}", getattr(probe, name), out)
    grace = probe.terminationGracePeriodSeconds
    if grace is not None and grace <= 0:
        why = "must be greater than 0"
        out.append(errors.invalid(f"{path}.terminationGracePeriodSeconds", grace, why))


def _once(path: str, probe: Any, out: Errors) -> None:
    if probe.successThreshold != 1:
        out.append(errors.invalid(f"{path}.successThreshold", probe.successThreshold, "must be 1"))


def _kills_not(path: str, probe: Any, out: Errors) -> None:
    grace = probe.terminationGracePeriodSeconds
    if grace is not None:
        why = "must not be set for readinessProbes"
        out.append(errors.invalid(f"{path}.terminationGracePeriodSeconds", grace, why))


_PROBES: tuple[tuple[str, Callable[[str, Any, Errors], None]], ...] = (
    ("livenessProbe", _once),
    ("readinessProbe", _kills_not),
    ("startupProbe", _once),
)


def _life(path: str, container: Any, pod: Pod, out: Errors) -> None:
    """Hooks and probes."""
    lifecycle = container.lifecycle
    if lifecycle is not None:
        for name in ("postStart", "preStop"):
            if getattr(lifecycle, name) is not None:
                _handler(f"{path}.lifecycle.{name}", getattr(lifecycle, name), pod, out)
        if lifecycle.stopSignal:
            _stop_signal(f"{path}.lifecycle", lifecycle.stopSignal, pod, out)
    for name, own_rule in _PROBES:
        probe = getattr(container, name)
        if probe is not None:
            _probe(f"{path}.{name}", probe, pod, out)
            own_rule(f"{path}.{name}", probe, out)


def _stop_signal(path: str, signal: str, pod: Pod, out: Errors) -> None:
    # Allowed only where `spec.os.name` says what the signal means; see the pod's own checks.
    if not signal.startswith("SIG"):
        out.append(errors.invalid(f"{path}.stopSignal", signal, "must be a valid signal name"))


# --- what all containers have


def common(path: str, container: Any, pod: Pod, out: Errors) -> None:
    """What is asked of containers of every sort."""
    if checks.required(f"{path}.name", container.name, out):
        checks.dns_label(f"{path}.name", container.name, out)
    checks.required(f"{path}.image", container.image, out)
    policy = container.terminationMessagePolicy
    checks.required_one_of(f"{path}.terminationMessagePolicy", policy, MESSAGE_POLICIES, out)
    if container.ports:
        _ports(f"{path}.ports", container.ports, out)
    if container.env:
        _env(f"{path}.env", container.env, out)
    if container.envFrom:
        _env_from(f"{path}.envFrom", container.envFrom, out)
    if container.volumeMounts or container.volumeDevices:
        volumes.mounts(path, container, pod.volumes, out)
    checks.required_one_of(f"{path}.imagePullPolicy", container.imagePullPolicy, PULL_POLICIES, out)
    if container.resources is not None:
        at = f"{path}.resources"
        resources.requirements(at, container.resources, out, claims=pod.claims)
    if container.resizePolicy:
        _resize(f"{path}.resizePolicy", container.resizePolicy, pod, out)
    if container.securityContext is not None:
        security.container(
            f"{path}.securityContext", container.securityContext, pod.host_users, out
        )


def _resize(path: str, policies: list[Any], pod: Pod, out: Errors) -> None:
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        name = policy.resourceName or ""
        checks.distinct(f"{path}[{index}]", name, seen, out)
        checks.required_one_of(path, name, ("cpu", "memory"), out)
        choices = ("NotRequired", "RestartContainer")
        checks.required_one_of(path, policy.restartPolicy, choices, out)
        if pod.restart_policy == "Never" and policy.restartPolicy != "NotRequired":
            why = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            out.append(errors.invalid(path, policy.restartPolicy, why))


def _trimmed(path: str, container: Any, pod: Pod, out: Errors) -> None:
    image = container.image or ""
    if pod.is_pod and image != image.strip():
        why = "must not have leading or trailing whitespace"
        out.append(errors.invalid(f"{path}.image", image, why))


# --- the three lists


def regular(path: str, containers: list[Any] | None, pod: Pod, out: Errors) -> None:
    """The containers that do the work."""
    if not containers:
        out.append(errors.required(path))
        return
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = f"{path}[{index}]"
        common(at, container, pod, out)
        checks.distinct(f"{at}.name", container.name or "", seen, out)
        _life(at, container, pod, out)
        _own_restart_policy(at, container, out)
    host_ports(path, containers, out)


def init(path: str, containers: list[Any], others: list[Any], pod: Pod, out: Errors) -> None:
    """The containers that run before, and those among them that stay: sidecars."""
    seen = {container.name for container in others}
    for index, container in enumerate(containers):
        at = f"{path}[{index}]"
        common(at, container, pod, out)
        _own_restart_policy(at, container, out)
        checks.distinct(f"{at}.name", container.name or "", seen, out)
        host_ports(path, [container], out)
        if container.restartPolicy == "Always":
            _life(at, container, pod, out)
            continue
        for name in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if getattr(container, name) is not None:
                out.append(errors.field_forbidden(f"{at}.{name}", _NOT_IN_INIT))


def ephemeral(path: str, containers: list[Any], others: list[Any], pod: Pod, out: Errors) -> None:
    """The containers that somebody adds to look around."""
    lasting = {container.name for container in others}
    seen = set(lasting)
    for index, container in enumerate(containers):
        at = f"{path}[{index}]"
        common(at, container, pod, out)
        _trimmed(at, container, pod, out)
        checks.distinct(f"{at}.name", container.name or "", seen, out)
        target = container.targetContainerName
        if target and target not in lasting:
            out.append(errors.field_not_found(f"{at}.targetContainerName", target))
        for name in _EPHEMERAL_FORBIDS:
            if getattr(container, name, None):
                out.append(errors.field_forbidden(f"{at}.{name}", _NOT_IN_EPHEMERAL))
        for number, mount in enumerate(container.volumeMounts or ()):
            for name in ("subPath", "subPathExpr"):
                if getattr(mount, name):
                    where = f"{at}.volumeMounts[{number}].{name}"
                    out.append(errors.field_forbidden(where, _NOT_IN_EPHEMERAL))


def trimmed_images(path: str, containers: list[Any] | None, pod: Pod, out: Errors) -> None:
    """An image's name may have no white space around it; in a template it may."""
    for index, container in enumerate(containers or ()):
        _trimmed(f"{path}[{index}]", container, pod, out)


def _own_restart_policy(path: str, container: Any, out: Errors) -> None:
    if container.restartPolicy is not None:
        checks.one_of(f"{path}.restartPolicy", container.restartPolicy, RESTART_POLICIES, out)
