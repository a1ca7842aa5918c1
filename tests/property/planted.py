"""
Faults to plant in the core, in the record or in the shell: each is a mistake that is easy to make.

A fault is put in place with pytest's ``monkeypatch`` and taken out again by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from hermes_supervise import decide as pure
from hermes_supervise.decide import core
from hermes_supervise.decide.case import Case
from hermes_supervise.decide.table import TABLE, Row
from hermes_supervise.model.decision import Action, Deed, Event
from hermes_supervise.model.facts import Memory, Now
from hermes_supervise.model.phase import Phase, Sight
from hermes_supervise.record import codec
from tests.property.law_machine import Faults

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], Faults]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A mistake in words, the law that must catch it, and how it is put in place."""

    words: str
    law: int
    plant: Plant


def _table(patch: Patch, table: tuple[Row, ...]) -> Faults:
    rows = {phase: tuple(row for row in table if phase in row.frm) for phase in Phase}
    patch.setattr(core, "ROWS", rows)
    return Faults()


def _rows(words: str, change: Callable[[Row], Row]) -> Plant:
    """Change every row whose words begin so."""
    chosen = [row for row in TABLE if row.words.startswith(words)]
    assert chosen, words
    return lambda patch: _table(
        patch, tuple(change(row) if row in chosen else row for row in TABLE)
    )


def _without_row(words: str) -> Plant:
    kept = tuple(row for row in TABLE if not row.words.startswith(words))
    assert len(kept) < len(TABLE), words
    return lambda patch: _table(patch, kept)


def _moved_up(words: str, above: str) -> Plant:
    row = next(row for row in TABLE if row.words.startswith(words))
    rest = [other for other in TABLE if other is not row]
    place = next(i for i, other in enumerate(rest) if other.words.startswith(above))
    return lambda patch: _table(patch, (*rest[:place], row, *rest[place:]))


def _deeds(*deeds: Deed) -> Callable[[Row], Row]:
    return lambda row: replace(row, deeds=deeds)


def _when(when: Callable[[Case], bool]) -> Callable[[Row], Row]:
    return lambda row: replace(row, when=when)


def _remembering(**fields: object) -> Callable[[Row], Row]:
    """Let the row's step forget something on the way."""

    def change(row: Row) -> Row:
        def step(case: Case) -> tuple[Memory, tuple[Event, ...]]:
            memory, events = row.step(case)
            return replace(memory, **fields), events  # type: ignore[arg-type]

        return replace(row, step=step)

    return change


def _due_at_once(row: Row) -> Row:
    def step(case: Case) -> tuple[Memory, tuple[Event, ...]]:
        memory, events = row.step(case)
        return replace(memory, due_at=case.now.at), events

    return replace(row, step=step)


def _case(name: str, value: Callable[[Case], object]) -> Plant:
    def plant(patch: Patch) -> Faults:
        patch.setattr(Case, name, value)
        return Faults()

    return plant


def _remains_is_gone(patch: Patch) -> Faults:
    patch.setattr(Case, "remains", lambda _: False)
    patch.setattr(Case, "gone", lambda c: not c.alive())
    return Faults()


def _unobservable_is_gone(patch: Patch) -> Faults:
    patch.setattr(Case, "unobservable", lambda _: False)
    patch.setattr(Case, "gone", lambda c: c.observed.sight in (Sight.GONE, Sight.UNOBSERVABLE))
    return Faults()


def _hold_is_ignored(patch: Patch) -> Faults:
    guarded = core._apply

    def unguarded(row: Row, case: Case) -> tuple[Memory, tuple[Event, ...], tuple[Deed, ...]]:
        free = replace(case.observed, hold=None)
        return guarded(row, Case(case.desired, free, case.memory, case.now))

    patch.setattr(core, "_apply", unguarded)
    return Faults()


def _no_wake_time_in(phase: Phase) -> Plant:
    timed = core._instants

    def plant(patch: Patch) -> Faults:
        patch.setattr(core, "_instants", lambda c: [] if c.memory.phase is phase else timed(c))
        return Faults()

    return plant


def _wakes_in_the_past(patch: Patch) -> Faults:
    patch.setattr(core, "wake_time", lambda c: min(core._instants(c), default=None))
    return Faults()


def _field_not_recorded(field: str) -> Plant:
    def plant(patch: Patch) -> Faults:
        patch.setattr(codec, "_PLAIN", tuple(name for name in codec._PLAIN if name != field))
        return Faults()

    return plant


def _resume(change: Callable[[Memory, tuple[Action, ...]], tuple[Memory, list[Action]]]) -> Plant:
    def resume(
        memory: Memory, pending: tuple[Action, ...], _: Now
    ) -> tuple[Memory, tuple[Action, ...]]:
        memory, actions = change(memory, pending)
        return memory, tuple(actions)

    def plant(patch: Patch) -> Faults:
        patch.setattr(pure, "resume", resume)
        return Faults()

    return plant


def _only(deed: Deed) -> Plant:
    return _resume(lambda memory, pending: (memory, [a for a in pending if a.deed is deed]))


def _all_but_clear(memory: Memory, pending: tuple[Action, ...]) -> tuple[Memory, list[Action]]:
    return memory, [a for a in pending if a.deed not in (Deed.SPAWN, Deed.CLEAR_MARKER)]


