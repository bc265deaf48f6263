"""What containers on one machine use, and what happens when it is too much."""

import time
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.demand import Curve, Demand
from kubecourse.cluster import Cluster
from kubecourse.node.resources import cpu
from kubecourse.node.resources.meter import Usage
from tests.node.world import World

core = models.core_v1
MI = 2**20


def start(world: World, name: str, cpu: str = "0", memory: str = "1Mi", **resources) -> None:
    """A pod that wants something; `limits` and `requests` as in its container's resources."""
    world.apply(
        f"""
kind: Pod
metadata: {{name: {name}, annotations: {{kubecourse.dev/cpu: "{cpu}",
  kubecourse.dev/memory: "{memory}"}}}}
spec: {{containers: [{{name: c, image: "hello:1", resources: {resources}}}]}}
""".replace("'", '"')
    )


def usage(world: World, name: str, at: float | None = None) -> Usage:
    found = world.kubelets["node-1"].meter.usage(world.pod(name).metadata.uid, "c", at)
    assert found is not None
    return found


def counted(world: World, name: str, seconds: float = 60.0) -> Usage:
    """What has been added to a pod's counters in some seconds."""
    a = usage(world, name)
    world.clock.advance(seconds)
    b = usage(world, name)
    return b._replace(
        cpu_seconds=b.cpu_seconds - a.cpu_seconds,
        periods=b.periods - a.periods,
        throttled_periods=b.throttled_periods - a.throttled_periods,
        throttled_seconds=b.throttled_seconds - a.throttled_seconds,
    )


# --- CPU


def test_idle_cpu_is_free_to_use() -> None:
    world = World()
    start(world, "a", "3", requests={"cpu": "100m"})
    world.clock.settle()
    found = counted(world, "a")
    assert found.cpu == 3
    assert found.cpu_seconds == pytest.approx(180)
    assert found.throttled_seconds == found.periods == 0


@pytest.mark.parametrize(("threads", "limit"), [(1, 0.2), (2, 0.5), (3, 1.0), (1, 2.0)])
def test_throttled_time_is_the_closed_form(threads: int, limit: float) -> None:
    world = World()
    start(world, "a", str(threads), limits={"cpu": str(limit)})
    world.clock.settle()
    found = counted(world, "a", 100)
    assert found.cpu == pytest.approx(min(threads, limit))
    assert found.cpu_seconds == pytest.approx(100 * min(threads, limit))
    assert found.throttled_seconds == pytest.approx(100 * max(threads - limit, 0))
    assert found.periods == 1000
    assert found.throttled_periods == (1000 if threads > limit else 0)


def test_under_contention_requests_decide_and_who_leaves_makes_room() -> None:
    world = World()
    start(world, "large", "8", requests={"cpu": "300m"})
    start(world, "small", "8", requests={"cpu": "100m"})
    world.clock.settle()
    assert [counted(world, name).cpu for name in ("large", "small")] == pytest.approx(
        [3, 1], rel=0.01
    )
    world.client.delete(type(world.pod("large")), "large", "default", grace_period=0)
    world.clock.advance(30)
    assert counted(world, "small").cpu_seconds == pytest.approx(240)


demands = st.sampled_from(
    ["500m", "4", "sine(0, 3, 40s)", "burst(100m, 4, 20s, 5s)", "ramp(0, 2, 30s)", "leak(0, 100m)",
     "steps(1, 13s, 3, 17s, 0)"]
)  # fmt: skip
limited = st.sampled_from([{}, {"cpu": "200m"}, {"cpu": "1500m"}])
asked = st.sampled_from([{"cpu": "0"}, {"cpu": "100m"}, {"cpu": "150m"}])


