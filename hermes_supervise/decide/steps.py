"""
What a transition does to the memory.

Each step takes the case and gives the memory after it and the events that tell it.  Deeds stand
in the table, not here; a step only prepares what they need (the run id of a Spawn, the instant of
a stop).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hermes_supervise.decide.backoff import backoff_delay, jittered
from hermes_supervise.decide.case import Case
from hermes_supervise.model.decision import Event
from hermes_supervise.model.facts import LastExit, Memory
from hermes_supervise.model.phase import Outcome, Phase, Reason, Sight

Step = Callable[[Case], tuple[Memory, tuple[Event, ...]]]


def moved(case: Case, phase: Phase, reason: Reason | None, message: str = "") -> Memory:
    """Return the memory in another phase that begins now."""
    return replace(
        case.memory,
        phase=phase,
        since_at=case.now.at,
        since_wall=case.now.wall,
        reason=reason,
        message=message,
    )


def told(case: Case, memory: Memory, **data: object) -> Event:
    """Return the event of a transition; its kind is the name of the phase."""
    return Event(
        kind=memory.phase.value,
        phase_from=case.memory.phase,
        phase_to=memory.phase,
        reason=memory.reason,
        data=data or None,
    )


# -- starting -----------------------------------------------------------------------------------


def spawn(case: Case, *, counted: bool = False) -> tuple[Memory, tuple[Event, ...]]:
    """Begin a run: a new run id; another revision brings a new budget."""
    fresh = case.other_revision()
    memory = replace(
        moved(case, Phase.STARTING, None),
        revision=case.desired.revision,
        run_id=case.observed.spare_run_id,
        process=None,
        started_at=None,
        started_wall=None,
        adopted=False,
        was_ready=False,
        asked_at=None,
        marker_at=None,
        drained_at=None,
        forced_at=None,
        outcome=None,
        main_exit=None,
        due_at=None,
        failures=() if fresh else case.memory.failures,
        streak=0 if fresh else case.memory.streak,
        park=None if fresh else case.memory.park,
        trial=not fresh and case.memory.park is not None,
        restarts=0 if fresh else case.memory.restarts + counted,
    )
    return memory, (told(case, memory, run_id=memory.run_id),)


def spawn_counted(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Begin a run that nobody asked for."""
    return spawn(case, counted=True)


