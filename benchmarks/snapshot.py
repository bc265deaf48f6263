"""Time travel in a large cluster at rest: keeping it, changing it a little, going back, a fork.

    python -m benchmarks.snapshot --nodes 1000 --pods 10000

CPU times. `snapshot_ms` is the median of several, all still there at the end. `change_ms` is the
deletion of a pod until another one is ready in its place, `next_change_ms` the same right after
a snapshot, `later_change_ms` once more. `restore_ms` puts back what these have changed.
`kept_objects` had to be copied for the snapshot, `changed_objects` for those changes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.scale import deploy
from kubecourse.cluster import Cluster

RUNS = 7


def cpu(action: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """The CPU time that something takes, in ms, and what it returns."""
    begin = time.process_time()
    result = action(*arguments)
    return 1000 * (time.process_time() - begin), result


def replace_one(cluster: Cluster) -> None:
    """Delete a pod and wait for the one in its place."""
    cluster.run(f"delete pod {cluster.pods()[0]} --wait=false")
    cluster.settle()


def main() -> None:
    """Run it once and print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=10000)
    options = parser.parse_args()
    cluster = Cluster(nodes=options.nodes, node_shape="16cpu-64Gi")
    deploy(cluster, options.pods)
    cluster.advance(30)
    change, _ = cpu(replace_one, cluster)
    times, snapshots = zip(*(cpu(cluster.snapshot) for _ in range(RUNS)), strict=True)
    snapshot = snapshots[-1]
    kept = len(snapshot)
    next_change, _ = cpu(replace_one, cluster)
    later_change, _ = cpu(replace_one, cluster)
    changed = len(snapshot) - kept
    restore, _ = cpu(cluster.restore, snapshot)
    fork, _ = cpu(cluster.fork)
    figures = {
        "nodes": options.nodes,
        "pods": options.pods,
        "snapshot_ms": statistics.median(times),
        "change_ms": change,
        "next_change_ms": next_change,
        "later_change_ms": later_change,
        "restore_ms": restore,
        "fork_ms": fork,
        "kept_objects": kept,
        "changed_objects": changed,
    }
    print(json.dumps({name: round(figure, 1) for name, figure in figures.items()}))


if __name__ == "__main__":
    main()
