"""Defaults of what makes pods.

Sources: `pkg/apis/apps/v1/defaults.go`, `pkg/apis/batch/v1/defaults.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.control_plane.apiserver.defaults.fill import (
    Function,
    New,
    chain,
    fields,
    listed,
    when,
)
from kubecourse.control_plane.apiserver.defaults.pod import CLAIM, TEMPLATE

apps = models.apps_v1
_FOREVER = 2**31 - 1


def _strategy(empty: Any, rolling: Any, **numbers: Any) -> New:
    """A rolling update, with these numbers, unless another sort is asked for."""
    rolls: Function = fields(rollingUpdate=New(rolling, fields(**numbers)))
    rolls = when(lambda strategy: strategy.type == "RollingUpdate", rolls)
    return New(empty, chain(fields(type="RollingUpdate"), rolls))


_RULE = fields(onPodConditions=listed(fields(status="True")))
_JOB_SPEC = chain(
    when(
        lambda spec: spec.completions is None and spec.parallelism is None,
        fields(completions=1),
    ),
    when(lambda spec: spec.backoffLimitPerIndex is not None, fields(backoffLimit=_FOREVER)),
    when(lambda spec: spec.podFailurePolicy is not None, fields(podReplacementPolicy="Failed")),
    fields(
        parallelism=1,
        backoffLimit=6,
        completionMode="NonIndexed",
        suspend=False,
        manualSelector=False,
        podReplacementPolicy="TerminatingOrFailed",
        podFailurePolicy=fields(rules=listed(_RULE)),
        template=TEMPLATE,
    ),
)


def _job(obj: Any) -> Any:
    """Defaults of a Job; without labels it takes those of its pods."""
    obj = fields(spec=_JOB_SPEC)(obj)
    pods = obj.spec.template.metadata if obj.spec is not None and obj.spec.template else None
    if obj.metadata is None or obj.metadata.labels or pods is None or not pods.labels:
        return obj
    return replace(obj, metadata=replace(obj.metadata, labels=pods.labels))


DEFAULTS: dict[type[Any], Function] = {
    apps.DaemonSet: fields(
        spec=fields(
            revisionHistoryLimit=10,
            updateStrategy=_strategy(
                apps.DaemonSetUpdateStrategy(),
                apps.RollingUpdateDaemonSet(),
                maxUnavailable=1,
                maxSurge=0,
            ),
            template=TEMPLATE,
        )
    ),
    apps.Deployment: fields(
        spec=fields(
            replicas=1,
            revisionHistoryLimit=10,
            progressDeadlineSeconds=600,
            strategy=_strategy(
                apps.DeploymentStrategy(),
                apps.RollingUpdateDeployment(),
                maxSurge="25%",
                maxUnavailable="25%",
            ),
            template=TEMPLATE,
        )
    ),
    apps.ReplicaSet: fields(spec=fields(replicas=1, template=TEMPLATE)),
    apps.StatefulSet: fields(
        spec=fields(
            replicas=1,
            revisionHistoryLimit=10,
            podManagementPolicy="OrderedReady",
            updateStrategy=_strategy(
                apps.StatefulSetUpdateStrategy(),
                apps.RollingUpdateStatefulSetStrategy(),
                partition=0,
            ),
            persistentVolumeClaimRetentionPolicy=New(
                apps.StatefulSetPersistentVolumeClaimRetentionPolicy(),
                fields(whenDeleted="Retain", whenScaled="Retain"),
            ),
            template=TEMPLATE,
            volumeClaimTemplates=listed(fields(spec=CLAIM, status=fields(phase="Pending"))),
        )
    ),
    models.batch_v1.CronJob: fields(
        spec=fields(
            concurrencyPolicy="Allow",
            suspend=False,
            successfulJobsHistoryLimit=3,
            failedJobsHistoryLimit=1,
            jobTemplate=fields(spec=fields(template=TEMPLATE)),
        )
    ),
    models.batch_v1.Job: _job,
}
