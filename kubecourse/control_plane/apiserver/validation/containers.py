"""Containers: ports, environment, probes, hooks, security.

Source: `pkg/apis/core/validation/validation.go`. What only Windows knows is not looked at.
"""

from __future__ import annotations

import re
from typing import Any

from kubecourse.api import names
from kubecourse.api.codec import encode
from kubecourse.control_plane.apiserver.validation import references
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.resources import requirements
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.volumes import devices, mounts

PROTOCOL = ("protocol", r.given(r.one_of("SCTP", "TCP", "UDP")))
RESTART_POLICY = r.one_of("Always", "OnFailure", "Never")

# --- ports and environment

_ENV_NAME = re.compile(r"[ -<>-~]+")
_HEADER_NAME = re.compile(r"[-A-Za-z0-9]+")


def _env_name(value: str) -> list[str]:
    if _ENV_NAME.fullmatch(value):
        return []
    rule = "a valid environment variable name must consist only of printable ASCII characters"
    return [f"{rule} other than '='"]


def _header_name(value: str) -> list[str]:
    if _HEADER_NAME.fullmatch(value):
        return []
    rule = "a valid HTTP header must consist of alphanumeric characters or '-'"
    pattern = _HEADER_NAME.pattern
    return [f"{rule} (e.g. 'X-Header-Name', regex used for validation is '{pattern}')"]


def _good_name(port: Any) -> str | None:
    return port.name if port.name and not names.is_valid_port_name(port.name) else None


_PORTS = r.each(
    ("name", r.PORT_NAME),
    r.Unique("name", _good_name),
    ("containerPort", r.given(r.PORT)),
    ("hostPort", r.PORT),
    PROTOCOL,
)


def host_ports(containers: list[Any], out: Errors) -> None:
    """No two containers may ask for the same port of the node."""
    seen: set[str] = set()
    for number, container in enumerate(containers):
        for index, port in enumerate(container.ports or ()):
            if not port.hostPort:
                continue
            key = f"{port.protocol}/{port.hostIP or ''}/{port.hostPort}"
            if key in seen:
                out.duplicate(f"[{number}].ports[{index}].hostPort", key)
            seen.add(key)


_VALUE_SOURCES = {
    "fieldRef": references.ENV_FIELD,
    "resourceFieldRef": references.RESOURCE,
    "configMapKeyRef": references.KEY,
    "secretKeyRef": references.KEY,
}
_VALUE_SOURCE = r.struct(*_VALUE_SOURCES.items())


def _one_origin(variable: Any, out: Errors) -> None:
    source = variable.valueFrom
    if source is None:
        return
    count = sum(getattr(source, name) is not None for name in _VALUE_SOURCES)
    if count == 0:
        one = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        out.invalid("valueFrom", "", f"must specify one of: {one}")
    elif variable.value:
        out.invalid("valueFrom", "", "may not be specified when `value` is not empty")
    elif count > 1:
        out.invalid("valueFrom", "", "may not have more than one field specified at a time")


_ENV = r.each(("name", r.given(r.obeys(_env_name))), ("valueFrom", _VALUE_SOURCE), _one_origin)
_ENV_SOURCES = r.each(
    ("prefix", r.obeys(_env_name)),
    ("configMapRef", references.ALL_KEYS),
    ("secretRef", references.ALL_KEYS),
)


def _env_from(sources: list[Any], out: Errors) -> None:
    _ENV_SOURCES(sources, out)
    for source in sources:
        if (source.configMapRef is None) is (source.secretRef is None):
            why = "may not have more than one field specified at a time"
            if source.secretRef is None:
                why = "must specify one of: `configMapRef` or `secretRef`"
            out.invalid("", "", why)


# --- probes and hooks


def _headers(headers: list[Any], out: Errors) -> None:
    for header in headers:
        r.obeys(_header_name)(header.name, out)


def _sleep(action: Any, out: Errors) -> None:
    grace = out.pod.terminationGracePeriodSeconds
    if not 0 <= (action.seconds or 0) <= grace:
        why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        out.invalid("", action.seconds, why)


_PORT = ("port", r.port_or_name)
_HTTP_GET = r.struct(
    ("path", r.REQUIRED),
    _PORT,
    ("scheme", r.one_of("HTTP", "HTTPS")),
    ("httpHeaders", _headers),
)
_HANDLER = r.union(
    "handler type",
    exec=r.needs("command"),
    httpGet=_HTTP_GET,
    tcpSocket=r.struct(_PORT),
    grpc=r.struct(_PORT),
    sleep=_sleep,
)
_GRACE = "terminationGracePeriodSeconds"
_PROBE = (
    _HANDLER,
    r.not_negatives(
        "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
        "failureThreshold",
    ),
    (_GRACE, r.POSITIVE),
)  # fmt: skip
_ONCE = ("successThreshold", r.refuse(lambda count: count != 1, "must be 1"))
_NO_GRACE = (_GRACE, r.refuse(lambda grace: True, "must not be set for readinessProbes"))
_LIFE = (
    ("lifecycle", r.struct(("postStart", _HANDLER), ("preStop", _HANDLER))),
    ("livenessProbe", r.struct(*_PROBE, _ONCE)),
    ("readinessProbe", r.struct(*_PROBE, _NO_GRACE)),
    ("startupProbe", r.struct(*_PROBE, _ONCE)),
)

