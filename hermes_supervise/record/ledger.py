"""
Record before act, also on the day on which the disk takes nothing.

Programs must go on then, so what could not be written is kept in memory, told to the log at once,
left with the keeper in case that we die, and written as soon as there is room.  An operator's
command is another matter: it is refused, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from hermes_supervise import clock
from hermes_supervise.loop import Loop
from hermes_supervise.model.decision import Event
from hermes_supervise.model.errors import StoreError
from hermes_supervise.record.rows import Told
from hermes_supervise.record.store import Record, Store

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would cost a third of a megabyte
    from typing import TypeVar

    T = TypeVar("T")

RETRY_INTERVAL = 2.0
"""Seconds between tries to write what could not be written."""

MOST_UNSAVED = 10_000
"""Events kept in memory while the disk takes none; the oldest are dropped."""


class Ledger:
    """Writes records to the store, or keeps them until it can."""

    def __init__(
        self,
        store: Store,
        loop: Loop,
        *,
        told: Callable[[list[Told]], None],
        keep: Callable[[Record | None], None],
    ) -> None:
        """
        Begin with nothing unsaved.

        Args:
            store: The state on disk.
            loop: Wakes us for the next try.
            told: Called with what happened, when that is known; with [] when the disk has
                caught up.
            keep: Called with all that is unsaved whenever it grows, with None when nothing is.
        """
        self.store = store
        self.unsaved: Record | None = None
        self.fault = ""
        """Why the disk takes nothing, "" as long as it does."""
        self._untold: list[Told] = []
        self._loop = loop
        self._told = told
        self._keep = keep

    def commit(self, record: Record, *, must: bool = False) -> None:
        """
        Write a record down; when the disk takes nothing, keep it.

        Args:
            record: What to write.
            must: Raise instead of keeping it.

        Raises:
            StoreError: with *must*, nothing was written.
        """
        if not record:
            return
        if must:
            self.store.commit(record)
        else:
            self._write(record)
        self._untold += record.events
        if must:
            self.tell()
        if must and self.unsaved is not None:  # there is room again
            self.catch_up()

    def tell(self) -> None:
        """Tell what was written since the last time; deeds are in a hurry and come before."""
        if self._untold:
            events, self._untold = self._untold, []
            self._told(events)

    def note(self, event: Event, *, by: str | None = None) -> None:
        """Write down one event about the supervisor itself."""
        told = Told(at=clock.now().wall, program=None, event=event, by=by)
        self.commit(Record(events=[told]))

    def begin_with(self, record: Record) -> None:
        """Take over what an earlier supervisor could not write; the disk is tried again."""
        self._cannot_write(record, "not written yet")
        self._retry()

    def catch_up(self) -> None:
        """Try to write what could not be written."""
        if self.unsaved is None:
            return
        try:
            self.store.commit(self.unsaved)
        except StoreError as problem:
            self.fault = str(problem)
            return
        self.unsaved, self.fault = None, ""
        self._keep(None)
        self.note(Event(kind="state-writable"))

    def _write(self, record: Record) -> None:
        if self.unsaved is not None:
            self._cannot_write(joined(self.unsaved, record), self.fault)
            self.catch_up()
            return
        try:
            self.store.commit(record)
        except StoreError as problem:
            event = Event(kind="state-unwritable", data={"error": str(problem)})
            told = Told(at=clock.now().wall, program=None, event=event)
            self._cannot_write(joined(record, Record(events=[told])), str(problem))
            self._told([told])
            self._loop.at(clock.now().at + RETRY_INTERVAL, self._retry)

    def _cannot_write(self, record: Record, why: str) -> None:
        del record.events[:-MOST_UNSAVED]
        self.unsaved, self.fault = record, why
        self._keep(record)

    def _retry(self) -> None:
        self.catch_up()
        if self.unsaved is not None:
            self._loop.at(clock.now().at + RETRY_INTERVAL, self._retry)


def joined(old: Record, new: Record) -> Record:
    """Return one record that does what the two do one after the other."""
    dropped = (old.dropped - set(new.memories)) | new.dropped
    pending = {name: v for name, v in old.pending.items() if name not in new.memories}
    return Record(
        memories=_without(old.memories | new.memories, new.dropped),
        pending=_without(pending | new.pending, new.dropped | new.done),
        done=(old.done - set(new.memories)) | new.done,
        markers=_without(old.markers | new.markers, new.dropped),
        specs=_without(old.specs | new.specs, new.dropped),
        dropped=dropped,
        intents=old.intents | new.intents,
        events=[*old.events, *new.events],
        meta=old.meta | new.meta,
    )


def _without(table: dict[str, T], names: set[str]) -> dict[str, T]:
    return {name: value for name, value in table.items() if name not in names}
