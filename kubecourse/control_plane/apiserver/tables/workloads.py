"""Deployments and replica sets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubecourse.api.labels import format_label_selector
from kubecourse.control_plane.apiserver.tables.columns import (
    AGE,
    NAME,
    Column,
    Printer,
    age,
    container_names,
    images,
)

_TEMPLATE = (Column("Containers", wide=True), Column("Images", wide=True), Column("Selector", wide=True))


def _count(name: str) -> Column:
    return Column(name, type="integer")


def _template(obj: Any) -> list[str]:
    spec = obj.spec.template.spec
    return [container_names(spec), images(spec), format_label_selector(obj.spec.selector)]


def _deployment(obj: Any, now: datetime) -> list[Any]:
    status = obj.status
    return [
        obj.metadata.name,
        f"{status.readyReplicas or 0}/{obj.spec.replicas}",
        status.updatedReplicas or 0,
        status.availableReplicas or 0,
        age(obj, now),
        *_template(obj),
    ]


def _replica_set(obj: Any, now: datetime) -> list[Any]:
    status = obj.status
    return [
        obj.metadata.name,
        obj.spec.replicas,
        status.replicas or 0,
        status.readyReplicas or 0,
        age(obj, now),
        *_template(obj),
    ]


PRINTERS = {
    "Deployment": Printer(
        (NAME, Column("Ready"), Column("Up-to-date"), Column("Available"), AGE, *_TEMPLATE), _deployment
    ),
    "ReplicaSet": Printer(
        (NAME, _count("Desired"), _count("Current"), _count("Ready"), AGE, *_TEMPLATE), _replica_set
    ),
}
