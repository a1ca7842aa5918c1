"""Every row of the table, by an example of its own; and what the table must be as a whole."""

from __future__ import annotations

import pytest

from hermes_supervise.decide.case import Case
from hermes_supervise.decide.core import ROWS
from hermes_supervise.decide.table import TABLE
from hermes_supervise.model.decision import Deed
from hermes_supervise.model.facts import Now
from hermes_supervise.model.phase import LIVING, RESTING, Phase
from tests.unit.decide.cases import T, ask, deeds, kinds
from tests.unit.decide.examples import EXAMPLES, Example


def _name(example: Example) -> str:
    return f"{example.memory.phase}: {example.row}"


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_a_row_fires_and_leads_where_it_says(example: Example) -> None:
    """The table is what people read; the code must do just that, deeds in that order."""
    case = Case(example.desired, example.observed, example.memory, Now(at=T, wall=T))
    row = next(row for row in ROWS[example.memory.phase] if row.when(case))

    decision = ask(example.desired, example.observed, example.memory)

    assert row.words == example.row
    assert decision.memory.phase is example.to
    assert tuple(deeds(decision)) == example.deeds
    assert tuple(kinds(decision)) == example.events


def test_every_row_has_an_example_from_every_kind_of_phase() -> None:
    """A row without an example is a row that nobody has seen at work."""
    shown = {(e.row, e.memory.phase in LIVING) for e in EXAMPLES}

    assert {(row.words, bool(row.frm & LIVING)) for row in TABLE} == shown


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_without_a_marker_no_deed_is_about_one(example: Example) -> None:
    """A program that knows no marker is stopped by the same ladder, less one rung."""
    desired = example.desired
    plain = type(desired)(
        **{name: getattr(desired, name) for name in desired.__slots__} | {"has_marker": False}
    )

    decision = ask(plain, example.observed, example.memory)

    rest = [deed for deed in example.deeds if deed not in ("WriteMarker", "ClearMarker")]
    assert deeds(decision) == rest


def test_every_phase_has_an_exit() -> None:
    """A phase without an exit is where supervisors get stuck."""
    exits = {
        phase: {row.to for row in ROWS[phase] if row.to not in (None, phase)} for phase in Phase
    }

    assert all(exits.values()), exits


def test_every_phase_can_be_reached() -> None:
    """``waiting`` is reached by the guard of every Spawn; all others by a row."""
    reached = {row.to for row in TABLE if row.to is not None}

    assert reached == set(Phase) - {Phase.WAITING}


def test_every_deed_is_done_by_some_row() -> None:
    """A deed that no row asks for is dead code in the act room."""
    assert {deed for row in TABLE for deed in row.deeds} == set(Deed)


def test_a_spawn_leads_to_starting_and_nothing_else_does_so_from_a_claimed_process() -> None:
    """A row that spawned into another phase would lose the process that it made."""
    spawning = [row for row in TABLE if Deed.SPAWN in row.deeds]

    assert all(row.to is Phase.STARTING and row.deeds[-1] is Deed.SPAWN for row in spawning)


def test_a_marker_stands_right_before_what_it_announces() -> None:
    """Law 2 in the table: never a stop without it, never behind the stop."""
    asking = [row.deeds for row in TABLE if Deed.REQUEST_STOP in row.deeds]

    assert set(asking) == {(Deed.WRITE_MARKER, Deed.REQUEST_STOP)}


def test_what_leaves_a_claimed_process_clears_its_marker() -> None:
    """Law 9 in the table: whoever is gone leaves no marker of ours."""
    leaving = [row for row in TABLE if row.frm <= LIVING and row.words.startswith("gone")]

    assert {row.to for row in leaving} >= RESTING - {Phase.WAITING}
    assert all(row.deeds[0] is Deed.CLEAR_MARKER for row in leaving)
