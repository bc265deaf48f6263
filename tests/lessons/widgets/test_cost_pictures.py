"""Chapter 5's pictures, second half: what things cost, and what each place of the controls says."""

from decimal import Decimal

import pytest

from kubecourse import Cluster
from kubecourse.cloud import GIB, PROVIDERS, allocatable
from kubecourse.lessons.widgets import NodeSizes, Recommendation, StorageChooser, WasteMeter
from kubecourse.lessons.widgets.node_sizes import CORES, sizes
from kubecourse.lessons.widgets.recommendation import SCALER, USAGES

# --- waste


def measured(**values) -> WasteMeter:
    widget = WasteMeter()
    for name, value in values.items():
        getattr(widget, name).value = value
    return widget


def test_what_is_paid_for_requested_and_used() -> None:
    told = measured().told
    cpu, memory = told.use["cpu"], told.use["memory"]
    assert (told.machines, told.month) == (2, 2 * Decimal("0.192") * 730)
    assert (cpu.paid, cpu.requested) == (8, 8 * 0.5)
    assert cpu.used == pytest.approx(0.9 + 8 * 0.01, rel=0.01)  # the day's average, 8 processes
    assert (memory.paid, memory.requested) == (32 * GIB, 8 * GIB)
    assert memory.used == pytest.approx((960 + 8 * 160) * 2**20, rel=0.01)
    assert told.peak["cpu"] == pytest.approx(0.01 + 1.6 / 8, rel=0.01)


def test_requests_near_real_use_need_fewer_machines() -> None:
    widget = measured(replicas=4, cpu=450, memory=448, machine="m5.large")
    assert widget.text == "70.08 USD a month for 1 × m5.large: 56 % requested, 33 % used"


@pytest.mark.parametrize(
    ("values", "amiss"),
    [
        ({"cpu": 200}, "at its peak a pod needs more than it requests: CPU"),
        ({"memory": 256}, "at its peak a pod needs more than it requests: memory"),
        (
            {"replicas": 1, "cpu": 1000},
            "at its peak a pod needs more than it requests: CPU, memory",
        ),
        ({"replicas": 3, "cpu": 550}, ""),
    ],
)
def test_requests_too_near_are_told(values, amiss: str) -> None:
    assert measured(**values).text.partition("; ")[2] == amiss


def test_what_is_shown_is_what_kubectl_would_do() -> None:
    shown = measured(replicas=3, cpu=550).picture.value
    assert "kubectl scale deployment/shop --replicas=3" in shown
    assert "kubectl set resources deployment/shop --requests=cpu=550m,memory=1024Mi" in shown
    assert "33 % of the traffic" in shown


# --- recommendations


def advised(**values) -> Recommendation:
    widget = Recommendation()
    for name, value in values.items():
        getattr(widget, name).value = value
    return widget


WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata:
      labels: {{app: web}}
      annotations: {{kubecourse.dev/cpu: "{0}", kubecourse.dev/memory: "{1}"}}
    spec: {{containers: [{{name: web, image: "kubecourse/hello:1.0"}}]}}
