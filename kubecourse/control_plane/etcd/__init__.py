"""etcd: keys, values, revisions, and watches on them."""

from kubecourse.control_plane.etcd.store import Compacted, Etcd, Event, KeyValue

__all__ = ["Compacted", "Etcd", "Event", "KeyValue"]
