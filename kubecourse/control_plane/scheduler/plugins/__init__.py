"""The plugins of the default profile, in the order in which the real scheduler asks them.

Source: `pkg/scheduler/apis/config/v1/default_plugins.go`.
"""

from __future__ import annotations

from kubecourse.control_plane.scheduler.framework import Plugin
from kubecourse.control_plane.scheduler.owners import Owners
from kubecourse.control_plane.scheduler.plugins.image_locality import ImageLocality
from kubecourse.control_plane.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kubecourse.control_plane.scheduler.plugins.node_affinity import NodeAffinity
from kubecourse.control_plane.scheduler.plugins.node_name import NodeName
from kubecourse.control_plane.scheduler.plugins.node_ports import NodePorts
from kubecourse.control_plane.scheduler.plugins.node_resources_balanced_allocation import (
    NodeResourcesBalancedAllocation,
)
from kubecourse.control_plane.scheduler.plugins.node_resources_fit import NodeResourcesFit
from kubecourse.control_plane.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kubecourse.control_plane.scheduler.plugins.pod_topology_spread import PodTopologySpread
from kubecourse.control_plane.scheduler.plugins.taint_toleration import TaintToleration
from kubecourse.control_plane.scheduler.plugins.volume_binding import Claims, VolumeBinding


def default_plugins(owners: Owners, claims: Claims) -> list[Plugin]:
    """One of each. `owners` tells which pods belong together, `claims` which claims are there."""
    return [
        NodeUnschedulable(),
        NodeName(),
        TaintToleration(),
        NodeAffinity(),
        NodePorts(),
        NodeResourcesFit(),
        VolumeBinding(claims),
        PodTopologySpread(owners),
        InterPodAffinity(),
        NodeResourcesBalancedAllocation(),
        ImageLocality(),
    ]
