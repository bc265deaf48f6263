"""A virtual week of pods that use CPU and memory, with metrics each 15 seconds.

    python -m benchmarks.week

Daily patterns, bursts, leaks and steps, a metrics server, and a vertical autoscaler for each
Deployment, which learns from them. `cpu_s` is from the first machine to the end of the week;
`write_s` is the writing of the last `--hours` of metrics to a file for Prometheus.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from kubecourse.cluster import Cluster

STEP = 15.0
DEMANDS = (
    ("sine(50m, 400m, 1d)", "200Mi"),
    ("burst(50m, 1, 1h, 300s)", "leak(100Mi, 300)"),
    ("300m", "300Mi"),
    ("steps(100m, 3d, 400m)", "ramp(100Mi, 400Mi, 2d)"),
    ("100m", "150Mi"),
    ("20m", "sine(50Mi, 300Mi, 1d)"),
)

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata:
      labels: {{app: {name}}}
      annotations: {{kubecourse.dev/cpu: "{cpu}", kubecourse.dev/memory: "{memory}"}}
    spec:
      containers:
      - name: app
        image: nginx:1.27
        resources: {{requests: {{cpu: 250m, memory: 512Mi}}, limits: {{cpu: 500m, memory: 1Gi}}}}
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {{name: {name}}}
spec:
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}
  updatePolicy: {{updateMode: "Off"}}
---
"""


def main() -> None:
    """Run it and print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--pods", type=int, default=300)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--hours", type=float, default=6)
    options = parser.parse_args()
    begin = time.process_time()
    cluster = Cluster(options.nodes, node_shape="8cpu-32Gi")
    cluster.install("metrics-server", "vertical-pod-autoscaler")
    manifests = "".join(
        MANIFEST.format(name=f"w{number}", replicas=options.pods // 6, cpu=cpu, memory=memory)
        for number, (cpu, memory) in enumerate(DEMANDS)
    )
    output = cluster.run("apply -f -", manifests)
    assert output.code == 0, output.stderr
    cluster.settle()
    cluster.advance(options.days * 86_400)
    over = time.process_time()
    with TemporaryDirectory() as directory:
        path = Path(directory) / "metrics.txt"
        samples = cluster.write_metrics(str(path), cluster.now - options.hours * 3600, step=STEP)
        written = time.process_time() - over
        size = path.stat().st_size
    print(
        json.dumps(
            {
                "nodes": options.nodes,
                "pods": len(cluster.pods()),
                "days": options.days,
                "cpu_s": round(over - begin, 2),
                "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "samples": samples,
                "write_s": round(written, 2),
                "file_mib": size >> 20,
            }
        )
    )


if __name__ == "__main__":
    main()
