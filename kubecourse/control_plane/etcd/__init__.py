"""etcd: keys, values, revisions, and watches on them, on one machine or on several."""

from kubecourse.control_plane.etcd.member import EtcdMember
from kubecourse.control_plane.etcd.members import Members
from kubecourse.control_plane.etcd.store import (
    Compacted,
    Etcd,
    Event,
    KeyValue,
    Stopped,
    Unavailable,
)

__all__ = [
    "Compacted",
    "Etcd",
    "EtcdMember",
    "Event",
    "KeyValue",
    "Members",
    "Stopped",
    "Unavailable",
]
