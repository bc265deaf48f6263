"""What the kubelet does before its machine runs out of memory or disk."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api import conditions, models
from kubecourse.node.kubelet import Kubelet
from kubecourse.node.kubelet.eviction import Candidate, rank
from kubecourse.node.machine import Machine
from tests.node.world import World

core = models.core_v1
PriorityClass = models.scheduling_v1.PriorityClass
MI = 2**20


def small(**options: Any) -> World:
    """A world with one machine of 2 GiB of memory and 20 GiB of disk."""
    world = World(nodes=0)
    machine = Machine("node-1", cpu="4", memory="2Gi", storage="20Gi", **options)
    kubelet = Kubelet(world.connect("kubelet/node-1"), machine, world.images, world.network)
    world.kubelets["node-1"] = kubelet
    kubelet.start()
    high = PriorityClass(metadata=models.meta_v1.ObjectMeta(name="high"), value=100)
    world.client.create(high)
    world.clock.settle()
    return world


def start(world: World, name: str, priority: str = "", resources: str = "{}", **wants: str) -> None:
    written = ", ".join(f'kubecourse.dev/{k}: "{v}"' for k, v in wants.items())
    world.apply(
        f"kind: Pod\nmetadata: {{name: {name}, annotations: {{{written}}}}}\nspec: "
        f'{{priorityClassName: "{priority}", containers: [{{name: c, image: "hello:1", '
        f"resources: {resources}}}]}}"
    )


def node_events(world: World) -> list[str]:
    return [
        f"{e.type} {e.reason} {e.message}"
        for e in world.client.list(core.Event, "default")
        if e.involvedObject.kind == "Node" and e.reason not in ("Starting", "NodeReady")
    ]


def condition(world: World, type: str) -> tuple[str, str]:
    found = conditions.get(world.client.get(core.Node, "node-1").status.conditions, type)
    return found.status, found.reason


# --- the order

pods = st.builds(
    Candidate,
    st.text(),
    st.floats(0, 100),
    st.sampled_from([0, 10, 50]),
    st.integers(-1, 2),
    st.none(),
)


@given(st.lists(pods))
def test_who_exceeds_its_request_goes_before_who_does_not(candidates: list[Candidate]) -> None:
    ranked = rank(candidates)
    assert sorted(map(id, ranked)) == sorted(map(id, candidates))
    exceeding = [pod.usage > pod.request for pod in ranked]
    assert exceeding == sorted(exceeding, reverse=True)
    for one, other in pairwise(ranked):
        if (one.usage > one.request) == (other.usage > other.request):
            assert one.priority <= other.priority
            if one.priority == other.priority:
                assert one.usage - one.request >= other.usage - other.request


# --- memory


def test_low_on_memory_the_kubelet_evicts_one_pod_and_says_why() -> None:
    world = small()
    start(world, "within", memory="700Mi", resources="{requests: {memory: 800Mi}}")
    start(world, "important", "high", memory="500Mi", resources="{requests: {memory: 100Mi}}")
    start(world, "over", memory="ramp(10Mi, 580Mi, 60s)", resources="{requests: {memory: 400Mi}}")
    world.clock.settle()
    assert condition(world, "MemoryPressure") == ("False", "KubeletHasSufficientMemory")
    world.clock.advance(90)
    evicted = world.pod("over")
    assert (evicted.status.phase, evicted.status.reason) == ("Failed", "Evicted")
    said = evicted.status.message
    assert said.startswith(
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: "
    )
    assert "Container c was using " in said
    assert said.endswith(", request is 400Mi, has larger consumption of memory. ")
    assert world.events("Evicted") == [(said, 1)]
    target = conditions.get(evicted.status.conditions, "DisruptionTarget")
    assert (target.status, target.reason) == ("True", "TerminationByKubelet")
    assert [world.pod(name).status.phase for name in ("within", "important")] == ["Running"] * 2
    assert condition(world, "MemoryPressure") == ("True", "KubeletHasInsufficientMemory")
    assert node_events(world) == [
        "Warning EvictionThresholdMet Attempting to reclaim memory",
        "Normal NodeHasInsufficientMemory Node node-1 status is now: NodeHasInsufficientMemory",
    ]
    # Under pressure nobody begins here who requests nothing.
    start(world, "besteffort")
    start(world, "burstable", resources="{requests: {memory: 1Mi}}")
    world.clock.advance(20)
    refused = world.pod("besteffort").status
    assert (refused.phase, refused.reason) == ("Failed", "Evicted")
    assert refused.message == "Pod was rejected: The node had condition: [MemoryPressure]. "
    assert world.pod("burstable").status.phase == "Running"
    # The pressure is reported for five minutes after it has gone.
    world.clock.advance(200)
    assert condition(world, "MemoryPressure")[0] == "True"
    world.clock.advance(150)
    assert condition(world, "MemoryPressure")[0] == "False"
    assert node_events(world)[-1].startswith("Normal NodeHasSufficientMemory")


def test_qos_is_not_the_key() -> None:
    world = small()
    start(world, "besteffort", "high", memory="100Mi")
    start(world, "burstable", memory="1650Mi", resources="{requests: {memory: 1600Mi}}")
    world.clock.advance(30)
    assert world.pod("burstable").status.reason == "Evicted"
    assert world.pod("besteffort").status.phase == "Running"


def test_pods_that_the_system_needs_stay() -> None:
    world = small()
    start(world, "critical", "system-node-critical", memory="1200Mi")
    start(world, "modest", memory="600Mi", resources="{requests: {memory: 700Mi}}")
    world.clock.advance(40)
    assert world.pod("critical").status.phase == "Running"
    assert world.pod("modest").status.reason == "Evicted"


def test_a_soft_threshold_waits_and_gives_time_to_stop() -> None:
    world = small(
        eviction_soft={"memory.available": "500Mi"},
        eviction_soft_grace={"memory.available": 60.0},
        eviction_max_grace=5.0,
    )
    start(world, "a", memory="1500Mi")
    world.clock.advance(40)
    assert condition(world, "MemoryPressure")[0] == "True"
    assert world.pod("a").status.phase == "Running"
    world.clock.advance(60)
    assert world.pod("a").status.reason == "Evicted"
    assert "Threshold quantity: 500Mi" in world.pod("a").status.message


def test_what_is_reserved_is_kept_from_pods() -> None:
    world = small(
        kube_reserved={"cpu": "70m", "memory": "300Mi"},
        system_reserved={"memory": "100Mi"},
        eviction_hard={"memory.available": "148Mi", "nodefs.available": "10%"},
    )
    status = world.client.get(core.Node, "node-1").status
    assert status.capacity["memory"] == "2Gi"
    assert status.allocatable == {
        "cpu": "3930m", "memory": "1500Mi", "ephemeral-storage": "18Gi", "pods": "110"
    }  # fmt: skip
    start(world, "large", resources="{requests: {memory: 1600Mi}}")
    start(world, "hungry", memory="1550Mi", resources="{requests: {memory: 100Mi}}")
    world.clock.advance(30)
    assert world.pod("large").status.reason == "OutOfmemory"
    assert world.pod("hungry").status.reason == "Evicted"  # long before the machine is full


def test_a_kubelet_that_is_gone_evicts_nobody() -> None:
    world = small()
    start(world, "a", memory="ramp(10Mi, 1770Mi, 60s)")
    world.clock.settle()
    world.kubelets["node-1"].stop()
    world.clock.advance(120)
    assert world.pod("a").status.phase == "Running"
    world.kubelets["node-1"].start()
    world.clock.advance(30)
    assert world.pod("a").status.reason == "Evicted"


# --- disk


@pytest.mark.parametrize(
    ("command", "resources", "volume", "message"),
    [
        ("fallocate -l 2Gi /tmp/x", "{limits: {ephemeral-storage: 1Gi}}", "{}",
         "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "),
        ("dd if=/dev/zero of=/cache/x bs=1M count=600", "{}", "{sizeLimit: 500Mi}",
         'Usage of EmptyDir volume "cache" exceeds the limit "500Mi". '),
    ],
)  # fmt: skip
def test_who_writes_more_than_it_may_is_evicted(
    command: str, resources: str, volume: str, message: str
) -> None:
    world = World()
    world.apply(f"""
