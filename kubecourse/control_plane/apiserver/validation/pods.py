"""Pods and pod templates: what `rules.txt` cannot say of them.

A spec is looked at once, however many pods share it; see `api.memo`.
Source: `pkg/apis/core/validation/validation.go`. What only Windows knows is not looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.memo import memo
from kubecourse.control_plane.apiserver.validation import internal, values
from kubecourse.control_plane.apiserver.validation.rules import Errors, at, named, rule

core = models.core_v1

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
def repeated_constraint(constraint: Any, out: Errors) -> None:
    """One constraint for each topology and way of seeing to it: no later one is like this."""
    given = out.pod.topologySpreadConstraints
    place = next(index for index, each in enumerate(given) if each is constraint)
    key, action = constraint.topologyKey or "", constraint.whenUnsatisfiable or ""
    later = [(each.topologyKey, each.whenUnsatisfiable) for each in given[place + 1 :]]
    if (key, action) in later:
        out.duplicate("{topologyKey, whenUnsatisfiable}", f"{{{key}, {action}}}")


@named
def keys_written_out(term: Any, out: Errors) -> None:
    """What selects by a label's key does not also say the label's value."""
    selector, keys = term.labelSelector, list(term.matchLabelKeys or ())
    seen = set(selector.matchLabels or ()) if selector is not None else set()
    for each in (selector.matchExpressions if selector is not None else None) or ():
        if each.key in keys and each.key in seen:
            why = "exists in both matchLabelKeys and labelSelector"
            out.invalid(f"[{keys.index(each.key)}]", each.key, why)
        seen.add(each.key)


@named
def keys_of_both_kinds(term: Any, out: Errors) -> None:
    """No label is to be the same and another."""
    for index, key in enumerate(term.matchLabelKeys or ()):
        if key in (term.mismatchLabelKeys or ()):
            why = "exists in both matchLabelKeys and mismatchLabelKeys"
            out.invalid(f"matchLabelKeys[{index}]", key, why)


_WITH_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def _containers(spec: Any) -> Iterator[tuple[str, Any]]:
    """All containers and their paths."""
    for field in _WITH_CONTAINERS:
        for index, container in enumerate(getattr(spec, field) or ()):
            yield f"{field}[{index}]", container


@named
def files_of_variables(spec: Any, out: Errors) -> None:
    """A variable that is read from a file is read from a directory of the pod's own."""
    volumes = {volume.name: volume for volume in spec.volumes or ()}
    for path, container in _containers(spec):
        for index, variable in enumerate(container.env or ()):
            ref = variable.valueFrom.fileKeyRef if variable.valueFrom is not None else None
            where = f"{path}.env[{index}].valueFrom.fileKeyRef.volumeName"
            if ref is None:
                continue
            if ref.volumeName not in volumes:
                out.unknown(where, ref.volumeName or "")
            elif volumes[ref.volumeName].emptyDir is None:
                out.invalid(where, ref.volumeName, "referenced volume must be of type emptyDir")


_NOT_ON_WINDOWS = (
    ("securityContext", "appArmorProfile seLinuxOptions"),
    ("", "hostUsers hostPID hostIPC"),
    ("securityContext", "seccompProfile fsGroup fsGroupChangePolicy sysctls"),
    ("", "shareProcessNamespace"),
    (
        "securityContext",
        "runAsUser runAsGroup supplementalGroups supplementalGroupsPolicy seLinuxChangePolicy",
    ),
)
_NOT_IN_WINDOWS_CONTAINERS = (
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem",
    "privileged", "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup",
)  # fmt: skip


@named
def linux_or_windows(spec: Any, out: Errors) -> None:
    """A pod for one system says nothing that only the other knows."""
    system = spec.os.name if spec.os is not None else None
    if system == "linux":
        why = "windows options cannot be set for a linux pod"
        for path, part in (("", spec), *((f"{path}.", part) for path, part in _containers(spec))):
            context = part.securityContext
            if context is not None and context.windowsOptions is not None:
                out.forbidden(f"{path}securityContext.windowsOptions", why)
    elif system == "windows":
        why = "cannot be set for a windows pod"
        for below, fields in _NOT_ON_WINDOWS:
            part = getattr(spec, below) if below else spec
            for name in fields.split():
                if part is not None and getattr(part, name):
                    out.forbidden(f"{below}.{name}".removeprefix("."), why)
        for path, container in _containers(spec):
            for name in _NOT_IN_WINDOWS_CONTAINERS:
                if getattr(container.securityContext, name, None) is not None:
                    out.forbidden(f"{path}.securityContext.{name}", why)


# --- annotations that mean something

_MIRROR = "kubernetes.io/config.mirror"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_OF_ONE = "container.seccomp.security.alpha.kubernetes.io/"
_APPARMOR_OF_ONE = "container.apparmor.security.beta.kubernetes.io/"


