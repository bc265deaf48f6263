"""kube-scheduler: finds a node for every pod that has none."""

from kubecourse.control_plane.scheduler.algorithm import NEEDED, decide
from kubecourse.control_plane.scheduler.explain import Decision, NodeDecision, PluginScore
from kubecourse.control_plane.scheduler.scheduler import PROFILE, Scheduler

__all__ = ["NEEDED", "PROFILE", "Decision", "NodeDecision", "PluginScore", "Scheduler", "decide"]
