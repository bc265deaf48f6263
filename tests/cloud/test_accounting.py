"""Whose part of the bill is whose, and what is paid for without need."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse import Cluster
from kubecourse.cloud import Cause, Fleet, Pool, bill, catalog, cheapest_disk, clean, hourly
from kubecourse.cloud import report as all_of
from kubecourse.cloud.accounting import IDLE, ORPHANED, SYSTEM, rounded
from kubecourse.cloud.waste import Waste, use
from tests.addons.traced import Traced

GIB = 2**30
HOUR = 3600.0
MONTH = 730 * HOUR


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1e6), max_size=20))
def test_parts_in_cents_are_the_whole_in_cents(parts: dict[str, float]) -> None:
    total = Decimal(str(round(sum(parts.values()), 9)))
    found = rounded(parts, total)
    assert sum(found.values()) == total.quantize(Decimal("0.01"))
    for name, amount in found.items():
        assert abs(amount - Decimal(str(parts[name]))) <= Decimal("0.010001")


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(nodes=0, storage=True)
    Fleet(cluster, [Pool("base", "m5.xlarge", size=2), Pool("spot", "m5.large", spot=True)])
    cluster.settle()
    return cluster


def run(cluster: Cluster, name: str, replicas: int, cpu: str, memory: str, space: str = "") -> None:
    where = f"-n {space}" if space else ""
    cluster.run(f"create deployment {name} --image=nginx --replicas={replicas} {where}")
    cluster.run(f"set resources deployment {name} --requests=cpu={cpu},memory={memory} {where}")
    cluster.settle()


def test_the_bill_of_a_day_is_hours_times_prices(cluster: Cluster) -> None:
    cluster.advance(24 * HOUR - cluster.now)
    found = bill(cluster.cloud)
    spot = 0.096 * float(catalog().spot["EKS"].share)
    exact = {"base": 24 * 2 * 0.192, "spot": 24 * spot}
    assert found.total == Decimal(str(round(sum(exact.values()), 2)))
    assert {name: float(amount) for name, amount in found.pools.items()} == pytest.approx(
        exact, abs=0.01
    )
    assert sum(found.causes.values()) == found.total
    assert hourly(cluster.cloud) == Decimal("0.384") + Decimal(str(spot))


def test_a_pod_bears_what_it_requests_for_as_long_as_it_does(cluster: Cluster) -> None:
    cluster.run("create namespace shop")
    cluster.run("cordon spot-1")
    begun = cluster.now
    run(cluster, "web", 2, "1", "4Gi", "shop")  # a quarter of the CPU, a quarter of the memory
    cluster.advance(100 * HOUR + begun - cluster.now)
    cluster.run("delete deployment web -n shop")
    cluster.advance(100 * HOUR)
    found = bill(cluster.cloud)
    web = found.causes[Cause("shop", "deployment/web")]
    assert float(web) == pytest.approx(2 * 0.25 * 0.192 * 100, abs=0.02)
    assert found.namespaces["shop"] == web
    # m5.xlarge keeps 80m of 4 cores, and 1565 MiB with the eviction threshold of 16 GiB.
    hours = (cluster.now - begun) / HOUR
    base = (0.08 / 4 + (255 + 11 * 110 + 100) / (16 * 1024)) / 2 * 2 * 0.192
    small = (0.07 / 2 + (255 + 11 * 110 + 100) / (8 * 1024)) / 2 * float(cluster.cloud.hour("spot"))
    assert float(found.causes[Cause("", SYSTEM)]) == pytest.approx((base + small) * hours, rel=0.01)
    assert found.idle == found.causes[Cause("", IDLE)]
    assert sum(found.causes.values()) == found.total == sum(found.namespaces.values())


def test_a_part_of_the_time_is_a_part_of_the_bill(cluster: Cluster) -> None:
    run(cluster, "web", 3, "700m", "1Gi")
    cluster.advance(50 * HOUR)
    whole = bill(cluster.cloud, 0, 40 * HOUR)
    halves = [bill(cluster.cloud, 0, 20 * HOUR), bill(cluster.cloud, 20 * HOUR, 40 * HOUR)]
    assert abs(whole.total - halves[0].total - halves[1].total) <= Decimal("0.02")
    for cause, amount in whole.causes.items():
        parts = sum(half.causes.get(cause, Decimal(0)) for half in halves)
        assert abs(amount - parts) <= Decimal("0.03")


def test_a_machine_that_is_gone_is_paid_for_until_then(cluster: Cluster) -> None:
    cluster.advance(10 * HOUR - cluster.now)
    cluster.cloud.remove("base-2")
    cluster.advance(10 * HOUR)
    assert bill(cluster.cloud).pools["base"] == Decimal("5.76")  # (20 + 10) × 0.192


CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: db}
spec:
  volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]
  containers: [{name: c, image: redis, volumeMounts: [{name: v, mountPath: /data}]}]
"""


def test_volumes_are_paid_for_as_long_as_they_are_there(cluster: Cluster) -> None:
    cluster.run("apply -f -", CLAIM)
    cluster.settle()
    cluster.advance(MONTH)
    found = bill(cluster.cloud)
    assert found.causes[Cause("default", "claim/data")] == Decimal("8.00")  # 100 GiB of gp3
    assert found.pools["volumes"] == Decimal("8.00")
    assert ORPHANED not in found.namespaces


@pytest.mark.parametrize(("asked", "kind"), [
    ((500, 0, 0), "sc1"), ((500, 0, 200), "st1"), ((20, 1000, 0), "gp3"), ((20, 9000, 0), "io2"),
    ((10, 0, 0), "gp3"),  # the slow kinds begin at 125 GiB
])  # fmt: skip
def test_the_cheapest_disk_that_does(asked: tuple[int, int, int], kind: str) -> None:
    assert cheapest_disk(catalog(), *asked) == kind
    with pytest.raises(ValueError, match="no disk does 99999 operations"):
        cheapest_disk(catalog(), 10, iops=99_999)


