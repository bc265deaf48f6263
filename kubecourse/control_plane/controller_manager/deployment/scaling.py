"""Scaling in the middle of a rollout: each ReplicaSet gets its share.

Source: `pkg/controller/deployment/sync.go` (scale), `…/util/deployment_util.go`
(GetReplicaSetProportion).
"""

from __future__ import annotations

from typing import NamedTuple


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
