"""How every step words its memory and its events."""

from __future__ import annotations

from collections.abc import Callable

from hermes_supervise.decide.case import Case
from hermes_supervise.model.copying import replace
from hermes_supervise.model.decision import Event
from hermes_supervise.model.facts import Memory
from hermes_supervise.model.phase import Outcome, Phase, Reason

Step = Callable[[Case], tuple[Memory, tuple[Event, ...]]]
"""What a transition does: the memory after it, and the events that tell it."""


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


def exit_event(case: Case, outcome: Outcome) -> Event:
    """Tell how the main process ended."""
    end = case.end()
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
    end = case.end()
    if case.memory.asked_at is not None:
        return case.memory.reason
    if case.never_started():
        return Reason.SPAWN_FAILED
    return Reason.OOM if end is not None and end.oom else None
