"""The stop ladder: deadlines, lingering, markers, force; and the instants that wake it."""

from __future__ import annotations

import pytest

from hermes_supervise.model.facts import Exit, Memory
from hermes_supervise.model.phase import MarkerSight, Outcome, Phase, Reason, Sight
from hermes_supervise.model.spec import Stop
from tests.unit.decide.cases import PROCESS, T, ask, deeds, kinds, remembered, seen, wanted
from tests.unit.decide.examples import EXAMPLES, Example

ALIVE = seen(Sight.ALIVE)


@pytest.mark.parametrize(
    ("stop", "cuts", "deadline"),
    [
        (Stop(drain_timeout=30.0), {}, 30.0),
        (Stop(drain_timeout=30.0, drain_limit=20.0), {}, 20.0),
        (Stop(drain_timeout=30.0), {"drain_by": T + 5}, 5.0),
        (Stop(drain_timeout=30.0), {"drain_by": T + 50}, 30.0),
        (Stop(drain_timeout=30.0), {"drain_run": "run-1", "drain_timeout": 12.0}, 12.0),
        (Stop(drain_timeout=30.0), {"drain_run": "run-0", "drain_timeout": 12.0}, 30.0),
        (
            Stop(drain_timeout=30.0, drain_limit=40.0),
            {"drain_run": "run-1", "drain_timeout": 90.0},
            40.0,
        ),
    ],
)
def test_the_drain_deadline_is_the_earliest_of_its_limits(
    stop: Stop, cuts: dict[str, object], deadline: float
) -> None:
    """Not a moment earlier, and not later (law 3)."""
    desired = wanted(up=False, stop=stop, **cuts)

    asked = ask(desired, ALIVE, remembered(Phase.RUNNING))
    early = ask(desired, ALIVE, asked.memory, T + deadline - 0.001)
    late = ask(desired, ALIVE, asked.memory, T + deadline)

    assert asked.wake_at == T + min(deadline, 30.0)
    assert "ForceStop" not in deeds(early)
    assert deeds(late) == ["ForceStop"]
    assert late.memory.outcome is Outcome.FORCED


@pytest.mark.parametrize(("drained_at", "end"), [(T, 3.0), (T + 29.0, 30.0)])
def test_linger_is_cut_to_the_drain_deadline_and_keeps_the_outcome(
    drained_at: float, end: float
) -> None:
    """Work that is saved in time is a drain, even if the process has to be helped out."""
    memory = remembered(Phase.DRAINING, asked_at=T, marker_at=None)
    desired = wanted(up=False)

    drained = ask(desired, seen(Sight.ALIVE, drained=True), memory, drained_at)
    early = ask(desired, ALIVE, drained.memory, T + end - 0.001)
    late = ask(desired, ALIVE, drained.memory, T + end)

    assert drained.wake_at == T + end
    assert deeds(early) == []
    assert (deeds(late), late.memory.outcome) == (["ForceStop"], Outcome.DRAINED)


def test_leftovers_of_a_drain_in_time_keep_its_outcome_and_exit() -> None:
    """The main process left as asked; its strays are counted, not blamed on it."""
    left = seen(Sight.REMAINS, exit=Exit(code=0))
    desired = wanted(up=False)

    noted = ask(desired, left, remembered(Phase.DRAINING))
    forced = ask(desired, left, noted.memory, T + 3)
    gone = ask(desired, seen(exit=Exit()), forced.memory, T + 4)

    assert kinds(noted) == ["exit"]
    assert kinds(forced) == ["leftovers", "killing"]
    assert kinds(gone) == ["stopped"]
    assert gone.memory.last_exit is not None
    assert (gone.memory.last_exit.code, gone.memory.last_exit.outcome) == (0, Outcome.DRAINED)


def test_an_orphaned_tree_is_ended_and_the_main_process_keeps_its_outcome() -> None:
    """A crash stays a crash, whatever it left behind; and it still counts as a failure."""
    forced = ask(wanted(), seen(Sight.REMAINS, exit=Exit(signal=11)), remembered(Phase.RUNNING))
    gone = ask(wanted(), seen(exit=Exit()), forced.memory, T + 1)

    assert deeds(forced) == ["ForceStop"]
    assert gone.memory.phase is Phase.BACKOFF
    assert gone.memory.last_exit is not None
    assert (gone.memory.last_exit.signal, gone.memory.last_exit.outcome) == (11, Outcome.CRASHED)


def test_an_exit_that_nobody_saw_is_told_once() -> None:
    """An unknown end is an end; the history does not repeat it at every rung."""
    unseen = seen(Sight.REMAINS, exit=None)
    desired = wanted(up=False)

    noted = ask(desired, unseen, remembered(Phase.DRAINING))
    forced = ask(desired, unseen, noted.memory, T + 3)

    assert kinds(noted) == ["exit"]
    assert kinds(forced) == ["leftovers", "killing"]


@pytest.mark.parametrize("sight", [MarkerSight.PRESENT, MarkerSight.NONE, MarkerSight.EXPIRED])
def test_a_marker_that_nobody_took_is_written_anew_without_a_signal(sight: MarkerSight) -> None:
    """Its life is 60 s; a program that looks late must still find it."""
    memory = remembered(Phase.DRAINING, asked_at=T - 40, marker_at=T - 30)
    desired = wanted(up=False, stop=Stop(drain_timeout=300.0))

    decision = ask(desired, seen(Sight.ALIVE, marker=sight), memory)

    assert deeds(decision) == ["WriteMarker"]
    assert (decision.memory.marker_at, decision.wake_at) == (T, T + 30)