@settings(max_examples=25)
@given(st.lists(st.tuples(demands, limited, asked), min_size=1, max_size=5), st.data())
def test_cpu_is_conserved(pods: list, data: st.DataObject) -> None:
    world = World()
    for number, (demand, limits, requests) in enumerate(pods):
        start(world, f"p{number}", demand, limits=limits, requests=requests)
        world.clock.advance(data.draw(st.floats(0, 5)))
    world.clock.advance(15)
    names = [f"p{n}" for n in range(len(pods))]
    before = {name: usage(world, name) for name in names}
    if data.draw(st.booleans()):  # who looks often sees the same
        for _ in range(9):
            world.clock.advance(7.5)
            usage(world, names[0])
        world.clock.advance(22.5)
    else:
        world.clock.advance(90)
    after = {name: usage(world, name) for name in names}
    used = {name: after[name].cpu_seconds - before[name].cpu_seconds for name in names}
    assert sum(used.values()) <= 4 * 90 + 1e-6
    assert sum(row.cpu for row in after.values()) <= 4 + 1e-9
    for name, (_, limits, _) in zip(names, pods, strict=True):
        load = world.container(name).load
        wanted = load.cpu.area(world.clock.now) - load.cpu.area(world.clock.now - 90)
        assert -1e-6 <= used[name] <= wanted + 1e-6
        assert used[name] <= 90 * (cpu.limit(int(limits["cpu"][:-1])) if limits else inf) + 1e-6


def test_a_limit_counts_to_the_moment_whoever_else_is_there() -> None:
    world = World()
    start(world, "a", "burst(100m, 3, 20s, 5s)", limits={"cpu": "1500m"})
    start(world, "smooth", "sine(0, 1, 40s)")
    world.clock.settle()
    found = counted(world, "a", 2000)
    assert found.cpu_seconds == pytest.approx(100 * (15 * 0.1 + 5 * 1.5))
    assert found.throttled_periods == 100 * 50


walks = st.lists(st.sampled_from([0.0, 0.3, 1.0, 1.7, 3.0]), min_size=40, max_size=40)


@settings(max_examples=25)
@given(st.lists(st.tuples(walks, limited, asked), min_size=1, max_size=5))
def test_what_is_counted_is_what_each_second_by_itself_comes_to(pods: list) -> None:
    world, names = World(), [f"p{n}" for n in range(len(pods))]
    for name, (_, limits, requests) in zip(names, pods, strict=True):
        start(world, name, limits=limits, requests=requests)
    world.clock.settle()
    meter, loads = world.kubelets["node-1"].meter, [world.container(name).load for name in names]
    for load, (walk, _, _) in zip(loads, pods, strict=True):
        meter.want(load, {"cpu": Demand(curves=(Curve(range(40), walk, [0.0] * 40),))})
    world.clock.advance(40)
    columns = [[load.limits.cores for load in loads], [load.limits.shares for load in loads]]
    seconds = zip(*(walk for walk, _, _ in pods), strict=True)
    had = [cpu.share_out(4, wanted, *columns).used for wanted in seconds]
    for name, column in zip(names, zip(*had, strict=True), strict=True):
        assert usage(world, name).cpu_seconds == pytest.approx(sum(column))


fields = ("cpu_seconds", "memory", "periods", "throttled_periods", "throttled_seconds")


@settings(max_examples=25)
@given(demands, limited, st.floats(0.5, 20))
def test_samples_are_columns_of_what_is_used(demand: str, limits: dict, step: float) -> None:
    world = World()
    start(world, "a", demand, "sine(1Mi, 90Mi, 50s)", limits={"memory": "80Mi", **limits})
    world.clock.advance(100)
    asked = world.pod("a").metadata.uid, "c", 3.0, 99.0, step
    meter = world.kubelets["node-1"].meter
    rows = meter.series(*asked)
    assert [tuple(row) for row in meter.samples(*asked, fields)] == [
        (row.time, row.run, *(pytest.approx(getattr(row, field)) for field in fields))
        for row in rows
    ]


def test_the_past_can_be_read() -> None:
    world = World()
    start(world, "a", "steps(1, 20s, 3, 20s, 0)", limits={"cpu": "2"})
    world.clock.advance(100)
    begun = world.container("a").load.begun
    meter, uid = world.kubelets["node-1"].meter, world.pod("a").metadata.uid
    rows = meter.series(uid, "c", 0, 100, 1)
    assert rows[0].time == pytest.approx(begun, abs=1)
    by_age = {int(row.time - begun): row for row in rows}
    assert [by_age[s].cpu for s in (5, 15, 25, 35, 45)] == pytest.approx([1, 1, 2, 2, 0])
    assert [by_age[s].throttled_periods for s in (15, 95)] == [0, 200]
    assert by_age[95].cpu_seconds == pytest.approx(60)


DAY = 14_400
"""A sixth of one, so that the test does not take long."""


