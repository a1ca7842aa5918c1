"""
The smallest shell around ``decide``: observe, decide, record, act, and a disk that survives it.

It can be cut off at any point of a turn, and started again from what it had recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from hermes_supervise import decide as pure
from hermes_supervise.model.decision import Action, Decision, Deed
from hermes_supervise.model.facts import Desired, Memory, Now, Observed
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.phase import LIVING, Phase, Reason
from hermes_supervise.model.spec import Restart, Start, Stop
from hermes_supervise.record.codec import decode_memory, encode_memory
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_world import FakeWorld

Decide = Callable[[Desired, Observed, Memory, Now], Decision]


class Cut(Enum):
    """Where in a turn that has something to do a SIGKILL can fall."""

    BEFORE_RECORD = "before the record"
    BEFORE_ACT = "after the record, before the first deed"
    AMID_ACTS = "after the first deed"
    BEFORE_RESULT = "after the last deed, before its result is recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the file says about the program; ``digest`` changes with how it is launched."""

    start: Start = field(default_factory=Start)
    stop: Stop = field(default_factory=Stop)
    restart: Restart = field(default_factory=Restart)
    has_marker: bool = True
    digest: str = "a"


@dataclass(slots=True)
class Disk:
    """What outlives a SIGKILL: plain data, and the file, which is the operator's."""

    policy: Policy
    memory: str = ""
    pending: tuple[Action, ...] = ()
    intent: Intent = field(default_factory=Intent)
    in_file: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn, for those who judge it."""

    desired: Desired
    observed: Observed
    before: Memory
    decision: Decision
    now: Now


class FakeSupervisor:
    """One program's worth of supervisor."""

    def __init__(
        self,
        world: FakeWorld,
        clock: FakeClock,
        disk: Disk,
        *,
        state_is_intent: bool = False,
    ) -> None:
        self.world = world
        self.clock = clock
        self.disk = disk
        self.state_is_intent = state_is_intent
        self.alive = False
        self.leaving = False
        self.drain_by: float | None = None
        self.cut: Cut | None = None
        self.cut_at: Deed | None = None
        """The deed whose turn is cut off; None: the next turn with any."""
        self.memory = Memory()
        self.last: Turn | None = None

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin from what is on disk: deeds without a result first."""
        self._begin(*pure.resume(self._read(), self.disk.pending, self.clock.now()))

    def begin_new_world(self) -> None:
        """Wake up after a reboot: nothing is adopted."""
        self._begin(*pure.new_world(self._read(), self.disk.pending, self.clock.now()))

    def _read(self) -> Memory:
        return decode_memory(self.disk.memory) if self.disk.memory else Memory()

    def _begin(self, memory: Memory, again: tuple[Action, ...]) -> None:
        self.alive, self.leaving, self.drain_by, self.cut = True, False, None, None
        self._record(memory, again)
        for action in again:
            self._act(action)
        self.disk.pending = ()

    def die(self) -> None:
        """Be killed: only the disk is left."""
        self.alive, self.last = False, None

    # -- one turn -------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Do one turn; return whether anything changed or was done."""
        before, desired = self.memory, self.desired()
        observed = self.world.observe(before)
        now = self.clock.now()
        decision = pure.decide(desired, observed, before, now)
        self.last = Turn(
            desired=desired, observed=observed, before=before, decision=decision, now=now
        )
        changed = decision.memory is not before or bool(decision.actions)
        if not changed:
            return False
        deeds = {action.deed for action in decision.actions}
        cut = self.cut if deeds and (self.cut_at is None or self.cut_at in deeds) else None
        if cut is Cut.BEFORE_RECORD:
            self.die()
            return True
        self._record(decision.memory, decision.actions)
        self._act_all(decision.actions, cut)
        if self.alive:
            self.disk.pending = ()
        return True

    def _record(self, memory: Memory, pending: tuple[Action, ...]) -> None:
        self.disk.memory, self.disk.pending = encode_memory(memory), pending
        self.memory = decode_memory(self.disk.memory)
        if self.state_is_intent and memory.phase is Phase.STOPPED:
            self.disk.intent = replace(self.disk.intent, up=False)

    def _act_all(self, actions: tuple[Action, ...], cut: Cut | None) -> None:
        for action in actions:
            if cut is not Cut.BEFORE_ACT:
                self._act(action)
            if cut in (Cut.BEFORE_ACT, Cut.AMID_ACTS):
                self.die()
                return
        if cut is Cut.BEFORE_RESULT:
            self.die()

    def _act(self, action: Action) -> None:
        match action.deed:
            case Deed.SPAWN:
                self.world.spawn(action.run_id, self.desired().revision)
            case Deed.WRITE_MARKER:
                self.world.write_marker(action.run_id)
            case Deed.REQUEST_STOP:
                self.world.request_stop(action.run_id, action.process)
            case Deed.FORCE_STOP:
                self.world.force(action.run_id)
            case Deed.CLEAR_MARKER:
                self.world.clear_marker(action.run_id)

    # -- what is wanted -------------------------------------------------------------------------

    def desired(self) -> Desired:
        """Return what the file and the operator want now."""
        intent, policy = self.disk.intent, self.disk.policy
        up = intent.up is not False and self.disk.in_file and not self.leaving
        return Desired(
            up=up,
            revision=f"{policy.digest}:{intent.generation}",
            start=policy.start,
            stop=policy.stop,
            restart=policy.restart,
            has_marker=policy.has_marker,
            why_down=Reason.SHUTDOWN if self.leaving else Reason.OPERATOR,
            force_run=intent.force_run,
            drain_by=self.drain_by,
            drain_run=intent.drain_run,
            drain_timeout=intent.drain_timeout,
        )

    @property
    def living_run(self) -> str | None:
        """The run that a command of the operator is about."""
        return self.memory.run_id if self.memory.phase in LIVING else None

    def command(self, **changes: object) -> None:
        """Take an operator's command: his intent is on disk before he is answered."""
        self.disk.intent = replace(self.disk.intent, **changes)  # type: ignore[arg-type]
