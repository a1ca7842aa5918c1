"""Adoption, a supervisor that was cut off, and a world that ended."""

from __future__ import annotations

import pytest

from hermes_supervise.decide import new_world, resume
from hermes_supervise.model.decision import Action, Deed
from hermes_supervise.model.facts import Exit, LastExit, Now
from hermes_supervise.model.phase import LIVING, Outcome, Phase, Reason, Sight
from tests.unit.decide.cases import PROCESS, WALL, T, ask, deeds, remembered, seen, wanted

NOW = Now(at=T, wall=WALL)


def _action(deed: Deed, number: int = 1) -> Action:
    return Action(deed=deed, run_id="run-1", number=number, process=PROCESS)


def test_an_adopted_run_is_known_by_its_own_id_and_age() -> None:
    """What lives is taken over as it is; that is no start, and no failure."""
    memory = remembered(Phase.BACKOFF, due_at=T + 5, restarts=2, failures=(T - 1,))

    after = ask(wanted(), seen(Sight.ALIVE, run_id="run-0", started_at=T - 500), memory).memory

    assert (after.phase, after.run_id, after.process) == (Phase.RUNNING, "run-0", PROCESS)
    assert (after.adopted, after.started_at, after.due_at) == (True, T - 500, None)
    assert after.started_wall == WALL + T - 500
    assert (after.restarts, after.failures) == (2, (T - 1,))


def test_an_adopted_run_that_nobody_wants_is_asked_and_not_killed() -> None:
    """It gets the whole ladder, its marker first."""
    decision = ask(wanted(up=False), seen(Sight.ALIVE, run_id="run-0"), remembered(Phase.EXITED))

    assert [(a.deed.value, a.run_id) for a in decision.actions] == [
        ("WriteMarker", "run-0"),
        ("RequestStop", "run-0"),
    ]
    assert all(action.process == PROCESS for action in decision.actions)
    assert decision.memory.asked_at == T


def test_a_stop_without_a_result_is_asked_once_more_and_gets_its_whole_time() -> None:
    """The program may never have heard the first one; it must not be forced for that."""
    memory = remembered(Phase.DRAINING, asked_at=T - 500, marker_at=T - 500, drained_at=T - 499)
    pending = (_action(Deed.WRITE_MARKER, 1), _action(Deed.REQUEST_STOP, 2))

    after, again = resume(memory, pending, NOW)

    assert again == pending
    assert (after.asked_at, after.marker_at, after.drained_at) == (T, T, None)
    assert deeds(ask(wanted(up=False), seen(Sight.ALIVE), after)) == []


def test_a_spawn_without_a_result_is_not_repeated_blindly() -> None:
    """What became of it is asked by its run id; a second one could be a double."""
    memory = remembered(Phase.STARTING, process=None)
    pending = (_action(Deed.CLEAR_MARKER, 1), _action(Deed.SPAWN, 2))

    after, again = resume(memory, pending, NOW)

    assert again == pending[:1]
    assert after == memory


def test_nothing_pending_changes_nothing() -> None:
    """A clean restart of the supervisor decides as if it had never been away (law 10)."""
    memory = remembered(Phase.DRAINING)

    assert resume(memory, (), NOW) == (memory, ())


@pytest.mark.parametrize("phase", sorted(LIVING))
def test_what_lived_in_the_old_world_ended_with_it(phase: Phase) -> None:
    """A reboot is nobody's failure: unknown end, no wait, and up again if it is wanted."""
    memory = remembered(phase, failures=(T + 1e6,), restarts=2)

    after, _ = new_world(memory, (), NOW)
    decision = ask(wanted(), seen(exit=Exit()), after)

    assert after.phase is Phase.STOPPED
    assert after.last_exit == LastExit(
        code=None, signal=None, reason=None, outcome=Outcome.UNKNOWN, wall=WALL
    )
    assert deeds(decision) == ["Spawn"]
    assert (decision.memory.restarts, decision.memory.failures) == (2, ())


@pytest.mark.parametrize("phase", [Phase.BACKOFF, Phase.FAILED, Phase.WAITING])
def test_a_wait_begins_again_in_full(phase: Phase) -> None:
    """Instants of another boot mean nothing: a due of last month's uptime never comes."""
    memory = remembered(phase, since_at=9e6, due_at=9e6 + 40)

    after, actions = new_world(memory, (), NOW)

    assert (after.phase, after.since_at, after.due_at) == (phase, T, T + 40)
    assert actions == ()


def test_a_program_parked_for_the_operator_waits_for_him_in_the_new_world_too() -> None:
    """``retry_after: none`` outlives a reboot."""
    after, _ = new_world(remembered(Phase.FAILED, reason=None), (), NOW)

    assert deeds(ask(wanted(), seen(), after)) == []


def test_a_program_that_had_ended_by_itself_runs_again_in_a_new_world() -> None:
    """A reboot starts what is wanted, as a restart of the supervisor does."""
    after, _ = new_world(remembered(Phase.EXITED), (), NOW)

    assert deeds(ask(wanted(), seen(), after)) == ["Spawn"]


def test_a_start_that_never_came_to_be_leaves_the_last_exit_alone() -> None:
    """The last exit is that of the previous run, not of one that was never made."""
    last = LastExit(code=3, signal=None, reason=None, outcome=Outcome.FAILED, wall=1.0)
    memory = remembered(Phase.STARTING, process=None, started_at=None, last_exit=last)

    assert new_world(memory, (), NOW)[0].last_exit == last


def test_markers_of_the_old_world_are_cleared() -> None:
    """The disk outlives the world, and a pid of a container comes again (law 9)."""
    pending = (_action(Deed.CLEAR_MARKER, 4), _action(Deed.SPAWN, 5))

    draining, clears = new_world(remembered(Phase.DRAINING, reason=Reason.OPERATOR), (), NOW)
    _, cut_off = new_world(remembered(Phase.STARTING), pending, NOW)

    assert [(a.deed, a.run_id, a.process) for a in clears] == [
        (Deed.CLEAR_MARKER, "run-1", PROCESS)
    ]
    assert draining.deed == clears[0].number == 6
    assert cut_off == pending[:1]
