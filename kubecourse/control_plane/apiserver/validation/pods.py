"""Pods and pod templates: what `rules.txt` cannot say of them.

A spec is looked at once, however many pods share it; see `api.memo`.
Source: `pkg/apis/core/validation/validation.go`. What only Windows knows is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from kubecourse.api.memo import memo
from kubecourse.control_plane.apiserver.validation import internal, values
from kubecourse.control_plane.apiserver.validation.rules import Errors, at, named, rule

# --- parts of a spec


def _ports(containers: Iterable[Any] | None) -> Iterator[tuple[str, Any]]:
    """The ports that are also the node's, and their paths below the containers."""
    for number, container in enumerate(containers or ()):
        for index, port in enumerate(container.ports or ()):
            if port.hostPort:
                yield f"[{number}].ports[{index}].hostPort", port


@named
def host_ports(containers: list[Any], out: Errors) -> None:
    """No two containers may ask for the same port of the node."""
    seen: set[str] = set()
    for path, port in _ports(containers):
        key = f"{port.protocol}/{port.hostIP or ''}/{port.hostPort}"
        if key in seen:
            out.duplicate(path, key)
        seen.add(key)


@named
def host_network(spec: Any, out: Errors) -> None:
    """A pod's ports have become the host's by now, if they can; a template's need not."""
    for path, port in _ports(spec.containers if spec.hostNetwork else ()):
        if port.hostPort != port.containerPort:
            why = "must match `containerPort` when `hostNetwork` is true"
            out.invalid(f"containers{path}", port.hostPort, why)


@named
def init_names(containers: list[Any], out: Errors) -> None:
    """Init containers share their names with no other."""
    taken = {other.name for other in out.pod.containers or () if other.name}
    for index, container in enumerate(containers):
        if container.name in taken:
            out.duplicate(f"[{index}].name", container.name)


@named
def resize_policy(policies: list[Any], out: Errors) -> None:
    """What a container does when its resources change."""
    seen = set()
    for index, policy in enumerate(policies):
        if policy.resourceName in seen:
            out.duplicate(f"[{index}]", policy.resourceName)
        seen.add(policy.resourceName)
        # The server gives the other paths without the index.
        rule("ResizedResource")(policy, out)


@named
def repeated_constraints(constraints: list[Any], out: Errors) -> None:
    """One constraint for each topology and way of seeing to it."""
    pairs = [(value.topologyKey, value.whenUnsatisfiable) for value in constraints]
    for index, (key, action) in enumerate(pairs):
        if (key, action) in pairs[index + 1 :]:
            path = f"[{index}].{{topologyKey, whenUnsatisfiable}}"
            out.duplicate(path, f"{{{key}, {action}}}")


# --- templates and pods


@memo
def _of_template(spec: Any) -> Errors:
    """What is wrong with a spec, by paths that begin with `spec`."""
    out = Errors()
    out.pod = spec
    at("spec", rule("PodSpec"), spec, out)
    return out


@memo
def _of_pod(spec: Any) -> Errors:
    out = Errors(_of_template(spec))
    if not spec.serviceAccountName:
        for index, volume in enumerate(spec.volumes or ()):
            for number, source in enumerate((volume.projected and volume.projected.sources) or ()):
                if source.serviceAccountToken is not None:
                    path = f"spec.volumes[{index}].projected.sources[{number}]"
                    why = "must not be specified when serviceAccountName is not set"
                    out.forbidden(f"{path}.serviceAccountToken", why)
    at("spec.containers", rule("each Trimmed"), spec.containers, out)
    at("spec.initContainers", rule("each Trimmed"), spec.initContainers, out)
    return out


def template_metadata(template: Any, out: Errors) -> None:
    """The labels and annotations of a pod template, which the server calls the template's own."""
    if template.metadata is not None:
        rule("TemplateMetadata")(template.metadata, out)


def pod_template(template: Any, out: Errors) -> None:
    """A pod template."""
    template_metadata(template, out)
    out += _of_template(template.spec)
    if template.spec.ephemeralContainers:
        why = "ephemeral containers not allowed in pod template"
        out.forbidden("spec.ephemeralContainers", why)


