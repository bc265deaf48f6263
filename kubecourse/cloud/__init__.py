"""What hosting costs, and how much of a node is left for pods. Prices are examples with a date.

table = prices()                              # data/prices.yaml; each row has its sources
compare(assumptions(table, person_hour=90))   # self-hosted against managed, a month
node = allocatable("GKE", cores=2, memory=8 * GIB)
load = Workload(cores=0.5, memory=1)
break_even(table.clusterless["Cloud Run"], load, month=49)   # a share of the month

fleet = Fleet(cluster, [Pool("base", "m5.xlarge", size=3), Pool("more", "m5.large", most=5)])
Autoscaler(fleet).start()
bill(fleet).namespaces                                       # whose it is, to the cent
report(fleet), clean(fleet, report(fleet))                   # what nobody needs
cluster.what_if(fail="largest")                              # is there room without it?
"""

from kubecourse.cloud.accounting import Cause, bill, hourly
from kubecourse.cloud.autoscaler import Autoscaler
from kubecourse.cloud.catalog import Catalog, Disk, catalog, cheapest_disk
from kubecourse.cloud.costs import (
    Assumptions,
    Bill,
    Workload,
    always_on,
    assumptions,
    break_even,
    compare,
    pay_per_use,
)
from kubecourse.cloud.drill import Drill, what_if
from kubecourse.cloud.fleet import Fleet, Pool
from kubecourse.cloud.prices import HOURS, Prices, prices
from kubecourse.cloud.reservation import GIB, PROVIDERS, allocatable, reserved
from kubecourse.cloud.waste import Use, Waste, clean, report, use

__all__ = [
    "GIB", "HOURS", "PROVIDERS", "Assumptions", "Autoscaler", "Bill", "Catalog", "Cause", "Disk",
    "Drill", "Fleet", "Pool", "Prices", "Use", "Waste", "Workload", "allocatable", "always_on",
    "assumptions", "bill", "break_even", "catalog", "cheapest_disk", "clean", "compare", "hourly",
    "pay_per_use", "prices", "report", "reserved", "use", "what_if",
]  # fmt: skip
