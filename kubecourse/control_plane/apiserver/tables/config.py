"""Config maps, secrets, leases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubecourse.control_plane.apiserver.tables.columns import AGE, NAME, Column, Printer, age

DATA = Column("Data", type="string")


def _config_map(obj: Any, now: datetime) -> list[Any]:
    return [obj.metadata.name, len(obj.data or ()) + len(obj.binaryData or ()), age(obj, now)]


def _secret(obj: Any, now: datetime) -> list[Any]:
    return [obj.metadata.name, obj.type, len(obj.data or ()), age(obj, now)]


def _lease(obj: Any, now: datetime) -> list[Any]:
    holder = obj.spec.holderIdentity if obj.spec else None
    return [obj.metadata.name, holder or "", age(obj, now)]


PRINTERS = {
    "ConfigMap": Printer((NAME, DATA, AGE), _config_map),
    "Secret": Printer((NAME, Column("Type"), DATA, AGE), _secret),
    "Lease": Printer((NAME, Column("Holder"), AGE), _lease),
}
