"""Chapter 5's pictures, second half: what things cost, and what each place of the controls says."""

import pytest

from kubecourse.cloud import GIB, PROVIDERS, allocatable
from kubecourse.lessons.widgets import NodeSizes, StorageChooser
from kubecourse.lessons.widgets.node_sizes import CORES, sizes

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
    assert widget.text.startswith("8 cores are the smallest size that holds 5 pods (9): 4.2 %")
    widget.cpu.value, widget.memory.value = 4000, 16384
    assert "32 cores are the smallest size" in widget.text


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