def test_a_marker_that_was_taken_is_not_written_again() -> None:
    """Consumed is an answer: another marker would stand there as a lie."""
    memory = remembered(Phase.DRAINING, asked_at=T - 40, marker_at=T - 30)
    desired = wanted(up=False, stop=Stop(drain_timeout=300.0))

    taken = ask(desired, seen(Sight.ALIVE, marker=MarkerSight.CONSUMED), memory)
    later = ask(desired, seen(Sight.ALIVE), taken.memory, T + 31)

    assert kinds(taken) == ["marker-consumed"]
    assert (deeds(taken), deeds(later)) == ([], [])


def test_a_drain_that_failed_is_a_failure_and_a_planned_one_is_not() -> None:
    """Unhealthy and start-timeout are ours to ask and the program's to answer for."""
    sick = ask(wanted(), seen(Sight.ALIVE, live=False), remembered(Phase.RUNNING))
    newer = ask(wanted(revision="r2"), ALIVE, remembered(Phase.RUNNING))

    assert sick.memory.reason is Reason.UNHEALTHY
    assert ask(wanted(), seen(), sick.memory, T + 1).memory.phase is Phase.BACKOFF
    assert newer.memory.reason is Reason.REVISION
    respawned = ask(wanted(revision="r2"), seen(), newer.memory, T + 1)
    assert (respawned.memory.phase, respawned.memory.failures) == (Phase.STARTING, ())


def test_an_unhealthy_program_that_ends_well_is_not_left_alone() -> None:
    """``on-failure`` does not mistake an end that we asked for for a job well done."""
    desired = wanted(restart=wanted().restart.__class__(policy="on-failure"))
    memory = remembered(Phase.DRAINING, reason=Reason.UNHEALTHY)

    assert ask(desired, seen(exit=Exit(code=0)), memory).memory.phase is Phase.BACKOFF


@pytest.mark.parametrize("interval", [5.0, 0.0])
def test_force_is_repeated_in_its_interval_and_never_at_once(interval: float) -> None:
    """A process that the kernel holds gets another kill later; a zero is no busy loop."""
    desired = wanted(up=False, stop=Stop(drain_timeout=0.0, force_interval=interval))

    first = ask(desired, ALIVE, remembered(Phase.DRAINING))
    again = ask(desired, ALIVE, first.memory, first.wake_at or 0.0)

    assert first.wake_at == T + max(interval, 0.1)
    assert (deeds(again), kinds(again)) == (["ForceStop"], ["stuck"])


def test_deeds_know_whom_they_are_about() -> None:
    """A ClearMarker is about the run that ended, also when another begins in the same turn."""
    memory = remembered(Phase.DRAINING, reason=Reason.REVISION)

    clear, spawn = ask(wanted(), seen(), memory).actions

    assert (clear.run_id, clear.process, clear.number) == ("run-1", PROCESS, 6)
    assert (spawn.run_id, spawn.process, spawn.number) == ("run-2", None, 7)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.memory.phase}: {e.row}")
def test_the_same_question_at_the_same_instant_repeats_no_deed(example: Example) -> None:
    """Law 7: an event that wakes us twice stops nobody twice."""
    first = ask(example.desired, example.observed, example.memory)
    again = ask(example.desired, example.observed, first.memory)

    assert not set(deeds(first)) & set(deeds(again))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.memory.phase}: {e.row}")
def test_a_wake_time_is_ahead_and_there_where_it_has_to_be(example: Example) -> None:
    """Law 6, and no busy loop."""
    decision = ask(example.desired, example.observed, example.memory)

    woken = (Phase.DRAINING, Phase.KILLING, Phase.BACKOFF)
    assert decision.wake_at is None or decision.wake_at > T
    assert decision.wake_at is not None or decision.memory.phase not in woken


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("up", [True, False])
def test_what_cannot_be_seen_changes_nothing(phase: Phase, up: bool) -> None:
    """Law 5: no program dies because a question failed; the world is only looked at again."""
    memory = remembered(phase, due_at=T - 1, asked_at=T - 900, revision="r0")

    decision = ask(wanted(up=up), seen(Sight.UNOBSERVABLE), memory)

    assert decision.memory is memory
    assert (decision.actions, decision.events) == ((), ())


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.RUNNING, Phase.DRAINING, Phase.KILLING])
def test_what_was_seen_of_another_run_says_nothing(phase: Phase) -> None:
    """The old run's end must not be taken for that of the run that has just been asked for."""
    memory: Memory = remembered(phase)

    assert ask(wanted(), seen(run_id="run-0"), memory).memory is memory


def test_a_spawn_that_got_lost_is_asked_for_again_as_what_is_wanted_now() -> None:
    """The same run id, so it cannot be made twice; the revision that the backend will make."""
    lost = remembered(Phase.STARTING, process=None, started_at=None, failures=(T - 2,))
    desired = wanted(revision="r2")

    again = ask(desired, seen(Sight.NEVER_MADE), lost)
    at_once = ask(desired, seen(Sight.NEVER_MADE), again.memory)

    assert [(a.deed.value, a.run_id) for a in again.actions] == [("Spawn", "run-1")]
    assert (again.memory.revision, again.memory.failures) == ("r2", ())
    assert (at_once.actions, at_once.wake_at) == ((), T + 1)
