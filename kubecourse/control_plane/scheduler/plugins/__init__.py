"""The plugins of the default profile, in the order in which the real scheduler asks them.

Source: `pkg/scheduler/apis/config/v1/default_plugins.go`.
"""

from __future__ import annotations

from kubecourse.control_plane.scheduler.framework import Plugin
from kubecourse.control_plane.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kubecourse.control_plane.scheduler.plugins.node_choice import (
    ImageLocality,
    NodeAffinity,
    NodePorts,
    NodeUnschedulable,
    TaintToleration,
)
from kubecourse.control_plane.scheduler.plugins.node_resources import (
    NodeResourcesBalancedAllocation,
    NodeResourcesFit,
)
from kubecourse.control_plane.scheduler.plugins.pod_topology_spread import PodTopologySpread
from kubecourse.control_plane.scheduler.plugins.volume_binding import (
    VolumeBinding,
    VolumeRestrictions,
    VolumeZone,
)

RULES: tuple[type[Plugin], ...] = (
    NodeUnschedulable,
    TaintToleration,
    NodeAffinity,
    NodePorts,
    NodeResourcesFit,
    VolumeRestrictions,
    VolumeBinding,
    VolumeZone,
    PodTopologySpread,
    InterPodAffinity,
    NodeResourcesBalancedAllocation,
    ImageLocality,
)
