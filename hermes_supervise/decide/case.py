"""One question with everything that the table asks about it, each under a name of its own."""

from __future__ import annotations

from dataclasses import dataclass

from hermes_supervise.model.facts import Desired, Memory, Now, Observed
from hermes_supervise.model.phase import (
    LIVING,
    PLANNED,
    MarkerSight,
    Outcome,
    Phase,
    Reason,
    Sight,
)

MARKER_REFRESH = 30.0
"""Seconds after which an unconsumed marker is written anew: half of its life of 60 s."""


@dataclass(frozen=True, slots=True)
class Case:
    """The three inputs of a decision and the instant; every question here is pure."""

    desired: Desired
    observed: Observed
    memory: Memory
    now: Now

    # -- what is seen ---------------------------------------------------------------------------

    def unobservable(self) -> bool:
        """Nothing is known: no answer, or an answer about another run than the living one."""
        if self.observed.sight is Sight.UNOBSERVABLE:
            return True
        return self.memory.phase in LIVING and self.observed.run_id != self.memory.run_id

    def alive(self) -> bool:
        """The main process is seen alive."""
        return self.observed.sight is Sight.ALIVE

    def remains(self) -> bool:
        """The main process is seen dead, its tree is not empty."""
        return self.observed.sight is Sight.REMAINS

    def gone(self) -> bool:
        """The main process and its tree are seen gone, or the run never came to be."""
        sight = self.observed.sight
        if sight is Sight.NEVER_MADE:
            return self.memory.phase is not Phase.STARTING or not self.desired.up
        return sight in (Sight.GONE, Sight.SPAWN_FAILED)

    def never_made(self) -> bool:
        """A start was recorded, and no process of it was ever made."""
        return self.observed.sight is Sight.NEVER_MADE

    # -- what is wanted -------------------------------------------------------------------------

    def up(self) -> bool:
        """The program is wanted."""
        return self.desired.up

    def other_revision(self) -> bool:
        """The remembered run is not of the wanted revision."""
        return self.desired.revision != self.memory.revision

    def force_asked(self) -> bool:
        """The operator wants this very run ended now."""
        force_run = self.desired.force_run
        return force_run is not None and force_run == self.memory.run_id

    def unwanted(self) -> bool:
        """The living run should end: not up, another revision, or not healthy."""
        return not self.desired.up or self.other_revision() or not self.observed.live

    def why_unwanted(self) -> Reason:
        """Return the reason for a drain that ``unwanted`` asks for."""
        if not self.desired.up:
            return self.desired.why_down
        if self.other_revision():
            return Reason.REVISION
        return Reason.UNHEALTHY

    # -- instants -------------------------------------------------------------------------------

    def start_instant(self) -> float:
        """Return when the present run began, as well as it is known."""
        for instant in (self.memory.started_at, self.observed.started_at):
            if instant is not None:
                return instant
        return self.memory.since_at

    def ready_at(self) -> float | None:
        """Return when the program counts as running, None while a probe has to say so."""
        if self.observed.ready is None:
            return self.start_instant() + self.desired.start.settle
        return self.now.at if self.observed.ready else None

    def ready(self) -> bool:
        """The probe passed, or there is none and ``start.settle`` is over."""
        at = self.ready_at()
        return at is not None and self.now.at >= at

    def start_timeout_at(self) -> float:
        """Return when the start has taken too long."""
        return self.start_instant() + self.desired.start.timeout

    def drain_deadline(self) -> float:
        """
        Return the instant of force: drain_timeout, drain_limit and the shutdown deadline cut it.
        """
        asked_at = self.memory.since_at if self.memory.asked_at is None else self.memory.asked_at
        timeout = self.desired.stop.drain_timeout
        if self.desired.drain_timeout is not None and self.desired.drain_run == self.memory.run_id:
            timeout = self.desired.drain_timeout
        deadline = asked_at + min(timeout, self.desired.stop.drain_limit)
        if self.desired.drain_by is not None:
            deadline = min(deadline, self.desired.drain_by)
        return deadline

    def linger_end(self) -> float | None:
        """Return when a drained program is forced out, None while it is not drained."""
        if self.memory.drained_at is None:
            return None
        return min(self.memory.drained_at + self.desired.stop.linger, self.drain_deadline())

    def marker_refresh_at(self) -> float | None:
        """Return when the unconsumed marker has to be written anew."""
        if self.memory.marker_at is None or self.observed.marker is not MarkerSight.PRESENT:
            return None
        return self.memory.marker_at + MARKER_REFRESH

    def force_again_at(self) -> float:
        """Return when force that did not help is used again."""
        forced_at = self.memory.since_at if self.memory.forced_at is None else self.memory.forced_at
        return forced_at + self.desired.stop.force_interval

    def due(self) -> bool:
        """A wait is over."""
        return self.memory.due_at is not None and self.now.at >= self.memory.due_at

    # -- how it ended ---------------------------------------------------------------------------

    def planned(self) -> bool:
        """We drained or forced it for operator, revision or shutdown."""
        return self.memory.asked_at is not None and self.memory.reason in PLANNED

    def exit_code(self) -> int | None:
        """Return the main process's exit code, where there is one."""
        end = self.memory.main_exit or self.observed.exit
        return None if end is None else end.code

    def asks_for_restart(self) -> bool:
        """The exit code asks for a restart, and the program had been ready."""
        return self.memory.was_ready and self.exit_code() in self.desired.restart.restart_exit_codes

    def fatal(self) -> bool:
        """The exit code says that another start will not help."""
        code = self.exit_code()
        return code is not None and code in self.desired.restart.fatal_exit_codes

    def policy_says_no(self) -> bool:
        """``restart.policy`` does not want this end to be followed by a start."""
        policy = self.desired.restart.policy
        if policy == "never":
            return True
        code = self.exit_code()
        clean = code is not None and code in self.desired.restart.success_exit_codes
        return policy == "on-failure" and clean and not self._asked_as_failure()

    def _asked_as_failure(self) -> bool:
        return self.memory.asked_at is not None and self.memory.reason not in PLANNED

    def run_was_long(self) -> bool:
        """The run lasted ``backoff.reset_after`` or longer."""
        if self.observed.sight in (Sight.SPAWN_FAILED, Sight.NEVER_MADE):
            return False
        return self.now.at - self.start_instant() >= self.desired.restart.backoff.reset_after

    def failures_in_window(self) -> tuple[float, ...]:
        """Return the ends inside the give-up window, this one included."""
        give_up = self.desired.restart.give_up
        if give_up is None:
            return ()
        begin = self.now.at - give_up.within
        kept = tuple(at for at in self.memory.failures if at > begin)
        return (*kept, self.now.at)

    def budget_spent(self) -> bool:
        """The give-up window is full, or the failing run was the one trial of a parked program."""
        if self.memory.trial and not self.run_was_long():
            return True
        give_up = self.desired.restart.give_up
        return give_up is not None and len(self.failures_in_window()) >= give_up.failures

    def outcome(self) -> Outcome:
        """Return how the run that is seen gone ended."""
        if self.memory.outcome is not None:
            return self.memory.outcome
        if self.observed.sight in (Sight.SPAWN_FAILED, Sight.NEVER_MADE):
            return Outcome.NEVER_STARTED
        if self.memory.asked_at is not None:
            return Outcome.DRAINED
        return self.main_outcome()

    def main_outcome(self) -> Outcome:
        """Return how a main process ended that nobody had asked to."""
        end = self.memory.main_exit or self.observed.exit
        if end is None or not end.known:
            return Outcome.UNKNOWN
        if end.signal is not None:
            return Outcome.CRASHED
        clean = end.code in self.desired.restart.success_exit_codes
        return Outcome.EXITED if clean else Outcome.FAILED