"""


@pytest.mark.parametrize("usage", USAGES)
def test_it_says_what_the_object_in_a_cluster_says(usage: str) -> None:
    cluster = Cluster(nodes=1)
    cluster.install("metrics-server", "vertical-pod-autoscaler")
    for resource in ("cpu", "memory"):
        scaler = SCALER.format(resource=resource)
        scaler = scaler.replace("{name: web}", f"{{name: {resource}}}", 1)
        assert cluster.run("apply -f -", scaler).code == 0
    assert cluster.run("apply -f -", WEB.format(*USAGES[usage])).code == 0
    for day in (1, 5):
        cluster.advance(day * 86_400 + 30 - cluster.now)
        for resource in ("cpu", "memory"):
            status = cluster.get(f"vpa/{resource}").status
            (found,) = status.recommendation.containerRecommendations
            assert found == advised(usage=usage, resource=resource, day=day).told.status


def test_a_short_spike_is_planned_for_in_memory_and_not_in_cpu() -> None:
    cpu, memory = (advised(usage="spike", resource=r).told for r in ("cpu", "memory"))
    assert max(cpu.used) > 5 * cpu.hours[-1][2]
    assert max(memory.used) < memory.hours[-1][2]


def test_after_a_step_the_target_follows_before_the_lower_bound() -> None:
    bounds = {day: advised(usage="step", day=day).told.hours[-1] for day in (3, 4, 5)}
    assert [round(bounds[day][2]) for day in (3, 4, 5)] == [182, 813, 813]
    assert [round(bounds[day][1]) for day in (3, 4, 5)] == [181, 181, 812]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (100, "below the lower bound, 270m"),
        (300, "within bounds, and 59 % away from it"),
        (475, "near enough to stay as it is"),
        (1000, "above the upper bound, 584m"),
    ],
)
def test_what_becomes_of_a_request(request_: int, said: str) -> None:
    widget = advised(request=request_)
    assert widget.text.endswith(said)
    assert widget.told.outside == ("bound, " in said)
    used = widget.told.used
    assert widget.told.over == sum(amount > request_ for amount in used) / len(used)
    assert widget.told.share == pytest.approx(240 / request_, rel=0.01)


def test_bounds_come_nearer_with_time() -> None:
    hours = advised().told.hours
    widths = [(upper - lower) / target for _, lower, target, upper in hours[23::24]]
    assert widths == sorted(widths, reverse=True)


# --- sizes of machines


def placed(provider: str, cores: int, cpu: int, memory: int) -> int:
    """How many pods fit, counted by putting one after the other on the machine."""
    room, count = allocatable(provider, cores, cores * 4 * GIB), 0
    free_cpu, free_memory = room.cpu, room.memory
    while free_cpu >= cpu and free_memory >= memory * 2**20 and count < 110:
        free_cpu, free_memory, count = free_cpu - cpu, free_memory - memory * 2**20, count + 1
    return count


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("cpu", "memory"), [(750, 3072), (100, 128), (4000, 2048), (300, 9000)])
def test_pods_on_a_machine_and_what_is_left_of_it(provider, cpu: int, memory: int) -> None:
    rows = {row.cores: row for row in sizes(provider, cpu, memory, 40)}
    for cores in CORES:
        fit = placed(provider, cores, cpu, memory)
        assert (cores in rows) == bool(fit)
        if fit:
            row = rows[cores]
            used = max(fit * cpu / (1000 * cores), fit * memory / (cores * 4096))
            assert row.pods == fit
            assert row.stranded + row.kept + used == pytest.approx(1, abs=1e-6)
            assert (row.machines - 1) * fit < 40 <= row.machines * fit


def test_the_rule_of_thumb_holds_on_average_and_not_for_each_pod() -> None:
    for least, most in ((5, 0.1), (10, 0.05)):
        rows = [
            row
            for cpu in range(400, 4000, 10)
            for row in sizes("GKE", cpu, 64, 40)
            if least <= row.pods <= 2 * least
        ]
        assert sum(row.stranded for row in rows) / len(rows) < most
        assert max(row.stranded for row in rows) > most


def test_bigger_machines_lose_more_at_once() -> None:
    lost = [row.lost for row in NodeSizes().told]
    assert lost == sorted(lost)
    assert (lost[0], lost[-1]) == (0.05, 1.0)


def test_the_smallest_machine_with_five_pods_is_named() -> None:
    widget = NodeSizes()
    said = "The smallest size with room for 5 pods has {} cores and holds {}: {} % is left over"
    assert widget.text.startswith(said.format(8, 9, 4.2))
    widget.cpu.value, widget.memory.value = 4000, 16384
    assert widget.text.startswith(said.format(32, 7, 5.1))


# --- disks


def chosen(size: int, iops: int, throughput: int) -> StorageChooser:
    widget = StorageChooser()
    widget.size.value, widget.iops.value, widget.throughput.value = size, iops, throughput
    return widget


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((500, 100, 80), "sc1 does it for 7.50 USD a month; io2 would cost 69.00 USD"),
        ((200, 500, 125), "st1 does it for 9.00 USD a month; io2 would cost 57.50 USD"),
        ((50, 3000, 125), "gp3 does it for 4.00 USD a month; io2 would cost 201.25 USD"),
        ((100, 16000, 20), "Only io2 does it, for 1,052.50 USD a month"),
    ],
)
def test_the_cheapest_disk_that_does(asked: tuple[int, int, int], said: str) -> None:
    widget = chosen(*asked)
    assert widget.text == said
    assert f"type: {widget.told.best}" in widget.picture.value
    assert f"storage: {asked[0]}Gi" in widget.picture.value


def test_what_a_disk_lacks_is_said_beside_its_price() -> None:
    rows = chosen(10, 1000, 250).told.rows
    assert rows["gp3"].lacks == ("throughput",)
    assert rows["sc1"].lacks == ("iops", "throughput")
    assert (rows["st1"].lacks, rows["st1"].size) == (("iops",), 125)
    assert "billed as 125 GiB" in chosen(10, 1000, 250).picture.value
