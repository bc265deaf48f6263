"""Pictures that answer to a slider: each a pure function to a picture, a thin view around it."""

from kubecourse.lessons.widgets.breakeven import BreakEven
from kubecourse.lessons.widgets.costs import CostCalculator, Offers
from kubecourse.lessons.widgets.decision import Decisions
from kubecourse.lessons.widgets.endpoints import Endpoints
from kubecourse.lessons.widgets.layers import LayerExplorer
from kubecourse.lessons.widgets.map import ClusterMap
from kubecourse.lessons.widgets.portmap import PortPicture
from kubecourse.lessons.widgets.quorum import Quorum
from kubecourse.lessons.widgets.race import SizeRace
from kubecourse.lessons.widgets.replicas import Replicas
from kubecourse.lessons.widgets.reservation import ReservationCurve
from kubecourse.lessons.widgets.rollout import RolloutPlayer
from kubecourse.lessons.widgets.shares import Shares
from kubecourse.lessons.widgets.shelf import RegistryBrowser

__all__ = [
    "BreakEven",
    "ClusterMap",
    "CostCalculator",
    "Decisions",
    "Endpoints",
    "LayerExplorer",
    "Offers",
    "PortPicture",
    "Quorum",
    "RegistryBrowser",
    "Replicas",
    "ReservationCurve",
    "RolloutPlayer",
    "Shares",
    "SizeRace",
]