def spawn_again(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Ask once more for a run that was never made; the backend knows it by its run id."""
    return case.memory, (Event(kind="spawn-repeated", data={"run_id": case.memory.run_id}),)


def hold(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Keep a wanted program back; ``due_at`` and the budget stay."""
    held = case.observed.hold
    if held is None:  # the guard asks only when something holds
        return case.memory, ()
    if case.memory.phase is Phase.WAITING:
        if (case.memory.reason, case.memory.message) == (held.reason, held.message):
            return case.memory, ()
        return replace(case.memory, reason=held.reason, message=held.message), ()
    memory = moved(case, Phase.WAITING, held.reason, held.message)
    return memory, (told(case, memory, message=held.message),)


def adopt(case: Case, phase: Phase) -> tuple[Memory, tuple[Event, ...]]:
    """Take over a process that lives although no phase claimed it."""
    observed = case.observed
    memory = replace(
        moved(case, phase, None),
        run_id=observed.run_id,
        process=observed.process or case.memory.process,
        started_at=observed.started_at if observed.started_at is not None else case.now.at,
        adopted=True,
        was_ready=phase is Phase.RUNNING,
        asked_at=None,
        marker_at=None,
        drained_at=None,
        forced_at=None,
        outcome=None,
        main_exit=None,
        due_at=None,
    )
    return memory, (told(case, memory, adopted=True),)


def adopt_running(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Take over a living process that had its start behind it."""
    return adopt(case, Phase.RUNNING)


def adopt_starting(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Take over a living process that is still young."""
    return adopt(case, Phase.STARTING)


def adopt_draining(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Ask a process to stop that lives and is not wanted."""
    adopted, events = adopt(case, Phase.RUNNING)
    memory, more = drain(Case(case.desired, case.observed, adopted, case.now))
    return memory, (*events, *more)


def run(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The start is over."""
    memory = replace(moved(case, Phase.RUNNING, None), was_ready=True)
    return memory, (told(case, memory),)


# -- stopping -----------------------------------------------------------------------------------


def drain(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The stop is asked for now; its deadline follows from the policy."""
    return drain_for(case, case.why_unwanted())


def drain_late_start(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The start took too long."""
    return drain_for(case, Reason.START_TIMEOUT)


def drain_for(case: Case, reason: Reason) -> tuple[Memory, tuple[Event, ...]]:
    """Begin a drain for *reason*; the marker and the signal follow as deeds."""
    memory = replace(
        moved(case, Phase.DRAINING, reason),
        asked_at=case.now.at,
        marker_at=case.now.at if case.desired.has_marker else None,
        drained_at=None,
    )
    deadline = Case(case.desired, case.observed, memory, case.now).drain_deadline()
    return memory, (told(case, memory, timeout_s=round(deadline - case.now.at, 3)),)


def refresh_marker(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Nobody took the marker, and it is about to grow old."""
    return replace(case.memory, marker_at=case.now.at), (Event(kind="marker-refreshed"),)


def note_drained(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The work is done (or the main process gone): ``linger`` runs from here."""
    memory = replace(case.memory, drained_at=case.now.at, main_exit=case.observed.exit)
    if case.remains():
        return memory, (exit_event(case, Outcome.DRAINED),)
    return memory, (Event(kind="drained"),)


def kill_leftovers(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """It drained in time; what lingers or is left of its tree is ended."""
    return force(case, Outcome.DRAINED, "leftovers" if case.remains() else "lingered")


def kill_late(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The drain deadline passed."""
    return force(case, Outcome.FORCED, "forced")


def kill_asked(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The operator does not want to wait."""
    reason = Reason.OPERATOR
    if case.memory.phase is Phase.DRAINING and case.memory.reason is not None:
        reason = case.memory.reason
    asked_at = case.now.at if case.memory.asked_at is None else case.memory.asked_at
    marker_at = case.now.at if case.desired.has_marker else None
    asked = replace(case.memory, reason=reason, asked_at=asked_at, marker_at=marker_at)
    return force(Case(case.desired, case.observed, asked, case.now), Outcome.FORCED, "forced")


def kill_orphans(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The main process died by itself and left something of its tree."""
    dead = replace(case.memory, main_exit=case.observed.exit)
    inner = Case(case.desired, case.observed, dead, case.now)
    outcome = inner.main_outcome()
    memory, events = force(inner, outcome, "leftovers")
    return memory, (exit_event(case, outcome), *events)


def force(case: Case, outcome: Outcome, kind: str) -> tuple[Memory, tuple[Event, ...]]:
    """Begin to end the whole tree; how the run counts is settled here."""
    memory = replace(
        moved(case, Phase.KILLING, case.memory.reason),
        outcome=outcome,
        forced_at=case.now.at,
        main_exit=case.observed.exit if case.remains() else case.memory.main_exit,
    )
    return memory, (Event(kind=kind, reason=memory.reason), told(case, memory))


def force_again(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Force did not help yet."""
    begun = case.now.at - case.memory.since_at
    event = Event(kind="stuck", reason=case.memory.reason, data={"for_s": round(begun, 3)})
    return replace(case.memory, forced_at=case.now.at), (event,)


# -- after the end ------------------------------------------------------------------------------


def exit_event(case: Case, outcome: Outcome) -> Event:
    """Tell how the main process ended."""
    end = case.memory.main_exit or case.observed.exit
    data: dict[str, object] = {
        "code": None if end is None else end.code,
        "signal": None if end is None else end.signal,
        "outcome": outcome.value,
        "run_s": round(case.now.at - case.start_instant(), 3),
    }
    if case.observed.error:
        data["error"] = case.observed.error
    return Event(kind="exit", reason=end_reason(case), data=data)


def end_reason(case: Case) -> Reason | None:
    """Return why the run ended, as far as it is known."""
    end = case.memory.main_exit or case.observed.exit
    if case.memory.asked_at is not None:
        return case.memory.reason
    if case.observed.sight in (Sight.SPAWN_FAILED, Sight.NEVER_MADE):
        return Reason.SPAWN_FAILED
    return Reason.OOM if end is not None and end.oom else None


def ended(
    case: Case, phase: Phase, reason: Reason | None, message: str = ""
) -> tuple[Memory, tuple[Event, ...]]:
    """Close the run: remember how it ended, and that no process is claimed any more."""
    end = case.memory.main_exit or case.observed.exit
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
        outcome=None,
        main_exit=None,
        trial=False,
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
    """A program without a process is not wanted any more."""
    memory = replace(moved(case, Phase.STOPPED, case.desired.why_down), due_at=None, park=None)
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
    memory, more = hold(Case(case.desired, case.observed, closed, case.now))
    return memory, (*events[:-1], *more)


def park_fatal(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The exit code says that another start will not help."""
    wait = case.desired.restart.fatal_retry_after
    return _park(case, wait, f"fatal exit code {case.exit_code()}")


def park_spent(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The budget is spent, or the one trial failed."""
    give_up = case.desired.restart.give_up
    if case.memory.trial:
        wait, message = case.memory.park, "the trial start failed"
    elif give_up is None:  # only a trial can be spent without a window
        wait, message = None, "gave up"
    else:
        wait = give_up.retry_after
        message = f"gave up after {give_up.failures} failures in {give_up.within:g} s"
    if case.observed.error:
        message = f"{message}: {case.observed.error}"
    return _park(case, wait, message)


def _park(case: Case, wait: float | None, message: str) -> tuple[Memory, tuple[Event, ...]]:
    memory, events = ended(case, Phase.FAILED, end_reason(case), message)
    due = None if wait is None else case.now.at + wait
    # Without a retry the park is endless; an operator's start brings a new revision and resets it.
    parked = replace(memory, due_at=due, park=wait if wait is not None else 0.0, failures=())
    return parked, events


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
        park=None if case.run_was_long() else case.memory.park,
    )
    return waiting, (*events[:-1], told(case, waiting, delay_s=round(delay, 3)))
