"""
The state machine as data: first matching row wins.

``docs/reference/states.md`` is drawn from this table.  A row says from which phases it leads,
when (in words and as a question to the case), to which phase, which deeds follow, and which step
changes the memory.  A row whose deeds hold a Spawn is guarded: while something holds the program
back, ``waiting`` takes the place of its target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hermes_supervise.decide import ending, starting, stopping
from hermes_supervise.decide.case import Case
from hermes_supervise.decide.telling import Step
from hermes_supervise.model.decision import Deed
from hermes_supervise.model.phase import LIVING, RESTING, MarkerSight, Phase

P = Phase
SPAWN = (Deed.SPAWN,)
ASK = (Deed.WRITE_MARKER, Deed.REQUEST_STOP)
FORCE = (Deed.FORCE_STOP,)
CLEAR = (Deed.CLEAR_MARKER,)
CLEAR_AND_SPAWN = (Deed.CLEAR_MARKER, Deed.SPAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One transition; ``to`` None means that the phase stays."""

    frm: frozenset[Phase]
    words: str
    when: Callable[[Case], bool]
    to: Phase | None
    deeds: tuple[Deed, ...] = ()
    step: Step


def _of(*phases: Phase) -> frozenset[Phase]:
    return frozenset(phases)


def _linger_over(case: Case) -> bool:
    end = case.linger_end()
    return end is not None and case.now.at >= end


def _work_done_first_seen(case: Case) -> bool:
    return case.memory.drained_at is None and (case.observed.drained or case.remains())


def _marker_gone(case: Case) -> bool:
    gone = (MarkerSight.CONSUMED, MarkerSight.EXPIRED)
    return case.observed.marker in gone and case.memory.marker not in gone


def _marker_old(case: Case) -> bool:
    at = case.marker_refresh_at()
    return at is not None and case.now.at >= at