def _annotations(given: dict[str, str] | None, spec: Any, out: Errors) -> None:
    """A pod's annotations, by paths that begin with theirs."""
    if not given:
        return
    if _MIRROR in given and not spec.nodeName:
        why = "must set spec.nodeName if mirror pod annotation is set"
        out.invalid(f"[{_MIRROR}]", given[_MIRROR], why)
    cost = given.get(_DELETION_COST, "0")
    plain = re.fullmatch(r"0|-?[1-9][0-9]*", cost)
    if not plain or not -values.INT32_MAX - 1 <= int(cost) <= values.INT32_MAX:
        out.invalid(f"[{_DELETION_COST}]", cost, "must be a 32bit integer")
    for key, profile in sorted(given.items(), key=lambda pair: (pair[0] != _SECCOMP, pair[0])):
        if key == _SECCOMP or key.startswith(_SECCOMP_OF_ONE):
            if profile.startswith("localhost/"):
                at(key, rule("descending"), profile.removeprefix("localhost/"), out)
            elif profile not in ("runtime/default", "docker/default", "unconfined"):
                out.invalid(key, profile, "must be a valid seccomp profile")
    names = {container.name for _, container in _containers(spec)}
    for key, profile in sorted(given.items()):
        name = key.removeprefix(_APPARMOR_OF_ONE)
        if name != key and name not in names:
            out.invalid(f"[{key}]", name, "container not found")
        known = profile in ("", "runtime/default", "unconfined") or profile.startswith("localhost/")
        if name != key and not known:
            quoted = json.dumps(profile)
            out.invalid(f"[{key}]", profile, f"invalid AppArmor profile name: {quoted}")


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
        given, start = template.metadata.annotations, len(out)
        _annotations(given, template.spec, out)
        out.below("annotations", start)


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


@memo
def _claimed(spec: Any) -> Any:
    """A StatefulSet's template, together with the volumes that its claims become."""
    template, claims = spec.template, spec.volumeClaimTemplates or ()
    own = {claim.metadata.name or "": claim for claim in claims if claim.metadata is not None}
    kept = [volume for volume in template.spec.volumes or () if volume.name not in own]
    source = core.PersistentVolumeClaimVolumeSource
    made = [core.Volume(name=name, persistentVolumeClaim=source(claimName=name)) for name in own]
    return replace(template, spec=replace(template.spec, volumes=[*kept, *made] or None))


@named
def template_of_statefulset(spec: Any, out: Errors) -> None:
    """A StatefulSet's template, in which the claims of its pods are volumes too."""
    if spec.template is None:
        out.required("template")
        return
    start, old = len(out), out.old
    if old is None or spec.template != old.spec.template:
        pod_template(_claimed(spec) if spec.volumeClaimTemplates else spec.template, out)
    _always_running("StatefulSet", spec.template, out)
    out.below("template", start)


def _annotated(obj: Any, out: Errors) -> None:
    start = len(out)
    _annotations(obj.metadata.annotations, obj.spec, out)
    out.below("metadata.annotations", start)


def _whole(obj: Any, out: Errors) -> None:
    _annotated(obj, out)
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
        _annotated(new, out)
        _lasting_annotations(new.metadata.annotations or {}, out)
        return
    _whole(new, out)
    _lasting_annotations(new.metadata.annotations or {}, out)
    _annotated(new, out)
    for name in ("containers", "initContainers"):
        if len(getattr(spec, name) or ()) != len(getattr(before, name) or ()):
            out.forbidden(f"spec.{name}", "pod updates may not add or remove containers")
            return
        at(f"spec.{name}", rule("each Image"), getattr(spec, name), out)
    if not _deadline(spec.activeDeadlineSeconds, before.activeDeadlineSeconds, out):
        return
    _only_added(spec.tolerations or [], before.tolerations or [], out)
    _only_removed(spec.schedulingGates or [], before.schedulingGates or [], out)
    if before.schedulingGates:
        _only_narrowed(spec.nodeSelector or {}, before.nodeSelector or {}, out)
    allowed = _with_changes_allowed(spec, before)
    if allowed != before:
        why = f"pod updates may not change fields other than {_MUTABLE}\n"
        out.forbidden("spec", why + internal.difference(before, allowed))


def _lasting_annotations(new: dict[str, str], out: Errors) -> None:
    """What the annotations of a running pod may not come to say, and no longer not say."""
    old = out.old.metadata.annotations or {}
    lasting = {"AppArmor annotations": _APPARMOR_OF_ONE, "mirror pod annotation": _MIRROR}
    for what, start in lasting.items():
        for key in sorted(old.keys() | new.keys()):
            if key.startswith(start) and new.get(key) != old.get(key):
                how = "remove or update" if key in old else "add"
                out.forbidden(f"metadata.annotations[{key}]", f"may not {how} {what}")


def _deadline(new: int | None, old: int | None, out: Errors) -> bool:
    """A deadline may only come nearer; whether the rest is looked at."""
    path = "spec.activeDeadlineSeconds"
    if old is not None and new is None:
        out.invalid(path, None, "must not update from a positive integer to nil value")
    if new is None:
        return True
    if not 0 <= new <= values.INT32_MAX:
        out.invalid(path, new, f"must be between 0 and {values.INT32_MAX}, inclusive")
        return False
    if old is not None and new > old:
        out.invalid(path, new, "must be less than or equal to previous value")
        return False
    return True


def _only_narrowed(new: dict[str, str], old: dict[str, str], out: Errors) -> None:
    """A pod that is not scheduled yet may become choosier."""
    if any(new.get(key) != value for key, value in old.items()):
        why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
        out.invalid("spec.nodeSelector", dict(sorted(new.items())), why)


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
    if (old.terminationGracePeriodSeconds or 0) < 0 and spec.terminationGracePeriodSeconds == 1:
        changes["terminationGracePeriodSeconds"] = old.terminationGracePeriodSeconds
    return replace(spec, **changes)
