"""The state on disk: what is written is read back, all of a turn or nothing, and durably."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hermes_supervise.model.decision import Action, Deed, Event
from hermes_supervise.model.errors import StoreError
from hermes_supervise.model.facts import Exit, LastExit, Memory, Process
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.phase import MarkerSight, Outcome, Phase, Reason
from hermes_supervise.record import store as room
from hermes_supervise.record.rows import Told
from hermes_supervise.record.store import Record, Store

FULL = Memory(
    phase=Phase.KILLING,
    since_at=1.25,
    since_wall=1767225600.125,
    reason=Reason.OPERATOR,
    message="é…",
    revision="abc:3",
    run_id="00ff00ff00ff00ff",
    process=Process(pid=42, inode=77, ticks=99),
    started_at=0.5,
    started_wall=1767225599.5,
    adopted=True,
    was_ready=True,
    deed=9,
    asked_at=1.0,
    marker_at=1.0,
    marker=MarkerSight.CONSUMED,
    drained_at=1.1,
    forced_at=1.2,
    outcome=Outcome.DRAINED,
    main_exit=Exit(code=None, signal=15, oom=True),
    due_at=3.5,
    failures=(0.1, 0.2),
    streak=2,
    park=60.0,
    trial=True,
    restarts=4,
    last_exit=LastExit(
        code=3, signal=None, reason=Reason.UNHEALTHY, outcome=Outcome.FAILED, wall=1767225000.0
    ),
)
"""A memory in which no field has its default."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with closing(Store(str(tmp_path))) as made:
        yield made


def told(kind: str, program: str | None = None, **data: object) -> Told:
    """Return an event as it is recorded."""
    return Told(at=1767225600.0, program=program, event=Event(kind=kind, data=data or None))


def test_a_memory_is_read_back_as_it_was_written(store: Store) -> None:
    """Else the same questions would get other answers after a crash (law 10)."""
    store.commit(Record(memories={"a": FULL, "b": Memory()}))

    assert {name: row.memory for name, row in store.memories().items()} == {
        "a": FULL,
        "b": Memory(),
    }


def test_deeds_stay_pending_until_they_are_done(store: Store) -> None:
    """Whoever comes after a crash finds them beside the memory they belong to."""
    deeds = (
        Action(deed=Deed.WRITE_MARKER, run_id="r", number=4, process=Process(pid=1, inode=2)),
        Action(deed=Deed.REQUEST_STOP, run_id="r", number=5),
    )
    store.commit(Record(memories={"a": FULL}, pending={"a": deeds}))
    before = store.memories()["a"].pending
    store.commit(Record(done={"a"}))

    assert before == deeds
    assert store.memories()["a"].pending == ()


def test_the_next_memory_settles_older_deeds(store: Store) -> None:
    """They were about a run that has gone on."""
    deed = Action(deed=Deed.CLEAR_MARKER, run_id="r", number=4)
    store.commit(Record(memories={"a": FULL}, pending={"a": (deed,)}))
    store.commit(Record(memories={"a": Memory()}))

    assert store.memories()["a"].pending == ()


def test_an_intent_is_read_back_as_it_was_written(store: Store) -> None:
    """It is the one thing that nobody but the operator knows."""
    intent = Intent(up=False, generation=3, force_run="r", drain_run="s", drain_timeout=2.5)
    store.commit(Record(intents={"a": (intent, 1.0, "uid 0"), "b": (Intent(), 1.0, "uid 0")}))

    assert store.intents() == {"a": intent, "b": Intent()}


def statements(store: Store, record: Record) -> list[str]:
    """Return what SQLite is told to do for one record."""
    seen: list[str] = []
    store._db.set_trace_callback(seen.append)
    store.commit(record)
    store._db.set_trace_callback(None)
    return [text.split(" VALUES")[0] for text in seen]


def test_a_change_of_intent_is_synced_and_a_turn_is_not(store: Store) -> None:
    """The operator is answered after it is on the platter; a turn must not wait for that."""
    intent = statements(store, Record(intents={"a": (Intent(up=True), 1.0, "uid 0")}))
    turn = statements(store, Record(memories={"a": FULL}))

    assert intent[0] == "PRAGMA synchronous=FULL"
    assert intent.index("COMMIT") < intent.index("PRAGMA synchronous=NORMAL")
    assert not [text for text in turn if "synchronous" in text]


def test_a_dropped_program_is_forgotten_and_its_intent_is_not(store: Store) -> None:
    """It may come back to the file; then the operator's word still holds."""
    store.commit(
        Record(
            memories={"a": FULL},
            specs={"a": "text"},
            intents={"a": (Intent(up=False), 1.0, "uid 0")},
        )
    )
    store.commit(Record(dropped={"a"}))

    assert store.memories() == {}
    assert store.intents() == {"a": Intent(up=False)}


def test_a_description_is_kept_for_a_program_that_never_ran(store: Store) -> None:
    """It may be started, and leave the file, before anything is saved again."""
    store.commit(Record(specs={"a": "text"}))
    store.commit(Record(memories={"a": FULL}))
    known = store.memories()["a"]

    assert (known.spec, known.memory) == ("text", FULL)


