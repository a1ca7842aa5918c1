"""
Steps of the stop ladder.

Deeds stand in the table, not here; a step only prepares what they need (the instant of a stop,
how the run will count).
"""

from __future__ import annotations

from hermes_supervise.decide.case import Case
from hermes_supervise.decide.telling import exit_event, moved, told
from hermes_supervise.model.copying import replace
from hermes_supervise.model.decision import Event
from hermes_supervise.model.facts import Exit, Memory
from hermes_supervise.model.phase import MarkerSight, Outcome, Phase, Reason


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
        marker=MarkerSight.PRESENT if case.desired.has_marker else MarkerSight.NONE,
        drained_at=None,
    )
    deadline = Case(case.desired, case.observed, memory, case.now).drain_deadline()
    return memory, (told(case, memory, timeout_s=round(deadline - case.now.at, 3)),)


def refresh_marker(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Nobody took the marker, and it is about to grow old."""
    memory = replace(case.memory, marker_at=case.now.at, marker=MarkerSight.PRESENT)
    return memory, (Event(kind="marker-refreshed"),)


def note_marker(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Our marker is gone: taken by the program, or too late for that to mean anything."""
    memory = replace(case.memory, marker=case.observed.marker)
    after = case.now.at - (case.memory.marker_at or case.now.at)
    event = Event(kind=f"marker-{case.observed.marker.value}", data={"after_s": round(after, 3)})
    return memory, (event,)


def note_drained(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The work is done (or the main process gone): ``linger`` runs from here."""
    memory = replace(case.memory, drained_at=case.now.at)
    if case.remains():
        seen = replace(memory, main_exit=case.observed.exit or Exit())
        return seen, (exit_event(case, Outcome.DRAINED),)
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
    asked = replace(
        case.memory,
        reason=reason,
        asked_at=asked_at,
        marker_at=case.now.at if case.desired.has_marker else None,
        marker=MarkerSight.PRESENT if case.desired.has_marker else MarkerSight.NONE,
    )
    return force(Case(case.desired, case.observed, asked, case.now), Outcome.FORCED, "forced")


def kill_orphans(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The main process died by itself and left something of its tree."""
    return force(case, case.main_outcome(), "leftovers")


def kill_found(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """
    Something of an ended run was found although no phase claimed it.

    The run is opened once more as it was closed, so that after the force the same rows lead back
    to where the program stood: a wait still counts as one, a parked program stays parked, and one
    that may start at once does so.
    """
    memory, last = case.memory, case.memory.last_exit
    found = replace(
        memory,
        run_id=case.observed.run_id,
        process=case.observed.process,
        started_at=case.now.at,  # a short run: the long one, if it was that, has been counted
        reason=None,
        was_ready=False,
    )
    if not case.desired.up:
        found = replace(found, reason=case.desired.why_down, asked_at=case.now.at)
    elif memory.due_at is None and memory.phase in (Phase.STOPPED, Phase.WAITING):
        found = replace(found, reason=Reason.OPERATOR, asked_at=case.now.at)
    elif last is not None and case.observed.exit is None:
        found = replace(found, main_exit=Exit(code=last.code, signal=last.signal))
    found = replace(found, trial=memory.phase is Phase.FAILED, due_at=None)
    told_case = Case(case.desired, case.observed, found, case.now)
    killing, events = force(told_case, told_case.main_outcome(), "leftovers")
    return killing, events


def force(case: Case, outcome: Outcome, kind: str) -> tuple[Memory, tuple[Event, ...]]:
    """Begin to end the whole tree; how the run counts is settled here."""
    unseen = case.remains() and case.memory.main_exit is None
    seen = case.observed.exit or Exit()
    memory = replace(
        moved(case, Phase.KILLING, case.memory.reason),
        outcome=outcome,
        forced_at=case.now.at,
        main_exit=seen if unseen else case.memory.main_exit,
    )
    told_exit = (exit_event(case, outcome),) if unseen else ()
    counted = kind == "leftovers" and case.observed.leftovers is not None
    data: dict[str, object] | None = {"count": case.observed.leftovers} if counted else None
    forced = Event(kind=kind, reason=memory.reason, data=data)
    return memory, (*told_exit, forced, told(case, memory))


def force_again(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """Force did not help yet."""
    begun = case.now.at - case.memory.since_at
    event = Event(kind="stuck", reason=case.memory.reason, data={"for_s": round(begun, 3)})
    return replace(case.memory, forced_at=case.now.at), (event,)
