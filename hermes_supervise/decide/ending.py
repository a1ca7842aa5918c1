"""Steps after a run was seen gone: rest, start again, wait, or give up."""

from __future__ import annotations

from hermes_supervise.decide.backoff import backoff_delay, jittered
from hermes_supervise.decide.case import Case
from hermes_supervise.decide.starting import hold, spawn
from hermes_supervise.decide.telling import end_reason, exit_event, moved, told
from hermes_supervise.model.copying import replace
from hermes_supervise.model.decision import Event
from hermes_supervise.model.facts import LastExit, Memory
from hermes_supervise.model.phase import MarkerSight, Phase, Reason


def ended(
    case: Case, phase: Phase, reason: Reason | None, message: str = ""
) -> tuple[Memory, tuple[Event, ...]]:
    """Close the run: remember how it ended, and that no process is claimed any more."""
    end = case.end()
    outcome = case.outcome()
    memory = replace(
        moved(case, phase, reason, message or case.observed.error),
        process=None,
        started_at=None,
        started_wall=None,
        adopted=False,
        asked_at=None,
        marker_at=None,
        drained_at=None,
        forced_at=None,
        marker=MarkerSight.NONE,
        outcome=None,
        main_exit=None,
        due_at=None,
        trial=False,
        park=None if case.run_was_long() else case.memory.park,
        streak=0 if case.run_was_long() else case.memory.streak,
        last_exit=LastExit(
            code=None if end is None else end.code,
            signal=None if end is None else end.signal,
            reason=end_reason(case),
            outcome=outcome,
            wall=case.now.wall,
        ),
    )
    events: tuple[Event, ...] = (told(case, memory),)
    if case.memory.main_exit is None:
        events = (exit_event(case, outcome), *events)
    return memory, events


def stop(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """A living program that is not wanted was seen gone."""
    return ended(case, Phase.STOPPED, case.desired.why_down)


def rest(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """
    A program without a process is not wanted any more.

    ``park`` stays: if a shutdown took a parked program down, its next start is still a trial.
    """
    memory = replace(moved(case, Phase.STOPPED, case.desired.why_down), due_at=None)
    return memory, (told(case, memory),)


def respawn_planned(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """It was drained for another revision or by a restart, and is wanted."""
    return _after_end(case, counted=False)


def respawn_asked(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Its exit code asks for another start; that is not a failure."""
    return _after_end(case, counted=True)


def _after_end(case: Case, *, counted: bool) -> tuple[Memory, tuple[Event, ...]]:
    closed, events = ended(case, Phase.STOPPED, None)
    memory, more = spawn(Case(case.desired, case.observed, closed, case.now), counted=counted)
    started = replace(more[0], phase_from=case.memory.phase)
    return memory, (*events[:-1], started)


def hold_ended(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The run is over, another is wanted, and something holds it back."""
    closed, events = ended(case, Phase.STOPPED, None)
    if not case.planned() and not case.never_made():
        closed = replace(closed, due_at=case.now.at)  # due: a start that nobody asked for
    memory, more = hold(Case(case.desired, case.observed, closed, case.now))
    told_as = tuple(replace(event, phase_from=case.memory.phase) for event in more)
    return memory, (*events[:-1], *told_as)


def park_fatal(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The exit code says that another start will not help."""
    wait = case.desired.restart.fatal_retry_after
    return _park(case, wait, f"fatal exit code {case.exit_code()}")


def park_spent(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The budget is spent, or the one trial failed."""
    give_up = case.desired.restart.give_up
    if give_up is not None and case.window_full():
        # The window comes first: a trial after a short ``fatal_retry_after`` must not be a way
        # around it (law 8).
        wait = give_up.retry_after
        message = f"gave up after {give_up.failures} failures in {give_up.within:g} s"
    else:
        wait, message = case.memory.park, "the trial start failed"
    if case.observed.error:
        message = f"{message}: {case.observed.error}"
    memory, events = _park(case, wait, message)
    return replace(memory, failures=case.failures_in_window()), events


def _park(case: Case, wait: float | None, message: str) -> tuple[Memory, tuple[Event, ...]]:
    memory, events = ended(case, Phase.FAILED, end_reason(case), message)
    due = None if wait is None else case.now.at + wait
    events = (*events[:-1], told(case, memory, message=message, retry_s=wait))
    # The failures stay: they leave the window by growing old, and never sooner (law 8).
    return replace(memory, due_at=due, park=wait), events


def leave(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """It ended by itself and the policy leaves it at that."""
    return ended(case, Phase.EXITED, None)


def back_off(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """A failing run: wait, longer each time in a row; none after a long run."""
    policy = case.desired.restart.backoff
    memory, events = ended(case, Phase.BACKOFF, end_reason(case))
    streak, delay = 0, 0.0
    if not case.run_was_long():
        streak = case.memory.streak + 1
        delay = jittered(backoff_delay(policy, streak), policy.jitter, case.memory.run_id)
    waiting = replace(
        memory,
        streak=streak,
        due_at=case.now.at + delay,
        failures=case.failures_in_window(),
    )
    return waiting, (*events[:-1], told(case, waiting, delay_s=round(delay, 3)))