def test_events_have_growing_ids_and_the_keys_of_the_contract(store: Store) -> None:
    """Readers page by id."""
    event = Event(
        kind="stopped",
        phase_from=Phase.DRAINING,
        phase_to=Phase.STOPPED,
        reason=Reason.OPERATOR,
        data={"n": 1},
    )
    store.commit(Record(events=[Told(at=1767225600.25, program="a", event=event, by="uid 0")]))
    store.commit(Record(events=[told("other")]))
    first, second = store.events(None, after=None, limit=10)

    assert first == {
        "id": 1,
        "at": "2026-01-01T00:00:00.250Z",
        "program": "a",
        "kind": "stopped",
        "phase_from": "draining",
        "phase_to": "stopped",
        "reason": "operator",
        "by": "uid 0",
        "data": {"n": 1},
    }
    assert second["id"] == 2
    assert second["data"] is None


def test_a_signal_in_the_history_is_shown_by_its_name(store: Store) -> None:
    """As in status; the number means nothing on another system."""
    store.commit(Record(events=[told("exit", "a", code=None, signal=15)]))
    (event,) = store.events(None, after=None, limit=1)

    assert event["data"] == {"code": None, "signal": "SIGTERM"}


@pytest.mark.parametrize(
    ("names", "after", "limit", "ids"),
    [
        (None, None, 2, [4, 5]),
        (None, 0, 2, [1, 2]),
        (None, 3, 10, [4, 5]),
        (["a"], None, 10, [1, 3, 5]),
        (["a", "b"], 1, 10, [2, 3, 4, 5]),
        (["nobody"], None, 10, []),
        (None, None, 0, []),
    ],
)
def test_events_are_found_by_name_and_id_oldest_first(
    store: Store, names: list[str] | None, after: int | None, limit: int, ids: list[int]
) -> None:
    """The last ones without ``after``, the first ones behind it with it."""
    store.commit(Record(events=[told("k", name) for name in "ababa"]))

    assert [e["id"] for e in store.events(names, after=after, limit=limit)] == ids


def test_old_events_are_dropped_now_and_then(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in a crash loop must not fill the disk in a year; ids are never used again."""
    monkeypatch.setattr(room, "KEEP_EVENTS", 10)
    monkeypatch.setattr(room, "PRUNE_EVERY", 5)
    for _ in range(30):
        store.commit(Record(events=[told("k")]))
    ids = [event["id"] for event in store.events(None, after=None, limit=1000)]

    assert ids[-1] == 30
    assert 10 <= len(ids) <= 15
    assert store.last_event() == 30


def test_a_record_that_cannot_be_written_leaves_nothing_behind(store: Store) -> None:
    """All of it or nothing: half a turn would be a memory of deeds that nobody decided."""
    store._db.execute("DROP TABLE event")
    with pytest.raises(StoreError, match="no such table: event"):
        store.commit(Record(memories={"a": FULL}, events=[told("k")]))

    assert store.memories() == {}


def test_an_opened_store_that_is_as_it_should_be_is_not_written(tmp_path: Path) -> None:
    """It must open on a full disk."""
    Store(str(tmp_path)).close()
    path = tmp_path / "state.db"
    before = (path.stat().st_mtime_ns, path.read_bytes())
    store = Store(str(tmp_path))
    wal = tmp_path / "state.db-wal"
    written = wal.stat().st_size if wal.exists() else 0
    store.close()

    assert (path.stat().st_mtime_ns, path.read_bytes()) == before
    assert written == 0


def test_a_newer_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    """An older program would write what the newer one cannot read back."""
    store = Store(str(tmp_path))
    store.commit(Record(meta={"schema": str(room.SCHEMA + 1)}))
    store.close()
    before = (tmp_path / "state.db").read_bytes()

    with pytest.raises(StoreError, match="newer hermes-supervise"):
        Store(str(tmp_path))
    assert (tmp_path / "state.db").read_bytes() == before


@pytest.mark.parametrize("content", [b"nonsense" * 1000, b"SQLite format 3\0" + b"\xff" * 4096])
def test_what_is_no_database_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    """And is left as it is."""
    (tmp_path / "state.db").write_bytes(content)

    with pytest.raises(StoreError, match=r"state\.db: .*move the file away"):
        Store(str(tmp_path))
    assert (tmp_path / "state.db").read_bytes() == content


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"phase": "gone"}', '"x"', "7"])
def test_a_damaged_memory_names_its_program(store: Store, text: str) -> None:
    """Whoever has to mend it knows which one."""
    store.commit(Record(memories={"a": FULL}))
    store._db.execute("UPDATE program SET memory=?", (text,))

    with pytest.raises(StoreError, match="what it says of a: damaged"):
        store.memories()


def test_a_page_that_is_damaged_is_an_error_and_no_crash(tmp_path: Path) -> None:
    """Reading finds it late; the sentence is the same."""
    store = Store(str(tmp_path))
    store.commit(Record(events=[told("k", f"p{n}", text="x" * 200) for n in range(500)]))
    store.close()
    path = tmp_path / "state.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(size - 8192))

    with (
        closing(Store(str(tmp_path))) as opened,
        pytest.raises(StoreError, match="move the file away"),
    ):
        opened.events(None, after=None, limit=1000)


def test_a_lone_surrogate_finds_nothing_and_harms_nothing(store: Store) -> None:
    """JSON can hold what no text can."""
    with pytest.raises(StoreError):
        store.events(["\ud800"], after=None, limit=1)


def test_another_process_that_reads_is_not_in_the_way(store: Store, tmp_path: Path) -> None:
    """An operator may look with sqlite3 while we write."""
    reader = sqlite3.connect(f"file:{tmp_path / 'state.db'}?mode=ro", uri=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchone()
    store.commit(Record(events=[told("k")]))
    reader.close()

    assert store.last_event() == 1