def _always_running(kind: str, template: Any, out: Errors) -> None:
    """A template of pods that never end."""
    if template.spec.restartPolicy != "Always":
        out.unsupported("spec.restartPolicy", template.spec.restartPolicy, ("Always",))
    if template.spec.activeDeadlineSeconds is not None:
        why = f"activeDeadlineSeconds in {kind} is not Supported"
        out.forbidden("spec.activeDeadlineSeconds", why)


@named
def template_of_replicaset(template: Any, out: Errors) -> None:
    """A ReplicaSet's template, or a Deployment's."""
    pod_template(template, out)
    _always_running("ReplicaSet", template, out)


@named
def template_of_replicationcontroller(template: Any, out: Errors) -> None:
    """A ReplicationController's template."""
    pod_template(template, out)
    _always_running("ReplicationController", template, out)


@named
def template_of_daemonset(template: Any, out: Errors) -> None:
    """A DaemonSet's template."""
    pod_template(template, out)
    _always_running("DaemonSet", template, out)


@named
def template_of_statefulset(template: Any, out: Errors) -> None:
    """Mounts of its own claims name no volume of the template: its pods are checked."""
    template_metadata(template, out)
    _always_running("StatefulSet", template, out)


def _whole(obj: Any, out: Errors) -> None:
    at("metadata.annotations", values.pod_annotations, obj.metadata.annotations, out)
    out += _of_pod(obj.spec)


@named
def pod(obj: Any, out: Errors) -> None:
    """A pod being created."""
    _whole(obj, out)
    spec = obj.spec
    if spec.ephemeralContainers:
        out.forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.nodeName and spec.schedulingGates:
        out.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


# --- changes: little of a spec may

_MUTABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


@named
def pod_update(new: Any, out: Errors) -> None:
    """A pod being changed (ValidatePodUpdate)."""
    spec, before = new.spec, out.old.spec
    if spec is before or spec == before:
        at("metadata.annotations", values.pod_annotations, new.metadata.annotations, out)
        return
    _whole(new, out)
    for name in ("containers", "initContainers"):
        if len(getattr(spec, name) or ()) != len(getattr(before, name) or ()):
            out.forbidden(f"spec.{name}", "pod updates may not add or remove containers")
            return
    _deadline(spec.activeDeadlineSeconds, before.activeDeadlineSeconds, out)
    _only_added(spec.tolerations or [], before.tolerations or [], out)
    _only_removed(spec.schedulingGates or [], before.schedulingGates or [], out)
    allowed = _with_changes_allowed(spec, before)
    if allowed != before:
        why = f"pod updates may not change fields other than {_MUTABLE}\n"
        out.forbidden("spec", why + internal.difference(before, allowed))


def _deadline(new: int | None, old: int | None, out: Errors) -> None:
    path = "spec.activeDeadlineSeconds"
    if old is not None and new is None:
        out.invalid(path, None, "must not update from a positive integer to nil value")
    elif old is not None and new is not None and new > old:
        out.invalid(path, new, "must be less than or equal to previous value")


def _only_added(new: list[Any], old: list[Any], out: Errors) -> None:
    for toleration in old:
        if not any(replace(toleration, tolerationSeconds=t.tolerationSeconds) == t for t in new):
            why = "existing toleration can not be modified except its tolerationSeconds"
            out.forbidden("spec.tolerations", why)
            return
    at("spec.tolerations", rule("each Toleration"), new, out)


def _only_removed(new: list[Any], old: list[Any], out: Errors) -> None:
    before = {gate.name for gate in old}
    for index, gate in enumerate(new):
        if gate.name not in before:
            why = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            out.forbidden(f"spec.schedulingGates[{index}].name", why)


def _with_changes_allowed(spec: Any, old: Any) -> Any:
    """The new spec with all that may change put back as it was."""
    changes: dict[str, Any] = {}
    for name in ("containers", "initContainers"):
        pairs = zip(getattr(spec, name) or (), getattr(old, name) or (), strict=True)
        same = [replace(container, image=before.image) for container, before in pairs]
        changes[name] = same or getattr(old, name)
    for name in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        changes[name] = getattr(old, name)
    if old.schedulingGates:
        changes["nodeSelector"] = old.nodeSelector
    return replace(spec, **changes)
