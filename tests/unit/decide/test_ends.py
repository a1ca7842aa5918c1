"""What follows an end that nobody asked for: exit codes, outcomes, the budget, trials, counting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hermes_supervise.model.facts import Exit, Hold, Memory
from hermes_supervise.model.phase import Outcome, Phase, Reason, Sight
from hermes_supervise.model.spec import Backoff, GiveUp, Restart
from tests.unit.decide.cases import T, ask, deeds, kinds, remembered, seen, wanted

OWNED = Hold(reason=Reason.FOREIGN_OWNER, message="pid 7 owns the lock")
NO_JITTER = Backoff(jitter=0.0)

TRUTH = [
    # policy, exit, had been ready, where it leads
    ("always", Exit(code=0), True, Phase.BACKOFF),
    ("always", Exit(code=1), True, Phase.BACKOFF),
    ("always", Exit(signal=9), True, Phase.BACKOFF),
    ("always", Exit(), True, Phase.BACKOFF),
    ("always", Exit(code=75), True, Phase.STARTING),
    ("always", Exit(code=75), False, Phase.BACKOFF),
    ("always", Exit(code=78), True, Phase.FAILED),
    ("on-failure", Exit(code=0), True, Phase.EXITED),
    ("on-failure", Exit(code=1), True, Phase.BACKOFF),
    ("on-failure", Exit(signal=9), True, Phase.BACKOFF),
    ("on-failure", Exit(), True, Phase.BACKOFF),
    ("on-failure", Exit(code=75), True, Phase.STARTING),
    ("on-failure", Exit(code=75), False, Phase.BACKOFF),
    ("on-failure", Exit(code=78), True, Phase.FAILED),
    ("never", Exit(code=0), True, Phase.EXITED),
    ("never", Exit(code=1), True, Phase.EXITED),
    ("never", Exit(signal=9), True, Phase.EXITED),
    ("never", Exit(), True, Phase.EXITED),
    ("never", Exit(code=75), True, Phase.STARTING),
    ("never", Exit(code=75), False, Phase.EXITED),
    ("never", Exit(code=78), True, Phase.FAILED),
]


@pytest.mark.parametrize(("policy", "end", "ready", "to"), TRUTH)
def test_an_exit_leads_where_its_class_says(policy: str, end: Exit, ready: bool, to: Phase) -> None:
    """Policy and three classes of exit codes, each pair written out."""
    memory = remembered(Phase.RUNNING, was_ready=ready)

    decision = ask(wanted(restart=Restart(policy=policy)), seen(exit=end), memory)

    assert decision.memory.phase is to


@pytest.mark.parametrize(
    ("end", "asked", "outcome"),
    [
        (Exit(code=0), None, Outcome.EXITED),
        (Exit(code=1), None, Outcome.FAILED),
        (Exit(signal=11), None, Outcome.CRASHED),
        (Exit(signal=9, oom=True), None, Outcome.CRASHED),
        (Exit(), None, Outcome.UNKNOWN),
        (None, None, Outcome.UNKNOWN),
        (Exit(code=0), T - 5, Outcome.DRAINED),
        (Exit(code=1), T - 5, Outcome.DRAINED),
        (Exit(signal=15), T - 5, Outcome.DRAINED),
    ],
)
def test_an_end_is_called_what_it_was(
    end: Exit | None, asked: float | None, outcome: Outcome
) -> None:
    """Who asked decides before the code does: we asked, it went in time, it drained."""
    memory = remembered(Phase.DRAINING if asked else Phase.RUNNING, asked_at=asked)

    last = ask(wanted(up=False), seen(exit=end), memory).memory.last_exit

    assert last is not None
    assert last.outcome is outcome


@pytest.mark.parametrize("sight", [Sight.SPAWN_FAILED, Sight.NEVER_MADE])
def test_what_was_never_made_never_started(sight: Sight) -> None:
    """A missing command has no exit code, and is not called a crash."""
    memory = remembered(Phase.STARTING, process=None, started_at=None)

    last = ask(wanted(up=False), seen(sight, error="no such file"), memory).memory.last_exit

    assert last is not None
    assert (last.code, last.signal) == (None, None)
    assert last.outcome is Outcome.NEVER_STARTED
    assert last.reason is Reason.SPAWN_FAILED


def test_what_was_seen_alive_is_not_called_unmade() -> None:
    """A keeper that lost its memory does not make a run unhappen: no exit status is invented."""
    memory = ask(wanted(), seen(Sight.NEVER_MADE), remembered(Phase.STARTING)).memory

    assert memory.phase is Phase.BACKOFF
    assert memory.last_exit is not None
    assert memory.last_exit.outcome is Outcome.UNKNOWN


def test_a_failed_spawn_is_a_failure_with_its_message() -> None:
    """A missing command backs off and says why; it does not crash us."""
    memory = remembered(Phase.STARTING, process=None, started_at=None)

    after = ask(wanted(), seen(Sight.SPAWN_FAILED, error="no such file: x"), memory).memory

    assert (after.phase, after.reason) == (Phase.BACKOFF, Reason.SPAWN_FAILED)
    assert after.message == "no such file: x"
    assert len(after.failures) == 1


def test_a_kill_for_memory_says_so() -> None:
    """An OOM kill is a crash whose reason people must see."""
    memory = ask(wanted(), seen(exit=Exit(signal=9, oom=True)), remembered(Phase.RUNNING)).memory

    assert memory.last_exit is not None
    assert memory.last_exit.reason is Reason.OOM


def test_short_runs_wait_longer_each_time_and_a_long_one_not_at_all() -> None:
    """Back-off is about runs in a row; a run of ``reset_after`` ends the row."""
    desired = wanted(restart=Restart(backoff=NO_JITTER, give_up=None))
    short = remembered(Phase.RUNNING, streak=2)
    long = remembered(Phase.RUNNING, streak=2, started_at=T - 60)

    after_short = ask(desired, seen(), short)
    after_long = ask(desired, seen(), long)

    assert (after_short.memory.streak, after_short.memory.due_at) == (3, T + 4)
    assert after_short.wake_at == T + 4
    assert (after_long.memory.phase, after_long.memory.streak) == (Phase.STARTING, 0)
    assert kinds(after_long) == ["exit", "backoff", "starting"]


def _crash_until_parked(desired_failures: int) -> tuple[int, Memory]:
    desired = wanted(
        restart=Restart(
            backoff=Backoff(first=0.0), give_up=GiveUp(failures=desired_failures, within=100.0)
        )
    )
    memory, spawns, at = remembered(Phase.STOPPED, due_at=None), 0, T
    for _ in range(100):
        decision = ask(desired, seen(run_id=memory.run_id), memory, at)
        spawns += deeds(decision).count("Spawn")
        memory, at = decision.memory, at + 1.0
        if memory.phase is Phase.FAILED:
            break
    return spawns, memory


@pytest.mark.parametrize("failures", [1, 2, 5])
def test_a_program_is_made_so_often_as_the_window_has_room(failures: int) -> None:
    """The budget is exact: ``failures`` ends, and so many spawns, then it is parked."""
    spawns, memory = _crash_until_parked(failures)

    assert spawns == failures
    assert len(memory.failures) == failures


def test_failures_leave_the_window_by_growing_old() -> None:
    """One failure an hour never parks a program."""
    desired = wanted(restart=Restart(give_up=GiveUp(failures=2, within=100.0)))
    old = remembered(Phase.RUNNING, failures=(T - 100.0,))
    young = remembered(Phase.RUNNING, failures=(T - 99.0,))

    assert ask(desired, seen(), old).memory.phase is Phase.BACKOFF
    assert ask(desired, seen(), young).memory.phase is Phase.FAILED


def test_a_fatal_code_costs_no_budget_and_gives_none_back() -> None:
    """Otherwise a fatal exit between two rows of crashes would double the budget (law 8)."""
    memory = remembered(Phase.RUNNING, failures=(T - 3, T - 2))

    after = ask(wanted(), seen(exit=Exit(code=78)), memory).memory

    assert (after.phase, after.due_at) == (Phase.FAILED, T + 60)
    assert after.failures == (T - 3, T - 2)


def test_a_trial_that_fails_parks_again_for_as_long() -> None:
    """One trial, not another budget."""
    parked = remembered(Phase.FAILED, due_at=T, park=40.0)

    trial = ask(wanted(), seen(), parked)
    after = ask(wanted(), seen(run_id="run-2"), trial.memory, T + 1)

    assert trial.memory.trial
    assert (after.memory.phase, after.memory.due_at) == (Phase.FAILED, T + 41)


def test_a_trial_after_a_fatal_code_is_no_way_around_a_full_window() -> None:
    """The longer park wins once the window is full (law 8)."""
    give_up = GiveUp(failures=1, within=300.0, retry_after=300.0)
    trial = remembered(Phase.RUNNING, trial=True, park=1.0)

    after = ask(wanted(restart=Restart(give_up=give_up)), seen(), trial).memory

    assert after.due_at == T + 300


def test_a_trial_that_lasts_ends_the_park() -> None:
    """A run of ``reset_after`` is proof enough."""
    trial = remembered(Phase.RUNNING, trial=True, park=40.0, started_at=T - 60)

    after = ask(wanted(), seen(), trial).memory

    assert (after.phase, after.park, after.trial) == (Phase.STARTING, None, False)


def test_parked_without_a_retry_waits_for_the_operator() -> None:
    """``retry_after: none`` has no wake time, and a new revision begins afresh."""
    desired = wanted(restart=Restart(give_up=GiveUp(failures=1, retry_after=None)))

    parked = ask(desired, seen(), remembered(Phase.RUNNING))
    started = ask(replace(desired, revision="r2"), seen(), parked.memory, T + 9)

    assert (parked.memory.phase, parked.wake_at) == (Phase.FAILED, None)
    assert deeds(started) == ["Spawn"]
    assert (started.memory.failures, started.memory.trial, started.memory.park) == ((), False, None)


def test_a_parked_program_that_a_shutdown_took_down_is_still_on_trial() -> None:
    """A restart of the supervisor is not a new budget."""
    parked = remembered(Phase.FAILED, due_at=T + 9, park=40.0)

    down = ask(wanted(up=False, why_down=Reason.SHUTDOWN), seen(), parked)
    up = ask(wanted(), seen(), down.memory, T + 1)

    assert (down.memory.phase, down.memory.due_at) == (Phase.STOPPED, None)
    assert up.memory.trial


@pytest.mark.parametrize(
    ("memory", "exit_code", "restarts"),
    [
        (remembered(Phase.BACKOFF, due_at=T, restarts=3), 1, 4),
        (remembered(Phase.RUNNING, restarts=3), 75, 4),
        (remembered(Phase.STOPPED, restarts=3), 1, 3),
        (remembered(Phase.DRAINING, reason=Reason.SHUTDOWN, restarts=3), 0, 3),
        (remembered(Phase.BACKOFF, revision="r0", restarts=3), 1, 0),
    ],
)
def test_restarts_counts_the_starts_that_nobody_asked_for(
    memory: Memory, exit_code: int, restarts: int
) -> None:
    """After a crash or an exit code that asks: one more; planned: the same; new revision: none."""
    decision = ask(wanted(), seen(exit=Exit(code=exit_code)), memory)

    assert deeds(decision)[-1] == "Spawn"
    assert decision.memory.restarts == restarts


def test_waiting_keeps_its_due_and_does_not_spin() -> None:
    """A hold outlasts the back-off; its end is what wakes us, not a clock that has rung."""
    due = remembered(Phase.BACKOFF, due_at=T, failures=(T - 9,), streak=1)

    held = ask(wanted(), seen(hold=OWNED), due)
    still = ask(wanted(), seen(hold=OWNED), held.memory, T + 5)
    free = ask(wanted(), seen(), held.memory, T + 6)

    assert (held.memory.phase, held.memory.due_at) == (Phase.WAITING, T)
    assert (held.memory.reason, held.memory.message) == (OWNED.reason, OWNED.message)
    assert held.wake_at is None
    assert still.memory is held.memory
    assert deeds(free) == ["Spawn"]
    assert (free.memory.restarts, free.memory.failures) == (1, (T - 9,))


def test_a_run_that_ends_while_something_holds_waits_and_clears_its_marker() -> None:
    """The guard stands wherever the table says Spawn, also behind a planned stop."""
    draining = remembered(Phase.DRAINING, reason=Reason.REVISION)

    held = ask(wanted(), seen(hold=OWNED), draining)
    bare = ask(wanted(has_marker=False), seen(hold=OWNED), draining)

    assert (held.memory.phase, deeds(held)) == (Phase.WAITING, ["ClearMarker"])
    assert [event.phase_from for event in held.events] == [None, Phase.DRAINING]
    assert deeds(bare) == []


def test_strays_found_late_do_not_free_a_parked_program() -> None:
    """After the force it is parked as before, whatever was found."""
    parked = remembered(Phase.FAILED, due_at=T + 9, park=40.0)

    killing = ask(wanted(), seen(Sight.REMAINS, run_id="run-0", exit=Exit()), parked)
    after = ask(wanted(), seen(run_id="run-0", exit=Exit()), killing.memory, T + 1)

    assert [(a.deed.value, a.run_id) for a in killing.actions] == [("ForceStop", "run-0")]
    assert (after.memory.phase, after.memory.due_at) == (Phase.FAILED, T + 41)


def test_strays_do_not_count_where_only_the_main_process_is_to_be_ended() -> None:
    """``force: {tree: false}``: what remains is not ours to end, and counts as gone."""
    desired = wanted()
    kept = replace(desired, stop=replace(desired.stop, force_tree=False))

    assert ask(kept, seen(Sight.REMAINS), remembered(Phase.RUNNING)).memory.phase is Phase.BACKOFF
    assert deeds(ask(kept, seen(Sight.REMAINS), remembered(Phase.STOPPED))) == ["Spawn"]