FAULTS = (
    Fault(words="spawn while something remains", law=1, plant=_remains_is_gone),
    Fault(words="a hold is ignored", law=1, plant=_hold_is_ignored),
    Fault(
        words="planned restart comes before not up",
        law=1,
        plant=_moved_up("gone, planned, up", "gone, not up"),
    ),
    Fault(
        words="a stopped program starts by itself",
        law=1,
        plant=_rows("up", _when(lambda c: c.memory.due_at is None)),
    ),
    Fault(
        words="what lives is not adopted",
        law=1,
        plant=_without_row("alive"),
    ),
    Fault(
        words="the stop is asked for without a marker",
        law=2,
        plant=_rows("not up · other", _deeds(Deed.REQUEST_STOP)),
    ),
    Fault(
        words="the signal is sent before the marker is written",
        law=2,
        plant=_rows("start.timeout", _deeds(Deed.REQUEST_STOP, Deed.WRITE_MARKER)),
    ),
    Fault(
        words="force on demand without a marker",
        law=2,
        plant=_rows("operator says force", _deeds(Deed.FORCE_STOP)),
    ),
    Fault(words="the marker is not refreshed", law=2, plant=_without_row("our marker unconsumed")),
    Fault(
        words="after a crash the signal is sent again without a marker",
        law=2,
        plant=_only(Deed.REQUEST_STOP),
    ),
    Fault(
        words="force at half of the drain deadline",
        law=3,
        plant=_case(
            "drain_deadline",
            lambda c: (c.memory.asked_at or 0.0) + c.desired.stop.drain_timeout / 2,
        ),
    ),
    Fault(
        words="drained, and not left to linger",
        law=3,
        plant=_rows("drained or remains", _when(lambda c: c.memory.drained_at is not None)),
    ),
    Fault(
        words="any run is forced when one was asked for",
        law=3,
        plant=_case("force_asked", lambda c: c.desired.force_run is not None),
    ),
    Fault(
        words="after a crash the drain is not begun anew",
        law=3,
        plant=_resume(lambda m, pending: (m, [a for a in pending if a.deed is not Deed.SPAWN])),
    ),
    Fault(words="force is used once only", law=4, plant=_without_row("force.interval")),
    Fault(words="no drain deadline", law=4, plant=_without_row("drain deadline")),
    Fault(
        words="not wanted is not a reason to stop",
        law=4,
        plant=_case("unwanted", lambda c: c.other_revision() or not c.observed.live),
    ),
    Fault(words="unobservable is taken for gone", law=5, plant=_unobservable_is_gone),
    Fault(words="no wake time in killing", law=6, plant=_no_wake_time_in(Phase.KILLING)),
    Fault(words="no wake time in draining", law=6, plant=_no_wake_time_in(Phase.DRAINING)),
    Fault(words="no wake time in backoff", law=6, plant=_no_wake_time_in(Phase.BACKOFF)),
    Fault(words="a wake time in the past", law=6, plant=_wakes_in_the_past),
    Fault(
        words="force again at the same instant",
        law=7,
        plant=_case("force_again_at", lambda c: c.memory.forced_at or 0.0),
    ),
    Fault(
        words="a lost spawn is asked for again and again",
        law=7,
        plant=_case("spawn_lost", Case.never_made),
    ),
    Fault(
        words="the budget is reset by every back-off",
        law=8,
        plant=_rows("gone, budget left", _remembering(failures=())),
    ),
    Fault(
        words="the budget is reset by every start",
        law=8,
        plant=_rows("due", _remembering(failures=(), park=None, trial=False)),
    ),
    Fault(
        words="a parked program does not wait",
        law=8,
        plant=_rows("gone, budget spent", _due_at_once),
    ),
    Fault(words="a fatal code does not wait", law=8, plant=_rows("gone, fatal code", _due_at_once)),
    Fault(
        words="a crash asks for a restart",
        law=8,
        plant=_case("asks_for_restart", lambda c: c.exit_code() != 0),
    ),
    Fault(
        words="an end that the policy leaves alone is taken for a stop",
        law=8,
        plant=_rows("gone, policy says no", _remembering(phase=Phase.STOPPED)),
    ),
    Fault(words="the marker is not cleared", law=9, plant=_rows("gone, not up", _deeds())),
    Fault(
        words="what is gone after force is not looked at",
        law=9,
        plant=_rows("gone", lambda row: replace(row, frm=row.frm - {Phase.KILLING})),
    ),
    Fault(
        words="stopped is claimed when the stop is asked for",
        law=9,
        plant=_rows("not up · other", _remembering(phase=Phase.STOPPED)),
    ),
    Fault(
        words="after a crash the marker is left",
        law=9,
        plant=_resume(_all_but_clear),
    ),
    Fault(words="the deadline is not recorded", law=10, plant=_field_not_recorded("asked_at")),
    Fault(words="the park is not recorded", law=10, plant=_field_not_recorded("park")),
    Fault(
        words="what was seen becomes what is wanted",
        law=11,
        plant=lambda _: Faults(state_is_intent=True),
    ),
    Fault(
        words="a signal goes to whoever has the pid now",
        law=12,
        plant=lambda _: Faults(identity_checked=False),
    ),
)
