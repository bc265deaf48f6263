"""Pictures that answer to a slider: each a pure function to a figure, a thin view around it."""

from kubecourse.lessons.widgets.replicas import Replicas
from kubecourse.lessons.widgets.rollout import RolloutPlayer

__all__ = ["Replicas", "RolloutPlayer"]
