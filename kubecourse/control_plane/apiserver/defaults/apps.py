"""Defaults of workloads. Source: `pkg/apis/apps/v1/defaults.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.control_plane.apiserver.defaults.fill import fill, listed, put, within
from kubecourse.control_plane.apiserver.defaults.pod import claim_spec, template

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


def _stateful_strategy(value: Any) -> Any:
    value = fill(value or apps.StatefulSetUpdateStrategy(), type="RollingUpdate")
    if value.type != "RollingUpdate":
        return value
    rolling = value.rollingUpdate or apps.RollingUpdateStatefulSetStrategy()
    return put(value, rollingUpdate=fill(rolling, partition=0))


_RETAIN = apps.StatefulSetPersistentVolumeClaimRetentionPolicy()


def _claim(claim: Any) -> Any:
    claim = within(claim, spec=claim_spec)
    return within(claim, status=lambda status: fill(status, phase="Pending"))


def _stateful_set_spec(spec: Any) -> Any:
    spec = fill(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    kept = spec.persistentVolumeClaimRetentionPolicy or _RETAIN
    spec = put(
        spec,
        updateStrategy=_stateful_strategy(spec.updateStrategy),
        persistentVolumeClaimRetentionPolicy=fill(kept, whenDeleted="Retain", whenScaled="Retain"),
    )
    return within(spec, template=template, volumeClaimTemplates=listed(_claim))


def stateful_set(obj: Any) -> Any:
    """Defaults of a StatefulSet."""
    return within(obj, spec=_stateful_set_spec)


def _daemon_strategy(value: Any) -> Any:
    value = fill(value or apps.DaemonSetUpdateStrategy(), type="RollingUpdate")
    if value.type != "RollingUpdate":
        return value
    rolling = value.rollingUpdate or apps.RollingUpdateDaemonSet()
    return put(value, rollingUpdate=fill(rolling, maxUnavailable=1, maxSurge=0))


def _daemon_set_spec(spec: Any) -> Any:
    spec = fill(spec, revisionHistoryLimit=10)
    spec = put(spec, updateStrategy=_daemon_strategy(spec.updateStrategy))
    return within(spec, template=template)


def daemon_set(obj: Any) -> Any:
    """Defaults of a DaemonSet."""
    return within(obj, spec=_daemon_set_spec)
