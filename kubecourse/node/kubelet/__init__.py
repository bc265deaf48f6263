"""The kubelet: one per node. It runs the pods of its node, and says how they are."""

from kubecourse.node.kubelet.kubelet import Kubelet

__all__ = ["Kubelet"]