def test_a_second_by_second_day_of_thirty_pods_is_cheap(tmp_path) -> None:
    cluster = Cluster(nodes=3)
    for number in range(30):
        path = tmp_path / f"{number}.csv"
        lines = (f"{t},{(t * 37 + number * 11) % 13 * 60}m" for t in range(DAY))
        path.write_text("\n".join(lines))
        cluster.run(
            "apply -f -",
            f"""
apiVersion: v1
kind: Pod
metadata: {{name: p{number}, annotations: {{kubecourse.dev/cpu: "trace({path})"}}}}
spec: {{containers: [{{name: c, image: nginx, resources: {{requests: {{cpu: 100m}}}}}}]}}
""",
        )
    cluster.settle()
    began = time.process_time()
    cluster.advance(DAY)
    rows = [cluster.usage(f"p{number}") for number in range(30)]
    assert time.process_time() - began < 5
    used = sum(row.cpu_seconds for row in rows)
    assert 0.8 * DAY * 30 * 0.36 < used <= DAY * 12


# --- requests


def test_requests_cost_cpu_and_wait_for_it() -> None:
    cluster = Cluster(nodes=1)
    cluster.run(
        "apply -f -",
        """
apiVersion: v1
kind: Pod
metadata: {name: api, labels: {app: api}, annotations: {kubecourse.dev/cpu: "0",
  kubecourse.dev/cpu-per-request: 20ms}}
spec: {containers: [{name: c, image: "api:1", ports: [{containerPort: 80}],
  resources: {limits: {cpu: 300m}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}, ports: [{port: 80}]}
""",
    )
    cluster.settle()
    light = cluster.traffic("http://api", rate=5, timeout=30)
    cluster.advance(60)
    before = cluster.usage("api")
    cluster.advance(60)
    after = cluster.usage("api")
    light.stop()
    assert after.cpu_seconds - before.cpu_seconds == pytest.approx(60 * 5 * 0.02, rel=0.05)
    assert max(row.latency for row in light.rows) < 0.1
    heavy = cluster.traffic("http://api", rate=30, timeout=30)  # 0.6 cores where there are 0.3
    cluster.advance(20)
    heavy.stop()
    assert cluster.usage("api").cpu == pytest.approx(0.3)
    assert cluster.usage("api").throttled_periods > after.throttled_periods
    late = [row.latency for row in heavy.rows[-20:]]
    assert min(late) > 5
    cluster.advance(60)  # what waits is done, and then it is idle again
    assert cluster.usage("api").cpu == 0
    total = cluster.usage("api").cpu_seconds
    assert total == pytest.approx((len(light.rows) + len(heavy.rows)) * 0.02, rel=0.02)


# --- memory


@pytest.mark.parametrize(
    "command",
    [
        "[stress, --vm, '1', --vm-bytes, 250M, --vm-hang, '1']",
        "[sh, -c, 'sleep 3; tail /dev/zero']",
        "[stress, -mem-total, 150Mi, -mem-alloc-size, 10Mi, -mem-alloc-sleep, 1s]",
    ],
)
def test_over_its_limit_a_container_is_killed_and_starts_again(command: str) -> None:
    world = World()
    world.apply(
        "kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: polinux/stress, "
        f"command: {command}, resources: {{limits: {{memory: 100Mi}}}}}}]}}"
    )
    world.clock.advance(14.5)
    [status] = world.pod("a").status.containerStatuses
    ended = status.lastState.terminated or status.state.terminated
    assert (ended.reason, ended.exitCode) == ("OOMKilled", 137)
    world.clock.advance(120)
    assert world.pod("a").status.containerStatuses[0].restartCount >= 2


@settings(max_examples=20)
@given(
    st.sampled_from(["ramp(1Mi, 90Mi, 30s)", "sine(1Mi, 130Mi, 90s)", "leak(1Mi, 3Mi)", "101Mi",
                     "100Mi", "steps(1Mi, 20s, 99Mi, 20s, 100Mi)",
                     "50Mi + burst(0, 60Mi, 70s, 9s)"]),
    st.floats(1, 200),
)  # fmt: skip
def test_no_container_over_its_limit_survives(memory: str, after: float) -> None:
    world = World()
    start(world, "a", memory=memory, limits={"memory": "100Mi"})
    world.clock.advance(after)
    now = world.kubelets["node-1"].meter.running.values()
    assert all(load.memory.at(world.clock.now) <= 100 * MI + 2 for load in now)
    kills = world.kubelets["node-1"].meter.oom_kills
    if memory in ("100Mi", "ramp(1Mi, 90Mi, 30s)", "steps(1Mi, 20s, 99Mi, 20s, 100Mi)"):
        assert not kills
    elif after > 100:
        assert kills


