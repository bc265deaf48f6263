"""The Vertical Pod Autoscaler: what containers should request, learnt from what they use.

    cluster.install("vertical-pod-autoscaler")
    cluster.apply(...)                       # kind: VerticalPodAutoscaler
    cluster.advance(7 * 86_400)
    cluster.kubectl("describe vpa web")

`histogram` and `model` are its arithmetic, for whoever has samples and no cluster.
"""

from kubecourse.addons.vpa.autoscaler import VerticalPodAutoscaler
from kubecourse.addons.vpa.model import Observer, Recommendation, Usage, recommend

__all__ = ["Observer", "Recommendation", "Usage", "VerticalPodAutoscaler", "recommend"]
