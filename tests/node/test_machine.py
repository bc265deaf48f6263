import pytest

from kubecourse.api import codec
from kubecourse.node.machine import Machine


def test_a_shape_says_cpus_and_memory() -> None:
    machine = Machine.parse("node-1", "4cpu-16Gi")
    assert machine.capacity == {
        "cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi",
    }  # fmt: skip
    assert Machine.parse("small", "500mcpu-512Mi").capacity["cpu"] == "500m"


@pytest.mark.parametrize("shape", ["big", "4-16Gi", "4cpu", "4cpu-16", "cpu-Gi"])
def test_another_text_is_no_shape(shape: str) -> None:
    with pytest.raises(ValueError, match="such as 4cpu-16Gi"):
        Machine.parse("node-1", shape)


def test_its_node_is_labelled_as_a_real_kubelet_labels_it() -> None:
    node = Machine.parse("node-3", number=3, zone="zone-c", labels={"disk": "ssd"}).node()
    assert node.metadata.labels == {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "disk": "ssd",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": "node-3",
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": "region-1",
        "topology.kubernetes.io/zone": "zone-c",
    }
    assert node.spec.podCIDR == "10.244.3.0/24"
    status = codec.encode(node)["status"]
    assert status["nodeInfo"]["kubeletVersion"] == "v1.36.2"
    assert status["addresses"][1] == {"type": "Hostname", "address": "node-3"}


def test_five_thousand_machines_share_no_address() -> None:
    machines = [Machine(f"n{number}", number) for number in range(1, 5001)]
    assert len({machine.address for machine in machines}) == 5000
    assert len({machine.pod_prefix for machine in machines}) == 5000
    assert not any(machine.pod_prefix.startswith("10.96.") for machine in machines)
    parts = [int(p) for machine in machines for p in machine.address.split(".")]
    assert all(0 <= part < 256 for part in parts)
