"""Containers: ports, environment, probes, hooks, security.

Source: `pkg/apis/core/validation/validation.go`. What only Windows knows is not looked at.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from kubecourse.api import names
from kubecourse.api.codec import encode
from kubecourse.control_plane.apiserver.validation import internal, references
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.resources import requirements
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.volumes import devices, mounts

IN_OR_NOT = r.even_absent(r.one_of("In", "NotIn"))
_RESTART_RULE = r.struct(
    ("action", r.even_absent(r.one_of("Restart", "RestartAllContainers"))),
    r.need(lambda rule: rule.exitCodes is None, "", "exitCodes"),
    ("exitCodes", r.struct(("operator", IN_OR_NOT))),
)
PROTOCOL = ("protocol", r.given(r.one_of("SCTP", "TCP", "UDP")))
RESTART_POLICY = r.one_of("Always", "OnFailure", "Never")

# --- ports and environment

_ENV_NAME = r.matches(
    r"[ -<>-~]+",
    "a valid environment variable name must consist only of printable ASCII characters other "
    "than '='",
)


_ENV_NAME_IF_ANY = r.struct(_ENV_NAME)


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
    "fileKeyRef": r.needs("path", "volumeName", "key"),
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


_ENV = r.each(("name", r.given(_ENV_NAME)), ("valueFrom", _VALUE_SOURCE), _one_origin)
_ENV_SOURCES = r.each(
    ("prefix", _ENV_NAME_IF_ANY),
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

_HEADER = r.matches(
    "[-A-Za-z0-9]+",
    "a valid HTTP header must consist of alphanumeric characters or '-' "
    "(e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
)


def _header(header: Any, out: Errors) -> None:
    at("", _HEADER, header.name, out)


def _sleep(action: Any, out: Errors) -> None:
    grace, seconds = out.pod.terminationGracePeriodSeconds, action.seconds or 0
    if not 0 <= seconds <= grace:
        why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        out.invalid("", seconds, why)


_PORT = ("port", r.port_or_name)
_HTTP_GET = r.struct(
    ("path", r.REQUIRED),
    _PORT,
    ("scheme", r.one_of("HTTP", "HTTPS")),
    ("httpHeaders", r.each(_header, indexed=False)),
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


def _profile(field: str, name: str, check_path: r.Rule, show: Any) -> tuple[str, r.Rule]:
    """What restricts a process: one of the node's own profiles has to be named, no other may."""
    own = f"must be set when {name} type is Localhost"
    other = f"can only be set when {name} type is Localhost"
    kind = r.given(
        r.one_of("Localhost", "RuntimeDefault", "Unconfined"),
        why=f"type is required when {field} is set",
    )

    def check(profile: Any, out: Errors) -> None:
        at("type", kind, profile.type, out)
        path = profile.localhostProfile
        if profile.type != "Localhost" and path is not None:
            out.invalid("localhostProfile", show(profile), other)
        elif profile.type == "Localhost" and not (path or "").strip():
            out.required("localhostProfile", own)
        else:
            at("localhostProfile", check_path, path, out)

    return field, check


_PADDED = r.refuse(lambda path: path != path.strip(), "must not be padded with whitespace")
PROFILES = (
    _profile("seccompProfile", "seccomp", r.DESCENDING, internal.shown),
    _profile("appArmorProfile", "AppArmor", _PADDED, attrgetter("localhostProfile")),
)
ID = r.between(0, r.INT32_MAX)
IDS = (("runAsUser", ID), ("runAsGroup", ID))


def _no_escalation(context: Any, out: Errors) -> None:
    if context.allowPrivilegeEscalation is not False:
        return
    added = (context.capabilities.add if context.capabilities is not None else None) or ()
    for gained, name in (
        (context.privileged, "`privileged` to true"),
        ("CAP_SYS_ADMIN" in added, "`capabilities.Add` CAP_SYS_ADMIN"),
    ):
        if gained:
            why = f"cannot set `allowPrivilegeEscalation` to false and {name}"
            out.invalid("", encode(context), why)


def _unmasked(context: Any, out: Errors) -> None:
    if context.procMount == "Unmasked" and out.pod.hostUsers is not False:
        out.invalid("procMount", "Unmasked", "`hostUsers` must be false to use `Unmasked`")


_SECURITY = r.struct(
    *IDS,
    ("procMount", r.one_of("Default", "Unmasked")),
    _unmasked,
    *PROFILES,
    _no_escalation,
)

# --- resizing


_RESIZED = r.given(r.one_of("cpu", "memory"))
_RESIZING = r.given(r.one_of("NotRequired", "RestartContainer"))


def _resize(policies: list[Any], out: Errors) -> None:
    seen = set()
    for index, policy in enumerate(policies):
        if policy.resourceName in seen:
            out.duplicate(f"[{index}]", policy.resourceName)
        seen.add(policy.resourceName)
        # The server gives the other paths without the index.
        _RESIZED(policy.resourceName, out)
        _RESIZING(policy.restartPolicy, out)
        if out.pod.restartPolicy == "Never" and policy.restartPolicy != "NotRequired":
            why = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            out.invalid("", policy.restartPolicy or "", why)


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
    ("resizePolicy", _resize),
    ("securityContext", _SECURITY),
)
_OWN_RESTARTS = r.struct(
    ("restartPolicy", RESTART_POLICY),
    r.need(
        lambda container: container.restartPolicyRules and not container.restartPolicy,
        "must specify restartPolicy when restart rules are used",
        "restartPolicy",
    ),
    ("restartPolicyRules", r.each(_RESTART_RULE)),
)
_TRIM = "must not have leading or trailing whitespace"
TRIMMED = r.each(("image", r.refuse(lambda image: image != image.strip(), _TRIM)))
"""An image's name has no white space around it; in a template it may."""

# --- the two lists

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


def init(containers: list[Any], out: Errors) -> None:
    """The containers that run before, and those among them that stay: sidecars."""
    _INIT(containers, out)
    taken = {other.name for other in out.pod.containers or () if other.name}
    for index, container in enumerate(containers):
        if container.name in taken:
            out.duplicate(f"[{index}].name", container.name)
