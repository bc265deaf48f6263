"""Every pod runs as somebody, and finds its credentials in a volume.

Source: `plugin/pkg/admission/serviceaccount/admission.go`.
"""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace

from kubecourse.api import models, names
from kubecourse.api.memo import memo
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver.admission.attempt import Attempt

core = models.core_v1
ACCOUNTS = BY_PLURAL["", "v1", "serviceaccounts"]

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
PREFIX = "kube-api-access-"
TOKEN_SECONDS = 60 * 60 + 7
_MIRROR = "kubernetes.io/config.mirror"
_encoder = msgspec.json.Encoder(enc_hook=str)

PROJECTED = core.ProjectedVolumeSource(
    defaultMode=0o644,
    sources=[
        core.VolumeProjection(
            serviceAccountToken=core.ServiceAccountTokenProjection(
                expirationSeconds=TOKEN_SECONDS, path="token"
            )
        ),
        core.VolumeProjection(
            configMap=core.ConfigMapProjection(
                name="kube-root-ca.crt", items=[core.KeyToPath(key="ca.crt", path="ca.crt")]
            )
        ),
        core.VolumeProjection(
            downwardAPI=core.DownwardAPIProjection(
                items=[
                    core.DownwardAPIVolumeFile(
                        path="namespace",
                        fieldRef=core.ObjectFieldSelector(
                            apiVersion="v1", fieldPath="metadata.namespace"
                        ),
                    )
                ]
            )
        ),
    ],
)


def _volume_name(spec: Any) -> str:
    """A name that only the spec decides.

    The real server draws one for each pod. Here pods of one template share their spec, and so
    the name in it.
    """
    return PREFIX + names.random_suffix(Random(_encoder.encode(spec)))


def _mounted(container: Any, name: str) -> Any:
    mounts = container.volumeMounts or []
    if any(mount.mountPath == MOUNT_PATH for mount in mounts):
        return container
    mount = core.VolumeMount(name=name, mountPath=MOUNT_PATH, readOnly=True)
    return replace(container, volumeMounts=[*mounts, mount])


@memo
def _with_account(spec: Any) -> Any:
    name = spec.serviceAccountName or "default"
    spec = replace(spec, serviceAccountName=name, serviceAccount=name)
    if spec.automountServiceAccountToken is False:
        return spec
    volume = _volume_name(spec)
    lists = {
        field: [_mounted(container, volume) for container in getattr(spec, field) or ()]
        for field in ("containers", "initContainers")
    }
    changed = {
        field: items or None for field, items in lists.items() if items != getattr(spec, field)
    }
    changed = {field: items for field, items in changed.items() if items is not None}
    if not changed:
        return spec
    added = core.Volume(name=volume, projected=PROJECTED)
    return replace(spec, volumes=[*(spec.volumes or []), added], **changed)


def admit(attempt: Attempt) -> Any:
    """Give pods being created the default account, and the volume with its token."""
    new = attempt.new
    if new.metadata.annotations and _MIRROR in new.metadata.annotations:
        return new
    return replace(new, spec=_with_account(new.spec))


def check(attempt: Attempt) -> None:
    """Refuse a pod that would run as somebody who is not there.

    The real server waits a second for the account `default`, which every namespace is about to
    have; here it is taken for granted.
    """
    name, namespace = attempt.new.spec.serviceAccountName, attempt.new.metadata.namespace
    if name in (None, "default") or attempt.server.find(ACCOUNTS, namespace, name) is not None:
        return
    why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
    raise attempt.forbidden(why)
