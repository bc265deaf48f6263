"""Defaults of workloads. Source: `pkg/apis/apps/v1/defaults.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.control_plane.apiserver.defaults.fill import fill, put, within
from kubecourse.control_plane.apiserver.defaults.pod import template

apps = models.apps_v1

QUARTER = "25%"


def _strategy(value: Any) -> Any:
    value = fill(value or apps.DeploymentStrategy(), type="RollingUpdate")
    if value.type != "RollingUpdate":
        return value
    rolling = value.rollingUpdate or apps.RollingUpdateDeployment()
    return put(value, rollingUpdate=fill(rolling, maxSurge=QUARTER, maxUnavailable=QUARTER))


def _deployment_spec(spec: Any) -> Any:
    spec = fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    return within(put(spec, strategy=_strategy(spec.strategy)), template=template)


def deployment(obj: Any) -> Any:
    """Defaults of a Deployment."""
    return within(obj, spec=_deployment_spec)


def _replica_set_spec(spec: Any) -> Any:
    return within(fill(spec, replicas=1), template=template)


def replica_set(obj: Any) -> Any:
    """Defaults of a ReplicaSet."""
    return within(obj, spec=_replica_set_spec)