TABLE: tuple[Row, ...] = (
    # -- no process claimed ---------------------------------------------------------------------
    Row(
        frm=RESTING,
        words="alive, wanted, ready or past its start timeout",
        when=lambda c: c.alive() and c.up() and (c.ready() or c.now.at >= c.start_timeout_at()),
        to=P.RUNNING,
        step=starting.adopt_running,
    ),
    Row(
        frm=RESTING,
        words="alive, wanted, younger",
        when=lambda c: c.alive() and c.up(),
        to=P.STARTING,
        step=starting.adopt_starting,
    ),
    Row(
        frm=RESTING,
        words="alive, not wanted",
        when=lambda c: c.alive(),
        to=P.DRAINING,
        deeds=ASK,
        step=starting.adopt_draining,
    ),
    Row(
        frm=RESTING,
        words="remains",
        when=lambda c: c.remains(),
        to=P.KILLING,
        deeds=FORCE,
        step=stopping.kill_found,
    ),
    Row(
        frm=_of(P.WAITING, P.BACKOFF, P.EXITED, P.FAILED),
        words="not up, or no longer in the file",
        when=lambda c: not c.up(),
        to=P.STOPPED,
        step=ending.rest,
    ),
    Row(
        frm=_of(P.WAITING, P.BACKOFF, P.EXITED, P.FAILED),
        words="other revision (new config, or the operator said start)",
        when=lambda c: c.other_revision(),
        to=P.STARTING,
        deeds=SPAWN,
        step=starting.spawn,
    ),
    Row(
        frm=_of(P.STOPPED, P.WAITING),
        words="up",
        when=lambda c: c.up() and c.memory.due_at is None,
        to=P.STARTING,
        deeds=SPAWN,
        step=starting.spawn,
    ),
    Row(
        frm=_of(P.WAITING, P.BACKOFF, P.FAILED),
        words="due (failed: one trial)",
        when=lambda c: c.due(),
        to=P.STARTING,
        deeds=SPAWN,
        step=starting.spawn_counted,
    ),
    # -- a process claimed, and seen gone -------------------------------------------------------
    Row(
        frm=_of(P.DRAINING),
        words="our marker was consumed, or is gone too late for that",
        when=_marker_gone,
        to=None,
        step=stopping.note_marker,
    ),
    Row(
        frm=LIVING,
        words="gone, not up",
        when=lambda c: c.gone() and not c.up(),
        to=P.STOPPED,
        deeds=CLEAR,
        step=ending.stop,
    ),
    Row(
        frm=_of(P.STARTING),
        words="recorded, but no process of this run id was ever made",
        when=lambda c: c.spawn_lost(),
        to=P.STARTING,
        deeds=SPAWN,
        step=starting.spawn_again,
    ),
    Row(
        frm=LIVING,
        words="gone, planned, up",
        when=lambda c: c.gone() and c.planned(),
        to=P.STARTING,
        deeds=CLEAR_AND_SPAWN,
        step=ending.respawn_planned,
    ),
    Row(
        frm=LIVING,
        words="gone, exit code asks for a restart, and it had been ready",
        when=lambda c: c.gone() and c.asks_for_restart(),
        to=P.STARTING,
        deeds=CLEAR_AND_SPAWN,
        step=ending.respawn_asked,
    ),
    Row(
        frm=LIVING,
        words="gone, fatal code",
        when=lambda c: c.gone() and c.fatal(),
        to=P.FAILED,
        deeds=CLEAR,
        step=ending.park_fatal,
    ),
    Row(
        frm=LIVING,
        words="gone, policy says no",
        when=lambda c: c.gone() and c.policy_says_no(),
        to=P.EXITED,
        deeds=CLEAR,
        step=ending.leave,
    ),
    Row(
        frm=LIVING,
        words="gone, budget spent",
        when=lambda c: c.gone() and c.budget_spent(),
        to=P.FAILED,
        deeds=CLEAR,
        step=ending.park_spent,
    ),
    Row(
        frm=LIVING,
        words="gone, budget left",
        when=lambda c: c.gone(),
        to=P.BACKOFF,
        deeds=CLEAR,
        step=ending.back_off,
    ),
    # -- a process claimed, and something of it lives -------------------------------------------
    Row(
        frm=LIVING,
        words="alive, its process not yet remembered",
        when=lambda c: c.alive() and c.memory.process is None and c.observed.process is not None,
        to=None,
        step=starting.note_process,
    ),
    Row(
        frm=_of(P.STARTING, P.RUNNING, P.DRAINING),
        words="operator says force",
        when=lambda c: (c.alive() or c.remains()) and c.force_asked(),
        to=P.KILLING,
        deeds=(Deed.WRITE_MARKER, Deed.FORCE_STOP),
        step=stopping.kill_asked,
    ),
    Row(
        frm=_of(P.STARTING, P.RUNNING),
        words="remains",
        when=lambda c: c.remains(),
        to=P.KILLING,
        deeds=FORCE,
        step=stopping.kill_orphans,
    ),
    Row(
        frm=_of(P.STARTING),
        words="ready, or no probe and start.settle over",
        when=lambda c: c.alive() and c.ready(),
        to=P.RUNNING,
        step=starting.run,
    ),
    Row(
        frm=_of(P.STARTING, P.RUNNING),
        words="not up · other revision · not live",
        when=lambda c: c.alive() and c.unwanted(),
        to=P.DRAINING,
        deeds=ASK,
        step=stopping.drain,
    ),
    Row(
        frm=_of(P.STARTING),
        words="start.timeout",
        when=lambda c: c.alive() and c.now.at >= c.start_timeout_at(),
        to=P.DRAINING,
        deeds=ASK,
        step=stopping.drain_late_start,
    ),
    Row(
        frm=_of(P.DRAINING),
        words="seen drained, or remains, for the first time",
        when=_work_done_first_seen,
        to=None,
        step=stopping.note_drained,
    ),
    Row(
        frm=_of(P.DRAINING),
        words="drained or remains, and linger over (outcome stays drained)",
        when=_linger_over,
        to=P.KILLING,
        deeds=FORCE,
        step=stopping.kill_leftovers,
    ),
    Row(
        frm=_of(P.DRAINING),
        words="drain deadline (outcome forced)",
        when=lambda c: c.now.at >= c.drain_deadline(),
        to=P.KILLING,
        deeds=FORCE,
        step=stopping.kill_late,
    ),
    Row(
        frm=_of(P.DRAINING),
        words="our marker unconsumed for 30 s: a fresh one, no signal",
        when=_marker_old,
        to=None,
        deeds=(Deed.WRITE_MARKER,),
        step=stopping.refresh_marker,
    ),
    Row(
        frm=_of(P.KILLING),
        words="force.interval, event stuck",
        when=lambda c: c.now.at >= c.force_again_at(),
        to=None,
        deeds=FORCE,
        step=stopping.force_again,
    ),
)
