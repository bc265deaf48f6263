"""The Pod Security Standards, baseline and restricted: what a pod may not ask for.

Each check gives the detail of its complaint, or nothing. Their order is that of the messages.
Source: `staging/src/k8s.io/pod-security-admission/policy`, a file for each check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

LATEST = 36


class Complaint(NamedTuple):
    """What a pod does against a standard, and who in it does."""

    reason: str
    detail: str


class _Pod:
    """A pod as the checks see it: its containers, and the version of the standard."""

    def __init__(self, metadata: Any, spec: Any, minor: int) -> None:
        self.annotations = (metadata.annotations if metadata is not None else None) or {}
        self.spec = spec
        self.minor = minor
        self.containers = [
            *(spec.initContainers or ()),
            *(spec.containers or ()),
            *(spec.ephemeralContainers or ()),
        ]
        self.windows = spec.os is not None and spec.os.name == "windows"
        self.own_users = spec.hostUsers is False and minor >= 35

    def named(self, wrong: Callable[[Any], bool]) -> list[str]:
        """The containers with something wrong."""
        return [each.name for each in self.containers if wrong(each)]

    def setters(self, path: str, wrong: Callable[[Any], bool]) -> tuple[str, list[Any]]:
        """Who sets a field of its security context wrong, and to what."""
        path = f"securityContext.{path}"
        who, values = [], []
        if wrong(value := _at(self.spec, path)):
            who.append("pod")
            values.append(value)
        if names := self.named(lambda each: wrong(_at(each, path))):
            who.append(_these("container", names))
            values += [v for each in self.containers if wrong(v := _at(each, path))]
        return " and ".join(who), values

    def undecided(self, path: str) -> str:
        """The containers for which neither they nor the pod set a field."""
        path = f"securityContext.{path}"
        if _at(self.spec, path) is not None:
            return ""
        names = self.named(lambda each: _at(each, path) is None)
        return f"pod or {_these('container', names)}" if names else ""


def _at(obj: Any, path: str) -> Any:
    for part in path.split("."):
        obj = getattr(obj, part, None)
    return obj


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _plural(word: str, many: int) -> str:
    return word if many == 1 else f"{word}s"


def _these(word: str, names: list[str]) -> str:
    """`container "a"`, `containers "a", "b"`."""
    return f"{_plural(word, len(names))} {_quoted(names)}"


# --- baseline

_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
    "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_SYSCTLS = {
    0: (
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
    ),
    27: ("net.ipv4.ip_local_reserved_ports",),
    29: (
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
    ),
    32: ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
}  # fmt: skip
_SELINUX = {
    0: ("", "container_t", "container_init_t", "container_kvm_t"),
    31: ("container_engine_t",),
}


def _allowed(by_version: Mapping[int, tuple[str, ...]], minor: int) -> set[str]:
    return {name for since, names in by_version.items() if since <= minor for name in names}


def _apparmor(pod: _Pod) -> str:
    def wrong(kind: str | None) -> bool:
        return kind not in (None, "", "RuntimeDefault", "Localhost")

    who, kinds = pod.setters("appArmorProfile.type", wrong)
    noted = [
        f'{key}="{value}"'
        for key, value in sorted(pod.annotations.items())
        if key.startswith(_APPARMOR)
        and value not in ("", "runtime/default")
        and not value.startswith("localhost/")
    ]
    setters = [who] if who else []
    if noted:
        setters.append(_plural("annotation", len(noted)))
    values = sorted({*kinds, *noted})
    if not values:
        return ""
    return f"{' and '.join(setters)} must not set AppArmor profile type to {_quoted(values)}"


def _added(pod: _Pod, allowed: set[str]) -> str:
    def bad(each: Any) -> set[str]:
        return {*(_at(each, "securityContext.capabilities.add") or ())} - allowed

    names = pod.named(lambda each: bool(bad(each)))
    if not names:
        return ""
    found = sorted(set().union(*map(bad, pod.containers)))
    who = _these("container", names)
    return f"{who} must not include {_quoted(found)} in securityContext.capabilities.add"


def _host_namespaces(pod: _Pod) -> str:
    fields = ("hostNetwork", "hostPID", "hostIPC")
    return ", ".join(f"{field}=true" for field in fields if getattr(pod.spec, field))


def _host_paths(pod: _Pod) -> str:
    names = [each.name for each in pod.spec.volumes or () if each.hostPath is not None]
    return _these("volume", names) if names else ""


def _host_ports(pod: _Pod) -> str:
    def used(each: Any) -> set[str]:
        return {str(port.hostPort) for port in each.ports or () if port.hostPort}

    names = pod.named(lambda each: bool(used(each)))
    found = sorted(set().union(*map(used, pod.containers)))
    verb = "uses" if len(names) == 1 else "use"
    ports = f"{_plural('hostPort', len(found))} {', '.join(found)}"
    return f"{_these('container', names)} {verb} {ports}" if names else ""


def _host_probes(pod: _Pod) -> str:
    probes = ("livenessProbe", "readinessProbe", "startupProbe")
    places = (*probes, "lifecycle.postStart", "lifecycle.preStop")

    def hosts(each: Any) -> set[str]:
        found = (_at(each, f"{p}.{a}.host") for p in places for a in ("httpGet", "tcpSocket"))
        return {host for host in found if host}

    names = sorted(set(pod.named(lambda each: bool(hosts(each)))))
    found = sorted(set().union(*map(hosts, pod.containers)))
    verb = "uses" if len(names) == 1 else "use"
    words = _these("probe or lifecycle host", found)
    return f"{_these('container', names)} {verb} {words}" if names else ""


def _privileged(pod: _Pod) -> str:
    names = pod.named(lambda each: bool(_at(each, "securityContext.privileged")))
    who = _these("container", names)
    return f"{who} must not set securityContext.privileged=true" if names else ""


def _proc_mount(pod: _Pod) -> str:
    path = "securityContext.procMount"
    names = pod.named(lambda each: _at(each, path) not in (None, "Default"))
    if not names:
        return ""
    found = sorted({_at(each, path) for each in pod.containers} - {None, "Default"})
    return f"{_these('container', names)} must not set {path} to {_quoted(found)}"


def _proc_mount_of_others(pod: _Pod) -> str:
    return "" if pod.own_users else _proc_mount(pod)


def _selinux(pod: _Pod) -> str:
    types = _allowed(_SELINUX, pod.minor)

    def wrong(options: Any) -> bool:
        if options is None:
            return False
        return (options.type or "") not in types or bool(options.user or options.role)

    who, found = pod.setters("seLinuxOptions", wrong)
    if not who:
        return ""
    bad = sorted({each.type for each in found if (each.type or "") not in types})
    said = [_these("type", bad)] if bad else []
    for field in ("user", "role"):
        if any(getattr(each, field) for each in found):
            said.append(f"{field} may not be set")
    return f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(said)}"


def _seccomp(pod: _Pod) -> str:
    path = "seccompProfile.type"
    who, kinds = pod.setters(path, lambda kind: kind not in (None, "RuntimeDefault", "Localhost"))
    if not who:
        return ""
    return f"{who} must not set securityContext.{path} to {_quoted(sorted(set(kinds)))}"


def _sysctls(pod: _Pod) -> str:
    safe = _allowed(_SYSCTLS, pod.minor)
    found = _at(pod.spec, "securityContext.sysctls") or ()
    return ", ".join(each.name for each in found if each.name not in safe)


def _host_process(pod: _Pod) -> str:
    path = "windowsOptions.hostProcess"
    who, _ = pod.setters(path, bool)
    return f"{who} must not set securityContext.{path}=true" if who else ""


# --- restricted

_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip


def _escalation(pod: _Pod) -> str:
    if pod.windows and pod.minor >= 25:
        return ""
    path = "securityContext.allowPrivilegeEscalation"
    names = pod.named(lambda each: _at(each, path) is not False)
    return f"{_these('container', names)} must set {path}=false" if names else ""


def _capabilities(pod: _Pod) -> str:
    if pod.windows and pod.minor >= 25:
        return ""
    path = "securityContext.capabilities.drop"
    names = pod.named(lambda each: "ALL" not in (_at(each, path) or ()))
    said = [f'{_these("container", names)} must set {path}=["ALL"]'] if names else []
    if added := _added(pod, {"NET_BIND_SERVICE"}):
        said.append(added)
    return "; ".join(said)


def _volume_types(pod: _Pod) -> str:
    names, types = [], set()
    for volume in pod.spec.volumes or ():
        fields = (name for name in volume.__struct_fields__ if name != "name")
        kind = next((name for name in fields if getattr(volume, name) is not None), "unknown")
        if kind not in _VOLUMES:
            names.append(volume.name)
            types.add(kind)
    if not names:
        return ""
    verb = "uses" if len(names) == 1 else "use"
    return f"{_these('volume', names)} {verb} restricted {_these('volume type', sorted(types))}"


def _root(pod: _Pod) -> str:
    path = "runAsNonRoot"
    if pod.own_users:
        return ""
    who, _ = pod.setters(path, lambda value: value is False)
    if who:
        return f"{who} must not set securityContext.{path}=false"
    who = pod.undecided(path)
    return f"{who} must set securityContext.{path}=true" if who else ""


def _user_zero(pod: _Pod) -> str:
    if pod.own_users:
        return ""
    who, _ = pod.setters("runAsUser", lambda value: value == 0)
    return f"{who} must not set runAsUser=0" if who else ""


def _seccomp_said(pod: _Pod) -> str:
    path = "seccompProfile.type"
    if pod.windows and pod.minor >= 25:
        return ""
    who = pod.undecided(path)
    needed = f'{who} must set securityContext.{path} to "RuntimeDefault" or "Localhost"'
    return _seccomp(pod) or (needed if who else "")


class _Check(NamedTuple):
    """What finds a complaint, since which version, and which other check it stands for."""

    reason: str
    find: Callable[[_Pod], str]
    since: int = 0
    instead_of: str = ""


_BASELINE = (
    _Check("forbidden AppArmor profile", _apparmor),
    _Check("non-default capabilities", lambda pod: _added(pod, _CAPABILITIES)),
    _Check("host namespaces", _host_namespaces),
    _Check("hostPath volumes", _host_paths),
    _Check("hostPort", _host_ports),
    _Check("probe or lifecycle host", _host_probes, 34),
    _Check("privileged", _privileged),
    _Check("procMount", _proc_mount_of_others),
    _Check("seLinuxOptions", _selinux),
    _Check("seccompProfile", _seccomp, 19),
    _Check("forbidden sysctls", _sysctls),
    _Check("hostProcess", _host_process),
)
_RESTRICTED = (
    _Check("allowPrivilegeEscalation != false", _escalation, 8),
    _Check("unrestricted capabilities", _capabilities, 22, "non-default capabilities"),
    _Check("procMount", _proc_mount, 35, "procMount"),
    _Check("restricted volume types", _volume_types, 0, "hostPath volumes"),
    _Check("runAsNonRoot != true", _root),
    _Check("runAsUser=0", _user_zero, 23),
    _Check("seccompProfile", _seccomp_said, 19, "seccompProfile"),
)


def complaints(level: str, minor: int | None, metadata: Any, spec: Any) -> list[Complaint]:
    """What about a pod is against a standard in a version, the latest if none is named."""
    if level == "privileged":
        return []
    minor = LATEST if minor is None else minor
    pod = _Pod(metadata, spec, minor)
    stricter = [each for each in _RESTRICTED if level == "restricted" and each.since <= minor]
    replaced = {each.instead_of for each in stricter}
    checks = [each for each in _BASELINE if each.since <= minor and each.reason not in replaced]
    found = []
    for check in (*checks, *stricter):
        if detail := check.find(pod):
            several = check.find is _apparmor and '", "' in detail.partition(" type to ")[2]
            found.append(Complaint(check.reason + "s" * several, detail))
    return found
