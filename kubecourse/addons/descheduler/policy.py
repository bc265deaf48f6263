"""The descheduler's policy file, `descheduler/v1alpha2`: profiles of plugins and their arguments.

Sources: `github.com/kubernetes-sigs/descheduler/pkg/api/v1alpha2/types.go`, `pkg/framework/plugins/
*/{types,validation}.go`.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

API_VERSION = "descheduler/v1alpha2"

Thresholds = dict[str, float]
"""Percentages of what is allocatable, by resource."""


class PolicyError(ValueError):
    """A policy that cannot be used; the message says why."""


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Namespaces(_Strict, frozen=True):
    """Only these namespaces, or all but those."""

    include: list[str] = []
    exclude: list[str] = []

    def has(self, namespace: str) -> bool:
        """Whether a namespace is meant."""
        return namespace in self.include if self.include else namespace not in self.exclude


ALL_NAMESPACES = Namespaces()


class PriorityThreshold(_Strict, frozen=True):
    """Pods of this priority or a higher one stay; by number or by PriorityClass."""

    value: int | None = None
    name: str = ""


class DefaultEvictor(_Strict, frozen=True, rename="camel"):
    """Who may be evicted at all, by whichever strategy."""

    node_selector: str = ""
    evict_local_storage_pods: bool = False
    evict_daemon_set_pods: bool = False
    evict_system_critical_pods: bool = False
    evict_failed_bare_pods: bool = False
    ignore_pvc_pods: bool = False
    label_selector: dict[str, Any] | None = None
    priority_threshold: PriorityThreshold | None = None
    node_fit: bool = False
    min_replicas: int = 0


class RemoveDuplicates(_Strict, frozen=True, rename="camel"):
    """Spread the pods of one owner: `excludeOwnerKinds` says whose are left alone."""

    namespaces: Namespaces = ALL_NAMESPACES
    exclude_owner_kinds: list[str] = []


class PodLifeTime(_Strict, frozen=True, rename="camel"):
    """Evict pods that are too old."""

    max_pod_life_time_seconds: int
    namespaces: Namespaces = ALL_NAMESPACES
    label_selector: dict[str, Any] | None = None
    states: list[str] = []


class RemovePodsViolatingTopologySpreadConstraint(_Strict, frozen=True, rename="camel"):
    """Evict pods until each constraint holds: hard ones, or those that `constraints` names."""

    namespaces: Namespaces = ALL_NAMESPACES
    label_selector: dict[str, Any] | None = None
    constraints: tuple[str, ...] = ("DoNotSchedule",)
    topology_balance_node_fit: bool = True


class LowNodeUtilization(_Strict, frozen=True, rename="camel"):
    """From nodes above `targetThresholds` to nodes below `thresholds`."""

    thresholds: Thresholds
    target_thresholds: Thresholds
    use_deviation_thresholds: bool = False
    number_of_nodes: int = 0
    evictable_namespaces: Namespaces = ALL_NAMESPACES


class HighNodeUtilization(_Strict, frozen=True, rename="camel"):
    """Empty the nodes below `thresholds`, so that fewer will do."""

    thresholds: Thresholds
    number_of_nodes: int = 0
    evictable_namespaces: Namespaces = ALL_NAMESPACES


ARGUMENTS: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        DefaultEvictor,
        RemoveDuplicates,
        PodLifeTime,
        RemovePodsViolatingTopologySpreadConstraint,
        LowNodeUtilization,
        HighNodeUtilization,
    )
}
"""The arguments of each plugin known here."""


class Profile(msgspec.Struct, frozen=True):
    """Strategies in the order in which they run, and who may be evicted by them."""

    name: str
    evictor: DefaultEvictor
    deschedule: list[Any]
    balance: list[Any]


class Policy(msgspec.Struct, frozen=True):
    """A policy that was read and found right."""

    profiles: list[Profile]
    node_selector: str = ""
    most_per_node: int | None = None
    most_per_namespace: int | None = None
    most: int | None = None


class _PluginConfig(_Strict, frozen=True):
    name: str
    args: dict[str, Any] = {}


class _Set(_Strict, frozen=True):
    enabled: list[str] = []
    disabled: list[str] = []


class _Plugins(_Strict, frozen=True, rename="camel"):
    deschedule: _Set = _Set()
    balance: _Set = _Set()
    filter: _Set = _Set()
    pre_eviction_filter: _Set = msgspec.field(default=_Set(), name="preevictionfilter")
    sort: _Set = _Set()


class _Profile(_Strict, frozen=True, rename="camel"):
    name: str = ""
    plugin_config: list[_PluginConfig] = []
    plugins: _Plugins = _Plugins()


class _File(_Strict, frozen=True, rename="camel"):
    api_version: str
    kind: str
    profiles: list[_Profile] = []
    node_selector: str = ""
    max_no_of_pods_to_evict_per_node: int | None = None
    max_no_of_pods_to_evict_per_namespace: int | None = None
    max_no_of_pods_to_evict_total: int | None = None


def parse(text: str) -> Policy:
    """Read a policy file. Raises PolicyError."""
    try:
        file = msgspec.convert(yaml.safe_load(text), _File)
        if (file.api_version, file.kind) != (API_VERSION, "DeschedulerPolicy"):
            why = f'no kind "{file.kind}" is registered for version "{file.api_version}"'
            raise PolicyError(f"failed decoding descheduler's policy config: {why}")
        return Policy(
            [_profile(profile) for profile in file.profiles],
            file.node_selector,
            file.max_no_of_pods_to_evict_per_node,
            file.max_no_of_pods_to_evict_per_namespace,
            file.max_no_of_pods_to_evict_total,
        )
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise PolicyError(f"failed decoding descheduler's policy config: {error}") from None


def _profile(given: _Profile) -> Profile:
    arguments: dict[str, Any] = {}
    for config in given.plugin_config:
        if config.name not in ARGUMENTS:
            raise PolicyError(f'in profile {given.name}: plugin "{config.name}" is not known here')
        arguments[config.name] = msgspec.convert(config.args, ARGUMENTS[config.name])

    def strategies(enabled: list[str], point: str) -> list[Any]:
        found = []
        for name in enabled:
            if (name == "PodLifeTime") is not (point == "deschedule") or name not in ARGUMENTS:
                raise PolicyError(
                    f'profile "{given.name}" configures {point} extension point of non-existing '
                    f"plugins: {name}"
                )
            found.append(arguments.get(name) or msgspec.convert({}, ARGUMENTS[name]))
            if why := objection(found[-1]):
                raise PolicyError(f"in profile {given.name}: {why}")
        return found

    return Profile(
        given.name,
        arguments.get("DefaultEvictor", DefaultEvictor()),
        strategies(given.plugins.deschedule.enabled, "deschedule"),
        strategies(given.plugins.balance.enabled, "balance"),
    )


def objection(arguments: Any) -> str:
    """What is wrong with a strategy's arguments, or ''."""
    match arguments:
        case LowNodeUtilization():
            low, target = arguments.thresholds, arguments.target_thresholds
            for name, given in (("thresholds", low), ("targetThresholds", target)):
                if why := _out_of_range(given):
                    return f"{name} config is not valid: {why}"
            if low.keys() != target.keys():
                return "thresholds and targetThresholds configured different resources"
            if not arguments.use_deviation_thresholds:
                above = [name for name in low if low[name] > target[name]]
                return "".join(
                    f"thresholds' {name} percentage is greater than targetThresholds'"
                    for name in above[:1]
                )
        case HighNodeUtilization():
            return _out_of_range(arguments.thresholds)
    return ""


def _out_of_range(thresholds: Thresholds) -> str:
    if not thresholds:
        return "no resource threshold is configured"
    wrong = [name for name, percent in thresholds.items() if not 0 <= percent <= 100]
    return f"{wrong[0]} threshold not in [0, 100] range" if wrong else ""
