"""Pods and pod templates. Source: `pkg/apis/core/validation/validation.go`.

A spec is looked at once, however many pods share it; see `api.memo`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors, names, quantity
from kubecourse.api.memo import memo
from kubecourse.control_plane.apiserver.validation import (
    checks,
    containers,
    meta,
    resources,
    security,
    selectors,
    volumes,
)
from kubecourse.control_plane.apiserver.validation.checks import INT32_MAX, Errors

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_NAMESERVERS, _SEARCHES, _SEARCH_LENGTH = 3, 32, 2048


# --- the spec


def _spec(spec: Any, is_pod: bool) -> tuple[errors.FieldError, ...]:
    """What is wrong with a spec, by paths inside it."""
    out: Errors = []
    if spec.terminationGracePeriodSeconds is None:
        out.append(errors.required("terminationGracePeriodSeconds"))
    known = volumes.volumes("volumes", spec.volumes, out)
    pod = containers.Pod(
        volumes=known,
        claims=frozenset(claim.name for claim in spec.resourceClaims or ()),
        grace_period=spec.terminationGracePeriodSeconds,
        restart_policy=spec.restartPolicy,
        host_users=spec.hostUsers is not False,
        is_pod=is_pod,
    )
    _resource_claims("resourceClaims", spec.resourceClaims, out)
    _containers(spec, pod, out)
    if spec.resources is not None:
        _pod_resources("resources", spec, pod, out)
    if spec.hostNetwork:
        _host_network(spec, is_pod, out)
    checks.required_one_of("restartPolicy", spec.restartPolicy, containers.RESTART_POLICIES, out)
    checks.required_one_of("dnsPolicy", spec.dnsPolicy, DNS_POLICIES, out)
    checks.labels("nodeSelector", spec.nodeSelector, out)
    if spec.securityContext is not None:
        security.pod("securityContext", spec, out)
    if spec.affinity is not None:
        selectors.affinity("affinity", spec.affinity, out)
    _dns(spec.dnsConfig, spec.dnsPolicy, out)
    _gates(spec, out)
    selectors.topology_spread("topologySpreadConstraints", spec.topologySpreadConstraints, out)
    if spec.hostUsers is False:
        _own_users(spec, out)
    _names(spec, out)
    selectors.tolerations("tolerations", spec.tolerations, out)
    _others(spec, out)
    return tuple(out)


def _containers(spec: Any, pod: containers.Pod, out: Errors) -> None:
    regular, init = spec.containers or [], spec.initContainers or []
    containers.regular("containers", regular, pod, out)
    containers.init("initContainers", init, regular, pod, out)
    if spec.ephemeralContainers:
        others = [*regular, *init]
        containers.ephemeral("ephemeralContainers", spec.ephemeralContainers, others, pod, out)


def _resource_claims(path: str, claims: list[Any] | None, out: Errors) -> None:
    seen: set[str] = set()
    for index, claim in enumerate(claims or ()):
        at = f"{path}[{index}]"
        if checks.required(f"{at}.name", claim.name, out):
            if claim.name not in seen:
                checks.dns_label(f"{at}.name", claim.name, out)
            checks.distinct(f"{at}.name", claim.name, seen, out)
        given = (claim.resourceClaimName, claim.resourceClaimTemplateName)
        if None not in given:
            why = (
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            )
            out.append(errors.invalid(at, claim, why))
        elif given == (None, None):
            why = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            out.append(errors.invalid(at, claim, why))


def _pod_resources(path: str, spec: Any, pod: containers.Pod, out: Errors) -> None:
    whole = spec.resources
    if whole.claims:
        why = "claims cannot be set for Resources at pod-level"
        out.append(errors.field_forbidden(f"{path}.claims", why))
    resources.requirements(path, whole, out, resources.pod_name, pod.claims)
    sums: dict[str, str] = {}
    for container in spec.containers or ():
        asked = (container.resources.requests if container.resources is not None else None) or {}
        for name, text in asked.items():
            sums[name] = quantity.add(sums[name], text) if name in sums else text
    for name, total in sorted(sums.items()):
        have = (whole.requests or {}).get(name, "0")
        if name in resources.POD_LEVEL and quantity.compare(total, have) > 0:
            why = f"must be greater than or equal to aggregate container requests of {total}"
            out.append(errors.invalid(f"{path}.requests[{name}]", have, why))
    for index, container in enumerate(spec.containers or ()):
        limits = (container.resources.limits if container.resources is not None else None) or {}
        for name, text in sorted(limits.items()):
            most = (whole.limits or {}).get(name)
            if most is not None and quantity.compare(text, most) > 0:
                why = f"must be less than or equal to pod limits of {most}"
                out.append(errors.invalid(f"{path}.containers[{index}][{name}].limits", text, why))


def _host_network(spec: Any, is_pod: bool, out: Errors) -> None:
    for number, container in enumerate(spec.containers or ()):
        for index, port in enumerate(container.ports or ()):
            host = port.hostPort or 0
            if (is_pod or host) and host != port.containerPort:
                why = "must match `containerPort` when `hostNetwork` is true"
                out.append(
                    errors.invalid(f"containers[{number}].ports[{index}].hostPort", host, why)
                )


def _own_users(spec: Any, out: Errors) -> None:
    for field, path in (
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ):
        if getattr(spec, field):
            out.append(errors.field_forbidden(path, "when `pod.Spec.HostUsers` is false"))


def _dns(config: Any, policy: str | None, out: Errors) -> None:
    path = "dnsConfig"
    if policy == "None":
        if config is None:
            why = "must provide `dnsConfig` when `dnsPolicy` is None"
            out.append(errors.required(path, why))
            return
        if not config.nameservers:
            why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            out.append(errors.required(f"{path}.nameservers", why))
            return
    if config is None:
        return
    servers, searches = config.nameservers or [], config.searches or []
    if len(servers) > _NAMESERVERS:
        why = f"must not have more than {_NAMESERVERS} nameservers"
        out.append(errors.invalid(f"{path}.nameservers", servers, why))
    for index, server in enumerate(servers):
        checks.ip(f"{path}.nameservers[{index}]", server, out)
    if len(searches) > _SEARCHES:
        why = f"must not have more than {_SEARCHES} search paths"
        out.append(errors.invalid(f"{path}.searches", searches, why))
    if len(" ".join(searches)) > _SEARCH_LENGTH:
        characters = f"{_SEARCH_LENGTH} characters (including spaces)"
        why = f"must not have more than {characters} in the search list"
        out.append(errors.invalid(f"{path}.searches", searches, why))
    for index, search in enumerate(searches):
        if search != ".":
            at = f"{path}.searches[{index}]"
            checks.obeys(at, search.removesuffix("."), checks.search_domain, out)
    for index, option in enumerate(config.options or ()):
        checks.required(f"{path}.options[{index}]", option.name, out, "must not be empty")


def _gates(spec: Any, out: Errors) -> None:
    for index, gate in enumerate(spec.readinessGates or ()):
        checks.qualified(f"readinessGates[{index}].conditionType", gate.conditionType, out)
    seen: set[str] = set()
    for index, gate in enumerate(spec.schedulingGates or ()):
        checks.qualified(f"schedulingGates[{index}]", gate.name, out)
        checks.distinct(f"schedulingGates[{index}]", gate.name or "", seen, out)


_NAMED = (
    ("serviceAccountName", names.is_dns1123_subdomain),
    ("nodeName", names.is_dns1123_subdomain),
)


def _names(spec: Any, out: Errors) -> None:
    for field, rule in _NAMED:
        if getattr(spec, field):
            checks.obeys(field, getattr(spec, field), rule, out)
    checks.in_range("activeDeadlineSeconds", spec.activeDeadlineSeconds, 1, INT32_MAX, out)
    for field in ("hostname", "subdomain"):
        if getattr(spec, field):
            checks.dns_label(field, getattr(spec, field), out)


def _others(spec: Any, out: Errors) -> None:
    for index, alias in enumerate(spec.hostAliases or ()):
        checks.ip(f"hostAliases[{index}].ip", alias.ip, out)
        for number, hostname in enumerate(alias.hostnames or ()):
            checks.dns_subdomain(f"hostAliases[{index}].hostnames[{number}]", hostname, out)
    if spec.priorityClassName:
        checks.dns_subdomain("priorityClassName", spec.priorityClassName, out)
    if spec.runtimeClassName is not None:
        checks.dns_subdomain("runtimeClassName", spec.runtimeClassName, out)
    if spec.preemptionPolicy is not None:
        policies = ("PreemptLowerPriority", "Never")
        checks.required_one_of("preemptionPolicy", spec.preemptionPolicy, policies, out)
    for name, text in sorted((spec.overhead or {}).items()):
        resources.container_name(f"overhead[{name}]", name, out)
        resources.amount(f"overhead[{name}]", name, text, out)
    if spec.os is not None and checks.required("os.name", spec.os.name, out, "cannot be empty"):
        checks.one_of("os", spec.os.name, ("linux", "windows"), out)


@memo
def _of_template(spec: Any) -> tuple[errors.FieldError, ...]:
    return _spec(spec, is_pod=False)


@memo
def _of_pod(spec: Any) -> tuple[errors.FieldError, ...]:
    out: Errors = list(_spec(spec, is_pod=True))
    if not spec.serviceAccountName:
        _no_token(spec, out)
    pod = containers.Pod({}, frozenset(), None, None, True, True)
    containers.trimmed_images("containers", spec.containers, pod, out)
    containers.trimmed_images("initContainers", spec.initContainers, pod, out)
    return tuple(out)


def _no_token(spec: Any, out: Errors) -> None:
    why = "must not be specified when serviceAccountName is not set"
    for index, volume in enumerate(spec.volumes or ()):
        for number, source in enumerate((volume.projected and volume.projected.sources) or ()):
            if source.serviceAccountToken is not None:
                at = f"volumes[{index}].projected.sources[{number}].serviceAccountToken"
                out.append(errors.field_forbidden(at, why))


def _below(path: str, found: tuple[errors.FieldError, ...]) -> Errors:
    return [errors.FieldError(f"{path}.{e.field}", e.type, e.value, e.detail) for e in found]


# --- templates and pods


def specific_annotations(path: str, annotations: dict[str, str] | None, out: Errors) -> None:
    """Annotations that mean something on a pod."""
    cost = (annotations or {}).get(DELETION_COST)
    if cost is None:
        return
    digits = cost.removeprefix("-")
    plain = digits.isdecimal() and (digits == "0" or not digits.startswith("0")) and cost != "-0"
    if not plain or not -INT32_MAX - 1 <= int(cost) <= INT32_MAX:
        out.append(errors.invalid(f"{path}[{DELETION_COST}]", cost, "must be a 32bit integer"))


def template_metadata(path: str, value: Any, out: Errors) -> None:
    """The labels and annotations of a pod template."""
    metadata = value.metadata
    if metadata is not None:
        checks.labels(f"{path}.labels", metadata.labels, out)
        meta.check_annotations(f"{path}.annotations", metadata.annotations, out)
        specific_annotations(f"{path}.annotations", metadata.annotations, out)


def template(path: str, value: Any, out: Errors) -> None:
    """A pod template."""
    template_metadata(path, value, out)
    found = _of_template(value.spec)
    if found:
        out.extend(_below(f"{path}.spec", found))
    if value.spec.ephemeralContainers:
        why = "ephemeral containers not allowed in pod template"
        out.append(errors.field_forbidden(f"{path}.spec.ephemeralContainers", why))


def whole(obj: Any, out: Errors) -> None:
    """A pod's annotations and spec, being created or changed."""
    if obj.metadata.annotations:
        specific_annotations("metadata.annotations", obj.metadata.annotations, out)
    found = _of_pod(obj.spec)
    if found:
        out.extend(_below("spec", found))


def pod(obj: Any, out: Errors) -> None:
    """A pod being created."""
    whole(obj, out)
    spec = obj.spec
    if spec.ephemeralContainers:
        out.append(errors.field_forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.nodeName and spec.schedulingGates:
        why = "cannot be set until all schedulingGates have been cleared"
        out.append(errors.field_forbidden("spec.nodeName", why))
