"""How far a rolling update may go at one step: arithmetic only.

Source: `pkg/controller/deployment/rolling.go`, `pkg/controller/deployment/util/deployment_util.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api.intstr import scaled_value


def resolve_fenceposts(
    max_surge: int | str | None, max_unavailable: int | str | None, desired: int
) -> tuple[int, int]:
    """The surge and the unavailability allowed, as numbers of pods.

    A percentage of surge is rounded up, one of unavailability down; if both come to nothing,
    one pod may be unavailable, for otherwise nothing could ever move. None counts as 0.
    Raises `intstr.IntOrPercentError`.
    """
    surge = scaled_value(0 if max_surge is None else max_surge, desired, round_up=True)
    unavailable = scaled_value(
        0 if max_unavailable is None else max_unavailable, desired, round_up=False
    )
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, unavailable


def is_rolling(deployment: Any) -> bool:
    """Whether the strategy is RollingUpdate."""
    return bool(deployment.spec.strategy.type == "RollingUpdate")


def _fenceposts(deployment: Any) -> tuple[int, int]:
    rolling = deployment.spec.strategy.rollingUpdate
    if rolling is None:
        return resolve_fenceposts(None, None, deployment.spec.replicas)
    return resolve_fenceposts(rolling.maxSurge, rolling.maxUnavailable, deployment.spec.replicas)


def max_surge(deployment: Any) -> int:
    """How many pods more than wanted there may be; 0 with Recreate."""
    return _fenceposts(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Any) -> int:
    """How many of the wanted pods may be unavailable; 0 with Recreate."""
    replicas = deployment.spec.replicas
    if not is_rolling(deployment) or not replicas:
        return 0
    return int(min(_fenceposts(deployment)[1], replicas))


def min_available(deployment: Any) -> int:
    """How many pods must stay available."""
    return int(deployment.spec.replicas) - max_unavailable(deployment)


def new_replicas(deployment: Any, total: int, current: int) -> int:
    """The size of the new ReplicaSet, now `current`, where all together have `total` replicas."""
    wanted = int(deployment.spec.replicas)
    if not is_rolling(deployment):
        return wanted
    room = wanted + max_surge(deployment) - total
    return current if room <= 0 else current + min(room, wanted - current)


def shrink(sizes: list[int], budget: int) -> list[int]:
    """Sizes after taking away up to `budget` in all, from the first on."""
    result = []
    for size in sizes:
        taken = max(0, min(size, budget))
        budget -= taken
        result.append(size - taken)
    return result


def clean_up(sizes: list[int], available: list[int], budget: int) -> tuple[list[int], bool]:
    """Sizes after taking away up to `budget` pods that are not available, from the first on.

    Also whether that could be told: a ReplicaSet that seems to have more available than it shall
    have is behind with its own scaling, and nothing more can be said until it has caught up.
    """
    result = list(sizes)
    for place, size in enumerate(sizes):
        if budget <= 0:
            break
        if available[place] > size:
            return result, False
        taken = min(size - available[place], budget)
        budget -= taken
        result[place] -= taken
    return result, True
