"""A member's log: the entries it has, and a snapshot in place of those it has dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct


class Entry(Struct, frozen=True):
    """One step of the state machine that all members run."""

    term: int
    index: int
    data: Any


class Snapshot(Struct, frozen=True):
    """The state after the entry `index`, in place of all entries up to it."""

    index: int
    term: int
    members: tuple[str, ...]
    state: Any


class Log:
    """Entries `snapshot.index + 1` to `last`; those from `unsaved` on are not on the disk yet."""

    def __init__(self, snapshot: Snapshot, entries: Sequence[Entry] = ()) -> None:
        self.snapshot = snapshot
        self.entries = list(entries)
        self.unsaved = self.last + 1

    @property
    def last(self) -> int:
        """The index of the last entry."""
        return self.snapshot.index + len(self.entries)

    def term(self, index: int) -> int | None:
        """The term of an entry; None if it is not here, or is hidden in the snapshot."""
        position = index - self.snapshot.index
        if position == 0:
            return self.snapshot.term
        if 0 < position <= len(self.entries):
            return self.entries[position - 1].term
        return None

    @property
    def last_term(self) -> int:
        """The term of the last entry."""
        return self.entries[-1].term if self.entries else self.snapshot.term

    def since(self, index: int, limit: int | None = None) -> tuple[Entry, ...]:
        """The entries after an index, at most `limit` of them."""
        first = index - self.snapshot.index
        return tuple(self.entries[first : None if limit is None else first + limit])

    def append(self, term: int, data: Any) -> Entry:
        """Add an entry at the end."""
        entry = Entry(term, self.last + 1, data)
        self.entries.append(entry)
        self.unsaved = min(self.unsaved, entry.index)
        return entry

    def merge(self, entries: Sequence[Entry], committed: int) -> None:
        """Make the log agree with a leader's entries: drop what contradicts them, add the rest."""
        for entry in entries:
            if self.term(entry.index) == entry.term or entry.index <= self.snapshot.index:
                continue
            if entry.index <= committed:
                raise AssertionError(f"entry {entry.index} is committed and would be overwritten")
            del self.entries[entry.index - self.snapshot.index - 1 :]
            self.entries.append(entry)
            self.unsaved = min(self.unsaved, entry.index)

    def where_terms_allow(self, index: int, term: int) -> int:
        """The last index up to `index` whose term is at most `term`: the logs may agree there."""
        index = min(index, self.last)
        while index > self.snapshot.index and (self.term(index) or 0) > term:
            index -= 1
        return index

    def up_to_date(self, index: int, term: int) -> bool:
        """Whether a log that ends with that entry has all that this one has (paper, 5.4.1)."""
        return (term, index) >= (self.last_term, self.last)

    def compact(self, snapshot: Snapshot) -> None:
        """Put a snapshot in place of the entries that it contains."""
        if snapshot.index > self.snapshot.index:
            del self.entries[: snapshot.index - self.snapshot.index]
            self.snapshot = snapshot
