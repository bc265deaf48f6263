"""What is accepted, kept and shown as by the real server, and yet nothing in this cluster acts on.

`ROWS` is the whole list: whoever sends such a field is told so by a warning, and the ledger is
made from it. A field of which a learner could see no difference is not in it, and neither are
the kinds' own rules: what the real server refuses is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from kubecourse.api import codec, models, schema
from kubecourse.api.resources import Resource


class Row(NamedTuple):
    """A field of a type, or with an empty `field` a whole kind: it is stored, but `sentence`.

    A value in `harmless` says what happens anyway.
    """

    type: str
    field: str
    sentence: str
    harmless: tuple[Any, ...] = ()

    @property
    def kind(self) -> str:
        """The type without its group: `PodSpec`."""
        return self.type.rpartition(".")[2]


def _rows(type_name: str, fields: str, sentence: str, *harmless: Any) -> list[Row]:
    return [Row(type_name, field, sentence, harmless) for field in fields.split() or [""]]


_SECURITY = "no process is privileged or restricted"
_PROFILES = tuple(
    kind(type=name)
    for kind in (models.core_v1.SeccompProfile, models.core_v1.AppArmorProfile)
    for name in ("RuntimeDefault", "Unconfined")
)
_EMPTY = "nothing is mounted there: the directory starts empty and goes with the pod"
_DNS = "every pod asks the cluster's DNS, in the usual way"
_MODE = "files have no permissions"
_PULL = "images are pulled without asking who pulls them"
_ACCESS = "everybody may do everything"

ROWS: tuple[Row, ...] = (
    # whole kinds
    *_rows("rbac/v1.ClusterRole", "", _ACCESS),
    *_rows("rbac/v1.ClusterRoleBinding", "", _ACCESS),
    *_rows("rbac/v1.Role", "", _ACCESS),
    *_rows("rbac/v1.RoleBinding", "", _ACCESS),
    *_rows("networking/v1.Ingress", "", "there is no ingress controller"),
    *_rows("networking/v1.NetworkPolicy", "", "every pod reaches every other"),
    *_rows(
        "autoscaling/v2.HorizontalPodAutoscaler",
        "",
        "there are no metrics: only minReplicas and maxReplicas are kept to",
    ),
    # pods
    *_rows("core/v1.PodSpec", "dnsPolicy", _DNS, "ClusterFirst", "ClusterFirstWithHostNet"),
    *_rows("core/v1.PodSpec", "dnsConfig", _DNS),
    *_rows(
        "core/v1.PodSpec",
        "hostPID hostIPC shareProcessNamespace",
        "a container sees its own processes only",
        False,
    ),
    *_rows("core/v1.PodSpec", "hostUsers", "there are no user namespaces", True),
    *_rows(
        "core/v1.PodSpec",
        "setHostnameAsFQDN hostnameOverride",
        "the hostname is `hostname`, or the pod's name",
        False,
    ),
    *_rows("core/v1.PodSpec", "imagePullSecrets", _PULL),
    *_rows("core/v1.ServiceAccount", "imagePullSecrets", _PULL),
    *_rows(
        "core/v1.PodSecurityContext",
        "seLinuxOptions windowsOptions seccompProfile appArmorProfile sysctls",
        _SECURITY,
        *_PROFILES,
    ),
    *_rows(
        "core/v1.PodSecurityContext", "runAsGroup supplementalGroups fsGroup", "there are no groups"
    ),
    *_rows("core/v1.PodSpec", "resourceClaims", "no device is allocated: the pod runs without"),
    # containers
    *_rows(
        "core/v1.SecurityContext",
        "privileged seLinuxOptions windowsOptions seccompProfile appArmorProfile",
        _SECURITY,
        False,
        *_PROFILES,
    ),
    *_rows("core/v1.SecurityContext", "runAsGroup", "there are no groups"),
    *_rows("core/v1.Container", "resizePolicy", "a container cannot be resized while it runs"),
    *_rows("core/v1.Container", "restartPolicy", "the pod's restart policy decides", "Always"),
    *_rows("core/v1.Container", "restartPolicyRules", "the pod's restart policy decides"),
    *_rows("core/v1.Container", "volumeDevices", "there are no raw disks"),
    *_rows(
        "core/v1.VolumeMount",
        "mountPropagation",
        "nothing can be mounted later that others would see",
        "None",
    ),
    *_rows("core/v1.EnvVarSource", "fileKeyRef", "the variable stays unset"),
    *_rows("core/v1.HTTPGetAction", "scheme", "it asks in plain HTTP", "HTTP"),
    *_rows("core/v1.GRPCAction", "service", "it asks only whether somebody listens", ""),
    # volumes
    *_rows(
        "core/v1.Volume",
        "gcePersistentDisk awsElasticBlockStore gitRepo nfs iscsi glusterfs rbd flexVolume cinder "
        "cephfs flocker fc azureFile vsphereVolume quobyte azureDisk photonPersistentDisk "
        "portworxVolume scaleIO storageos csi image",
        _EMPTY,
    ),
    *_rows("core/v1.Volume", "ephemeral", "no claim is made for it: the pod stays Pending"),
    *_rows("core/v1.EmptyDirVolumeSource", "sizeLimit", "nobody measures how full it is"),
    *_rows("core/v1.SecretVolumeSource", "defaultMode", _MODE, 0o644),
    *_rows("core/v1.ConfigMapVolumeSource", "defaultMode", _MODE, 0o644),
    *_rows("core/v1.ProjectedVolumeSource", "defaultMode", _MODE, 0o644),
    *_rows("core/v1.DownwardAPIVolumeSource", "defaultMode", _MODE, 0o644),
    *_rows("core/v1.KeyToPath", "mode", _MODE),
    *_rows("core/v1.DownwardAPIVolumeFile", "mode", _MODE),
    *_rows(
        "core/v1.PersistentVolumeClaimSpec", "dataSource dataSourceRef", "the volume starts empty"
    ),
    *_rows(
        "core/v1.PersistentVolumeClaimSpec",
        "volumeAttributesClassName",
        "volumes have no attributes that could change",
    ),
    # the rest
    *_rows("core/v1.ServiceSpec", "trafficDistribution", "all endpoints are chosen alike"),
    *_rows("discovery/v1.Endpoint", "hints", "all endpoints are chosen alike"),
    *_rows(
        "batch/v1.JobSpec",
        "managedBy",
        "the cluster's own controller runs the Job all the same",
        "kubernetes.io/job-controller",
    ),
)
_FIELDS = {(row.type, row.field): row for row in ROWS}

# --- finding them in an object

_Finder = Callable[[Any, str], Iterator[str]]
_Part = tuple[str, str, Row | None, _Finder | None, bool]


@cache
def reaches(name: str) -> bool:
    """Whether there is such a field in a struct or in what it is made of."""
    return any(True for _ in _parts(name))


@cache
def _parts(name: str) -> tuple[_Part, ...]:
    """Of a struct, what must be looked at: attribute, JSON name, row or finder, is it a list."""
    _, attributes = codec.model(name)
    parts: list[_Part] = []
    for field in schema.struct(name).fields.values():
        if field.name in attributes and field.name not in ("metadata", "status"):
            row = _FIELDS.get((name, field.name))
            inner = field.type.merge_schema
            deeper = row is None and inner is not None and reaches(inner.name)
            finder = _finder(inner.name) if deeper and inner is not None else None
            if row is not None or finder is not None:
                listed = field.type.form == "list"
                parts.append((attributes[field.name], field.name, row, finder, listed))
    return tuple(parts)


def _says_something(value: Any, row: Row) -> bool:
    if value in row.harmless:
        return False
    fields = getattr(value, "__struct_fields__", None)
    return fields is None or any(getattr(value, name) is not None for name in fields)


@cache
def _finder(name: str) -> _Finder:
    def find(obj: Any, path: str) -> Iterator[str]:
        for attribute, json_name, row, finder, listed in _parts(name):
            value = getattr(obj, attribute)
            if value is None:
                continue
            here = f"{path}.{json_name}" if path else json_name
            if row is not None:
                if _says_something(value, row):
                    yield f"simulated: {here} is stored, but {row.sentence}"
            elif finder is not None and listed:
                for index, item in enumerate(value):
                    yield from finder(item, f"{here}[{index}]")
            elif finder is not None:
                yield from finder(value, here)

    return find


def of_kind(resource: Resource) -> Iterator[str]:
    """What to say of every object of a kind."""
    row = _FIELDS.get((resource.schema, ""))
    if row is not None:
        yield f"simulated: {resource.plural} are stored, but {row.sentence}"


def in_struct(name: str, obj: Any, path: str = "") -> Iterator[str]:
    """What to say of the fields of an object of the Go type `name` that lies at `path`."""
    return _finder(name)(obj, path)


def ledger() -> list[tuple[str, str, str]]:
    """Kind (or type within kinds), field ('' for all of it), and what it does not do."""
    return [(row.kind, row.field, row.sentence) for row in ROWS]
