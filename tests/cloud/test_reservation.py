"""Node reservation: the examples that providers and users of their formulas publish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.cloud import GIB, PROVIDERS, allocatable, reserved
from kubecourse.cloud.reservation import EVICTION, MB, MIB

nodes = st.tuples(
    st.sampled_from(PROVIDERS), st.integers(1, 256), st.integers(1, 1024), st.integers(8, 250)
)


@pytest.mark.parametrize(
    ("gib", "expected"),
    [
        # hatemosphere/gke-node-allocatable-memory-calculator, README: 9.8577 GiB with eviction
        (150, 9.8577 * 1024 - 100),
        # Tencent's TKE documents the same bands with these sums, in MiB (document 457/48777)
        (8, 1843),
        (12, 2252),
        (32, 3645),
        (320, 13475),
        # gardener's tests of the formula
        (128, 9543),
        (0.5, 255),
    ],
)
def test_gke_keeps_memory_in_bands(gib: float, expected: float) -> None:
    assert reserved("GKE", 4, gib * GIB).memory / MIB == pytest.approx(expected, abs=1)


def test_gkes_example_node_has_3920_millicores_left_of_4_cores() -> None:
    # "Plan GKE Standard node sizes": allocatable cpu 3920m, capacity cpu 4
    assert allocatable("GKE", 4, 16 * GIB).cpu == 3920


@pytest.mark.parametrize(
    ("cores", "millicores"), [(1, 60), (2, 70), (4, 80), (8, 90), (16, 110), (32, 150)]
)
def test_gke_and_eks_keep_the_same_share_of_cores(cores: int, millicores: int) -> None:
    assert reserved("GKE", cores, GIB).cpu == reserved("EKS", cores, GIB).cpu == millicores


@pytest.mark.parametrize(
    ("pods", "mib"),
    # 100: awslabs/amazon-eks-ami:nodeadm/internal/kubelet/config_test.go
    [(100, 1355), (17, 442), (29, 574), (58, 893), (110, 1465)],
)
def test_eks_keeps_memory_for_each_pod(pods: int, mib: int) -> None:
    assert reserved("EKS", 2, 8 * GIB, pods).memory == mib * MIB
    assert allocatable("EKS", 2, 8 * GIB, pods).memory == 8 * GIB - mib * MIB - EVICTION


def test_akss_documented_examples() -> None:
    # "Node resource reservations in AKS": 8 GB and 30 pods: 650 MB, 7.25 GB or 90.625 % left;
    # 4 GB and 70 pods: 25 % of memory, 1000 MB, as that is less than 1450 MB
    gb = 1000 * MB
    assert reserved("AKS", 2, 8 * gb, 30).memory == 650 * MB
    left = allocatable("AKS", 2, 8 * gb, 30).memory
    assert left / gb == pytest.approx(7.25, abs=0.006)
    assert left / (8 * gb) == pytest.approx(0.90625, abs=0.001)
    assert reserved("AKS", 2, 4 * gb, 70).memory == 1000 * MB


@pytest.mark.parametrize(
    ("cores", "millicores"),
    [(1, 60), (2, 100), (4, 140), (8, 180), (16, 260), (32, 420), (64, 740)],
)
def test_akss_table_of_cores(cores: int, millicores: int) -> None:
    assert reserved("AKS", cores, GIB).cpu == millicores


@given(nodes)
def test_what_is_kept_and_what_is_left_make_up_the_node(node) -> None:
    provider, cores, gib, pods = node
    kept, left = (formula(provider, cores, gib * GIB, pods) for formula in (reserved, allocatable))
    assert kept.cpu + left.cpu == 1000 * cores
    assert left.memory == max(gib * GIB - kept.memory - EVICTION, 0)


@given(nodes)
def test_a_larger_node_leaves_more_and_keeps_a_smaller_share(node) -> None:
    provider, cores, gib, pods = node
    small = allocatable(provider, cores, gib * GIB, pods)
    large = allocatable(provider, 2 * cores, 2 * gib * GIB, pods)
    assert large.cpu >= 2 * small.cpu
    assert large.memory >= 2 * small.memory - 1