def test_a_demand_can_be_changed_on_a_living_pod() -> None:
    world = World()
    start(world, "a", "1", memory="10Mi", limits={"memory": "100Mi"})
    world.clock.settle()
    pod = world.pod("a")
    annotations = {"kubecourse.dev/memory": "leak(10Mi, 10Mi)"}
    world.client.update(replace(pod, metadata=replace(pod.metadata, annotations=annotations)))
    world.clock.advance(5)
    assert usage(world, "a").memory == pytest.approx(60 * MI, rel=0.05)
    world.clock.advance(10)
    assert world.pod("a").status.containerStatuses[0].lastState.terminated.reason == "OOMKilled"


def test_a_demand_that_cannot_be_read_is_told_of() -> None:
    world = World()
    start(world, "a", "plenty")
    world.clock.settle()
    [(message, count)] = world.events("InvalidDemand")
    assert message.startswith("kubecourse.dev/cpu: 'plenty' is not an amount")
    assert count == 1
    assert usage(world, "a").demand == 0.001
    cluster = Cluster(nodes=1)
    output = cluster.run("annotate node node-1 kubecourse.dev/cpu=plenty")
    assert output.code == 0
    output = cluster.run(
        "apply -f -",
        """
apiVersion: v1
kind: Pod
metadata: {name: a, annotations: {kubecourse.dev/cpu: plenty}}
spec: {containers: [{name: c, image: nginx}]}
""",
    )
    assert "Warning: metadata.annotations[kubecourse.dev/cpu]: 'plenty' is not" in output.stderr


def test_without_a_limit_the_node_runs_out_and_the_kernel_chooses() -> None:
    world = World()
    start(world, "modest", memory="4Gi", requests={"memory": "8Gi"})
    start(world, "greedy", memory="6Gi", requests={"memory": "1Gi"})
    world.clock.settle()
    world.run("fast", "busybox", command=["sh", "-c", "sleep 5; tail /dev/zero"],
              resources={"requests": {"memory": "7Gi"}})  # fmt: skip
    world.clock.advance(17)
    killed = world.pod("greedy").status.containerStatuses[0]
    assert (killed.lastState.terminated or killed.state.terminated).reason == "OOMKilled"
    assert world.pod("modest").status.containerStatuses[0].restartCount == 0
    told = [e for e in world.client.list(core.Event, "default") if e.reason == "SystemOOM"]
    assert told[0].message.startswith("System OOM encountered, victim process: hello, pid: ")
    assert told[0].involvedObject.kind == "Node"


# --- costs nothing, can be copied


def test_an_idle_cluster_stays_free() -> None:
    world = World()
    for number in range(20):
        start(world, f"p{number}", "sine(1m, 50m, 1h)", "sine(1Mi, 20Mi, 1h)")
    world.clock.settle()
    began = time.process_time()
    world.clock.advance(86_400)
    assert time.process_time() - began < 0.5


def test_a_snapshot_keeps_what_has_been_used() -> None:
    cluster = Cluster(nodes=1)
    cluster.run(
        "apply -f -",
        """
apiVersion: v1
kind: Pod
metadata: {name: a, annotations: {kubecourse.dev/cpu: "sine(0, 8, 30s)",
  kubecourse.dev/memory: "leak(10Mi, 1Mi)"}}
spec: {containers: [{name: c, image: nginx, resources: {limits: {memory: 100Mi, cpu: 1}}}]}
""",
    )
    cluster.advance(40)
    cluster.usage("a")
    snapshot, other = cluster.snapshot(), cluster.fork()
    cluster.advance(100)
    first = cluster.usage("a"), cluster.usage("a", at=50), cluster.node_usage("node-1")
    cluster.restore(snapshot)
    cluster.advance(100)
    assert (cluster.usage("a"), cluster.usage("a", at=50), cluster.node_usage("node-1")) == first
    other.advance(100)
    assert (other.usage("a"), other.usage("a", at=50), other.node_usage("node-1")) == first
    assert first[0].run == 1
