"""A virtual day of an idle cluster of 100 nodes.

python -m benchmarks.idle
"""

from __future__ import annotations

import argparse
import json
import time

from kubecourse.cluster import Cluster

DAY = 86_400.0


def main() -> None:
    """Run it and print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=100)
    options = parser.parse_args()
    cluster = Cluster(nodes=options.nodes)
    before = cluster.etcd.revision
    begin = time.perf_counter()
    cluster.advance(DAY)
    wall = time.perf_counter() - begin
    print(
        json.dumps(
            {
                "nodes": options.nodes,
                "virtual_s": DAY,
                "wall_s": round(wall, 3),
                "revisions": cluster.etcd.revision - before,
            }
        )
    )


if __name__ == "__main__":
    main()
