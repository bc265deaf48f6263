"""kube-scheduler: finds a node for every pod that has none."""

from kubecourse.control_plane.scheduler.explain import Decision, NodeDecision, PluginScore
from kubecourse.control_plane.scheduler.scheduler import Scheduler

__all__ = ["Decision", "NodeDecision", "PluginScore", "Scheduler"]
