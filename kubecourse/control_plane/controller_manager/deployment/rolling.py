"""How far a rolling update may go at one step, and who gets what when its size changes: arithmetic.

Source: `pkg/controller/deployment/{rolling,sync}.go`, `util/deployment_util.go` there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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


# --- scaling in the middle of a rollout


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
    allowed = replicas + surge if replicas > 0 else 0
    to_add = allowed - sum(share.size for share in shares)
    added = 0
    sizes = []
    for share in shares:
        part = _part(share, replicas, surge, status_replicas, to_add, added)
        added += part
        sizes.append(share.size + part)
    if sizes:
        sizes[0] = max(0, sizes[0] + to_add - added)
    return sizes


def _part(
    share: Share, replicas: int, surge: int, status_replicas: int, to_add: int, added: int
) -> int:
    if share.size == 0 or to_add == added:
        return 0
    change = _fraction(share, replicas, surge, status_replicas)
    room = to_add - added
    return min(change, room) if to_add > 0 else max(change, room)


def _fraction(share: Share, replicas: int, surge: int, status_replicas: int) -> int:
    """By how much a ReplicaSet would change to keep its part of the whole."""
    if replicas == 0:
        return -share.size
    before = share.max_before or status_replicas
    if before == 0:
        return 0
    # Half is rounded away from zero, and nothing here is negative.
    return (2 * share.size * (replicas + surge) + before) // (2 * before) - share.size
