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
from kubecourse.control_plane.apiserver.defaults.fill import (
    Function,
    New,
    chain,
    fields,
    listed,
    when,
)

core = models.core_v1

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


def _pulled(container: Any) -> Any:
    if container.imagePullPolicy:
        return container
    return replace(container, imagePullPolicy=image_pull_policy(container.image))


# --- containers


def amounts(values: dict[str, str]) -> dict[str, str]:
    """Amounts in whole thousandths, rounded up: nobody asks for less than a millicore."""
    for text in values.values():
        if quantity.canonical_milli(text) != text:
            return {name: quantity.canonical_milli(text) for name, text in values.items()}
    return values


_HTTP_GET = fields(path="/", scheme="HTTP")
_HOOK = fields(httpGet=_HTTP_GET)
_PROBE = fields(
    timeoutSeconds=1,
    periodSeconds=10,
    successThreshold=1,
    failureThreshold=3,
    httpGet=_HTTP_GET,
    grpc=fields(service=""),
)
_REFERENCES = {
    "fieldRef": fields(apiVersion="v1"),
    "resourceFieldRef": fields(divisor="0"),
}
WITH_PROTOCOL = fields(protocol="TCP")
_CONTAINER = listed(
    chain(
        _pulled,
        fields(
            terminationMessagePath="/dev/termination-log",
            terminationMessagePolicy="File",
            resources=fields(limits=amounts, requests=amounts),
            ports=listed(WITH_PROTOCOL),
            env=listed(fields(valueFrom=fields(**_REFERENCES))),
            livenessProbe=_PROBE,
            readinessProbe=_PROBE,
            startupProbe=_PROBE,
            lifecycle=fields(postStart=_HOOK, preStop=_HOOK),
        ),
    )
)

# --- volumes

_MODE = {"defaultMode": 0o644}
_DOWNWARD = {"items": listed(fields(**_REFERENCES))}
_PROJECTION = fields(
    downwardAPI=fields(**_DOWNWARD), serviceAccountToken=fields(expirationSeconds=3600)
)


def _image(source: Any) -> Any:
    return fields(pullPolicy=image_pull_policy(source.reference))(source)


CLAIM = fields(volumeMode="Filesystem")
HOST_PATH = fields(type="")
_SOURCES = fields(
    secret=fields(**_MODE),
    configMap=fields(**_MODE),
    downwardAPI=fields(**_MODE, **_DOWNWARD),
    projected=fields(**_MODE, sources=listed(_PROJECTION)),
    hostPath=HOST_PATH,
    ephemeral=fields(volumeClaimTemplate=fields(spec=CLAIM)),
    image=_image,
)
_NO_DISK = core.EmptyDirVolumeSource()


def _volume(value: Any) -> Any:
    """A volume without a source is an empty directory."""
    if all(getattr(value, name) is None for name in value.__struct_fields__ if name != "name"):
        return replace(value, emptyDir=_NO_DISK)
    return _SOURCES(value)


# --- the spec

_SPEC = fields(
    dnsPolicy="ClusterFirst",
    restartPolicy="Always",
    schedulerName="default-scheduler",
    securityContext=core.PodSecurityContext(),
    terminationGracePeriodSeconds=30,
    overhead=amounts,
    containers=_CONTAINER,
    initContainers=_CONTAINER,
    ephemeralContainers=_CONTAINER,
    volumes=listed(_volume),
)


@memo
def template_spec(spec: Any) -> Any:
    """Defaults of a pod's spec wherever it stands."""
    spec = _SPEC(spec)
    account = spec.serviceAccountName or spec.serviceAccount
    if account and not spec.serviceAccountName == spec.serviceAccount == account:
        spec = replace(spec, serviceAccountName=account, serviceAccount=account)
    return spec


TEMPLATE = fields(spec=New(core.PodSpec(containers=[]), template_spec))
"""Defaults of a pod template."""


def _requests(container: Any) -> Any:
    resources = container.resources
    if resources is None or not resources.limits:
        return container
    requests = resources.limits | (resources.requests or {})
    if requests == resources.requests:
        return container
    return replace(container, resources=replace(resources, requests=requests))


def _host_port(port: Any) -> Any:
    return port if port.hostPort else replace(port, hostPort=port.containerPort)


def _in_containers(function: Any) -> Any:
    return fields(containers=listed(function), initContainers=listed(function))


_POD_SPEC = memo(
    chain(
        template_spec,
        fields(enableServiceLinks=True),
        _in_containers(_requests),
        when(
            lambda spec: spec.hostNetwork,
            _in_containers(fields(ports=listed(_host_port))),
        ),
        when(
            lambda spec: spec.terminationGracePeriodSeconds < 0,
            lambda spec: replace(spec, terminationGracePeriodSeconds=1),
        ),
    )
)
DEFAULTS: dict[type[Any], Function] = {core.Pod: fields(spec=_POD_SPEC)}
"""A pod's own: besides, limits become requests, and ports the host's."""
