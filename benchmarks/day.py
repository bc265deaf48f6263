"""A virtual day of pods whose demands for CPU and memory change each second, from trace files.

    python -m benchmarks.day

A machine has 4 CPUs, and its ten pods together want nearly twice as much on average. `cpu_s` is
the time of computing from `apply` on, the reading of the files included; `read_s` is the part of
it that asks at the end of the day what each has used.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from operator import add
from pathlib import Path
from tempfile import TemporaryDirectory

from kubecourse.cluster import Cluster

DAY = 86_400

MANIFEST = """
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  annotations: {{kubecourse.dev/cpu: trace({path}.cpu), kubecourse.dev/memory: trace({path}.mem)}}
spec:
  containers:
  - name: app
    image: nginx:1.27
    resources: {{requests: {{cpu: 200m, memory: 300Mi}}, limits: {{memory: 1Gi}}}}
---
"""


def walk(random: random.Random, step: int, least: int, most: int) -> list[int]:
    """A value for each second that is never far from the one before."""
    value, values = (least + most) // 2, []
    for _ in range(DAY):
        value = min(max(value + random.randint(-step, step), least), most)
        values.append(value)
    return values


def write_traces(directory: Path, pods: int) -> None:
    """Each pod has the same day, but each begins it at another time."""
    seconds = [f"{second}," for second in range(DAY)]
    for kind, unit, bounds in (("cpu", "m\n", (100, 0, 1500)), ("mem", "Mi\n", (10, 20, 800))):
        values = [f"{value}{unit}" for value in walk(random.Random(1), *bounds)]
        for pod in range(pods):
            begin = DAY * pod // pods
            lines = map(add, seconds, values[begin:] + values[:begin])
            (directory / f"p{pod}.{kind}").write_text("".join(lines))


def main() -> None:
    """Run it and print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--pods", type=int, default=30)
    options = parser.parse_args()
    cluster = Cluster(nodes=options.nodes)
    with TemporaryDirectory() as directory:
        write_traces(Path(directory), options.pods)
        names = [f"p{pod}" for pod in range(options.pods)]
        manifests = [MANIFEST.format(name=name, path=f"{directory}/{name}") for name in names]
        begin = time.process_time()
        output = cluster.run("apply -f -", "".join(manifests))
        assert output.code == 0, output.stderr
        cluster.settle()
        cluster.advance(DAY)
    asked = time.process_time()
    used = [cluster.usage(name).cpu_seconds for name in names]
    end = time.process_time()
    print(
        json.dumps(
            {
                "nodes": options.nodes,
                "pods": options.pods,
                "cpu_s": round(end - begin, 2),
                "read_s": round(end - asked, 2),
                "cpu_hours": round(sum(used) / 3600, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
