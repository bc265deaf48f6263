"""From `apply` of ten Deployments with Services to every pod Ready and every endpoint listed.

    python -m benchmarks.scale --nodes 1000 --pods 10000

`wall_s` is that stretch alone; `setup_s` is the making of the nodes before it. Nodes have 4 CPUs,
32 GiB and room for 110 pods; a pod requests 100m and 500Mi.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import time

from kubecourse.api import models
from kubecourse.cluster import Cluster

DEPLOYMENTS = 10
CONTROLLED = "endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io"

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - name: app
        image: nginx:1.27
        ports: [{{containerPort: 80}}]
        resources: {{requests: {{cpu: 100m, memory: 500Mi}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  selector: {{app: {name}}}
  ports: [{{port: 80}}]
---
"""


def deploy(cluster: Cluster, pods: int) -> None:
    """So many pods, in Deployments with Services, until all is ready."""
    each, more = divmod(pods, DEPLOYMENTS)
    manifests = "".join(
        MANIFEST.format(name=f"web-{i}", replicas=each + (i < more)) for i in range(DEPLOYMENTS)
    )
    output = cluster.run("apply -f -", manifests)
    assert output.code == 0, output.stderr
    cluster.settle()


def main() -> None:
    """Run it once and print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=10000)
    parser.add_argument("--control-plane", type=int, default=1)
    options = parser.parse_args()

    begin = time.perf_counter()
    cluster = Cluster(options.nodes, node_shape="4cpu-32Gi", control_plane=options.control_plane)
    ready_to_go = time.perf_counter()
    started = cluster.now
    deploy(cluster, options.pods)
    wall = time.perf_counter() - ready_to_go

    ready = sum(d.status.readyReplicas or 0 for d in cluster.list("deployments"))
    endpoints = sum(
        endpoint.conditions.ready is True
        for slice in cluster.client.list(models.discovery_v1.EndpointSlice, None, CONTROLLED)
        for endpoint in slice.endpoints or ()
    )
    assert ready == endpoints == options.pods, f"{ready} ready, {endpoints} endpoints"
    gc.collect()
    print(
        json.dumps(
            {
                "nodes": options.nodes,
                "pods": options.pods,
                "control_plane": options.control_plane,
                "wall_s": round(wall, 2),
                "pods_per_s": round(options.pods / wall),
                "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "virtual_s": round(cluster.now - started, 1),
                "setup_s": round(ready_to_go - begin, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
