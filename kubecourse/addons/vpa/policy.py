"""What a VerticalPodAutoscaler object asks for, and what a pod is given by it.

Sources: `github.com/kubernetes/autoscaler/vertical-pod-autoscaler/pkg/utils/vpa/{api,capping}.go`,
`pkg/admission-controller/resource/pod/patch/resource_updates.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from kubecourse.addons.vpa.model import Amounts, Recommendation
from kubecourse.api import models, quantity
from kubecourse.api.labels import Selector, selector_from_label_selector
from kubecourse.api.placement import amounts
from kubecourse.api.resources import BY_KIND

vpa = models.modules["vpa/v1"]
core = models.core_v1

RESOURCES = ("cpu", "memory")
RECREATING = ("Recreate", "Auto", "InPlaceOrRecreate")
"""Modes in which running pods are replaced; in place nothing is changed here."""
EVERY_CONTAINER = "*"


def mode(scaler: Any) -> str:
    """How recommendations are applied: Off, Initial or one of `RECREATING`."""
    policy = scaler.spec.updatePolicy
    return (policy.updateMode if policy is not None else None) or "Recreate"


def selector(client: Any, scaler: Any) -> Selector:
    """The pods that an autoscaler is about. Raises ApiError if its target cannot be read."""
    target = scaler.spec.targetRef
    resource = BY_KIND[target.apiVersion, target.kind]
    found = client.get(resource.model, target.name, scaler.metadata.namespace)
    return selector_from_label_selector(found.spec.selector)


def container_policy(scaler: Any, name: str) -> Any:
    """What is asked for a container: by its name, or else for all."""
    policy = scaler.spec.resourcePolicy
    found = {p.containerName: p for p in (policy.containerPolicies if policy else None) or ()}
    return found.get(name) or found.get(EVERY_CONTAINER) or vpa.ContainerResourcePolicy()


def write(amounts: Mapping[str, int]) -> dict[str, str]:
    """Millicores and bytes as quantities, in the form in which the real one writes them."""
    units = {"cpu": "m", "memory": ""}
    return {name: quantity.canonical(f"{n}{units[name]}") for name, n in amounts.items()}


def advice(scaler: Any, name: str, found: Recommendation) -> Any:
    """A container's recommendation as the object's status has it, within the policy's bounds."""
    policy = container_policy(scaler, name)
    controlled = policy.controlledResources or RESOURCES
    least, most = amounts(policy.minAllowed), amounts(policy.maxAllowed)

    def capped(given: Amounts) -> dict[str, str]:
        return write({
            r: min(max(n, least.get(r, n)), most[r]) if r in most else max(n, least.get(r, n))
            for r, n in given.items()
            if r in controlled
        })  # fmt: skip

    return vpa.RecommendedContainerResources(
        containerName=name,
        target=capped(found.target),
        lowerBound=capped(found.lower),
        upperBound=capped(found.upper),
        uncappedTarget=write({r: n for r, n in found.target.items() if r in controlled}),
    )


def recommended(scaler: Any) -> dict[str, Any]:
    """What an object's status recommends, by container."""
    found = scaler.status.recommendation if scaler.status is not None else None
    return {each.containerName: each for each in (found and found.containerRecommendations) or ()}


def apply(scaler: Any, pod: Any) -> Any:
    """A new pod with the requests that are recommended, and limits in the same proportion."""
    known, changes, containers = recommended(scaler), [], []
    for index, container in enumerate(pod.spec.containers):
        found = known.get(container.name)
        if found is None or not found.target:
            containers.append(container)
            continue
        before = container.resources or core.ResourceRequirements()
        requests: dict[str, str] = {**(before.requests or {})}
        limits: dict[str, str] = {**(before.limits or {})}
        said = [f"{resource} request" for resource in found.target]
        if container_policy(scaler, container.name).controlledValues != "RequestsOnly":
            for resource, target in found.target.items():
                if resource in limits:
                    asked = requests.get(resource, limits[resource])
                    limits[resource] = _scaled(limits[resource], asked, target, resource)
                    said.append(f"{resource} limit")
        requests.update(found.target)
        resources = replace(before, requests=requests, limits=limits or None)
        containers.append(replace(container, resources=resources))
        changes.append(f"container {index}: {', '.join(said)}")
    if not changes:
        return pod
    annotations = {
        **(pod.metadata.annotations or {}),
        "vpaObservedContainers": ", ".join(c.name for c in containers),
        "vpaUpdates": f"Pod resources updated by {scaler.metadata.name}: {'; '.join(changes)}",
    }
    return replace(
        pod,
        metadata=replace(pod.metadata, annotations=annotations),
        spec=replace(pod.spec, containers=containers),
    )


def _scaled(limit: str, request: str, target: str, resource: str) -> str:
    """A limit in the proportion to the target that it had to the request."""
    read = quantity.milli if resource == "cpu" else quantity.value
    asked = read(request)
    new = read(limit) * read(target) // asked if asked else read(limit)
    return write({resource: new})[resource]


# --- whether a running pod should be replaced


def urgency(scaler: Any, pod: Any) -> tuple[bool, bool, float]:
    """Whether a pod's requests are out of bounds, whether it wants more, and how far it is off."""
    outside = grows = False
    asked: dict[str, int] = {}
    wanted: dict[str, int] = {}
    for name, found in recommended(scaler).items():
        container = next((c for c in pod.spec.containers if c.name == name), None)
        if container is None:
            continue
        given = amounts(container.resources.requests if container.resources else None)
        target, lower, upper = map(amounts, (found.target, found.lowerBound, found.upperBound))
        for resource, goal in target.items():
            wanted[resource] = wanted.get(resource, 0) + goal
            if resource not in given:
                outside = grows = True
                continue
            request = given[resource]
            asked[resource] = asked.get(resource, 0) + request
            grows |= goal > request
            outside |= not lower.get(resource, request) <= request <= upper.get(resource, request)
    off = sum(abs(wanted[r] - asked.get(r, 0)) / max(asked.get(r, 0), 1) for r in wanted)
    return outside, grows, off
