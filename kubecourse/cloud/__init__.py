"""What hosting costs, and how much of a node is left for pods. Prices are examples with a date.

table = prices()                              # data/prices.yaml; each row has its sources
compare(assumptions(table, person_hour=90))   # self-hosted against managed, a month
node = allocatable("GKE", cores=2, memory=8 * GIB)
load = Workload(cores=0.5, memory=1)
break_even(table.clusterless["Cloud Run"], load, month=49)   # a share of the month
"""

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
from kubecourse.cloud.prices import HOURS, Prices, prices
from kubecourse.cloud.reservation import GIB, PROVIDERS, allocatable, reserved

__all__ = [
    "GIB",
    "HOURS",
    "PROVIDERS",
    "Assumptions",
    "Bill",
    "Prices",
    "Workload",
    "allocatable",
    "always_on",
    "assumptions",
    "break_even",
    "compare",
    "pay_per_use",
    "prices",
    "reserved",
]
