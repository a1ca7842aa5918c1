"""
The laws of ``docs/reference/states.md``, measured in the world and not in the memory they judge.

A judge is told of every deed when it reaches the world, and looks at the world after every turn.
A broken law is a ``LawBroken`` that says which.
"""

from __future__ import annotations

from hermes_supervise import decide as pure
from hermes_supervise.decide.case import MARKER_REFRESH
from hermes_supervise.model.decision import Decision
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.phase import LIVING, Phase, Sight
from tests.fakes.fake_program import NEVER, FakeRun
from tests.fakes.fake_supervisor import FakeSupervisor, Turn
from tests.fakes.fake_world import FakeWorld

EVERY_LAW = frozenset(range(1, 13))
ALWAYS_WOKEN = (Phase.DRAINING, Phase.KILLING, Phase.BACKOFF)
TINY = 1e-6
"""Seconds that adding and subtracting instants may lose."""


class LawBroken(AssertionError):  # noqa: N818 - said as people say it
    """A law does not hold; ``law`` is its number in the design."""

    def __init__(self, law: int, why: str) -> None:
        super().__init__(f"law {law}: {why}")
        self.law = law


class WorldJudge:
    """Judges one history; ``laws`` are those that are looked at."""

    def __init__(self, laws: frozenset[int] = EVERY_LAW) -> None:
        self.laws = laws
        self.world: FakeWorld
        self.supervisor: FakeSupervisor
        self.said = Intent()
        """The operator's words, kept apart from what the supervisor has on its disk."""
        self.forced_by_operator: set[str] = set()
        self.epoch: list[FakeRun] = []
        self.counted: list[float] = []
        self.found = False
        """A law was broken in this history; nothing after that means anything."""

    def broken(self, law: int, why: str) -> None:
        """Say that a law is broken, if it is one of those that are looked at."""
        if law in self.laws:
            self.found = True
            raise LawBroken(law, why)

    # -- deeds ----------------------------------------------------------------------------------

    def spawns(self, run: FakeRun) -> None:
        """Laws 1 and 8, at the moment a process is asked for."""
        others = self.world.living()
        if others:
            self.broken(1, f"{run.run_id} is made while {others[0].run_id} lives")
        if not self.supervisor.desired().up:
            self.broken(1, f"{run.run_id} is made and nobody wants it")
        if self.world.hold is not None:
            self.broken(1, f"{run.run_id} is made although {self.world.hold.message}")
        if self.world.blind:
            self.broken(1, f"{run.run_id} is made and nothing was seen")
        self._count(run)

    def _count(self, run: FakeRun) -> None:
        """
        Law 8.  An epoch is what an operator's act, a lost keeper or a new world leaves alone.

        A spawn after an exit that asked for it (and had been ready) is not counted; one after a
        fatal code costs no budget, but comes no sooner than ``fatal_retry_after`` says.
        """
        now, restart = self.world.clock.at, self.supervisor.disk.policy.restart
        if self.epoch and self.epoch[-1].revision != run.revision:
            self.new_epoch()
        previous = self.epoch[-1] if self.epoch else None
        self.epoch.append(run)
        end = None if previous is None or previous.asked_at is not None else previous.exit
        code = None if end is None or previous is None or previous.exit_unseen else end.code
        if code in restart.restart_exit_codes and self._was_ready(previous):
            return
        if code in restart.fatal_exit_codes and previous is not None:
            wait = restart.fatal_retry_after
            if wait is None or now < previous.died_at + wait - TINY:
                self.broken(8, f"{run.run_id} is made {now - previous.died_at:g} s after fatal")
            return
        give_up = restart.give_up
        if give_up is None:
            return
        self.counted.append(now)
        recent = [at for at in self.counted if at > now - give_up.within + TINY]
        if len(recent) > give_up.failures:  # the law promises no more than failures + 1
            self.broken(8, f"{len(recent)} spawns of {run.revision} in {give_up.within:g} s")

    def _was_ready(self, run: FakeRun | None) -> bool:
        if run is None:
            return False
        settle = self.supervisor.disk.policy.start.settle
        return run.ready if self.world.ready_probe else run.died_at - run.made_at >= settle - TINY

    def new_epoch(self) -> None:
        """An operator said something, or the past was lost: law 8 counts from here."""
        self.epoch, self.counted = [], []

    def asks(self, run: FakeRun) -> None:
        """Law 2: the marker is on disk, fresh, right before a stop is asked for."""
        if not self.supervisor.disk.policy.has_marker or not self.world.marker_writable:
            return
        marker = self.world.marker
        if marker is None or marker.run_id != run.run_id:
            self.broken(2, f"{run.run_id} is asked to stop and finds no marker")
        elif marker.written_at != self.world.clock.at:
            self.broken(2, f"{run.run_id} is asked to stop with an old marker")

    def signals(self, meant: str, met: str | None) -> None:
        """Law 12: a signal meets the run that it is meant for, and nobody else."""
        if met != meant:
            self.broken(12, f"a signal for {meant} met {met or 'a stranger'}")

    def forces(self, run: FakeRun) -> None:
        """Laws 2 and 3, at the moment of force."""
        if not run.alive:
            return
        policy = self.supervisor.disk.policy
        if policy.has_marker and not run.markers and not run.marker_failed:
            self.broken(2, f"{run.run_id} is forced and never had a marker")
        if run.run_id in self.forced_by_operator or run.forces:
            return
        if run.asked_at is None:
            self.broken(3, f"{run.run_id} is forced and was never asked")
            return
        now, desired = self.world.clock.at, self.supervisor.desired()
        timeout = policy.stop.drain_timeout
        if desired.drain_run == run.run_id and desired.drain_timeout is not None:
            timeout = desired.drain_timeout
        deadline = run.asked_at + min(timeout, policy.stop.drain_limit)
        if desired.drain_by is not None:
            deadline = min(deadline, desired.drain_by)
        if self.world.drained_probe:
            deadline = min(deadline, run.drained_at + policy.stop.linger)
        if now < deadline - TINY:
            self.broken(3, f"{run.run_id} is forced {deadline - now:g} s too early")

    # -- turns ----------------------------------------------------------------------------------

    def turned(self, turn: Turn, *, deeds_before: int) -> None:
        """Laws 5, 6, 7 and 10, after a turn."""
        decision = turn.decision
        if turn.observed.sight is Sight.UNOBSERVABLE and (
            decision.memory is not turn.before or self.world.deeds != deeds_before
        ):
            self.broken(5, f"nothing could be seen, and it did {decision.actions}")
        if decision.memory.phase in ALWAYS_WOKEN and decision.wake_at is None:
            self.broken(6, f"{decision.memory.phase} without a wake time")
        if decision.wake_at is not None and decision.wake_at <= turn.now.at:
            self.broken(6, f"the wake time {decision.wake_at} is not ahead of {turn.now.at}")
        again = pure.decide(turn.desired, turn.observed, decision.memory, turn.now)
        if repeated := _deeds(again) & _deeds(decision):
            self.broken(7, f"asked again at once, it repeats {sorted(repeated)}")
        self._read_back(turn)

    def _read_back(self, turn: Turn) -> None:
        if self.supervisor.alive and self.supervisor.memory != turn.decision.memory:
            self.broken(10, "what is read back from disk is not what was decided")

    def restless(self) -> None:
        """Turns at one instant never came to an end."""
        self.broken(7, "turns at one instant do not come to rest")

    def rested(self) -> None:
        """Laws 1, 2, 9 and 11, when every turn of this instant is done."""
        supervisor, world = self.supervisor, self.world
        memory = supervisor.memory
        if supervisor.disk.intent != self.said:
            self.broken(11, f"the operator said {self.said}, kept is {supervisor.disk.intent}")
        if len(world.living()) > 1:
            self.broken(1, f"live at once: {[run.run_id for run in world.living()]}")
        if world.blind:
            return
        self._no_marker_is_left()
        if any(run.in_flight for run in world.living()):
            return  # nothing can be seen yet, so nothing can be claimed
        self._marker_is_fresh()
        if not world.living():
            if memory.phase in LIVING:
                self.broken(9, f"nothing lives, and {memory.phase} is claimed")
        elif memory.phase is Phase.STOPPED:
            self.broken(9, "stopped is claimed, and something lives")
        if supervisor.desired().up and memory.phase is Phase.STOPPED:
            self.broken(11, "the program is wanted, and it is stopped")

    def _no_marker_is_left(self) -> None:
        marker = self.world.marker
        run = None if marker is None else self.world.runs.get(marker.run_id)
        if marker is not None and (run is None or self.world.over(run)):
            self.broken(9, f"{marker.run_id} is gone, and its marker is left")

    def _marker_is_fresh(self) -> None:
        for run in self.world.runs.values():
            if not run.alive or run.asked_at is None or run.forces or run.heard_at != NEVER:
                continue
            marker = None if run.marker_failed else self.world.marker
            if marker and self.world.clock.at - marker.written_at > MARKER_REFRESH + TINY:
                self.broken(2, f"the marker of {run.run_id} grows old while it drains")

    def ended(self) -> None:
        """Law 4: the goal has been down and time has passed."""
        phase = self.supervisor.memory.phase
        if phase is not Phase.STOPPED:
            self.broken(4, f"nobody wants it, and it ends as {phase}")
        if self.world.living():
            self.broken(4, f"nobody wants it, and {self.world.living()[0].run_id} lives")


def _deeds(decision: Decision) -> set[tuple[str, str]]:
    return {(action.deed.value, action.run_id) for action in decision.actions}
