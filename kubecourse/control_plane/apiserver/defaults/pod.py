"""Defaults of pods and of what they are made of.

A pod template gets those of a pod's spec; a pod itself gets a few more. Both are worked out once
for a spec that many objects share. Source: `pkg/apis/core/v1/defaults.go`.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models, quantity
from kubecourse.api.memo import memo
from kubecourse.control_plane.apiserver.defaults.fill import each, fill, listed, put, within

core = models.core_v1

FILE_MODE = 0o644
NO_SECURITY = core.PodSecurityContext()
_FIELD_API = "v1"
_IMAGE = re.compile(
    r"(?P<name>[A-Za-z0-9]+(?:[-_./:\[\]A-Za-z0-9]*[A-Za-z0-9])?)"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)


def image_pull_policy(image: str | None) -> str:
    """Always for the tag `latest`, said or meant; otherwise IfNotPresent."""
    match = _IMAGE.fullmatch(image or "")
    if match is None or match["digest"]:
        return "IfNotPresent"
    _, colon, tag = match["name"].rpartition("/")[2].partition(":")
    return "Always" if tag == "latest" or not colon else "IfNotPresent"


# --- what containers are made of


def http_get(action: Any) -> Any:
    """Defaults of an HTTP request that a probe or hook makes."""
    return fill(action, path="/", scheme="HTTP")


def probe(value: Any) -> Any:
    """Defaults of a probe."""
    value = fill(value, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    return within(value, httpGet=http_get, grpc=lambda grpc: fill(grpc, service=""))


def _hook(handler: Any) -> Any:
    return within(handler, httpGet=http_get)


def _lifecycle(value: Any) -> Any:
    return within(value, postStart=_hook, preStop=_hook)


def _field_ref(ref: Any) -> Any:
    return fill(ref, apiVersion=_FIELD_API)


def _resource_field_ref(ref: Any) -> Any:
    return fill(ref, divisor="0")


def _value_from(source: Any) -> Any:
    return within(source, fieldRef=_field_ref, resourceFieldRef=_resource_field_ref)


def _env(variable: Any) -> Any:
    return within(variable, valueFrom=_value_from)


def _port(port: Any) -> Any:
    return fill(port, protocol="TCP")


def amounts(values: dict[str, str]) -> dict[str, str]:
    """Amounts in whole thousandths, rounded up: nobody asks for less than a millicore."""
    for text in values.values():
        if quantity.canonical_milli(text) != text:
            return {name: quantity.canonical_milli(text) for name, text in values.items()}
    return values


def resources(value: Any) -> Any:
    """Defaults of requests and limits."""
    if value.limits is None and value.requests is None:
        return value
    return within(value, limits=amounts, requests=amounts)


def container(value: Any) -> Any:
    """Defaults of a container, also of an init or ephemeral one."""
    value = fill(
        value,
        imagePullPolicy=value.imagePullPolicy or image_pull_policy(value.image),
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    return within(
        value,
        resources=resources,
        ports=listed(_port),
        env=listed(_env),
        livenessProbe=probe,
        readinessProbe=probe,
        startupProbe=probe,
        lifecycle=_lifecycle,
    )


# --- volumes


def _files(source: Any) -> Any:
    return fill(source, defaultMode=FILE_MODE)


def _downward_file(item: Any) -> Any:
    return within(item, fieldRef=_field_ref, resourceFieldRef=_resource_field_ref)


def _downward(source: Any) -> Any:
    return within(source, items=listed(_downward_file))


def _projection(source: Any) -> Any:
    return within(
        source,
        downwardAPI=_downward,
        serviceAccountToken=lambda token: fill(token, expirationSeconds=3600),
    )


def _projected(source: Any) -> Any:
    return within(_files(source), sources=listed(_projection))


def _claim(template: Any) -> Any:
    return within(template, spec=claim_spec)


def claim_spec(spec: Any) -> Any:
    """Defaults of what a claim on storage asks for."""
    return fill(spec, volumeMode="Filesystem")


_SOURCES = {
    "secret": _files,
    "configMap": _files,
    "downwardAPI": lambda source: _downward(_files(source)),
    "projected": _projected,
    "hostPath": lambda source: fill(source, type=""),
    "ephemeral": lambda source: within(source, volumeClaimTemplate=_claim),
    "iscsi": lambda source: fill(source, iscsiInterface="default"),
    "azureDisk": lambda source: fill(
        source, cachingMode="ReadWrite", kind="Shared", fsType="ext4", readOnly=False
    ),
    "rbd": lambda source: fill(source, pool="rbd", user="admin", keyring="/etc/ceph/keyring"),
    "scaleIO": lambda source: fill(source, storageMode="ThinProvisioned", fsType="xfs"),
    "image": lambda source: fill(source, pullPolicy=image_pull_policy(source.reference)),
}
_NO_DISK = core.EmptyDirVolumeSource()


def volume(value: Any) -> Any:
    """Defaults of a volume: one without a source is an empty directory."""
    if all(getattr(value, name) is None for name in value.__struct_fields__ if name != "name"):
        return replace(value, emptyDir=_NO_DISK)
    return within(value, **_SOURCES)


# --- the spec


@memo
def template_spec(spec: Any) -> Any:
    """Defaults of a pod's spec wherever it stands."""
    spec = fill(
        spec,
        dnsPolicy="ClusterFirst",
        restartPolicy="Always",
        schedulerName="default-scheduler",
        securityContext=NO_SECURITY,
        terminationGracePeriodSeconds=30,
    )
    account = spec.serviceAccountName or spec.serviceAccount
    if account:
        spec = put(spec, serviceAccountName=account, serviceAccount=account)
    if spec.overhead:
        spec = put(spec, overhead=amounts(spec.overhead))
    return within(
        spec,
        containers=listed(container),
        initContainers=listed(container),
        ephemeralContainers=listed(container),
        volumes=listed(volume),
    )


def template(value: Any) -> Any:
    """Defaults of a pod template."""
    if value.spec is None:
        return replace(value, spec=template_spec(core.PodSpec(containers=[])))
    return put(value, spec=template_spec(value.spec))


@memo
def _pod_spec(spec: Any) -> Any:
    """Defaults of a pod's spec in a pod: limits become requests, host ports follow."""
    spec = fill(template_spec(spec), enableServiceLinks=True)
    spec = within(spec, containers=listed(_requests), initContainers=listed(_requests))
    if spec.hostNetwork:
        spec = within(spec, containers=listed(_host_ports), initContainers=listed(_host_ports))
    if spec.terminationGracePeriodSeconds < 0:
        spec = replace(spec, terminationGracePeriodSeconds=1)
    return spec


def _requests(container: Any) -> Any:
    resources = container.resources
    if resources is None or not resources.limits:
        return container
    requests = {**(resources.requests or {})}
    for name, limit in resources.limits.items():
        requests.setdefault(name, limit)
    if requests == resources.requests:
        return container
    return replace(container, resources=replace(resources, requests=requests))


def _host_ports(container: Any) -> Any:
    ports = each(
        container.ports, lambda port: put(port, hostPort=port.hostPort or port.containerPort)
    )
    return put(container, ports=ports)


def pod(obj: Any) -> Any:
    """Defaults of a Pod."""
    spec = _pod_spec(obj.spec)
    return obj if spec is obj.spec else replace(obj, spec=spec)
