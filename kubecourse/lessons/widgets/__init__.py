"""Pictures that answer to a slider: each a pure function to a picture, a thin view around it."""

from kubecourse.lessons.widgets.balance import Balance
from kubecourse.lessons.widgets.breakeven import BreakEven
from kubecourse.lessons.widgets.capacity_mix import CapacityMix
from kubecourse.lessons.widgets.chart_values import ChartValues
from kubecourse.lessons.widgets.clean_up import CleanUp
from kubecourse.lessons.widgets.costs import CostCalculator, Offers
from kubecourse.lessons.widgets.decision import Decisions
from kubecourse.lessons.widgets.drain import DrainWithBudget
from kubecourse.lessons.widgets.endpoints import Endpoints
from kubecourse.lessons.widgets.eviction import EvictionOrder
from kubecourse.lessons.widgets.follow import FollowApply
from kubecourse.lessons.widgets.layers import LayerExplorer
from kubecourse.lessons.widgets.limit_range import LimitRangeBeforeAfter
from kubecourse.lessons.widgets.map import ClusterMap
from kubecourse.lessons.widgets.node_failure import NodeFailure
from kubecourse.lessons.widgets.node_sizes import NodeSizes
from kubecourse.lessons.widgets.outage import Outage
from kubecourse.lessons.widgets.playground import Playground
from kubecourse.lessons.widgets.portmap import PortPicture
from kubecourse.lessons.widgets.probes import ProbeTimeline
from kubecourse.lessons.widgets.qos import QoSSorter
from kubecourse.lessons.widgets.quorum import Quorum
from kubecourse.lessons.widgets.quota import QuotaMeter
from kubecourse.lessons.widgets.race import SizeRace
from kubecourse.lessons.widgets.recommendation import Recommendation
from kubecourse.lessons.widgets.replicas import Replicas
from kubecourse.lessons.widgets.requests import RequestsAndLimits
from kubecourse.lessons.widgets.reservation import ReservationCurve
from kubecourse.lessons.widgets.rollout import RolloutPlayer
from kubecourse.lessons.widgets.rollout_traffic import RolloutUnderTraffic
from kubecourse.lessons.widgets.shares import Shares
from kubecourse.lessons.widgets.shelf import RegistryBrowser
from kubecourse.lessons.widgets.spare_capacity import SpareCapacity
from kubecourse.lessons.widgets.storage import StorageChooser
from kubecourse.lessons.widgets.usage_graph import UsageGraph
from kubecourse.lessons.widgets.waste import WasteMeter

__all__ = [
    "Balance",
    "BreakEven",
    "CapacityMix",
    "ChartValues",
    "CleanUp",
    "ClusterMap",
    "CostCalculator",
    "Decisions",
    "DrainWithBudget",
    "Endpoints",
    "EvictionOrder",
    "FollowApply",
    "LayerExplorer",
    "LimitRangeBeforeAfter",
    "NodeFailure",
    "NodeSizes",
    "Offers",
    "Outage",
    "Playground",
    "PortPicture",
    "ProbeTimeline",
    "QoSSorter",
    "Quorum",
    "QuotaMeter",
    "Recommendation",
    "RegistryBrowser",
    "Replicas",
    "RequestsAndLimits",
    "ReservationCurve",
    "RolloutPlayer",
    "RolloutUnderTraffic",
    "Shares",
    "SizeRace",
    "SpareCapacity",
    "StorageChooser",
    "UsageGraph",
    "WasteMeter",
]
