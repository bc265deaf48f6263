"""Chapter 4's checks on rollouts: what is there, and what happened, as far as events tell it."""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.lessons.exercises.verdict import Verdict, right, unclear, untried, wrong
from kubecourse.lessons.exercises.view import View, image, labels_of, replicas, selector

apps, core = models.apps_v1, models.core_v1
OLD, NEW = "kubecourse/shop:1.0", "kubecourse/shop:2.0"


def fewest_ready(view: View, deployment: Any) -> int | None:
    """How few pods were ready during the last rollout, or None if its events are gone.

    Each time that old pods were taken away, the deployment controller left an event; how many
    new ones were ready by then, they say themselves.
    """
    pods = [pod for pod in view.pods(selector(deployment)) if image(pod) == image(deployment)]
    began = min((pod.metadata.creationTimestamp for pod in pods), default=None)
    ready = [
        condition.lastTransitionTime
        for pod in pods
        for condition in pod.status.conditions or ()
        if condition.type == "Ready" and condition.lastTransitionTime
    ]
    left = []
    for event in view.list(core.Event):
        words = (event.message or "").split()
        if (
            event.reason == "ScalingReplicaSet"
            and event.involvedObject.uid == deployment.metadata.uid
            and words[:2] == ["Scaled", "down"]
            and words[-1].isdigit()
            and event.lastTimestamp
            and began
            and event.lastTimestamp >= began
        ):
            left.append(int(words[-1]) + sum(time <= event.lastTimestamp for time in ready))
    return min(left, default=None)


def smooth(view: View) -> Verdict:
    """From 1.0 to 2.0, and never fewer than four ready."""
    web = view.deployment("web")
    if not view.is_given(web):
        return wrong("made_anew")
    strategy = web.spec.strategy
    rolling = strategy and strategy.rollingUpdate
    careful = rolling is not None and rolling.maxUnavailable in (0, "0%")
    if image(web) == OLD:
        return wrong("not_rolled_out") if careful else untried()
    if image(web) != NEW:
        return wrong("image", image=image(web))
    if strategy is not None and strategy.type == "Recreate":
        return wrong("recreate")
    if replicas(web) != 4:
        return wrong("replicas", replicas=replicas(web))
    if view.rollout(web) is not None:
        return view.rollout(web) or untried()
    fewest = fewest_ready(view, web)
    if fewest is None:
        return unclear("no_events")
    return right() if fewest >= 4 else wrong("lost", fewest=fewest)


def undo(view: View) -> Verdict:
    """Back to revision 1, with the history still there."""
    web = view.deployment("web")
    if not view.is_given(web):
        return wrong("made_anew")
    if image(web) == "kubecourse/shop:1.2":
        return untried()
    if image(web) == "kubecourse/shop:1.1":
        return wrong("previous")
    if image(web) != OLD:
        return wrong("image", image=image(web))
    return view.rollout(web) or right()


def canary(view: View) -> Verdict:
    """A quarter of the Service's pods run 2.0, the rest 1.0."""
    web, service = view.deployment("web"), view.prepared(core.Service, "web")
    if image(web) != OLD:
        return wrong("everybody")
    others = [obj for obj in view.list(apps.Deployment) if obj.metadata.name != "web"]
    fresh = [pod for pod in view.pods() if image(pod) == NEW]
    if not fresh:
        if others and image(others[0]) != NEW:
            return wrong("image", image=image(others[0]))
        if others:
            return unclear("waiting") if replicas(others[0]) else wrong("share", new=0, all=3)
        return untried() if replicas(web) == 3 else wrong("scaled", replicas=replicas(web))
    if any(selector(one).items() <= labels_of(web.spec.template).items() for one in others):
        return wrong("overlap")
    chosen = service.spec.selector or {}
    if not all(chosen.items() <= labels_of(pod).items() for pod in fresh):
        return wrong("not_served")
    for one in [web, *others]:
        if found := view.rollout(one):
            return found
    served = view.served("web")
    new = sum(image(pod) == NEW for pod in served)
    if not new or 4 * new != len(served):
        return wrong("share", new=new, all=len(served))
    return right(new=new, all=len(served))
