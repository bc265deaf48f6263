"""How far a rolling update may go at one step, and who gets what when its size changes: arithmetic.

Source: `pkg/controller/deployment/{rolling,sync}.go`, `util/deployment_util.go` there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubecourse.api.intstr import scaled_value


def resolve_fenceposts(
    surge: int | str | None, unavailable: int | str | None, desired: int
) -> tuple[int, int]:
    """The surge and the unavailability allowed, as numbers of pods.

    A percentage of surge is rounded up, one of unavailability down; if both come to nothing,
    one pod may be unavailable, for otherwise nothing could ever move. None counts as 0.
    Raises `intstr.IntOrPercentError`.
    """
    up = scaled_value(0 if surge is None else surge, desired, round_up=True)
    down = scaled_value(0 if unavailable is None else unavailable, desired, round_up=False)
    return up, (down if up or down else 1)


def is_rolling(deployment: Any) -> bool:
    """Whether the strategy is RollingUpdate."""
    return bool(deployment.spec.strategy.type == "RollingUpdate")


def _fenceposts(deployment: Any) -> tuple[int, int]:
    """What the strategy allows; nothing with Recreate."""
    if not is_rolling(deployment):
        return 0, 0
    given = deployment.spec.strategy.rollingUpdate
    surge, unavailable = (given.maxSurge, given.maxUnavailable) if given else (None, None)
    return resolve_fenceposts(surge, unavailable, deployment.spec.replicas)


def max_surge(deployment: Any) -> int:
    """How many pods more than wanted there may be."""
    return _fenceposts(deployment)[0]


def max_unavailable(deployment: Any) -> int:
    """How many of the wanted pods may be unavailable."""
    replicas = int(deployment.spec.replicas or 0)
    return min(_fenceposts(deployment)[1], replicas) if replicas else 0


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


class Share(NamedTuple):
    """A ReplicaSet of `size` replicas that were part of at most `max_before` in all.

    `max_before` is what its annotation `max-replicas` says, None without one.
    """

    size: int
    max_before: int | None


def proportional_sizes(
    shares: list[Share], replicas: int, surge: int, status_replicas: int = 0
) -> list[int]:
    """The sizes of active ReplicaSets of a Deployment of `replicas`, `surge` more allowed.

    They come in the order in which rounding favours them: largest first, of equals the newest
    first when growing, the oldest when shrinking. What rounding leaves goes to the first.
    """
    left = (replicas + surge if replicas > 0 else 0) - sum(share.size for share in shares)
    limit = min if left > 0 else max
    sizes = []
    for size, max_before in shares:
        part = 0
        if size and left:
            part = limit(_fraction(size, max_before or status_replicas, replicas, surge), left)
        left -= part
        sizes.append(size + part)
    if sizes:
        sizes[0] = max(0, sizes[0] + left)
    return sizes


def _fraction(size: int, before: int, replicas: int, surge: int) -> int:
    """By how much a ReplicaSet would change to keep its part of the whole."""
    if replicas == 0:
        return -size
    if before == 0:
        return 0
    # Half is rounded away from zero, and nothing here is negative.
    return (2 * size * (replicas + surge) + before) // (2 * before) - size
