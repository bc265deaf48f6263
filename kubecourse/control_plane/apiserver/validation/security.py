"""Security contexts of pods and containers. Source: `pkg/apis/core/validation/validation.go`.

What only Windows knows is not looked at.
"""

from __future__ import annotations

import re
from typing import Any

from kubecourse.api import errors
from kubecourse.api.codec import encode
from kubecourse.control_plane.apiserver.validation import checks
from kubecourse.control_plane.apiserver.validation.checks import INT32_MAX, Errors

PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL_PATTERN = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
_SYSCTL = re.compile(_SYSCTL_PATTERN)
_LONGEST_SYSCTL = 253
_LONGEST_PROFILE = 4095


def _seccomp(path: str, profile: Any, out: Errors) -> None:
    kind = profile.type
    if checks.required(f"{path}.type", kind, out, "type is required when seccompProfile is set"):
        checks.one_of(f"{path}.type", kind, PROFILES, out)
    name = profile.localhostProfile
    if kind != "Localhost":
        if name is not None:
            why = "can only be set when seccomp type is Localhost"
            shown = {"Type": kind or "", "LocalhostProfile": name}
            out.append(errors.invalid(f"{path}.localhostProfile", shown, why))
    elif name is None:
        why = "must be set when seccomp type is Localhost"
        out.append(errors.required(f"{path}.localhostProfile", why))
    else:
        checks.descending(f"{path}.localhostProfile", name, out)


def _app_armor(path: str, profile: Any, out: Errors) -> None:
    kind, name = profile.type, profile.localhostProfile
    at = f"{path}.localhostProfile"
    if kind == "Localhost":
        if not (name or "").strip():
            out.append(errors.required(at, "must be set when AppArmor type is Localhost"))
        elif name != name.strip():
            out.append(errors.invalid(at, name, "must not be padded with whitespace"))
        if len(name or "") > _LONGEST_PROFILE:
            out.append(errors.too_long(at, _LONGEST_PROFILE))
    elif kind in PROFILES:
        if name is not None:
            why = "can only be set when AppArmor type is Localhost"
            out.append(errors.invalid(at, name, why))
    elif checks.required(f"{path}.type", kind, out, "type is required when appArmorProfile is set"):
        out.append(errors.not_supported(f"{path}.type", kind, PROFILES))


def _ids(path: str, context: Any, fields: tuple[str, ...], out: Errors) -> None:
    for name in fields:
        checks.in_range(f"{path}.{name}", getattr(context, name), 0, INT32_MAX, out)


def container(path: str, context: Any, host_users: bool, out: Errors) -> None:
    """A container's security context."""
    _ids(path, context, ("runAsUser", "runAsGroup"), out)
    if context.procMount is not None:
        checks.one_of(f"{path}.procMount", context.procMount, ("Default", "Unmasked"), out)
        if host_users and context.procMount == "Unmasked":
            why = "`hostUsers` must be false to use `Unmasked`"
            out.append(errors.invalid(f"{path}.procMount", context.procMount, why))
    if context.seccompProfile is not None:
        _seccomp(f"{path}.seccompProfile", context.seccompProfile, out)
    if context.allowPrivilegeEscalation is False:
        _no_escalation(path, context, out)
    if context.appArmorProfile is not None:
        _app_armor(f"{path}.appArmorProfile", context.appArmorProfile, out)


def _no_escalation(path: str, context: Any, out: Errors) -> None:
    why = "cannot set `allowPrivilegeEscalation` to false and "
    shown = encode(context)
    if context.privileged:
        out.append(errors.invalid(path, shown, f"{why}`privileged` to true"))
    added = (context.capabilities.add if context.capabilities is not None else None) or []
    if "CAP_SYS_ADMIN" in added:
        out.append(errors.invalid(path, shown, f"{why}`capabilities.Add` CAP_SYS_ADMIN"))


def pod(path: str, spec: Any, out: Errors) -> None:
    """A pod's security context, and its share in the node's namespaces."""
    context = spec.securityContext
    _ids(path, context, ("fsGroup", "runAsUser", "runAsGroup"), out)
    for index, group in enumerate(context.supplementalGroups or ()):
        checks.in_range(f"{path}.supplementalGroups[{index}]", group, 0, INT32_MAX, out)
    if spec.shareProcessNamespace and spec.hostPID:
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        out.append(errors.invalid(f"{path}.shareProcessNamespace", True, why))
    if context.sysctls:
        _sysctls(f"{path}.sysctls", context.sysctls, spec, out)
    policy = context.fsGroupChangePolicy
    if policy is not None:
        checks.one_of(f"{path}.fsGroupChangePolicy", policy, ("Always", "OnRootMismatch"), out)
    if context.seccompProfile is not None:
        _seccomp(f"{path}.seccompProfile", context.seccompProfile, out)
    if context.appArmorProfile is not None:
        _app_armor(f"{path}.appArmorProfile", context.appArmorProfile, out)
    for name, choices in (
        ("supplementalGroupsPolicy", ("Merge", "Strict")),
        ("seLinuxChangePolicy", ("MountOption", "Recursive")),
    ):
        if getattr(context, name) is not None:
            checks.one_of(f"{path}.{name}", getattr(context, name), choices, out)


def _sysctls(path: str, sysctls: list[Any], spec: Any, out: Errors) -> None:
    seen: set[str] = set()
    for index, sysctl in enumerate(sysctls):
        at = f"{path}[{index}].name"
        name = sysctl.name or ""
        if not checks.required(at, name, out):
            continue
        if len(name) > _LONGEST_SYSCTL or not _SYSCTL.match(name):
            why = (
                f"must have at most {_LONGEST_SYSCTL} characters and match regex {_SYSCTL_PATTERN}"
            )
            out.append(errors.invalid(at, name, why))
        else:
            checks.distinct(at, name, seen, out)
        dotted = name.replace("/", ".")
        if spec.hostNetwork and dotted.startswith("net."):
            out.append(errors.invalid(at, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.hostIPC and dotted.startswith(
            ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
        ):
            out.append(errors.invalid(at, name, "may not be specified when 'hostIPC' is true"))
