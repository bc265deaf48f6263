"""Jobs: pods that are to end, counted once each."""

from kubecourse.control_plane.controller_manager.job.controller import JobController

__all__ = ["JobController"]
