"""A slider answers within 200 ms. Measured in a process of its own, which nobody watches."""

import subprocess
import sys

import pytest

REPLICAS = """
from kubecourse import Cluster
from kubecourse.lessons.widgets import Replicas
cluster = Cluster(nodes=3)
cluster.run("create deployment web --image=nginx:1.27 --replicas=3")
cluster.settle()
slider = Replicas(cluster, "web").slider
"""

ROLLOUT = """
from kubecourse.lessons.widgets import RolloutPlayer
slider = RolloutPlayer().max_surge
"""

NODE = """
from kubecourse.lessons.widgets import NodeFailure
slider = NodeFailure().back
"""

OUTAGE = """
from kubecourse.lessons.widgets import Outage
slider = Outage().minutes
"""

CHART = """
from kubecourse import Cluster
from kubecourse.lessons.widgets import ChartValues
from kubecourse.tools import helm
cluster = Cluster(nodes=1)
helm.run(cluster, "install hello data/charts/hello")
slider = ChartValues(cluster, "hello", "data/charts/hello").replicas
"""

SLIDERS = {
    "Balance": "rounds",
    "CapacityMix": "spot",
    "DrainWithBudget": "start_up",
    "EvictionOrder": "request",
    "NodeSizes": "pods",
    "ProbeTimeline": "failureThreshold",
    "QuotaMeter": "cpu",
    "Recommendation": "day",
    "RequestsAndLimits": "request",
    "RolloutUnderTraffic": "min_ready_seconds",
    "SpareCapacity": "machines",
    "WasteMeter": "replicas",
}
"""Those of chapter 5's pictures, by name."""

MEASURE = """
import time
times = []
for value in (4, 2, 0, 3, 4, 1):
    begin = time.process_time()
    slider.value = value
    times.append(time.process_time() - begin)
print(sorted(times)[len(times) // 2])
"""


PROGRAMS = {
    "replicas": REPLICAS,
    "rollout": ROLLOUT,
    "node": NODE,
    "outage": OUTAGE,
    "chart": CHART,
} | {
    name: f"from kubecourse.lessons.widgets import {name}\nslider = {name}().{slider}\n"
    for name, slider in SLIDERS.items()
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_move_takes_less_than_200_ms_of_work(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program + MEASURE], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 0.2
