"""Chapter 4's checks, one function for each exercise: what they ask for, read from the API.

A check tells the misconceptions apart that the learner's objects speak of. The names passed to
`wrong` are those of the messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api import models
from kubecourse.api.quantity import milli
from kubecourse.lessons.exercises.verdict import Verdict, right, unclear, untried, wrong
from kubecourse.lessons.exercises.view import (
    View,
    container,
    image,
    in_words,
    is_owned,
    is_ready,
    labels_of,
    reaches,
    replicas,
    selector,
    trouble,
)

apps, core = models.apps_v1, models.core_v1
OLD = "kubecourse/shop:1.0"


def write(view: View) -> Verdict:
    """A Deployment `shop`: three of nginx:1.27, labelled, with a CPU request."""
    shop = view.get(apps.Deployment, "shop")
    if shop is None:
        if others := view.list(apps.Deployment):
            return wrong("other_name", name=others[0].metadata.name)
        if view.list(apps.ReplicaSet) or view.pods():
            return wrong("no_deployment")
        if elsewhere := view.elsewhere(apps.Deployment, "shop"):
            return wrong("elsewhere", namespace=elsewhere)
        return untried()
    if image(shop) != "nginx:1.27":
        return wrong("image", image=image(shop))
    if labels_of(shop.spec.template).get("app") != "shop":
        return wrong("label")
    if replicas(shop) != 3:
        return wrong("replicas", replicas=replicas(shop))
    needs = container(shop).resources
    cpu = ((needs and needs.requests) or {}).get("cpu")
    if cpu is None or milli(cpu) != 100:
        return wrong("no_request") if cpu is None else wrong("request", cpu=cpu)
    return view.rollout(shop) or right()


def owner(view: View) -> Verdict:
    """Name what replaces a pod of `web`."""
    answer = view.answer.lower().rpartition("/")[2]
    web, pods = view.get(apps.Deployment, "web"), view.pods({"app": "web"})
    owners = {ref.name for pod in pods for ref in pod.metadata.ownerReferences or ()}
    if web is None or not owners:
        return unclear("gone", name="owner")
    if answer in owners:
        return right(name=answer)
    if answer == "web":
        return wrong("deployment")
    if answer in {pod.metadata.name for pod in pods}:
        return wrong("pod")
    if view.get(apps.ReplicaSet, answer) is not None:
        return wrong("retired", name=answer)
    if view.get(core.Node, answer) is not None or "kubelet" in answer:
        return wrong("node")
    if answer in ("replicaset", "replicasets", "rs"):
        return wrong("kind")
    return wrong("nothing", answer=view.answer)


def table(view: View) -> Verdict:
    """Name the pod that runs and gets no requests."""
    name = view.answer.lower().rpartition("/")[2]
    pod = view.get(core.Pod, name)
    if len(view.pods()) < 4:
        return unclear("gone", name="table")
    if pod is None or pod.status is None:
        return wrong("nothing", answer=view.answer)
    if pod.status.phase == "Pending":
        return wrong("pending", name=name)
    if is_ready(pod):
        return wrong("ready", name=name)
    states = pod.status.containerStatuses or ()
    if any(state.restartCount or not (state.state and state.state.running) for state in states):
        return wrong("crashing", name=name)
    return right(name=name)


def scale(view: View) -> Verdict:
    """`web` grows from two pods to five."""
    web = view.deployment("web")
    others = [obj for obj in view.list(apps.Deployment) if obj.metadata.name != "web"]
    if replicas(web) == 5:
        return view.rollout(web) or right()
    if others:
        return wrong("second", name=others[0].metadata.name)
    if any(not is_owned(pod) for pod in view.pods()):
        return wrong("by_hand")
    if replicas(web) == 2:
        return untried()
    return wrong("fewer" if replicas(web) < 5 else "more", replicas=replicas(web))


DUO = {"web": "kubecourse/shop:1.0", "helper": "busybox:1.36"}
"""The containers of a pod, and their images."""


def pair(view: View) -> Verdict:
    """A pod `duo` with two containers, both running."""
    duo = view.get(core.Pod, "duo")
    if duo is None:
        pods = view.pods()
        if len(pods) > 1:
            return wrong("two_pods")
        if pods:
            return wrong("other_name", name=pods[0].metadata.name)
        elsewhere = view.elsewhere(core.Pod, "duo")
        return wrong("elsewhere", namespace=elsewhere) if elsewhere else untried()
    names = [one.name for one in duo.spec.containers]
    if len(names) < 2:
        return wrong("one_container", name=names[0])
    if not DUO.keys() <= set(names):
        return wrong("container_names", names=", ".join(names))
    states = (duo.status and duo.status.containerStatuses) or ()
    if any(state.restartCount or (state.state and state.state.terminated) for state in states):
        return wrong("helper_ends")
    if not is_ready(duo):
        return trouble([duo]) or unclear("waiting")
    for one in duo.spec.containers:
        if one.image != DUO.get(one.name, one.image):
            return wrong("image", name=one.name, image=one.image, wanted=DUO[one.name])
    return right()


CARD = "node-3"
"""The node that has what a pod waits for."""


def pending(view: View) -> Verdict:
    """A pending pod runs, although its Deployment stayed as it was."""
    video = view.deployment("video")
    spec = video.spec.template.spec
    if spec.nodeName:
        return wrong("node_name", node=spec.nodeName)
    if (spec.nodeSelector or {}).get("graphics") != "yes":
        return wrong("wish_removed")
    if any(not is_owned(pod) for pod in view.pods()):
        return wrong("own_pod")
    pods = view.pods(selector(video))
    if found := [pod.spec.nodeName for pod in pods if is_ready(pod)]:
        return right(node=found[0]) if found[0] == CARD else wrong("other_node", node=found[0])
    nodes = view.list(core.Node)
    values = [labels_of(node).get("graphics") for node in nodes]
    if "yes" in values:
        free = [node for node in nodes if not (node.spec and node.spec.unschedulable)]
        if all(labels_of(node).get("graphics") != "yes" for node in free):
            return wrong("cordoned")
        return unclear("waiting")
    if found := [value for value in values if value is not None]:
        return wrong("value", value=found[0])
    return wrong("scaled") if replicas(video) != 1 else untried()


def expose(view: View) -> Verdict:
    """A Service `api`, port 80, to port 8080 of the pods of `api`."""
    services = view.list(core.Service)
    service = view.get(core.Service, "api")
    if service is None:
        return wrong("other_name", name=services[0].metadata.name) if services else untried()
    ports = service.spec.ports or ()
    port = next((one for one in ports if one.port == 80), None)
    if port is None:
        return wrong("port", port=ports[0].port if ports else "-")
    chosen = service.spec.selector or {}
    if not chosen:
        return wrong("no_selector")
    matched = view.pods(chosen)
    if not matched:
        return wrong("matches_nothing", labels=in_words(chosen))
    strangers = [pod for pod in matched if labels_of(pod).get("app") != "api"]
    if strangers:
        return wrong("too_much", name=strangers[0].metadata.name)
    if not any(reaches(port, pod, 8080) for pod in matched):
        return wrong("target_port", port=port.targetPort)
    ready = [pod for pod in matched if is_ready(pod)]
    if not ready or len(view.served("api")) < len(ready):
        return trouble(matched) or unclear("waiting")
    return right(number=len(ready))


def readiness(view: View) -> Verdict:
    """A readiness probe for `web`: HTTP, port 8080."""
    web = view.deployment("web")
    probe = container(web).readinessProbe
    if probe is None:
        if container(web).livenessProbe or container(web).startupProbe:
            return wrong("other_probe")
        return untried()
    if probe.httpGet is None:
        return wrong("not_http")
    ports = {one.name: one.containerPort for one in container(web).ports or () if one.name}
    port = ports.get(str(probe.httpGet.port), probe.httpGet.port)
    if port != 8080:
        return wrong("port", port=port)
    return view.rollout(web) or right()


def surgery(view: View) -> Verdict:
    """One pod taken out of the set and out of the Service, alive."""
    web = view.deployment("web")
    apart = [pod for pod in view.pods() if not is_owned(pod)]
    kept = [pod for pod in apart if view.is_given(pod)]
    if not apart:
        if replicas(web) != 3:
            return wrong("scaled", replicas=replicas(web))
        return untried() if view.keeps_pods(web) else wrong("deleted")
    if not kept:
        return wrong("new_pod", name=apart[0].metadata.name)
    if replicas(web) != 3:
        return wrong("scaled", replicas=replicas(web))
    if len(apart) > 1:
        return wrong("several", number=len(apart))
    wanted = view.prepared(core.Service, "web").spec.selector or {}
    if wanted.items() <= labels_of(kept[0]).items():
        return wrong("still_served", name=kept[0].metadata.name)
    if wanted != {"app": "web"}:
        return wrong("service_changed")
    if not is_ready(kept[0]):
        return unclear("waiting")
    return view.rollout(web) or right(name=kept[0].metadata.name)


def edit(view: View) -> Verdict:
    """`GREETING` becomes Welcome, in the same Deployment."""
    news = view.deployment("news")
    values = {one.name: one.value for one in container(news).env or ()}
    if not view.is_given(news):
        return wrong("made_anew")
    if values.get("GREETING") == "Hello":
        return untried() if view.keeps_pods(news) else wrong("restarted")
    if "GREETING" not in values:
        near = next((name for name in values if name.lower() == "greeting"), "")
        return wrong("spelling", name=near) if near else wrong("lost")
    if values["GREETING"] != "Welcome":
        return wrong("value", value=values["GREETING"])
    return view.rollout(news) or right()


def repair(view: View) -> Verdict:
    """Everything that was broken works: pods run, the Service answers, no node is cordoned."""
    found = {name: view.deployment(name) for name in ("front", "stock", "prices", "agent")}
    service = view.prepared(core.Service, "front")
    if idle := [name for name, deployment in found.items() if replicas(deployment) == 0]:
        return wrong("switched_off", name=idle[0])
    if container(found["prices"]).readinessProbe is None:
        return wrong("probe_removed")
    broken = [name for name, is_broken in FAULTS.items() if is_broken(view)]
    if len(broken) == len(FAULTS):
        return untried()
    if broken:
        done = len(FAULTS) - len(broken)
        return wrong(f"left_{broken[0]}", done=done, all=len(FAULTS))
    if any(map(view.rollout, found.values())):
        return unclear("waiting")
    pods, ports = view.pods(selector(found["front"])), service.spec.ports or ()
    if not any(one.port == 80 and reaches(one, pod, 8080) for one in ports for pod in pods):
        return wrong("port")
    if not view.served("front"):
        return unclear("waiting")
    return right(all=len(FAULTS))


def _bad_image(view: View) -> bool:
    return image(view.deployment("front")) != OLD


def _bad_selector(view: View) -> bool:
    chosen = view.prepared(core.Service, "front").spec.selector or {}
    made = labels_of(view.deployment("front").spec.template)
    return not chosen or not chosen.items() <= made.items()


def _too_large(view: View) -> bool:
    needs = container(view.deployment("stock")).resources
    cpu = ((needs and needs.requests) or {}).get("cpu", "0")
    largest = max(
        (milli((node.status.allocatable or {}).get("cpu", "0")) for node in _nodes(view)),
        default=0,
    )
    return milli(cpu) > largest


def _bad_probe(view: View) -> bool:
    probe = container(view.deployment("prices")).readinessProbe
    return probe.httpGet is not None and probe.httpGet.port != 8080


def _cordoned(view: View) -> bool:
    return any(node.spec and node.spec.unschedulable for node in _nodes(view))


def _nodes(view: View) -> list[Any]:
    return view.list(core.Node)


FAULTS: dict[str, Callable[[View], bool]] = {
    "image": _bad_image,
    "selector": _bad_selector,
    "request": _too_large,
    "probe": _bad_probe,
    "cordon": _cordoned,
}
"""What was broken in `repair`, and whether it still is."""
