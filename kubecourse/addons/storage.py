"""Storage that comes when it is asked for: a provisioner that makes volumes on nodes' own disks.

It serves the StorageClass `standard`, as a cluster made by kind does: claims wait for their first
pod, and a volume lies on that pod's node. Of classes that name a cloud's disks it plays that
provisioner too: those volumes are reached from every node. The data is simulated, the objects and
events are not.
Sources: `github.com/rancher/local-path-provisioner/provisioner.go`,
`github.com/kubernetes-sigs/sig-storage-lib-external-provisioner/controller/controller.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import models, volumes
from kubecourse.api.errors import ignoring
from kubecourse.api.quota import storage_class_of
from kubecourse.client import Client, EventRecorder, Informer

core = models.core_v1
ObjectMeta = models.meta_v1.ObjectMeta

PROVISIONER = "rancher.io/local-path"
DISKS = "ebs.csi.aws.com"
"""The provisioner of a cloud's disks, which are not tied to a node; their zones are left out."""
DIRECTORY = "/var/local-path-provisioner"
HOSTNAME = "kubernetes.io/hostname"
STANDARD = models.storage_v1.StorageClass(
    metadata=ObjectMeta(
        name="standard", annotations={"storageclass.kubernetes.io/is-default-class": "true"}
    ),
    provisioner=PROVISIONER,
    reclaimPolicy="Delete",
    volumeBindingMode="WaitForFirstConsumer",
)
"""The default class, as kind has it."""
WORK = 2.0
"""Virtual seconds in which a helper pod makes or removes a directory."""


class LocalPathProvisioner:
    """Makes a volume for each claim that asks for it, and removes it when nobody has it."""

    name = "local-path-provisioner"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._clock = client.clock
        self._events = EventRecorder(client, f"{PROVISIONER}_{self.name}")
        self._classes = Informer(client, models.storage_v1.StorageClass)
        self._claims = Informer(client, core.PersistentVolumeClaim)
        self._volumes = Informer(client, core.PersistentVolume)
        self._claims.on_change(self._claim_changed)
        self._volumes.on_change(self._volume_changed)

    def start(self) -> None:
        """Begin to listen."""
        for informer in (self._classes, self._volumes, self._claims):
            informer.start()

    def stop(self) -> None:
        """Listen no more: claims wait."""
        for informer in (self._classes, self._volumes, self._claims):
            informer.stop()

    # --- making

    def _claim_changed(self, old: Any, new: Any) -> None:
        if new is None or not _asks(new) or (old is not None and _asks(old)):
            return
        text = f'External provisioner is provisioning volume for claim "{_place(new)}"'
        self._events.normal(new, "Provisioning", text)
        self._clock.call_later(WORK, self._provision, new)

    def _provision(self, claim: Any) -> None:
        found = self._classes.get(None, storage_class_of(claim))
        current = self._claims.get(claim.metadata.namespace, claim.metadata.name)
        if found is None or current is None or current.metadata.uid != claim.metadata.uid:
            return
        node = (current.metadata.annotations or {}).get(volumes.SELECTED_NODE)
        if not node and found.provisioner == PROVISIONER:
            why = f'failed to provision volume with StorageClass "{found.metadata.name}": '
            why += "configuration error, no node was specified"
            self._events.warning(claim, "ProvisioningFailed", why)
            return
        name = f"pvc-{claim.metadata.uid}"
        with ignoring("AlreadyExists"):
            self._client.create(_volume(name, claim, found, node or ""))
        self._events.normal(
            claim, "ProvisioningSucceeded", f"Successfully provisioned volume {name}"
        )

    # --- removing

    def _volume_changed(self, old: Any, new: Any) -> None:
        if new is not None and new.status.phase == "Released" and _is_ours(new):
            self._clock.call_later(WORK, self._remove, new.metadata.name)

    def _remove(self, name: str) -> None:
        with ignoring("NotFound"):
            self._client.delete(core.PersistentVolume, name)


def _asks(claim: Any) -> bool:
    """Whether a claim waits for a volume of this provisioner."""
    asked = (claim.metadata.annotations or {}).get(volumes.PROVISIONER)
    return asked in (PROVISIONER, DISKS) and not claim.spec.volumeName


def _is_ours(volume: Any) -> bool:
    made_by = (volume.metadata.annotations or {}).get(volumes.PROVISIONED_BY)
    ours = made_by in (PROVISIONER, DISKS)
    return ours and volume.spec.persistentVolumeReclaimPolicy == "Delete"


def _place(claim: Any) -> str:
    return f"{claim.metadata.namespace}/{claim.metadata.name}"


def _volume(name: str, claim: Any, storage_class: Any, node: str) -> Any:
    """A directory of a node, or a disk, kept for a claim."""
    made_by = storage_class.provisioner
    spec = core.PersistentVolumeSpec(
        accessModes=claim.spec.accessModes,
        capacity=claim.spec.resources.requests,
        claimRef=volumes.reference_to(claim),
        persistentVolumeReclaimPolicy=storage_class.reclaimPolicy,
        storageClassName=storage_class.metadata.name,
        volumeMode=claim.spec.volumeMode,
    )
    if made_by == DISKS:
        disk = core.CSIPersistentVolumeSource(
            driver=DISKS, volumeHandle=f"vol-{claim.metadata.uid}"
        )
        spec = replace(spec, csi=disk)
    else:
        rule = core.NodeSelectorRequirement(key=HOSTNAME, operator="In", values=[node])
        term = core.NodeSelectorTerm(matchExpressions=[rule])
        path = f"{DIRECTORY}/{name}_{_place(claim).replace('/', '_')}"
        spec = replace(
            spec,
            hostPath=core.HostPathVolumeSource(path=path, type="DirectoryOrCreate"),
            nodeAffinity=core.VolumeNodeAffinity(
                required=core.NodeSelector(nodeSelectorTerms=[term])
            ),
        )
    metadata = ObjectMeta(name=name, annotations={volumes.PROVISIONED_BY: made_by})
    return core.PersistentVolume(metadata=metadata, spec=spec)
