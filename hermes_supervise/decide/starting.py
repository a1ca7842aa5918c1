"""Steps that begin a run, adopt one, or keep one back."""

from __future__ import annotations

from hermes_supervise.decide.case import Case
from hermes_supervise.decide.stopping import drain
from hermes_supervise.decide.telling import moved, told
from hermes_supervise.model.copying import replace
from hermes_supervise.model.decision import Event
from hermes_supervise.model.facts import Memory
from hermes_supervise.model.phase import MarkerSight, Phase


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
        marker=MarkerSight.NONE,
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
    """
    Ask once more for a run that was never made; the backend knows it by its run id.

    What is made now is of the wanted revision, so that is what the run is remembered as.
    """
    fresh = case.other_revision()
    memory = replace(
        case.memory,
        since_at=case.now.at,
        since_wall=case.now.wall,
        revision=case.desired.revision,
        failures=() if fresh else case.memory.failures,
        streak=0 if fresh else case.memory.streak,
        park=None if fresh else case.memory.park,
        trial=case.memory.trial and not fresh,
        restarts=0 if fresh else case.memory.restarts,
    )
    return memory, (Event(kind="spawn-repeated", data={"run_id": case.memory.run_id}),)


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
        started_wall=_wall_of(case, case.observed.started_at),
        marker=MarkerSight.NONE,
        outcome=None,
        main_exit=None,
        due_at=None,
    )
    return memory, (told(case, memory, adopted=True),)


def _wall_of(case: Case, at: float | None) -> float:
    return case.now.wall if at is None else case.now.wall - (case.now.at - at)


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


def note_process(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The process of this run is there: remember who it is."""
    process = case.observed.process
    began = case.observed.started_at
    memory = replace(
        case.memory,
        process=process,
        started_at=case.now.at if began is None else began,
        started_wall=_wall_of(case, began),
    )
    pid = None if process is None else process.pid
    return memory, (Event(kind="spawned", data={"pid": pid}),)


def run(case: Case) -> tuple[Memory, tuple[Event, ...]]:
    """The start is over."""
    memory = replace(moved(case, Phase.RUNNING, None), was_ready=True)
    return memory, (told(case, memory),)
