"""Jobs: pods that are to end, and what becomes of Jobs that have."""

from kubecourse.control_plane.controller_manager.job.controller import JobController
from kubecourse.control_plane.controller_manager.job.ttl import TTLAfterFinishedController

__all__ = ["JobController", "TTLAfterFinishedController"]
