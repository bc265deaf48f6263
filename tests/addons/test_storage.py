"""Claims, from asking to going: the scheduler, the controllers and the provisioner together."""

from __future__ import annotations

import pytest

from kubecourse import Cluster

CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: c, image: nginx}]
  volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]
"""
LOCAL = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
"""
VOLUME = """
apiVersion: v1
kind: PersistentVolume
metadata: {name: on-node-2}
spec:
  capacity: {storage: 2Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: local
  local: {path: /disk}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node-2]}]
"""


def apply(cluster: Cluster, *manifests: str) -> None:
    output = cluster.run("apply -f -", "---".join(manifests))
    assert output.code == 0, output.stderr
    cluster.settle()


def reasons(cluster: Cluster, name: str) -> list[str]:
    events = cluster.list("events")
    return [e.reason for e in events if e.involvedObject.name == name]


def test_a_volume_is_made_where_the_pod_goes_and_removed_with_its_claim() -> None:
    cluster = Cluster(nodes=2, storage=True)
    apply(cluster, CLAIM)
    assert reasons(cluster, "data") == ["WaitForFirstConsumer"]
    apply(cluster, POD)
    pod, claim = cluster.get("pod/p"), cluster.get("pvc/data")
    assert (pod.status.phase, claim.status.phase) == ("Running", "Bound")
    assert claim.metadata.annotations["volume.kubernetes.io/selected-node"] == pod.spec.nodeName
    assert sorted(set(reasons(cluster, "data"))) == [
        "ExternalProvisioning", "Provisioning", "ProvisioningSucceeded", "WaitForFirstConsumer",
    ]  # fmt: skip
    volume = cluster.get(f"pv/{claim.spec.volumeName}")
    terms = volume.spec.nodeAffinity.required.nodeSelectorTerms
    assert terms[0].matchExpressions[0].values == [pod.spec.nodeName]

    cluster.run("delete pvc data --wait=false")
    cluster.settle()
    assert "Terminating" in cluster.run("get pvc data").stdout
    cluster.run("delete pod p")
    cluster.settle()
    assert (cluster.get("pvc/data"), cluster.list("pv")) == (None, [])


def test_without_a_storage_class_nothing_is_bound_and_the_pod_waits() -> None:
    cluster = Cluster(nodes=2)
    apply(cluster, CLAIM, POD)
    assert reasons(cluster, "data") == ["FailedBinding"]
    why = "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    assert cluster.get("pod/p").status.conditions[0].message == why
    free = VOLUME.replace("  storageClassName: local\n", "").replace("node-2", "node-1")
    apply(cluster, free)
    assert (cluster.get("pvc/data").status.phase, cluster.get("pod/p").spec.nodeName) == (
        "Bound", "node-1",
    )  # fmt: skip


def test_the_scheduler_keeps_a_local_volume_for_the_pod_it_places() -> None:
    cluster = Cluster(nodes=3)
    claim = CLAIM.replace("spec: {", "spec: {storageClassName: local, ")
    apply(cluster, LOCAL, claim, POD)
    assert (
        cluster.get("pod/p")
        .status.conditions[0]
        .message.startswith(
            "0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind. "
        )
    )
    apply(cluster, VOLUME)
    assert cluster.get("pod/p").spec.nodeName == "node-2"
    assert cluster.get("pv/on-node-2").spec.claimRef.name == "data"
    second = POD.replace("name: p}", "name: q}").replace("claimName: data", "claimName: more")
    apply(cluster, claim.replace("name: data", "name: more"), second)
    assert cluster.get("pod/q").spec.nodeName is None


@pytest.mark.parametrize("storage", [False, True])
def test_a_pod_that_no_scheduler_placed_does_not_run_without_its_claim(storage: bool) -> None:
    cluster = Cluster(nodes=1, storage=storage)
    apply(cluster, CLAIM, POD.replace("spec:\n", "spec:\n  nodeName: node-1\n", 1))
    cluster.advance(60)
    assert cluster.get("pod/p").status.phase == "Pending"
    mount = next(e for e in cluster.list("events") if e.reason == "FailedMount")
    assert mount.message.endswith("error processing PVC default/data: PVC is not bound")


def test_a_stateful_sets_pods_have_volumes_of_their_own() -> None:
    cluster = Cluster(nodes=2, storage=True)
    apply(
        cluster,
        """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, image: nginx}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
""",
    )
    assert {pod.status.phase for pod in cluster.list("pods")} == {"Running"}
    bound = [claim.spec.volumeName for claim in cluster.list("pvc")]
    assert len(set(bound)) == 2
    first = cluster.get("pod/db-0").spec.nodeName
    cluster.run("delete pod db-0")
    cluster.settle()
    assert cluster.get("pod/db-0").spec.nodeName == first, "it goes back to its volume"


DISKS = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: gp3}
provisioner: ebs.csi.aws.com
parameters: {type: gp3}
reclaimPolicy: Retain
"""


def test_a_clouds_disk_is_made_at_once_and_reached_from_every_node() -> None:
    cluster = Cluster(nodes=2, storage=True)
    apply(cluster, DISKS, CLAIM.replace("spec: {", "spec: {storageClassName: gp3, "))
    (volume,) = cluster.list("persistentvolumes")
    assert volume.status.phase == "Bound" and volume.spec.nodeAffinity is None
    assert (volume.spec.csi.driver, volume.spec.hostPath) == ("ebs.csi.aws.com", None)
    apply(cluster, POD)
    node = cluster.get("pod/p").spec.nodeName
    cluster.run("delete pod p")
    cluster.run(f"cordon {node}")
    apply(cluster, POD)
    assert cluster.get("pod/p").spec.nodeName not in (None, node)
    cluster.run("delete pod p")
    cluster.run("delete pvc data")
    cluster.settle()
    (volume,) = cluster.list("persistentvolumes")
    assert volume.status.phase == "Released"
