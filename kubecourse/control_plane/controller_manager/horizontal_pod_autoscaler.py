"""Keeps a workload's replicas within an autoscaler's bounds.

There is no metrics API in this cluster. As in a real one without metrics-server, an autoscaler
then says that it cannot compute anything, and enforces minimum and maximum all the same.
Source: `pkg/controller/podautoscaler/horizontal.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_KIND
from kubecourse.client import Result
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import ManagedController

autoscaling = models.autoscaling_v2

SYNC_PERIOD = 15.0
"""Seconds between two looks at an autoscaler, and before the first."""

_RESOURCE_API = (
    "unable to fetch metrics from resource metrics API: "
    "the server could not find the requested resource (get pods.metrics.k8s.io)"
)
_CUSTOM_API = (
    "unable to fetch metrics from custom metrics API: "
    "no custom metrics API (custom.metrics.k8s.io) registered"
)
_EXTERNAL_API = (
    "unable to fetch metrics from external metrics API: "
    "no external metrics API (external.metrics.k8s.io) registered"
)


def unavailable(metric: Any) -> tuple[str, str, str]:
    """Why a metric cannot be had: reason, message, and what `FailedCompute…` puts before it."""
    match metric.type:
        case "Resource" | "ContainerResource":
            container = metric.type == "ContainerResource"
            source = metric.containerResource if container else metric.resource
            name = source.name
            what = "usage" if source.target.averageValue is not None else "utilization"
            message = f"failed to get {name} {what}: unable to get metrics for resource {name}: "
            kind = f"{name} container" if container else f"{name} resource"
            reason = f"FailedGet{metric.type}Metric"
            return reason, message + _RESOURCE_API, f"failed to get {kind} metric value: "
        case "Pods" | "Object":
            source = metric.pods if metric.type == "Pods" else metric.object
            message = f"unable to get metric {source.metric.name}: {_CUSTOM_API}"
            prefix = f"failed to get {metric.type.lower()} metric value: "
            return f"FailedGet{metric.type}Metric", message, prefix
    message = f"unable to get external metric {metric.external.metric.name}: {_EXTERNAL_API}"
    prefix = f"failed to get {metric.external.metric.name} external metric: "
    return "FailedGetExternalMetric", message, prefix


class HorizontalController(ManagedController):
    """Looks at every HorizontalPodAutoscaler each 15 seconds."""

    name = "horizontal-pod-autoscaler-controller"
    component = "horizontal-pod-autoscaler"

    def listen(self) -> None:
        self.objects = self.follow(autoscaling.HorizontalPodAutoscaler, self._changed)

    def _changed(self, old: Any, new: Any) -> None:
        if new is not None:
            # A look at what was just asked for is waited for; those after it go on for ever.
            asked = old is None or old.spec != new.spec
            self.queue.add_after(key_of(new), SYNC_PERIOD, background=not asked)

    def sync(self, scaler: Any) -> Result:
        status = self._look(scaler)
        if status != scaler.status:
            self.client.update_status(replace(scaler, status=status))
        return Result(SYNC_PERIOD, background=True)

    def _look(self, scaler: Any) -> Any:
        """Scale if that is needed; returns the autoscaler's new status."""
        status = scaler.status
        try:
            target = self._target(scaler)
        except ApiError as error:
            self.recorder.warning(scaler, "FailedGetScale", error.message)
            why = f"the HPA controller was unable to get the target's current scale: {error}"
            return self._with(status, "AbleToScale", "False", "FailedGetScale", why)
        why = "the HPA controller was able to get the target's current scale"
        status = self._with(status, "AbleToScale", "True", "SucceededGetScale", why)
        current = _replicas(target)
        least, most = scaler.spec.minReplicas or 1, scaler.spec.maxReplicas
        if current == 0:
            why = "scaling is disabled since the replica count of the target is zero"
            status = self._with(status, "ScalingActive", "False", "ScalingDisabled", why)
            return replace(status, currentReplicas=0, desiredReplicas=0, currentMetrics=None)
        for size, beyond, bound in (
            (most, current > most, "above Spec.MaxReplicas"),
            (least, current < least, "below Spec.MinReplicas"),
        ):
            if beyond:
                why = f"Current number of replicas {bound}"
                return self._rescale(scaler, status, target, size, why)
        return self._without_metrics(scaler, replace(status, currentReplicas=current))

    def _target(self, scaler: Any) -> Any:
        wanted = scaler.spec.scaleTargetRef
        resource = BY_KIND.get((wanted.apiVersion or "", wanted.kind))
        if resource is None:
            group = (wanted.apiVersion or "").rpartition("/")[0]
            raise ApiError(404, "", f'no matches for kind "{wanted.kind}" in group "{group}"')
        if "scale" not in resource.subresources:
            raise ApiError(404, "", "the server could not find the requested resource")
        return self.client.get(resource.model, wanted.name, scaler.metadata.namespace)

    def _rescale(self, scaler: Any, status: Any, target: Any, size: int, why: str) -> Any:
        try:
            self.client.update(replace(target, spec=replace(target.spec, replicas=size)))
        except ApiError as error:
            message = f"New size: {size}; reason: {why}; error: {error}"
            self.recorder.warning(scaler, "FailedRescale", message)
            why = f"the HPA controller was unable to update the target scale: {error}"
            return self._with(status, "AbleToScale", "False", "FailedUpdateScale", why)
        self.note(key_of(scaler), f"scale {target.metadata.name} to {size}: {why}")
        self.recorder.normal(scaler, "SuccessfulRescale", f"New size: {size}; reason: {why}")
        why = f"the HPA controller was able to update the target scale to {size}"
        status = self._with(status, "AbleToScale", "True", "SucceededRescale", why)
        return replace(
            status, currentReplicas=_replicas(target), desiredReplicas=size, currentMetrics=None,
            lastScaleTime=self.clock.utc(),
        )  # fmt: skip

    def _without_metrics(self, scaler: Any, status: Any) -> Any:
        metrics = scaler.spec.metrics or ()
        failures = [unavailable(metric) for metric in metrics]
        for reason, message, _ in failures:
            self.recorder.warning(scaler, reason, message)
        reason, message, prefix = failures[0]
        count = len(failures)
        text = f"invalid metrics ({count} invalid out of {count}), first error is: "
        self.recorder.warning(scaler, "FailedComputeMetricsReplicas", text + prefix + message)
        why = f"the HPA was unable to compute the replica count: {message}"
        status = self._with(status, "ScalingActive", "False", reason, why)
        return replace(status, currentMetrics=[autoscaling.MetricStatus(type="") for _ in metrics])

    def _with(self, status: Any, type: str, value: str, reason: str, message: str) -> Any:
        condition = autoscaling.HorizontalPodAutoscalerCondition(
            type=type, status=value, reason=reason, message=message,
            lastTransitionTime=self.clock.utc(),
        )  # fmt: skip
        return replace(status, conditions=conditions.put(status.conditions, condition))


def _replicas(target: Any) -> int:
    return 1 if target.spec.replicas is None else int(target.spec.replicas)
