"""
Histories of one program: operators, accidents and time, as a hypothesis state machine.

Every rule is followed by as many turns as the instant needs; ``WorldJudge`` watches the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hermes_supervise.model.decision import Deed
from hermes_supervise.model.facts import Exit, Hold
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.phase import Reason
from hermes_supervise.model.spec import Backoff, GiveUp, Restart, Start, Stop
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_program import HABITS
from tests.fakes.fake_supervisor import Cut, Disk, FakeSupervisor, Policy
from tests.fakes.fake_world import FakeWorld
from tests.property.judge import EVERY_LAW, WorldJudge

REST = 12
"""Turns that one instant may need."""

SPIN = 3000
"""Wake-ups that one stretch of time may need; more is a loop that eats the machine."""

END = 5000.0
"""Seconds in which every program of these histories has stopped once it is not wanted."""

QUICK = Backoff(first=0.5, factor=2.0, limit=4.0, reset_after=20.0)
POLICIES = (
    Policy(
        stop=Stop(drain_timeout=4.0, linger=1.0, force_interval=2.0),
        restart=Restart(
            backoff=QUICK,
            fatal_retry_after=5.0,
            give_up=GiveUp(failures=3, within=30.0, retry_after=30.0),
        ),
    ),
    Policy(
        start=Start(timeout=6.0, settle=0.0),
        stop=Stop(drain_timeout=45.0, linger=3.0, force_interval=5.0),
        restart=Restart(
            policy="on-failure",
            backoff=replace(QUICK, first=0.0),
            fatal_retry_after=None,
            give_up=GiveUp(failures=2, within=20.0, retry_after=None),
        ),
    ),
    Policy(
        stop=Stop(signal=None, drain_timeout=40.0, drain_limit=90.0, force_interval=1.0),
        restart=Restart(
            backoff=replace(QUICK, reset_after=2.0),
            give_up=GiveUp(failures=4, within=60.0, retry_after=90.0),
        ),
    ),
    Policy(
        has_marker=False,
        stop=Stop(drain_timeout=0.0, force_tree=False, linger=0.0),
        restart=Restart(policy="never", fatal_retry_after=7.0, backoff=QUICK),
    ),
    Policy(
        has_marker=False,
        start=Start(timeout=3.0, settle=2.0),
        stop=Stop(drain_timeout=6.0, drain_limit=2.0, linger=9.0),
        restart=Restart(
            fatal_exit_codes=(78, 1),
            fatal_retry_after=1.0,
            backoff=QUICK,
            give_up=GiveUp(failures=2, within=50.0, retry_after=50.0),
        ),
    ),
)
HABIT_NAMES = sorted(HABITS)
TIMES = (0.05, 0.6, 1.3, 3.0, 7.5, 31.0, 70.0, 400.0)
HOLDS = (
    Hold(reason=Reason.FOREIGN_OWNER, message="pid 7 owns the lock"),
    Hold(reason=Reason.DEPENDENCY, message="db is not ready"),
)
ENDS = (Exit(code=1), Exit(code=0), Exit(code=75), Exit(code=78), Exit(signal=9))


@dataclass(slots=True)
class Faults:
    """What is wrong on purpose in the shell around the core (the core's faults are elsewhere)."""

    identity_checked: bool = True
    state_is_intent: bool = False
    laws: frozenset[int] = field(default_factory=lambda: EVERY_LAW)


class LawMachine(RuleBasedStateMachine):
    """One history; ``faults`` is set by the tests that plant them."""

    faults: ClassVar[Faults] = Faults()

    @initialize(
        policy=st.sampled_from(POLICIES),
        ready_probe=st.booleans(),
        drained_probe=st.booleans(),
        habit=st.sampled_from(HABIT_NAMES),
    )
    def begin(self, policy: Policy, ready_probe: bool, drained_probe: bool, habit: str) -> None:
        """Draw what is supervised, and start the supervisor."""
        self.clock = FakeClock()
        self.judge = WorldJudge(self.faults.laws)
        self.world = FakeWorld(
            self.clock,
            judge=self.judge,
            stop_signal=policy.stop.signal,
            ready_probe=ready_probe,
            drained_probe=drained_probe,
            tree_counts=policy.stop.force_tree,
            identity_checked=self.faults.identity_checked,
        )
        self.world.habit = HABITS[habit]
        self.supervisor = FakeSupervisor(
            self.world,
            self.clock,
            Disk(policy=policy),
            state_is_intent=self.faults.state_is_intent,
        )
        self.judge.world, self.judge.supervisor = self.world, self.supervisor
        self.supervisor.start()
        self.rest()

    # -- turning --------------------------------------------------------------------------------

    def rest(self) -> None:
        """Turn until this instant has nothing more to do."""
        self.world.step()
        for _ in range(REST):
            if not self.supervisor.alive:
                return
            deeds = self.world.deeds
            busy = self.supervisor.turn()
            if self.supervisor.last is not None:
                self.judge.turned(self.supervisor.last, deeds_before=deeds)
            self.world.step()
            if not busy:
                self.judge.rested()
                return
        if self.supervisor.alive:
            self.judge.restless()

    def wake_at(self) -> float | None:
        """Return when the supervisor wants to be woken."""
        last = self.supervisor.last
        return None if last is None or not self.supervisor.alive else last.decision.wake_at

    def live_until(self, end: float) -> None:
        """Let time pass from event to deadline; nobody looks in between."""
        for _ in range(SPIN):
            event = self.world.next_event()
            ahead = [at for at in (self.wake_at(), event) if at is not None and at <= end]
            if not self.clock.jump_to_next(*ahead):
                break
            self.rest()
        else:
            self.judge.broken(6, "it never stops waking up")
        self.clock.jump(end)
        self.world.step()

    # -- time -----------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from(TIMES))
    def time_passes(self, seconds: float) -> None:
        """The ordinary course of things."""
        self.live_until(self.clock.at + seconds)

    @rule(seconds=st.sampled_from(TIMES))
    def the_machine_sleeps(self, seconds: float) -> None:
        """Time jumps; everything that was due is late."""
        self.clock.jump(self.clock.at + seconds)
        self.rest()

    # -- operators ------------------------------------------------------------------------------

    def _say(self, **words: object) -> None:
        self.revive()
        self.supervisor.command(**words)
        self.judge.said = replace(self.judge.said, **words)  # type: ignore[arg-type]
        self.judge.new_epoch()
        self.rest()

    @rule()
    def start(self) -> None:
        """``ctl start`` is a new revision, unless the program is up already."""
        generation = self.judge.said.generation
        lives = self.supervisor.living_run is not None and self.judge.said.up is not False
        self._say(up=True, generation=generation if lives else generation + 1)

    @rule()
    def restart(self) -> None:
        """``ctl restart``."""
        self._say(up=True, generation=self.judge.said.generation + 1)

    @rule(timeout=st.sampled_from((None, None, 0.5, 20.0)))
    def stop(self, timeout: float | None) -> None:
        """``ctl stop``, perhaps with a drain timeout of its own."""
        self._say(up=False, drain_run=self.supervisor.living_run, drain_timeout=timeout)

    @rule(up=st.booleans())
    def force(self, up: bool) -> None:
        """``ctl stop --force`` and ``ctl restart --force``."""
        self.revive()
        run = self.supervisor.living_run
        if run is not None:
            self.judge.forced_by_operator.add(run)
        self._say(up=up, generation=self.judge.said.generation + up, force_run=run)

    @rule(digest=st.sampled_from("abc"))
    def reload(self, digest: str) -> None:
        """The file was edited: perhaps another launch, perhaps back in the file."""
        self.revive()
        disk = self.supervisor.disk
        disk.policy, disk.in_file = replace(disk.policy, digest=digest), True
        self._say()

    @rule(drain=st.sampled_from((1.0, 12.0)), failures=st.integers(1, 3))
    def reload_policy(self, drain: float, failures: int) -> None:
        """Limits were edited; that needs no restart."""
        self.revive()
        disk = self.supervisor.disk
        give_up = disk.policy.restart.give_up
        assert give_up is not None
        disk.policy = replace(
            disk.policy,
            stop=replace(disk.policy.stop, drain_timeout=drain),
            restart=replace(disk.policy.restart, give_up=replace(give_up, failures=failures)),
        )
        self._say()

    @rule()
    def remove(self) -> None:
        """The program is no longer in the file."""
        self.revive()
        self.supervisor.disk.in_file = False
        self._say()

    @rule(within=st.sampled_from((2.0, 60.0)), away=st.sampled_from(TIMES))
    def shut_down(self, within: float, away: float) -> None:
        """SIGTERM to the supervisor, its end after the drain, and a new start."""
        self.revive()
        self.supervisor.leaving = True
        self.supervisor.drain_by = self.clock.at + within
        self.judge.new_epoch()
        self.rest()
        self.live_until(self.clock.at + within + 1.0)
        self.supervisor.die()
        self.live_until(self.clock.at + away)
        self.supervisor.start()
        self.rest()

    # -- accidents ------------------------------------------------------------------------------

    @rule(habit=st.sampled_from(HABIT_NAMES))
    def next_runs_are(self, habit: str) -> None:
        """Runs made from now on behave like this."""
        self.world.habit = HABITS[habit]

    @rule(end=st.sampled_from(ENDS))
    def dies(self, end: Exit) -> None:
        """Somebody else ends the program."""
        self.world.crash(end)
        self.rest()

    @rule(seconds=st.sampled_from(TIMES[:5]))
    def nothing_is_seen(self, seconds: float) -> None:
        """The keeper does not answer for a while."""
        self.world.blind = True
        self.rest()
        self.live_until(self.clock.at + seconds)
        self.world.blind = False
        self.rest()

    @rule(hold=st.sampled_from(HOLDS))
    def held(self, hold: Hold) -> None:
        """Something keeps the program from being started."""
        self.world.hold = hold
        self.rest()

    @precondition(lambda self: self.world.hold is not None)
    @rule()
    def released(self) -> None:
        """Nothing holds it back any more."""
        self.world.hold = None
        self.rest()

    @rule(writable=st.booleans())
    def marker_folder(self, writable: bool) -> None:
        """The folder of the marker can be written, or not."""
        self.world.marker_writable = writable

    @rule(
        cut=st.sampled_from(Cut),
        deed=st.sampled_from(Deed),
        away=st.sampled_from(TIMES),
        habit=st.sampled_from((None, *HABIT_NAMES)),
    )
    def killed_in_a_turn(self, cut: Cut, deed: Deed, away: float, habit: str | None) -> None:
        """SIGKILL falls inside the next turn with such a deed, or soon; perhaps in a restart."""
        self.revive()
        if habit is not None:
            self.world.hold, self.supervisor.disk.in_file = None, True
            self.world.habit = HABITS[habit]
            self.restart()
            self.live_until(self.clock.at + 2.0)
        self.supervisor.cut, self.supervisor.cut_at = cut, deed
        if habit is not None:
            self.restart()
        self.live_until(self.clock.at + 9.0)
        self.supervisor.die()
        self.live_until(self.clock.at + away)
        self.supervisor.start()
        self.rest()

    @rule(cut=st.sampled_from(Cut))
    def killed_as_it_leaves(self, cut: Cut) -> None:
        """SIGKILL falls when the end of a run that never took its marker is dealt with."""
        self.killed_in_a_turn(cut=cut, deed=Deed.CLEAR_MARKER, away=0.6, habit="signal only")

    @rule()
    def killed(self) -> None:
        """SIGKILL between two turns; the next rules find nobody until someone starts it."""
        self.supervisor.die()

    @rule()
    def revive(self) -> None:
        """The keeper starts the supervisor again."""
        if not self.supervisor.alive:
            self.clock.jump(self.clock.at + 0.05)
            self.world.step()
            self.supervisor.start()
            self.rest()

    @rule()
    def keeper_is_lost(self) -> None:
        """A new keeper: what lives is adopted, what it knew is gone."""
        self.clock.jump(self.clock.at + 0.05)
        self.world.lose_keeper()
        self.judge.new_epoch()
        self.rest()

    @precondition(lambda self: not self.world.living())
    @rule()
    def stray_turns_up(self) -> None:
        """Something of a run that was seen gone is found after all."""
        self.world.leave_stray()
        self.rest()

    @rule()
    def state_is_lost(self) -> None:
        """Somebody deleted the state folder: memory, and what the operator had said, are gone."""
        self.supervisor.die()
        disk = self.supervisor.disk
        disk.memory, disk.pending, disk.intent = "", (), Intent()
        self.judge.said = Intent()
        self.judge.new_epoch()
        self.world.marker = None
        self.revive()

    @rule()
    def reboot(self) -> None:
        """A new world: another boot, or the container was started again."""
        self.supervisor.die()
        self.world.reboot()
        self.clock.reboot()
        marker = self.world.marker
        self.world.marker = None if marker is None else replace(marker, written_at=self.clock.at)
        self.judge.new_epoch()
        self.supervisor.begin_new_world()
        self.rest()

    # -- the end --------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Law 4: nobody wants it any more, time passes, and it is over."""
        if not hasattr(self, "supervisor") or self.judge.found:
            return
        self.revive()
        self.world.blind, self.world.marker_writable = False, True
        self.rest()
        self._say(up=False, drain_run=None, drain_timeout=None, force_run=None)
        self.live_until(self.clock.at + END)
        self.rest()
        self.judge.ended()
