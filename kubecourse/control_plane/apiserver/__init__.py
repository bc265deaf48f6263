"""The API server: the only door to etcd, and the only thing that the components talk to."""

from kubecourse.control_plane.apiserver.request import Options
from kubecourse.control_plane.apiserver.server import APIServer

__all__ = ["APIServer", "Options"]
