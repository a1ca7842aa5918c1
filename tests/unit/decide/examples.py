"""One question for every row of the table, and the answer that the design promises."""

from __future__ import annotations

from dataclasses import dataclass

from hermes_supervise.model.facts import Desired, Exit, Memory, Observed
from hermes_supervise.model.phase import LIVING, MarkerSight, Outcome, Phase, Reason, Sight
from hermes_supervise.model.spec import GiveUp, Restart, Start
from tests.unit.decide.cases import T, remembered, seen, wanted

MARK, ASK, FORCE, CLEAR, SPAWN = (
    "WriteMarker",
    "RequestStop",
    "ForceStop",
    "ClearMarker",
    "Spawn",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question in which the row with these words fires first, and where that leads."""

    row: str
    desired: Desired
    observed: Observed
    memory: Memory
    to: Phase
    deeds: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


UP, DOWN = wanted(), wanted(up=False)
NEWER = wanted(revision="r2")
NO_BUDGET = wanted(restart=Restart(give_up=GiveUp(failures=1)))
GONE, ALIVE, REMAINS = seen(), seen(Sight.ALIVE), seen(Sight.REMAINS)
RESTING_PHASES = (Phase.STOPPED, Phase.WAITING, Phase.BACKOFF, Phase.EXITED, Phase.FAILED)
WAITING_PHASES = RESTING_PHASES[1:]
LIVING_PHASES = tuple(phase for phase in Phase if phase in LIVING)


def _parked(phase: Phase) -> Memory:
    return remembered(phase, due_at=T + 50, park=300.0 if phase is Phase.FAILED else None)


EXAMPLES = (
    *(
        Example(
            row="alive, wanted, ready or past its start timeout",
            desired=UP,
            observed=seen(Sight.ALIVE, started_at=T - 5),
            memory=remembered(phase),
            to=Phase.RUNNING,
            events=("running",),
        )
        for phase in RESTING_PHASES
    ),
    Example(
        row="alive, wanted, ready or past its start timeout",
        desired=wanted(start=Start(timeout=3.0)),
        observed=seen(Sight.ALIVE, started_at=T - 5, ready=False),
        memory=remembered(Phase.STOPPED),
        to=Phase.RUNNING,
        events=("running",),
    ),
    Example(
        row="alive, wanted, younger",
        desired=UP,
        observed=seen(Sight.ALIVE, started_at=T - 0.5),
        memory=remembered(Phase.STOPPED),
        to=Phase.STARTING,
        events=("starting",),
    ),
    *(
        Example(
            row="alive, not wanted",
            desired=DOWN,
            observed=ALIVE,
            memory=remembered(phase),
            to=Phase.DRAINING,
            deeds=(MARK, ASK),
            events=("running", "draining"),
        )
        for phase in RESTING_PHASES
    ),
    *(
        Example(
            row="remains",
            desired=UP,
            observed=REMAINS,
            memory=_parked(phase),
            to=Phase.KILLING,
            deeds=(FORCE,),
            events=("exit", "leftovers", "killing"),
        )
        for phase in RESTING_PHASES
    ),
    *(
        Example(
            row="not up, or no longer in the file",
            desired=DOWN,
            observed=GONE,
            memory=_parked(phase),
            to=Phase.STOPPED,
            events=("stopped",),
        )
        for phase in WAITING_PHASES
    ),
    *(
        Example(
            row="other revision (new config, or the operator said start)",
            desired=NEWER,
            observed=GONE,
            memory=_parked(phase),
            to=Phase.STARTING,
            deeds=(SPAWN,),
            events=("starting",),
        )
        for phase in WAITING_PHASES
    ),
    *(
        Example(
            row="up",
            desired=UP,
            observed=GONE,
            memory=remembered(phase),
            to=Phase.STARTING,
            deeds=(SPAWN,),
            events=("starting",),
        )
        for phase in (Phase.STOPPED, Phase.WAITING)
    ),
    *(
        Example(
            row="due (failed: one trial)",
            desired=UP,
            observed=GONE,
            memory=remembered(phase, due_at=T),
            to=Phase.STARTING,
            deeds=(SPAWN,),
            events=("starting",),
        )
        for phase in (Phase.WAITING, Phase.BACKOFF, Phase.FAILED)
    ),
    *(
        Example(
            row="gone, not up",
            desired=DOWN,
            observed=GONE,
            memory=remembered(phase),
            to=Phase.STOPPED,
            deeds=(CLEAR,),
            events=("exit", "stopped"),
        )
        for phase in LIVING_PHASES
    ),
    Example(
        row="recorded, but no process of this run id was ever made",
        desired=UP,
        observed=seen(Sight.NEVER_MADE),
        memory=remembered(Phase.STARTING, process=None, started_at=None),
        to=Phase.STARTING,
        deeds=(SPAWN,),
        events=("spawn-repeated",),
    ),
    *(
        Example(
            row="gone, planned, up",
            desired=UP,
            observed=GONE,
            memory=remembered(phase, asked_at=T - 5, reason=Reason.REVISION),
            to=Phase.STARTING,
            deeds=(CLEAR, SPAWN),
            events=("exit", "starting"),
        )
        for phase in (Phase.DRAINING, Phase.KILLING)
    ),
    Example(
        row="gone, exit code asks for a restart, and it had been ready",
        desired=UP,
        observed=seen(exit=Exit(code=75)),
        memory=remembered(Phase.RUNNING),
        to=Phase.STARTING,
        deeds=(CLEAR, SPAWN),
        events=("exit", "starting"),
    ),
    Example(
        row="gone, fatal code",
        desired=UP,
        observed=seen(exit=Exit(code=78)),
        memory=remembered(Phase.STARTING),
        to=Phase.FAILED,
        deeds=(CLEAR,),
        events=("exit", "failed"),
    ),
    Example(
        row="gone, policy says no",
        desired=wanted(restart=Restart(policy="never")),
        observed=GONE,
        memory=remembered(Phase.RUNNING),
        to=Phase.EXITED,
        deeds=(CLEAR,),
        events=("exit", "exited"),
    ),
    Example(
        row="gone, budget spent",
        desired=NO_BUDGET,
        observed=GONE,
        memory=remembered(Phase.RUNNING),
        to=Phase.FAILED,
        deeds=(CLEAR,),
        events=("exit", "failed"),
    ),
    *(
        Example(
            row="gone, budget left",
            desired=UP,
            observed=GONE,
            memory=remembered(phase, reason=Reason.UNHEALTHY),
            to=Phase.BACKOFF,
            deeds=(CLEAR,),
            events=("exit", "backoff"),
        )
        for phase in LIVING_PHASES
    ),
    *(
        Example(
            row="alive, its process not yet remembered",
            desired=UP,
            observed=seen(Sight.ALIVE, started_at=T - 0.2),
            memory=remembered(phase, process=None, started_at=None, forced_at=T),
            to=phase,
            events=("spawned",),
        )
        for phase in LIVING_PHASES
    ),
    *(
        Example(
            row="operator says force",
            desired=wanted(up=False, force_run="run-1"),
            observed=ALIVE,
            memory=remembered(phase),
            to=Phase.KILLING,
            deeds=(MARK, FORCE),
            events=("forced", "killing"),
        )
        for phase in (Phase.STARTING, Phase.RUNNING, Phase.DRAINING)
    ),
    *(
        Example(
            row="remains",
            desired=UP,
            observed=REMAINS,
            memory=remembered(phase),
            to=Phase.KILLING,
            deeds=(FORCE,),
            events=("exit", "leftovers", "killing"),
        )
        for phase in (Phase.STARTING, Phase.RUNNING)
    ),
    Example(
        row="ready, or no probe and start.settle over",
        desired=UP,
        observed=ALIVE,
        memory=remembered(Phase.STARTING),
        to=Phase.RUNNING,
        events=("running",),
    ),
    Example(
        row="not up · other revision · not live",
        desired=DOWN,
        observed=seen(Sight.ALIVE, ready=False),
        memory=remembered(Phase.STARTING),
        to=Phase.DRAINING,
        deeds=(MARK, ASK),
        events=("draining",),
    ),
    Example(
        row="not up · other revision · not live",
        desired=NEWER,
        observed=ALIVE,
        memory=remembered(Phase.RUNNING),
        to=Phase.DRAINING,
        deeds=(MARK, ASK),
        events=("draining",),
    ),
    Example(
        row="start.timeout",
        desired=wanted(start=Start(timeout=10.0)),
        observed=seen(Sight.ALIVE, ready=False),
        memory=remembered(Phase.STARTING),
        to=Phase.DRAINING,
        deeds=(MARK, ASK),
        events=("draining",),
    ),
    Example(
        row="seen drained, or remains, for the first time",
        desired=DOWN,
        observed=seen(Sight.ALIVE, drained=True),
        memory=remembered(Phase.DRAINING),
        to=Phase.DRAINING,
        events=("drained",),
    ),
    Example(
        row="drained or remains, and linger over (outcome stays drained)",
        desired=DOWN,
        observed=REMAINS,
        memory=remembered(Phase.DRAINING, drained_at=T - 3, main_exit=Exit(code=0)),
        to=Phase.KILLING,
        deeds=(FORCE,),
        events=("leftovers", "killing"),
    ),
    Example(
        row="drain deadline (outcome forced)",
        desired=DOWN,
        observed=ALIVE,
        memory=remembered(Phase.DRAINING, asked_at=T - 30),
        to=Phase.KILLING,
        deeds=(FORCE,),
        events=("forced", "killing"),
    ),
    Example(
        row="our marker was consumed, or is gone too late for that",
        desired=DOWN,
        observed=seen(Sight.ALIVE, marker=MarkerSight.CONSUMED),
        memory=remembered(Phase.DRAINING),
        to=Phase.DRAINING,
        events=("marker-consumed",),
    ),
    Example(
        row="our marker unconsumed for 30 s: a fresh one, no signal",
        desired=DOWN,
        observed=seen(Sight.ALIVE, marker=MarkerSight.PRESENT),
        memory=remembered(Phase.DRAINING, marker_at=T - 30),
        to=Phase.DRAINING,
        deeds=(MARK,),
        events=("marker-refreshed",),
    ),
    Example(
        row="force.interval, event stuck",
        desired=DOWN,
        observed=ALIVE,
        memory=remembered(Phase.KILLING, forced_at=T - 5, outcome=Outcome.FORCED),
        to=Phase.KILLING,
        deeds=(FORCE,),
        events=("stuck",),
    ),
)
