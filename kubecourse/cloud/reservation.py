"""What a provider keeps of a node for itself, by the formula that it publishes.

Allocatable is capacity less what is kept for the kubelet and the system (kube-reserved), less the
free memory below which the kubelet evicts (`evictionHard: memory.available<100Mi` with all three).

- GKE, "Plan GKE Standard node sizes",
  https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes, node pools up to 1.36:
  255 MiB of a machine with less than 1 GiB; else 25 % of the first 4 GiB, 20 % of the next 4, 10 %
  of the next 8, 6 % of the next 112, 2 % of the rest. 6 % of the first core, 1 % of the second,
  0.5 % of the third and fourth, 0.25 % of the rest.
- EKS, awslabs/amazon-eks-ami:nodeadm/internal/kubelet/config.go (commit 0137549): 255 MiB and
  11 MiB for each pod that may run; cores as GKE, each range in whole millicores.
- AKS 1.29 and later, "Node resource reservations in AKS", 2024-04-16: 50 MB and 20 MB for each pod
  that may run, at most 25 % of memory; 60, 100, 140, 180, 260, 420, 740 millicores of 1, 2, 4, 8,
  16, 32, 64 cores. What is between two of these numbers lies here on a straight line.

Not in the formulas: what DaemonSets request, GKE's machines with shared cores, Windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kubecourse.cloud.prices import Provider

MB, MIB, GIB = 10**6, 2**20, 2**30
PROVIDERS: tuple[Provider, ...] = ("GKE", "EKS", "AKS")
MAX_PODS = 110
"""Kubernetes' default."""
EVICTION = 100 * MIB

Bands = Sequence[tuple[float, float]]
"""Up to which amount, and which percentage of the amount from the band before up to there."""

_MOST = float("inf")
_CORES: Bands = ((1, 6), (2, 1), (4, 0.5), (_MOST, 0.25))
_AKS_CORES: Bands = ((1, 6), (2, 4), (4, 2), (_MOST, 1))
_GKE_MEMORY: Bands = ((4, 25), (8, 20), (16, 10), (128, 6), (_MOST, 2))


class Resources(msgspec.Struct, frozen=True):
    """Millicores, and bytes of memory."""

    cpu: int
    memory: int


def reserved(
    provider: Provider, cores: float, memory: float, max_pods: int = MAX_PODS
) -> Resources:
    """What is kept for the kubelet and the system on a node with so many bytes of memory."""
    bands = _AKS_CORES if provider == "AKS" else _CORES
    millicores = sum(int(10 * each) for each in _parts(cores, bands))
    if provider == "EKS":
        kept: float = 255 * MIB + 11 * MIB * max_pods
    elif provider == "AKS":
        kept = min(50 * MB + 20 * MB * max_pods, memory / 4)
    elif memory < GIB:
        kept = 255 * MIB
    else:
        kept = sum(_parts(memory / GIB, _GKE_MEMORY)) / 100 * GIB
    return Resources(millicores, int(kept))


def allocatable(
    provider: Provider, cores: float, memory: float, max_pods: int = MAX_PODS
) -> Resources:
    """What pods can request on such a node."""
    kept = reserved(provider, cores, memory, max_pods)
    return Resources(
        max(int(1000 * cores) - kept.cpu, 0), max(int(memory) - kept.memory - EVICTION, 0)
    )


def _parts(amount: float, bands: Bands) -> list[float]:
    """The amount that lies in each band, times the band's percentage."""
    bottoms = [0.0, *(top for top, _ in bands)]
    return [
        max(min(amount, top) - bottom, 0) * percent
        for bottom, (top, percent) in zip(bottoms, bands, strict=False)
    ]
