"""On the day on which the disk takes nothing: what goes on, what is refused, what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hermes_supervise.loop import Loop
from hermes_supervise.model.decision import Action, Deed, Event
from hermes_supervise.model.errors import StoreError
from hermes_supervise.model.facts import Memory
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.phase import Outcome, Phase, Reason
from hermes_supervise.record.kept import kept, unkept
from hermes_supervise.record.ledger import Ledger, joined
from hermes_supervise.record.rows import Told
from hermes_supervise.record.store import Record, Store

RUNNING = Memory(phase=Phase.RUNNING, run_id="r1")
STOPPED = Memory(phase=Phase.STOPPED, run_id="r1")
DEED = Action(deed=Deed.REQUEST_STOP, run_id="r1", number=3)


class FullDisk(Store):
    """A store whose disk can be full."""

    full = False

    def commit(self, record: Record) -> None:
        """Write, unless there is no room."""
        if self.full:
            raise StoreError("state.db: database or disk is full")
        super().commit(record)


class Desk:
    """A ledger, and what it told whom."""

    def __init__(self, folder: Path) -> None:
        self.store = FullDisk(str(folder))
        self.told: list[str] = []
        self.kept: list[Record | None] = []
        self.ledger = Ledger(
            self.store,
            Loop(),
            told=lambda events: self.told.extend(each.event.kind for each in events),
            keep=self.kept.append,
        )

    def on_disk(self) -> list[str]:
        """Return the kinds of the history."""
        return [str(e["kind"]) for e in self.store.events(None, after=None, limit=1000)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A ledger on an empty store."""
    made = Desk(tmp_path)
    yield made
    made.store.close()


def event(kind: str) -> Told:
    """Return an event of one program."""
    return Told(at=1.0, program="a", event=Event(kind=kind))


def test_what_the_disk_does_not_take_is_told_at_once_and_kept(desk: Desk) -> None:
    """The log must not fall silent just when somebody needs it."""
    desk.store.full = True
    desk.ledger.commit(Record(memories={"a": RUNNING}, events=[event("running")]))
    desk.ledger.tell()

    assert sorted(desk.told) == ["running", "state-unwritable"]
    assert "disk is full" in desk.ledger.fault
    assert desk.kept[-1] is desk.ledger.unsaved
    assert desk.on_disk() == []


def test_everything_is_written_in_its_order_when_there_is_room_again(desk: Desk) -> None:
    """Nothing is missing, and the gap itself is in the history."""
    desk.store.full = True
    desk.ledger.commit(Record(memories={"a": RUNNING}, events=[event("first")]))
    desk.ledger.commit(Record(memories={"a": STOPPED}, events=[event("second")]))
    desk.store.full = False
    desk.ledger.catch_up()

    assert desk.on_disk() == ["first", "state-unwritable", "second", "state-writable"]
    assert desk.store.memories()["a"].memory == STOPPED
    assert desk.ledger.fault == ""
    assert desk.kept[-1] is None


def test_an_event_is_told_once_however_often_it_is_tried(desk: Desk) -> None:
    """A log that repeats itself fills another disk."""
    desk.store.full = True
    desk.ledger.commit(Record(events=[event("first")]))
    for _ in range(3):
        desk.ledger.catch_up()
    desk.store.full = False
    desk.ledger.commit(Record(events=[event("second")]))
    desk.ledger.tell()

    assert desk.told.count("first") == 1
    assert desk.told.count("second") == 1


def test_an_operators_command_is_refused_and_changes_nothing(desk: Desk) -> None:
    """He is told; and what was unsaved before still is."""
    desk.store.full = True
    desk.ledger.commit(Record(events=[event("first")]))
    asked = Record(intents={"a": (Intent(up=False), 1.0, "uid 0")}, events=[event("asked-stop")])
    with pytest.raises(StoreError):
        desk.ledger.commit(asked, must=True)
    desk.store.full = False
    desk.ledger.catch_up()

    assert desk.store.intents() == {}
    assert "asked-stop" not in desk.on_disk() + desk.told


def test_a_command_that_finds_room_brings_the_rest_along(desk: Desk) -> None:
    """There is no need to wait for the next try."""
    desk.store.full = True
    desk.ledger.commit(Record(events=[event("first")]))
    desk.store.full = False
    desk.ledger.commit(Record(intents={"a": (Intent(up=True), 1.0, "uid 0")}), must=True)

    assert "first" in desk.on_disk()
    assert desk.ledger.unsaved is None


def test_a_later_supervisor_begins_with_what_was_not_written(desk: Desk) -> None:
    """It lay with the keeper."""
    record = Record(memories={"a": RUNNING}, events=[event("first")])
    desk.ledger.begin_with(unkept(kept(record)))

    assert desk.store.memories()["a"].memory == RUNNING
    assert desk.on_disk()[0] == "first"


def test_a_kept_record_is_read_back_as_it_was(desk: Desk) -> None:
    """Else another supervisor would decide by something else (law 10)."""
    whole = Event(
        kind="exit",
        phase_from=Phase.RUNNING,
        phase_to=Phase.BACKOFF,
        reason=Reason.OOM,
        data={"outcome": Outcome.CRASHED.value},
    )
    record = Record(
        memories={"a": RUNNING},
        pending={"a": (DEED,)},
        done={"b"},
        markers={"a": None, "b": "text"},
        specs={"a": "text"},
        dropped={"c"},
        meta={"world": "w"},
        events=[Told(at=1.5, program=None, event=whole, by="uid 0")],
    )

    assert unkept(kept(record)) == record


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"memories": {"a": "x"}}', b"\xff"])
def test_a_kept_record_that_is_damaged_is_an_error_with_words(data: bytes) -> None:
    """Not a traceback."""
    with pytest.raises(StoreError, match="damaged"):
        unkept(data)


def applied(store: Store, *records: Record) -> dict[str, object]:
    """Return what stands in the store after some records."""
    with closing(store):
        for record in records:
            store.commit(record)
        known = store.memories()
        return {"programs": known, "intents": store.intents(), "world": store.meta("world")}


@pytest.mark.parametrize(
    "second",
    [
        Record(memories={"a": STOPPED}),
        Record(memories={"a": STOPPED}, pending={"a": (DEED,)}),
        Record(done={"a"}),
        Record(dropped={"a"}),
        Record(dropped={"b"}),
        Record(markers={"a": "m2"}),
        Record(specs={"a": "s2"}),
        Record(meta={"world": "w2"}),
    ],
)
@pytest.mark.parametrize(
    "first",
    [
        Record(memories={"a": RUNNING}, pending={"a": (DEED,)}, markers={"a": "m"}),
        Record(memories={"a": RUNNING}, specs={"a": "s"}),
        Record(dropped={"a"}),
        Record(done={"a"}),
        Record(meta={"world": "w1"}),
    ],
)
def test_two_records_joined_do_what_they_do_one_after_the_other(
    tmp_path: Path, first: Record, second: Record
) -> None:
    """Whatever waited for room, the state afterwards is the same."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    begin = Record(memories={"a": RUNNING, "b": RUNNING}, pending={"a": (DEED,)})
    apart = applied(Store(str(tmp_path / "one")), begin, first, second)
    together = applied(Store(str(tmp_path / "two")), begin, joined(first, second))

    assert together == apart