# --- security


def _profile(profile: Any, out: Errors) -> None:
    kind, name = profile.type, profile.localhostProfile
    at("type", _PROFILE_TYPE, kind, out)
    if kind != "Localhost" and name is not None:
        shown = {"Type": kind or "", "LocalhostProfile": name}
        out.invalid("localhostProfile", shown, "can only be set when seccomp type is Localhost")
    elif kind == "Localhost" and name is None:
        out.required("localhostProfile", "must be set when seccomp type is Localhost")
    else:
        at("localhostProfile", r.DESCENDING, name, out)


_PROFILE_TYPE = r.given(
    r.one_of("Localhost", "RuntimeDefault", "Unconfined"),
    why="type is required when seccompProfile is set",
)
SECCOMP = ("seccompProfile", _profile)
ID = r.between(0, r.INT32_MAX)
IDS = (("runAsUser", ID), ("runAsGroup", ID))


def _no_escalation(context: Any, out: Errors) -> None:
    if context.allowPrivilegeEscalation is not False:
        return
    why = "cannot set `allowPrivilegeEscalation` to false and "
    if context.privileged:
        out.invalid("", encode(context), f"{why}`privileged` to true")
    added = (context.capabilities.add if context.capabilities is not None else None) or []
    if "CAP_SYS_ADMIN" in added:
        out.invalid("", encode(context), f"{why}`capabilities.Add` CAP_SYS_ADMIN")


_PROC_MOUNT = ("procMount", r.one_of("Default", "Unmasked"))
_SECURITY = r.struct(*IDS, _PROC_MOUNT, SECCOMP, _no_escalation)

# --- what all containers have

_COMMON = (
    ("name", r.given(r.LABEL)),
    ("image", r.REQUIRED),
    ("terminationMessagePolicy", r.given(r.one_of("File", "FallbackToLogsOnError"))),
    ("ports", _PORTS),
    ("env", _ENV),
    ("envFrom", _env_from),
    mounts,
    devices,
    ("imagePullPolicy", r.given(r.one_of("Always", "IfNotPresent", "Never"))),
    ("resources", requirements),
    ("securityContext", _SECURITY),
)
_OWN_RESTARTS = ("restartPolicy", RESTART_POLICY)
_TRIM = "must not have leading or trailing whitespace"
TRIMMED = r.each(("image", r.refuse(lambda image: image != image.strip(), _TRIM)))
"""An image's name has no white space around it; in a template it may."""

# --- the three lists

REGULAR = r.given(r.each(*_COMMON, r.Unique("name"), *_LIFE, _OWN_RESTARTS), host_ports)
"""The containers that do the work."""

_SIDECAR = r.struct(*_LIFE)


def _life(container: Any, out: Errors) -> None:
    if container.restartPolicy == "Always":
        _SIDECAR(container, out)
        return
    for name, _ in _LIFE:
        if getattr(container, name) is not None:
            why = "may not be set for init containers without restartPolicy=Always"
            out.forbidden(name, why)


_INIT = r.each(*_COMMON, _OWN_RESTARTS, r.Unique("name"), _life)


def _not_taken(containers: list[Any], others: list[Any], out: Errors) -> None:
    taken = {other.name for other in others if other.name}
    for index, container in enumerate(containers):
        if container.name in taken:
            out.duplicate(f"[{index}].name", container.name)


def init(containers: list[Any], out: Errors) -> None:
    """The containers that run before, and those among them that stay: sidecars."""
    _INIT(containers, out)
    _not_taken(containers, out.pod.containers or [], out)


_NOT_EPHEMERAL = (
    "ports", "resources", "resizePolicy", "restartPolicy", "livenessProbe", "readinessProbe",
    "startupProbe", "lifecycle",
)  # fmt: skip


def _ephemeral(container: Any, out: Errors) -> None:
    lasting = {c.name for c in (*(out.pod.containers or ()), *(out.pod.initContainers or ()))}
    target = container.targetContainerName
    if target and target not in lasting:
        out.unknown("targetContainerName", target)
    for name in _NOT_EPHEMERAL:
        if getattr(container, name, None):
            out.forbidden(name, "cannot be set for an Ephemeral Container")


_EPHEMERAL = r.each(*_COMMON, r.Unique("name"), _ephemeral)


def ephemeral(containers: list[Any], out: Errors) -> None:
    """The containers that somebody adds to look around."""
    _EPHEMERAL(containers, out)
    TRIMMED(containers, out)
    others = [*(out.pod.containers or ()), *(out.pod.initContainers or ())]
    _not_taken(containers, others, out)
