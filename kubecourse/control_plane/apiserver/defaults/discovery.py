"""Defaults of EndpointSlices. Source: `pkg/apis/discovery/v1/defaults.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.control_plane.apiserver.defaults.fill import fill, listed, within


def _port(port: Any) -> Any:
    return fill(port, name="", protocol="TCP")


def endpoint_slice(obj: Any) -> Any:
    """Defaults of an EndpointSlice."""
    return within(obj, ports=listed(_port))
