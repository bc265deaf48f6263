"""A new process, three nodes, a Deployment of three available: the wait of a learner's first cell.

    python -m benchmarks.startup

`wall_s` is the median of several whole processes, interpreter included.
"""

from __future__ import annotations

import json
import os
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
    # Compiled modules are kept between runs, as they are wherever nobody forbids it.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(RUNS + 1):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", PROGRAM], check=True, env=environment)
        times.append(time.perf_counter() - begin)
    del times[0]
    print(json.dumps({"wall_s": round(statistics.median(times), 3), "runs": RUNS}))


if __name__ == "__main__":
    main()
