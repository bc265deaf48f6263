"""The defaults that `defaults.txt` cannot say: functions that give the same object, or a new one.

Sources: `pkg/apis/core/v1/defaults.go`, `pkg/apis/batch/v1/defaults.go`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models, quantity

_IMAGE = re.compile(
    r"(?P<name>[A-Za-z0-9]+(?:[-_./:\[\]A-Za-z0-9]*[A-Za-z0-9])?)"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)
_NAME_LABEL = "kubernetes.io/metadata.name"
_RBAC = "rbac.authorization.k8s.io"

# --- pods


def image_pull_policy(image: str | None) -> str:
    """Always for the tag `latest`, said or meant; otherwise IfNotPresent."""
    match = _IMAGE.fullmatch(image or "")
    if match is None or match["digest"]:
        return "IfNotPresent"
    _, colon, tag = match["name"].rpartition("/")[2].partition(":")
    return "Always" if tag == "latest" or not colon else "IfNotPresent"


def image_pulled(container: Any) -> Any:
    """When a container's image is pulled."""
    if container.imagePullPolicy:
        return container
    return replace(container, imagePullPolicy=image_pull_policy(container.image))


def image_volume(source: Any) -> Any:
    """When the image that a volume shows is pulled."""
    if source.pullPolicy is not None:
        return source
    return replace(source, pullPolicy=image_pull_policy(source.reference))


def amounts(values: dict[str, str]) -> dict[str, str]:
    """Amounts in whole thousandths, rounded up: nobody asks for less than a millicore."""
    for text in values.values():
        if quantity.canonical_milli(text) != text:
            return {name: quantity.canonical_milli(text) for name, text in values.items()}
    return values


_NO_DISK = models.core_v1.EmptyDirVolumeSource()


def empty_directory(volume: Any) -> Any:
    """A volume without a source is an empty directory."""
    if all(getattr(volume, name) is None for name in volume.__struct_fields__ if name != "name"):
        return replace(volume, emptyDir=_NO_DISK)
    return volume


def one_account(spec: Any) -> Any:
    """The account has two names, of which one is old."""
    account = spec.serviceAccountName or spec.serviceAccount
    if account and not spec.serviceAccountName == spec.serviceAccount == account:
        return replace(spec, serviceAccountName=account, serviceAccount=account)
    return spec


def limits_are_requests(container: Any) -> Any:
    """Who says what may be used at most asks for as much."""
    resources = container.resources
    if resources is None or not resources.limits:
        return container
    requests = resources.limits | (resources.requests or {})
    if requests == resources.requests:
        return container
    return replace(container, resources=replace(resources, requests=requests))


def host_port(port: Any) -> Any:
    """On the host's network a container's ports are the host's."""
    return port if port.hostPort else replace(port, hostPort=port.containerPort)


def not_negative_grace(spec: Any) -> Any:
    """A second, where the time that a pod has to end is negative."""
    if spec.terminationGracePeriodSeconds < 0:
        return replace(spec, terminationGracePeriodSeconds=1)
    return spec


def labels_of_pods(job: Any) -> Any:
    """Without labels a Job takes those of its pods."""
    pods = job.spec.template.metadata if job.spec is not None and job.spec.template else None
    if job.metadata is None or job.metadata.labels or pods is None or not pods.labels:
        return job
    return replace(job, metadata=replace(job.metadata, labels=pods.labels))


# --- everything else


def name_label(namespace: Any) -> Any:
    """A namespace carries its name as a label."""
    metadata = namespace.metadata
    labels = metadata.labels or {}
    if not metadata.name or labels.get(_NAME_LABEL) == metadata.name:
        return namespace
    labels = {**labels, _NAME_LABEL: metadata.name}
    return replace(namespace, metadata=replace(metadata, labels=labels))


def allocatable(status: Any) -> Any:
    """What a node has is what pods may use, unless it says otherwise."""
    if status.allocatable is None and status.capacity:
        return replace(status, allocatable=status.capacity)
    return status


def string_data(secret: Any) -> Any:
    """`stringData` is written in plain text and kept encoded, among the rest."""
    if not secret.stringData:
        return secret
    encoded = {key: b64encode(text.encode()).decode() for key, text in secret.stringData.items()}
    return replace(secret, data={**(secret.data or {}), **encoded}, stringData=None)


def target_port(port: Any) -> Any:
    """A Service's port leads to the same one of the pods."""
    return replace(port, targetPort=port.port) if port.targetPort in (None, 0, "") else port


def cluster_ips(spec: Any) -> Any:
    """The address stands in the list of addresses too."""
    if spec.clusterIP and not spec.clusterIPs:
        return replace(spec, clusterIPs=[spec.clusterIP])
    return spec


def no_affinity_config(spec: Any) -> Any:
    """How clients stick to a pod says nothing where they do not."""
    if spec.sessionAffinity == "None" and spec.sessionAffinityConfig is not None:
        return replace(spec, sessionAffinityConfig=None)
    return spec


def limits(item: Any) -> Any:
    """A maximum is also the default limit; that, or the minimum, the default request."""
    most = {**(item.max or {}), **(item.default or {})}
    requests = {**(item.min or {}), **most, **(item.defaultRequest or {})}
    same = most == (item.default or {}) and requests == (item.defaultRequest or {})
    if item.type != "Container" or same:
        return item
    return replace(item, default=most or None, defaultRequest=requests or None)


def role_ref(ref: Any) -> Any:
    """Roles belong to one group."""
    return ref if ref.apiGroup else replace(ref, apiGroup=_RBAC)


def from_template(controller: Any) -> Any:
    """A ReplicationController's labels and selector are those of its pods, unless it says."""
    spec, metadata = controller.spec, controller.metadata
    template = spec.template.metadata if spec.template is not None else None
    labels = template.labels if template is not None else None
    if not labels or (metadata.labels and spec.selector):
        return controller
    return replace(
        controller,
        metadata=replace(metadata, labels=metadata.labels or labels),
        spec=replace(spec, selector=spec.selector or labels),
    )


def names_of_custom_resource(names: Any) -> Any:
    """A custom resource is called by its kind, unless it is said otherwise."""
    kind = names.kind or ""
    singular, listed = names.singular or kind.lower(), names.listKind or f"{kind}List"
    if (singular, listed) == (names.singular, names.listKind):
        return names
    return replace(names, singular=singular, listKind=listed)
