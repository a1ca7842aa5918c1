"""One question with everything that the table asks about it, each under a name of its own."""

from __future__ import annotations

from dataclasses import dataclass

from hermes_supervise.model.facts import Desired, Exit, Memory, Now, Observed
from hermes_supervise.model.phase import (
    LIVING,
    PLANNED,
    RESTING,
    MarkerSight,
    Outcome,
    Phase,
    Reason,
    Sight,
)

MARKER_REFRESH = 30.0
"""Seconds after which an unconsumed marker is written anew: half of its life of 60 s."""

FORCE_PAUSE = 0.1
"""Least seconds between two uses of force, whatever the configuration says (law 7)."""


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
        """The main process is seen dead, its tree is not empty and has to be."""
        return self.observed.sight is Sight.REMAINS and self.desired.stop.force_tree

    def gone(self) -> bool:
        """The main process and its tree are seen gone, or the run never came to be."""
        sight = self.observed.sight
        if sight is Sight.NEVER_MADE:
            return not (self.never_made() and self.desired.up)
        if sight is Sight.REMAINS:
            return not self.desired.stop.force_tree
        return sight in (Sight.GONE, Sight.SPAWN_FAILED)

    def never_made(self) -> bool:
        """A start was recorded, and no process of it was ever made (nor seen by us)."""
        return (
            self.observed.sight is Sight.NEVER_MADE
            and self.memory.phase is Phase.STARTING
            and self.memory.process is None
        )

    def spawn_lost(self) -> bool:
        """A recorded Spawn got nowhere, and was not asked for at this very instant."""
        return self.never_made() and self.now.at > self.memory.since_at

    def _of_this_run(self) -> bool:
        """The sight is about the remembered run, or no run is claimed at all."""
        return self.memory.phase in RESTING or self.observed.run_id == self.memory.run_id

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
        if self.memory.started_at is not None:
            return self.memory.started_at
        if self.observed.started_at is not None and self._of_this_run():
            return self.observed.started_at
        return self.memory.since_at

    def ready_at(self) -> float | None:
        """Return when the program counts as running, None while a probe has to say so."""
        if self.observed.ready is None:
            return self.start_instant() + self.desired.start.settle
        return self.now.at if self.observed.ready and self._of_this_run() else None

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
        """Return when a marker that nobody has taken has to be written anew."""
        taken = MarkerSight.CONSUMED in (self.observed.marker, self.memory.marker)
        if self.memory.marker_at is None or taken or not self.alive():
            return None
        return self.memory.marker_at + MARKER_REFRESH

    def force_again_at(self) -> float:
        """Return when force that did not help is used again."""
        forced_at = self.memory.since_at if self.memory.forced_at is None else self.memory.forced_at
        return forced_at + max(self.desired.stop.force_interval, FORCE_PAUSE)

    def due(self) -> bool:
        """A wait is over."""
        return self.memory.due_at is not None and self.now.at >= self.memory.due_at

    # -- how it ended ---------------------------------------------------------------------------

    def planned(self) -> bool:
        """We drained or forced it for operator, revision or shutdown."""
        return self.memory.asked_at is not None and self.memory.reason in PLANNED

    def end(self) -> Exit | None:
        """Return how the main process ended, by the sight that knows most."""
        first = self.memory.main_exit
        return first if first is not None and first.known else self.observed.exit or first

    def exit_code(self) -> int | None:
        """Return the main process's exit code, where there is one."""
        end = self.end()
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

    def never_started(self) -> bool:
        """No process of this run was ever seen: what was seen alive is never called unmade."""
        unmade = self.observed.sight in (Sight.SPAWN_FAILED, Sight.NEVER_MADE)
        return unmade and self.memory.process is None

    def run_was_long(self) -> bool:
        """The run lasted ``backoff.reset_after`` or longer."""
        if self.never_started():
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

    def window_full(self) -> bool:
        """This end is the last one that the give-up window has room for."""
        give_up = self.desired.restart.give_up
        return give_up is not None and len(self.failures_in_window()) >= give_up.failures

    def budget_spent(self) -> bool:
        """The give-up window is full, or the failing run was the one trial of a parked program."""
        return self.window_full() or (self.memory.trial and not self.run_was_long())

    def outcome(self) -> Outcome:
        """Return how the run that is seen gone ended."""
        if self.memory.outcome is not None:
            return self.memory.outcome
        if self.never_started():
            return Outcome.NEVER_STARTED
        if self.memory.asked_at is not None:
            return Outcome.DRAINED
        return self.main_outcome()

    def main_outcome(self) -> Outcome:
        """Return how a main process ended that nobody had asked to."""
        end = self.end()
        if end is None or not end.known:
            return Outcome.UNKNOWN
        if end.signal is not None:
            return Outcome.CRASHED
        clean = end.code in self.desired.restart.success_exit_codes
        return Outcome.EXITED if clean else Outcome.FAILED
