"""Raft: several members that agree on one log, as long as a majority of them can talk.

Pure: no clock, no network, no disk. A member is told that time has passed (`tick`) and what
arrived (`step`), and answers with messages to send. `control_plane.etcd` puts members on a
simulated network. The paper: Ongaro and Ousterhout, "In Search of an Understandable Consensus
Algorithm", 2014; the details, PreVote and CheckQuorum among them, as in etcd-io/raft.
"""

from kubecourse.control_plane.etcd.raft.log import Entry, Log, Snapshot
from kubecourse.control_plane.etcd.raft.member import (
    ELECTION_TICKS,
    HEARTBEAT_TICKS,
    Disk,
    Member,
    MembershipChange,
    NotLeader,
    quorum,
)
from kubecourse.control_plane.etcd.raft.messages import Kind, Message

__all__ = [
    "ELECTION_TICKS",
    "HEARTBEAT_TICKS",
    "Disk",
    "Entry",
    "Kind",
    "Log",
    "Member",
    "MembershipChange",
    "Message",
    "NotLeader",
    "Snapshot",
    "quorum",
]