kind: Pod
metadata: {{name: a}}
spec:
  volumes: [{{name: cache, emptyDir: {volume}}}]
  containers:
  - name: c
    image: busybox
    command: [sh, -c, "sleep 5; {command}; sleep 3600"]
    volumeMounts: [{{name: cache, mountPath: /cache}}]
    resources: {resources}
""")
    world.clock.advance(40)
    status = world.pod("a").status
    assert (status.phase, status.reason, status.message) == ("Failed", "Evicted", message)
    assert conditions.get(status.conditions, "DisruptionTarget") is None


def test_of_two_containers_the_one_over_its_limit_is_named() -> None:
    world = World()
    world.apply("""
kind: Pod
metadata: {name: a, annotations: {kubecourse.dev/disk.two: "ramp(0, 2Gi, 60s)"}}
spec:
  containers:
  - {name: one, image: "hello:1", resources: {limits: {ephemeral-storage: 4Gi}}}
  - {name: two, image: "hello:1", resources: {limits: {ephemeral-storage: 1Gi}}}
""")
    world.clock.advance(60)
    assert world.pod("a").status.message == (
        'Container two exceeded its local ephemeral storage limit "1Gi". '
    )


def test_low_on_disk_images_go_first_and_then_pods() -> None:
    world = small()
    world.images.declare("old:1", size="2000MB", exits_after=1)
    world.images.declare("hello:1", size="100MB")
    start(world, "keeper", resources="{requests: {ephemeral-storage: 12Gi}}", disk="8Gi")
    world.run("finished", "old:1", pod={"restartPolicy": "Never"})
    world.clock.settle()
    world.client.delete(core.Pod, "finished", "default")
    world.clock.advance(60)
    assert "docker.io/library/old:1" in world.kubelets["node-1"].runtime.images
    start(world, "writer", disk="ramp(0, 12Gi, 600s)")
    world.clock.advance(250)
    assert "docker.io/library/old:1" not in world.kubelets["node-1"].runtime.images
    assert world.pod("writer").status.phase == "Running"
    assert condition(world, "DiskPressure") == ("True", "KubeletHasDiskPressure")
    start(world, "late", resources="{requests: {memory: 1Mi}}")
    world.clock.advance(10)
    assert "[DiskPressure]" in world.pod("late").status.message
    world.clock.advance(400)
    status = world.pod("writer").status
    assert status.reason == "Evicted"
    assert status.message.startswith("The node was low on resource: ephemeral-storage. Threshold")
    assert world.pod("keeper").status.phase == "Running"
