"""
``decide``: a pure function that can neither raise nor wait.

The rules are rows of ``table.TABLE``; here they are only looked up and applied.  Several rows may
fire in one turn as long as nothing but a ClearMarker has to be done in between: after any other
deed the world has to be seen again first.
"""

from __future__ import annotations

from hermes_supervise.decide import ending, starting
from hermes_supervise.decide.case import Case
from hermes_supervise.decide.table import TABLE, Row
from hermes_supervise.model.copying import replace
from hermes_supervise.model.decision import Action, Decision, Deed, Event
from hermes_supervise.model.facts import Desired, Memory, Now, Observed
from hermes_supervise.model.phase import LIVING, Phase

ROWS: dict[Phase, tuple[Row, ...]] = {
    phase: tuple(row for row in TABLE if phase in row.frm) for phase in Phase
}
MOST_ROWS = 6
"""No chain of transitions without a deed is longer (starting, running, backoff, starting)."""


LOOK_AGAIN = 1.0
"""Seconds after which a world that could not be seen is looked at again."""


def decide(desired: Desired, observed: Observed, memory: Memory, now: Now) -> Decision:
    """
    Return what to remember, to do and to tell next about one program.

    Args:
        desired: What the configuration and the operator want.
        observed: What was seen in this turn; ``Sight.UNOBSERVABLE`` changes nothing.
        memory: What was remembered of it.
        now: This instant.

    Returns:
        The decision.  Its memory is *memory* itself when nothing changed, so that the caller can
        tell by identity whether there is something to record.
    """
    case = Case(desired, observed, memory, now)
    if case.unobservable():
        return Decision(memory=memory, wake_at=wake_time(case))
    actions: list[Action] = []
    events: list[Event] = []
    for _ in range(MOST_ROWS):
        row = next((row for row in ROWS[case.memory.phase] if row.when(case)), None)
        if row is None:
            break
        changed, more, deeds = _apply(row, case)
        if changed is case.memory and not deeds:
            break
        numbered, changed = _numbered(changed, case.memory, deeds)
        actions += numbered
        events += more
        case = Case(desired, observed, changed, now)
        if any(deed is not Deed.CLEAR_MARKER for deed in deeds):
            break
    return Decision(
        memory=case.memory,
        actions=tuple(actions),
        events=tuple(events),
        wake_at=wake_time(case),
    )


def _apply(row: Row, case: Case) -> tuple[Memory, tuple[Event, ...], tuple[Deed, ...]]:
    """Take the row's step, or that into ``waiting`` when a Spawn is held back."""
    if Deed.SPAWN not in row.deeds or case.observed.hold is None:
        deeds = row.deeds if case.desired.has_marker else _without_marker(row.deeds)
        return (*row.step(case), deeds)
    if case.memory.phase in LIVING:
        deeds = (Deed.CLEAR_MARKER,) if case.desired.has_marker else ()
        return (*ending.hold_ended(case), deeds)
    return (*starting.hold(case), ())


def _without_marker(deeds: tuple[Deed, ...]) -> tuple[Deed, ...]:
    return tuple(d for d in deeds if d not in (Deed.WRITE_MARKER, Deed.CLEAR_MARKER))


def _numbered(
    memory: Memory, before: Memory, deeds: tuple[Deed, ...]
) -> tuple[list[Action], Memory]:
    """Give each deed its number; a ClearMarker is about the run that has just ended."""
    if not deeds:
        return [], memory
    actions = []
    for number, deed in enumerate(deeds, start=memory.deed + 1):
        about = before if deed is Deed.CLEAR_MARKER else memory
        actions.append(Action(deed=deed, run_id=about.run_id, number=number, process=about.process))
    return actions, replace(memory, deed=memory.deed + len(deeds))


def wake_time(case: Case) -> float | None:
    """
    Return the next instant at which time alone changes the answer, None if it never does.

    It is never in the past: an instant that went by without its row could not be used, because
    nothing can be seen (then the world is looked at again after ``LOOK_AGAIN``) or because
    something holds the program back (then the end of the hold is what wakes us).
    """
    instants = _instants(case)
    later = [at for at in instants if at > case.now.at]
    held = case.memory.phase is Phase.WAITING and case.observed.hold is not None
    missed = len(later) < len(instants) or case.never_made()
    if missed and not held:
        later.append(case.now.at + LOOK_AGAIN)
    return min(later, default=None)


def _instants(case: Case) -> list[float]:
    """Return the instants that the rows of this phase ask for."""
    instants: list[float | None] = []
    match case.memory.phase:
        case Phase.STARTING:
            instants = [case.ready_at(), case.start_timeout_at()]
        case Phase.DRAINING:
            instants = [case.drain_deadline(), case.linger_end(), case.marker_refresh_at()]
        case Phase.KILLING:
            instants = [case.force_again_at()]
        case Phase.WAITING | Phase.BACKOFF | Phase.FAILED:
            instants = [case.memory.due_at]
        case Phase.STOPPED | Phase.RUNNING | Phase.EXITED:
            pass
    return [at for at in instants if at is not None]