def test_every_row_of_the_catalog_has_a_source() -> None:
    table = catalog()
    rows = (*table.spot.values(), *table.disks.values(), table.committed, *table.machines.values())
    assert all(row.sources for row in rows)


# --- waste


@pytest.fixture
def measured(cluster: Cluster) -> Iterator[Traced]:
    with pytest.MonkeyPatch.context() as patch:
        meter = Traced(cluster.clock, cores=0.25, memory=GIB / 2)
        patch.setattr(Cluster, "_meter", lambda self, node: meter)
        yield meter


def test_what_is_paid_for_requested_and_used(cluster: Cluster, measured: Traced) -> None:
    run(cluster, "web", 4, "1", "1Gi")
    cluster.advance(24 * HOUR)
    cpu, memory = use(cluster.cloud, cluster.now - 12 * HOUR, cluster.now).values()
    assert (cpu.paid, cpu.requested, cpu.used) == (10, 4, pytest.approx(1.0))
    assert (memory.paid, memory.requested) == (40 * GIB, 4 * GIB)
    assert memory.used == pytest.approx(2 * GIB)


def rows(cluster: Cluster, why: str) -> list[Waste]:
    return [row for row in all_of(cluster.cloud) if row.why == why]


def test_workloads_without_an_owner_are_asked_about(cluster: Cluster, measured: Traced) -> None:
    run(cluster, "web", 2, "1", "4Gi")
    run(cluster, "known", 1, "100m", "1Gi")
    cluster.run("annotate deployment known owner=payments")
    (row,) = rows(cluster, "unowned")
    pods = [pod.spec.nodeName for pod in cluster.list("pods", selector="app=web")]
    hours = sum(
        0.25 * 0.192 if node.startswith("base") else 0.5 * cluster.cloud.hour("spot")
        for node in pods
    )
    assert (row.kind, row.name, row.cure) == ("deployment", "web", "")
    assert float(row.month) == pytest.approx(hours * 730, abs=0.01)
    assert "unowned   default/deployment/web" in str(row) and str(row).endswith("ask")


def test_what_nobody_uses_is_idle_after_a_day(cluster: Cluster, measured: Traced) -> None:
    measured.cores = 0.001
    run(cluster, "web", 2, "1", "1Gi")
    cluster.advance(12 * HOUR)
    assert rows(cluster, "idle") == []
    cluster.advance(13 * HOUR)
    (row,) = rows(cluster, "idle")
    assert (row.name, row.cure) == ("web", "scale")
    said = clean(cluster.cloud, [row])
    assert said == ["scale deployment default/web"]
    assert cluster.get("deployment/web").spec.replicas == 2  # only said
    clean(cluster.cloud, [row], dry_run=False)
    cluster.settle()
    assert cluster.pods("web") == []
    kept = cluster.get("deployment/web").metadata.annotations
    assert kept["kubecourse.dev/replicas-before-idle"] == "2"
    measured.cores = 0.25
    run(cluster, "busy", 1, "1", "1Gi")
    cluster.advance(25 * HOUR)
    assert [row.name for row in rows(cluster, "idle")] == []


JOB = """
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec:
  {ttl}
  template:
    spec: {{restartPolicy: Never, containers: [{{name: c, image: busybox, command: ["true"]}}]}}
"""


def test_what_is_finished_can_go(cluster: Cluster) -> None:
    cluster.run("apply -f -", JOB.format(name="once", ttl=""))
    cluster.run("apply -f -", JOB.format(name="goes", ttl="ttlSecondsAfterFinished: 86400"))
    cluster.run("run task --image=busybox --restart=Never -- true")
    cluster.settle()
    found = rows(cluster, "finished")
    assert [(row.kind, row.name) for row in found] == [("job", "once"), ("pod", "task")]
    clean(cluster.cloud, found, dry_run=False)
    cluster.settle()
    assert rows(cluster, "finished") == []
    assert [job.metadata.name for job in cluster.list("jobs")] == ["goes"]


def test_what_holds_data_goes_only_when_told_to(cluster: Cluster) -> None:
    cluster.run("apply -f -", CLAIM)
    cluster.settle()
    assert rows(cluster, "orphaned") == []
    cluster.run("delete pod db")
    cluster.settle()
    (row,) = rows(cluster, "orphaned")
    assert (row.kind, row.name, row.month) == ("persistentvolumeclaim", "data", Decimal("8.00"))
    assert clean(cluster.cloud, [row], dry_run=False) == []
    assert cluster.get("pvc/data") is not None
    clean(cluster.cloud, [row], dry_run=False, data=True)
    cluster.settle()
    assert cluster.get("pvc/data") is None and rows(cluster, "orphaned") == []


def test_a_week_on_changing_machines_adds_up() -> None:
    cluster = Cluster(nodes=0)
    Fleet(cluster, [Pool("base", "m5.large", size=2), Pool("spot", "m5.xlarge", size=3, spot=True)])
    run(cluster, "web", 6, "800m", "2Gi")
    run(cluster, "batch", 2, "300m", "1Gi")
    cluster.advance(7 * 24 * HOUR)
    cluster.cloud.storm("spot")
    cluster.advance(24 * HOUR)
    found = bill(cluster.cloud)
    assert sum(found.causes.values()) == found.total
    assert all(amount >= 0 for amount in found.causes.values())
    assert len(cluster.cloud.past) >= 3
