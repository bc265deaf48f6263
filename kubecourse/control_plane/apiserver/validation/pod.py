"""Pods and pod templates. Source: `pkg/apis/core/validation/validation.go`.

A spec is looked at once, however many pods share it; see `api.memo`.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Any

from kubecourse.api.memo import memo
from kubecourse.control_plane.apiserver.validation import containers, metadata, selectors
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.resources import (
    CONTAINER_AMOUNTS,
    pod_requirements,
)
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.volumes import volumes

_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
PREEMPTION_POLICY = r.one_of("PreemptLowerPriority", "Never")


def _host_network(spec: Any, out: Errors) -> None:
    # A pod's ports have become the host's by now, if they can; a template's need not.
    for number, container in enumerate(spec.containers or () if spec.hostNetwork else ()):
        for index, port in enumerate(container.ports or ()):
            if port.hostPort and port.hostPort != port.containerPort:
                why = "must match `containerPort` when `hostNetwork` is true"
                out.invalid(f"containers[{number}].ports[{index}].hostPort", port.hostPort, why)


def _shared(spec: Any, out: Errors) -> None:
    if spec.shareProcessNamespace and spec.hostPID:
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        out.invalid("securityContext.shareProcessNamespace", True, why)
    shown = {"hostNetwork": "hostNetwork", "hostPID": "HostPID", "hostIPC": "HostIPC"}
    for field in shown if spec.hostUsers is False else ():
        if getattr(spec, field):
            out.forbidden(shown[field], "when `hostUsers` is false")


# In a domain to search in, underscores are allowed.
_DOMAIN = r"[a-z0-9_]([-_a-z0-9]*[a-z0-9])?"
_DOMAINS = rf"{_DOMAIN}(\.{_DOMAIN})*"
_SEARCH = r.matches(
    rf"\.|{_DOMAINS}\.?",
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
    "'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "
    f"regex used for validation is '{_DOMAINS}')",
)
_DNS = r.struct(
    (
        "nameservers",
        r.refuse(lambda servers: len(servers) > 3, "must not have more than 3 nameservers"),
    ),
    ("nameservers", r.each(r.IP)),
    (
        "searches",
        r.refuse(lambda domains: len(domains) > 32, "must not have more than 32 search paths"),
    ),
    ("searches", r.each(_SEARCH)),
    ("options", r.each(r.need(lambda option: not option.name, "must not be empty"))),
)


def _dns(spec: Any, out: Errors) -> None:
    config = spec.dnsConfig
    if spec.dnsPolicy != "None" or (config is not None and config.nameservers):
        at("dnsConfig", _DNS, config, out)
    elif config is None:
        out.required("dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None")
    else:
        why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        out.required("dnsConfig.nameservers", why)


# --- the spec


def _gate(gate: Any, out: Errors) -> None:
    r.QUALIFIED(gate.name, out)


_SYSCTL_PATTERN = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
_SYSCTL = r.matches(
    rf"(?=.{{,253}}$){_SYSCTL_PATTERN}",
    f"must have at most 253 characters and match regex {_SYSCTL_PATTERN}",
)
_SHARED_PARTS = {
    "hostNetwork": ("net.",),
    "hostIPC": ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."),
}


def _sysctl(sysctl: Any, out: Errors) -> None:
    name = (sysctl.name or "").replace("/", ".")
    for field, prefixes in _SHARED_PARTS.items():
        if getattr(out.pod, field) and name.startswith(prefixes):
            out.invalid("name", sysctl.name, f"may not be specified when '{field}' is true")


_SECURITY = r.struct(
    ("fsGroup", containers.ID),
    *containers.IDS,
    ("supplementalGroups", r.each(containers.ID)),
    ("fsGroupChangePolicy", r.one_of("Always", "OnRootMismatch")),
    ("sysctls", r.each(("name", r.given(_SYSCTL)), r.Unique("name"), _sysctl)),
    *containers.PROFILES,
    ("supplementalGroupsPolicy", r.one_of("Merge", "Strict")),
    ("seLinuxChangePolicy", r.one_of("MountOption", "Recursive")),
)
_CLAIM = r.each(
    ("name", r.given(r.LABEL)),
    r.Unique("name"),
    r.refuse(
        lambda claim: claim.resourceClaimName is None and claim.resourceClaimTemplateName is None,
        "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
    ),
    r.refuse(
        lambda claim: None not in (claim.resourceClaimName, claim.resourceClaimTemplateName),
        "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
    ),
)
_OS = r.given(r.one_of("linux", "windows"), why="cannot be empty")


def _os(os: Any, out: Errors) -> None:
    at("name" if not os.name else "", _OS, os.name, out)


_DNS_POLICY = r.one_of("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_SPEC = r.struct(
    ("volumes", volumes),
    ("containers", containers.REGULAR),
    ("initContainers", containers.init),
    ("resourceClaims", _CLAIM),
    pod_requirements,
    _host_network,
    _shared,
    ("restartPolicy", r.given(containers.RESTART_POLICY)),
    ("dnsPolicy", r.given(_DNS_POLICY)),
    ("nodeSelector", r.labels),
    ("securityContext", _SECURITY),
    ("affinity", selectors.AFFINITY),
    _dns,
    ("readinessGates", r.each(("conditionType", r.QUALIFIED))),
    ("schedulingGates", r.each(_gate, r.Unique("", attrgetter("name")))),
    ("topologySpreadConstraints", selectors.TOPOLOGY_SPREAD),
    ("serviceAccountName", r.SUBDOMAIN),
    ("nodeName", r.SUBDOMAIN),
    ("activeDeadlineSeconds", r.between(1, r.INT32_MAX)),
    ("hostname", r.LABEL),
    ("subdomain", r.LABEL),
    ("tolerations", selectors.TOLERATIONS),
    ("hostAliases", r.each(("ip", r.IP), ("hostnames", r.each(r.SUBDOMAIN)))),
    ("priorityClassName", r.SUBDOMAIN),
    ("runtimeClassName", r.SUBDOMAIN),
    ("preemptionPolicy", PREEMPTION_POLICY),
    ("overhead", CONTAINER_AMOUNTS),
    ("os", _os),
)


@memo
def _of_template(spec: Any) -> Errors:
    """What is wrong with a spec, by paths that begin with `spec`."""
    out = Errors()
    out.pod = spec
    at("spec", _SPEC, spec, out)
    return out


@memo
def _of_pod(spec: Any) -> Errors:
    out = Errors(_of_template(spec))
    if not spec.serviceAccountName:
        for index, volume in enumerate(spec.volumes or ()):
            for number, source in enumerate((volume.projected and volume.projected.sources) or ()):
                if source.serviceAccountToken is not None:
                    path = f"spec.volumes[{index}].projected.sources[{number}]"
                    why = "must not be specified when serviceAccountName is not set"
                    out.forbidden(f"{path}.serviceAccountToken", why)
    at("spec.containers", containers.TRIMMED, spec.containers, out)
    at("spec.initContainers", containers.TRIMMED, spec.initContainers, out)
    return out


# --- templates and pods


def special_annotations(annotations: dict[str, str], out: Errors) -> None:
    """Annotations that mean something on a pod."""
    cost = annotations.get(_DELETION_COST)
    if cost is None:
        return
    plain = re.fullmatch(r"0|-?[1-9][0-9]*", cost)
    if not plain or not -r.INT32_MAX - 1 <= int(cost) <= r.INT32_MAX:
        out.invalid(f"[{_DELETION_COST}]", cost, "must be a 32bit integer")


_METADATA = r.struct(
    ("labels", r.labels),
    ("annotations", metadata.check_annotations),
    ("annotations", special_annotations),
)


def template_metadata(value: Any, out: Errors) -> None:
    """The labels and annotations of a pod template, which the server calls the template's own."""
    if value.metadata is not None:
        _METADATA(value.metadata, out)


def template(value: Any, out: Errors) -> None:
    """A pod template."""
    template_metadata(value, out)
    out += _of_template(value.spec)
    if value.spec.ephemeralContainers:
        why = "ephemeral containers not allowed in pod template"
        out.forbidden("spec.ephemeralContainers", why)


def whole(obj: Any, out: Errors) -> None:
    """A pod's annotations and spec, being created or changed."""
    at("metadata.annotations", special_annotations, obj.metadata.annotations, out)
    out += _of_pod(obj.spec)


def pod(obj: Any, out: Errors) -> None:
    """A pod being created."""
    whole(obj, out)
    spec = obj.spec
    if spec.ephemeralContainers:
        out.forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.nodeName and spec.schedulingGates:
        out.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")
