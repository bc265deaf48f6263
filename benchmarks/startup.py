"""A new process, three nodes, a Deployment of three available: the wait of a learner's first cell.

    python -m benchmarks.startup

`wall_s` is the median of several whole processes, interpreter included.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

RUNS = 7

PROGRAM = """
from kubecourse import Cluster
cluster = Cluster(nodes=3)
cluster.run("create deployment web --image=nginx:1.27 --replicas=3")
cluster.settle()
assert cluster.get("deployment/web").status.availableReplicas == 3
"""


def main() -> None:
    """Run it and print the line."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", PROGRAM], check=True)
        times.append(time.perf_counter() - begin)
    print(json.dumps({"wall_s": round(statistics.median(times), 3), "runs": RUNS}))


if __name__ == "__main__":
    main()
