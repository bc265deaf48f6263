"""What members say to one another."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from kubecourse.control_plane.etcd.raft.log import Entry, Snapshot


class Kind(Enum):
    """The messages of raftpb.MessageType that members send each other."""

    PRE_VOTE = "would you vote for me?"
    PRE_VOTE_REPLY = "I would"
    VOTE = "vote for me"
    VOTE_REPLY = "I do"
    APPEND = "write this into your log"
    APPEND_REPLY = "I have"
    HEARTBEAT = "I am still leader"
    HEARTBEAT_REPLY = "I hear you"
    SNAPSHOT = "begin again from here"


REPLIES = {Kind.PRE_VOTE: Kind.PRE_VOTE_REPLY, Kind.VOTE: Kind.VOTE_REPLY}


class Message(Struct, frozen=True):
    """One message.

    `index` and `log_term` name an entry of the sender's log: the last one in a call for votes,
    the one before `entries` in an append, the last one that matches in the reply. `hint` is,
    in a refusal, where the logs may still agree. `read` numbers a round of heartbeats that
    confirms a read.
    """

    kind: Kind
    sender: str
    to: str
    term: int
    index: int = 0
    log_term: int = 0
    entries: tuple[Entry, ...] = ()
    commit: int = 0
    reject: bool = False
    hint: int = 0
    read: int = 0
    snapshot: Snapshot | None = None

    def __str__(self) -> str:
        text = f"{self.sender} → {self.to}: {self.kind.name} term {self.term}"
        if self.entries:
            text += f", entries {self.entries[0].index}-{self.entries[-1].index}"
        return text + (", refused" if self.reject else "")
