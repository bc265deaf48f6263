"""Deployments: rolling updates, recreation, scaling, history, progress."""

from kubecourse.control_plane.controller_manager.deployment.controller import DeploymentController

__all__ = ["DeploymentController"]
