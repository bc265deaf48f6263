"""Keeps as many replicas of a workload as its pods' use of CPU and memory asks for.

It reads the metrics API. As in a real cluster without metrics-server, an autoscaler without it says
that it cannot compute anything, and enforces minimum and maximum all the same. There are no custom
and no external metrics. Source: `pkg/controller/podautoscaler/horizontal.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models, quantity
from kubecourse.api.errors import ApiError
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.api.resources import BY_KIND
from kubecourse.client import Result
from kubecourse.client.informer import Key, key_of
from kubecourse.control_plane.controller_manager import replica_calculator as calculator
from kubecourse.control_plane.controller_manager.controller import ManagedController
from kubecourse.control_plane.controller_manager.replica_calculator import Event, NoMetric

autoscaling = models.autoscaling_v2

core = models.core_v1

SYNC_PERIOD = 15.0
"""Seconds between two looks at an autoscaler, and before the first."""
METRICS = "metrics.k8s.io/v1beta1"
REMEMBERED = 3600.0
"""Seconds for which recommendations and changes count at most."""

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


_SOURCES = {
    "ContainerResource": "containerResource", "External": "external", "Object": "object",
    "Pods": "pods", "Resource": "resource",
}  # fmt: skip
"""Where a metric of a type says what is measured."""


def unavailable(metric: Any, why: str = _RESOURCE_API) -> tuple[str, str, str]:
    """Why a metric cannot be had: reason, message, and what `FailedCompute…` puts before it."""
    source, kind = getattr(metric, _SOURCES[metric.type]), metric.type.lower()
    name = source.name if "resource" in kind else source.metric.name
    if "resource" in kind:
        what = "usage" if source.target.averageValue is not None else "utilization"
        if not why.startswith(("missing", "did not")):
            why = f"unable to get metrics for resource {name}: {why}"
        message = f"failed to get {name} {what}: {why}"
        prefix = f"{name} {kind.removesuffix('resource') or 'resource'} metric value"
    elif kind == "external":
        message = f"unable to get external metric {name}: {_EXTERNAL_API}"
        prefix = f"{name} external metric"
    else:
        message = f"unable to get metric {name}: {_CUSTOM_API}"
        prefix = f"{kind} metric value"
    return f"FailedGet{metric.type}Metric", message, f"failed to get {prefix}: "


class HorizontalController(ManagedController):
    """Looks at every HorizontalPodAutoscaler each 15 seconds."""

    name = "horizontal-pod-autoscaler-controller"
    component = "horizontal-pod-autoscaler"

    def listen(self) -> None:
        self.objects = self.follow(autoscaling.HorizontalPodAutoscaler, self._changed)

    def forget(self) -> None:
        self._recommended: dict[Key, list[Event]] = {}
        self._scaled: dict[Key, list[Event]] = {}

    def _changed(self, old: Any, new: Any) -> None:
        if new is None:
            self._recommended.pop(key_of(old), None)
            self._scaled.pop(key_of(old), None)
        else:
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
        status = replace(status, currentReplicas=current)
        self._recommended.setdefault(key_of(scaler), [(self.clock.now, current)])
        return self._by_metrics(scaler, status, target, current)

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
        current = _replicas(target)
        if scaler.spec.behavior is not None:
            changes = self._scaled.setdefault(key_of(scaler), [])
            changes.append((self.clock.now, size - current))
            del changes[:-100]
        return replace(
            status, currentReplicas=current, desiredReplicas=size, currentMetrics=None,
            lastScaleTime=self.clock.utc(),
        )  # fmt: skip

    def _by_metrics(self, scaler: Any, status: Any, target: Any, current: int) -> Any:
        """Scale to what the metric asks for that asks for most, if it may be so fast."""
        metrics = scaler.spec.metrics or ()
        asked, name, shown, failures = 0, "", [], []
        for metric in metrics:
            try:
                replicas, called, found = self._compute(scaler, metric, target, current)
            except NoMetric as problem:
                failures.append(unavailable(metric, *problem.args))
                shown.append(autoscaling.MetricStatus(type=""))
                continue
            shown.append(found)
            if replicas > asked:
                asked, name = replicas, called
        if failures and (len(failures) == len(metrics) or asked < current):
            return self._failed(scaler, replace(status, currentMetrics=shown), failures)
        why = f"the HPA was able to successfully calculate a replica count from {name}"
        status = self._with(status, "ScalingActive", "True", "ValidMetricFound", why)
        wanted, status = self._normalized(scaler, status, current, asked)
        if wanted == current:
            return replace(status, desiredReplicas=current, currentMetrics=shown)
        # Of what was asked for: what is held back goes up again without a reason.
        below = "All metrics below target" if asked < current else ""
        why = f"{name} above target" if asked > current else below
        return replace(self._rescale(scaler, status, target, wanted, why), currentMetrics=shown)

    def _compute(self, scaler: Any, metric: Any, target: Any, current: int) -> tuple[int, str, Any]:
        """The replicas that a metric asks for, what it is called, and its status.

        Raises NoMetric.
        """
        container = metric.type == "ContainerResource"
        if not container and metric.type != "Resource":
            raise NoMetric
        source = getattr(metric, _SOURCES[metric.type])
        part, resource = source.container if container else "", source.name
        try:
            api = self.client.extension(METRICS)
        except ApiError:
            raise NoMetric from None
        namespace = scaler.metadata.namespace
        selector = selector_from_label_selector(target.spec.selector)
        measured = {m.obj.metadata.name: m for m in api.pods(namespace, labels=selector)}
        if not measured:
            raise NoMetric("no metrics returned from resource metrics API")
        pods: list[Any] = self.client.list(core.Pod, namespace, selector)
        found = calculator.look(pods, measured, resource, part, self.clock)
        if not found.counted:
            raise NoMetric("did not receive metrics for targeted pods (pods might be unready)")
        tolerances, goal = self._tolerances(scaler), source.target
        if goal.averageValue is not None:
            wanted = quantity.milli(goal.averageValue)
            answer = calculator.by_average(current, found, wanted, tolerances)
            said = ""
        else:
            found = calculator.with_requests(found, pods, resource, part)
            wanted = goal.averageUtilization
            answer = calculator.by_utilization(current, found, wanted, tolerances)
            said = " utilization (percentage of request)"
        value = autoscaling.MetricValueStatus(
            averageUtilization=answer.utilization,
            averageValue=quantity.canonical(f"{answer.average}m"),
        )
        if container:
            shown: Any = autoscaling.ContainerResourceMetricStatus(
                name=resource, container=part, current=value
            )
        else:
            shown = autoscaling.ResourceMetricStatus(name=resource, current=value)
        status = autoscaling.MetricStatus(type=metric.type, **{_SOURCES[metric.type]: shown})
        what = "container resource" if container else "resource"
        return answer.replicas, f"{resource} {what}{said}", status

    def _tolerances(self, scaler: Any) -> tuple[float, float]:
        """How far use may be below and above its target."""
        rules = scaler.spec.behavior
        given = (rules.scaleDown, rules.scaleUp) if rules is not None else (None, None)
        down, up = (
            calculator.TOLERANCE
            if each is None or each.tolerance is None
            else quantity.milli(each.tolerance) / 1000
            for each in given
        )
        return down, up

    # --- not too fast

    def _normalized(self, scaler: Any, status: Any, current: int, asked: int) -> tuple[int, Any]:
        """As many replicas as may be now, and the conditions that say why not others."""
        key, now, rules = key_of(scaler), self.clock.now, scaler.spec.behavior
        down = rules.scaleDown if rules is not None else None
        window = down.stabilizationWindowSeconds if down is not None else None
        window = calculator.STABILIZATION if window is None else window
        slow = rules.scaleUp.stabilizationWindowSeconds or 0 if rules is not None else 0
        past = self._recommended[key]
        held = current if rules is not None else None
        wanted = calculator.stabilized(held, asked, past, slow, window, now)
        past.append((now, asked))
        self._recommended[key] = [each for each in past if each[0] > now - REMEMBERED]
        if wanted == asked:
            reason, why = "ReadyForNewScale", "recommended size matches current size"
        else:
            reason = "ScaleUpStabilized" if asked > wanted else "ScaleDownStabilized"
            which = ("lower", "lowest") if asked > wanted else ("higher", "highest")
            why = f"recent recommendations were {which[0]} than current one, applying the "
            why += f"{which[1]} recent recommendation"
        status = self._with(status, "AbleToScale", "True", reason, why)
        allowed, reason, why = self._limited(scaler, key, current, wanted)
        limited = str(reason != "DesiredWithinRange")
        return allowed, self._with(status, "ScalingLimited", limited, reason, why)

    def _limited(self, scaler: Any, key: Key, current: int, wanted: int) -> tuple[int, str, str]:
        """The replicas within all limits, and the limit that counted."""
        rules, changes = scaler.spec.behavior, self._scaled.get(key, [])
        least, most = scaler.spec.minReplicas or 1, scaler.spec.maxReplicas
        fastest, slowest = max(2 * current, 4), 0
        if rules is not None:
            now = self.clock.now
            fastest = max(current, calculator.limit(rules.scaleUp, current, changes, now, True))
            slowest = min(current, calculator.limit(rules.scaleDown, current, changes, now, False))
        up, down = min(most, fastest), max(least, slowest)
        if wanted > up:
            why = "the desired replica count is more than the maximum replica count"
            if most <= fastest:
                return up, "TooManyReplicas", why
            why = "the desired replica count is increasing faster than the maximum scale rate"
            return up, "ScaleUpLimit", why
        if wanted < down:
            why = "the desired replica count is less than the minimum replica count"
            if slowest <= least:
                return down, "TooFewReplicas", why
            why = "the desired replica count is decreasing faster than the maximum scale rate"
            return down, "ScaleDownLimit", why
        return wanted, "DesiredWithinRange", "the desired count is within the acceptable range"

    def _failed(self, scaler: Any, status: Any, failures: list[tuple[str, str, str]]) -> Any:
        for reason, message, _ in failures:
            self.recorder.warning(scaler, reason, message)
        reason, message, prefix = failures[0]
        count, out_of = len(failures), len(scaler.spec.metrics)
        text = f"invalid metrics ({count} invalid out of {out_of}), first error is: "
        self.recorder.warning(scaler, "FailedComputeMetricsReplicas", text + prefix + message)
        why = f"the HPA was unable to compute the replica count: {message}"
        return self._with(status, "ScalingActive", "False", reason, why)

    def _with(self, status: Any, type: str, value: str, reason: str, message: str) -> Any:
        condition = autoscaling.HorizontalPodAutoscalerCondition(
            type=type, status=value, reason=reason, message=message,
            lastTransitionTime=self.clock.utc(),
        )  # fmt: skip
        return replace(status, conditions=conditions.put(status.conditions, condition))


def _replicas(target: Any) -> int:
    return 1 if target.spec.replicas is None else int(target.spec.replicas)
