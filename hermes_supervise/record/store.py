"""
The state on disk: SQLite, one file, one transaction a turn.

Write-ahead log with ``synchronous=NORMAL``: a killed supervisor loses nothing, a power cut may
lose the last commits but never damages the file.  A transaction that changes intent is ``FULL``:
it is on the platter before the operator gets his answer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from hermes_supervise.model.decision import Action
from hermes_supervise.model.errors import StoreError
from hermes_supervise.model.facts import Memory
from hermes_supervise.model.intent import Intent
from hermes_supervise.record.codec import (
    decode_actions,
    decode_memory,
    encode_memory,
)
from hermes_supervise.record.rows import Told, event_documents, event_row, pending_text

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would cost a third of a megabyte
    from typing import Any

SCHEMA = 1
"""Version of the tables; a store of a newer version is refused and left untouched."""

KEEP_EVENTS = 100_000
"""Events kept; older ones are dropped now and then."""

PRUNE_EVERY = 5_000
"""New events between two looks at what is too old."""

TIDY_EVERY = 16
"""Turns between two looks at the size of the write-ahead log."""

MOST_LOG = 4 << 20
"""Bytes of write-ahead log above which it is moved into the file."""

DAMAGED = "damaged; put a copy back, or move the file away to begin anew without any memory"

TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intent (
  name TEXT PRIMARY KEY, up INTEGER, generation INTEGER NOT NULL, force_run TEXT,
  drain_run TEXT, drain_timeout REAL, at REAL NOT NULL, by TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS program (
  name TEXT PRIMARY KEY, memory TEXT NOT NULL, pending TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS description (name TEXT PRIMARY KEY, marker TEXT, spec TEXT)
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, program TEXT, kind TEXT NOT NULL,
  phase_from TEXT, phase_to TEXT, reason TEXT, by TEXT, data TEXT);
CREATE INDEX IF NOT EXISTS event_by_program ON event (program, id);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """
    What the disk knows of one program.

    ``pending`` are deeds without a result, ``marker`` the marker of its present run and ``spec``
    the description it last ran by, both as text.
    """

    memory: Memory = field(default_factory=Memory)
    pending: tuple[Action, ...] = ()
    marker: str | None = None
    spec: str | None = None


@dataclass(slots=True)
class Record:
    """What one turn writes down, all of it or nothing."""

    memories: dict[str, Memory] = field(default_factory=dict)
    pending: dict[str, tuple[Action, ...]] = field(default_factory=dict)
    """Deeds that are about to be done, by program; they go with its memory."""
    done: set[str] = field(default_factory=set)
    """Programs whose deeds have been done."""
    markers: dict[str, str | None] = field(default_factory=dict)
    """The marker of the run that is about to be made, as text."""
    specs: dict[str, str] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    intents: dict[str, tuple[Intent, float, str]] = field(default_factory=dict)
    events: list[Told] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)


class Store:
    """One connection, opened once, used by one thread."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "state.db")
        self._added = 0
        self._commits = 0
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=2.0)
            self._open()
        except (sqlite3.Error, OSError) as problem:
            raise StoreError(f"{self.path}: {_why(problem)}") from None

    def _open(self) -> None:
        """Nothing is written where the tables are as they should be: the disk may be full."""
        db = self._db
        schema = self._schema()
        if schema > SCHEMA:
            raise StoreError(
                f"{self.path}: written by a newer hermes-supervise (schema {schema}, this one "
                f"knows {SCHEMA}); install that version again, nothing was changed"
            )
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA cache_size=-512")
        # A checkpoint waits for the disk twice; it comes when no deed waits for us (tidy).
        db.execute("PRAGMA wal_autocheckpoint=0")
        if schema < SCHEMA:
            db.executescript(TABLES)
            db.execute("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", (str(SCHEMA),))

    def _schema(self) -> int:
        """Return the version of the tables, 0 where there are none."""
        if not self._ask("SELECT 1 FROM sqlite_master WHERE name='meta'"):
            return 0
        rows = self._ask("SELECT value FROM meta WHERE key='schema'")
        try:
            return int(str(rows[0][0])) if rows else 0
        except ValueError:
            raise StoreError(f"{self.path}: {DAMAGED}") from None

    # -- reading --------------------------------------------------------------------------------

    def _ask(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """
        Return all rows of a query.

        Raises:
            StoreError: the file is damaged, or cannot be read.
        """
        try:
            return self._db.execute(query, tuple(values)).fetchall()
        except (sqlite3.Error, UnicodeError) as problem:
            raise StoreError(f"{self.path}: {_why(problem)}") from None

    def meta(self, key: str) -> str | None:
        """Return a remembered setting."""
        rows = self._ask("SELECT value FROM meta WHERE key=?", (key,))
        return str(rows[0][0]) if rows else None

    def intents(self) -> dict[str, Intent]:
        """
        Return every operator's word that was ever recorded.

        Raises:
            StoreError: the file is damaged.
        """
        rows = self._ask(
            "SELECT name, up, generation, force_run, drain_run, drain_timeout FROM intent"
        )
        return {
            name: Intent(
                up=None if up is None else bool(up),
                generation=generation,
                force_run=force_run,
                drain_run=drain_run,
                drain_timeout=drain_timeout,
            )
            for name, up, generation, force_run, drain_run, drain_timeout in rows
        }

    def memories(self) -> dict[str, Remembered]:
        """
        Return what is remembered of every program.

        Raises:
            StoreError: a row cannot be understood.
        """
        found: dict[str, Remembered] = {}
        rows = self._ask(
            "SELECT name, memory, pending, description.marker, description.spec "
            "FROM program LEFT JOIN description "
            "USING (name)"
        )
        for name, text, pending, marker, spec in rows:
            try:
                found[name] = Remembered(
                    memory=decode_memory(text),
                    pending=decode_actions(pending),
                    marker=marker,
                    spec=spec,
                )
            except (ValueError, KeyError, TypeError, IndexError, AttributeError):
                raise StoreError(f"{self.path}: what it says of {name}: {DAMAGED}") from None
        return found

    def events(
        self, names: list[str] | None, *, after: int | None, limit: int
    ) -> list[dict[str, object]]:
        """
        Return events as the contract shows them, oldest first.

        With *after* the first *limit* events behind that id, else the last *limit* of all.
        """
        where, values = [], list[object]()
        if names is not None:
            where.append(f"program IN ({','.join('?' * len(names))})")
            values += names
        if after is not None:
            where.append("id > ?")
            values.append(after)
        clause = f"WHERE {' AND '.join(where)}" if where else ""
        order = "ASC" if after is not None else "DESC"
        rows = self._ask(
            "SELECT id, at, program, kind, phase_from, phase_to, reason, by, data "  # noqa: S608
            f"FROM event {clause} ORDER BY id {order} LIMIT ?",
            [*values, limit],
        )
        if after is None:
            rows.reverse()
        return list(event_documents(rows))

    def last_event(self) -> int:
        """Return the id of the newest event, 0 if there is none."""
        return int(self._ask("SELECT max(id) FROM event")[0][0] or 0)

    # -- writing --------------------------------------------------------------------------------

    def commit(self, record: Record) -> None:
        """
        Write one turn down.

        Raises:
            StoreError: nothing of it was written.
        """
        db = self._db
        try:
            if record.intents:
                db.execute("PRAGMA synchronous=FULL")
            db.execute("BEGIN IMMEDIATE")
            self._write(record)
            self._prune(len(record.events))
            db.execute("COMMIT")
        except sqlite3.Error as problem:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise StoreError(f"{self.path}: {_why(problem)}") from None
        finally:
            if record.intents:
                db.execute("PRAGMA synchronous=NORMAL")

    def _write(self, record: Record) -> None:
        db = self._db
        if record.memories:
            db.executemany(
                "INSERT INTO program (name, memory, pending) VALUES (?, ?, ?) ON CONFLICT (name) "
                "DO UPDATE SET memory=excluded.memory, pending=excluded.pending",
                [
                    (name, encode_memory(memory), pending_text(record.pending.get(name)))
                    for name, memory in record.memories.items()
                ],
            )
        if record.markers:
            db.executemany(
                "INSERT INTO description (name, marker) VALUES (?, ?) ON CONFLICT (name) "
                "DO UPDATE SET marker=excluded.marker",
                list(record.markers.items()),
            )
        if record.done:
            db.executemany(
                "UPDATE program SET pending=NULL WHERE name=?", [(n,) for n in record.done]
            )
        if record.specs:
            db.executemany(
                "INSERT INTO description (name, spec) VALUES (?, ?) ON CONFLICT (name) "
                "DO UPDATE SET spec=excluded.spec",
                list(record.specs.items()),
            )
        if record.dropped:
            gone = [(name,) for name in record.dropped]
            db.executemany("DELETE FROM program WHERE name=?", gone)
            db.executemany("DELETE FROM description WHERE name=?", gone)
        if record.intents:
            db.executemany(
                "INSERT OR REPLACE INTO intent VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        name,
                        intent.up,
                        intent.generation,
                        intent.force_run,
                        intent.drain_run,
                        intent.drain_timeout,
                        at,
                        by,
                    )
                    for name, (intent, at, by) in record.intents.items()
                ],
            )
        if record.events:
            db.executemany(
                "INSERT INTO event (at, program, kind, phase_from, phase_to, reason, by, data) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                map(event_row, record.events),
            )
        for key, value in record.meta.items():
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _prune(self, added: int) -> None:
        """Drop the oldest events beyond what is kept, now and then."""
        self._added += added
        if self._added < PRUNE_EVERY:
            return
        self._added = 0
        self._db.execute("DELETE FROM event WHERE id <= ?", (self.last_event() - KEEP_EVENTS,))

    def tidy(self) -> None:
        """Move what is in the write-ahead log into the file itself, when there is much of it."""
        self._commits += 1
        if self._commits < TIDY_EVERY:
            return
        self._commits = 0
        try:
            if os.stat(f"{self.path}-wal").st_size >= MOST_LOG:
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except (OSError, sqlite3.Error):
            return  # the log grows on, and the next commit tells what is wrong

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()


def _why(problem: Exception) -> str:
    if isinstance(problem, OSError):
        return (problem.strerror or str(problem)).lower()
    if isinstance(problem, sqlite3.DatabaseError) and _is_damage(problem):
        return f"{problem}: {DAMAGED}"
    return str(problem)


def _is_damage(problem: sqlite3.DatabaseError) -> bool:
    """Whether it is the file that is wrong (or lacks a table), and not its surroundings."""
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
