"""
One turn: observe, decide, record, act.

Events only wake programs; in a turn the facts about the woken ones are read again.  What is
decided is on disk before it is done, and what the deeds answer is on disk with the next turn.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from hermes_supervise import clock
from hermes_supervise.act.execute import Executor
from hermes_supervise.act.marker import marker_sight
from hermes_supervise.decide import decide
from hermes_supervise.entry import Entry
from hermes_supervise.loop import Loop
from hermes_supervise.model.copying import replace
from hermes_supervise.model.decision import Decision, Deed, Event
from hermes_supervise.model.facts import Memory, Now, Observed
from hermes_supervise.model.phase import LIVING, RESTING, MarkerSight, Phase, Sight
from hermes_supervise.observe.owner import foreign_owner
from hermes_supervise.observe.probes import Asker
from hermes_supervise.plan.codec import marker_text
from hermes_supervise.plan.desired import Surroundings
from hermes_supervise.record.ledger import Ledger
from hermes_supervise.record.rows import Told
from hermes_supervise.record.store import Record

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would cost a third of a megabyte
    from hermes_supervise.backends.protocol import Backend

BATCH = 128
"""Programs looked at in one turn; more would make the first ones wait for the last."""

WATCH_INTERVAL = 0.1
"""Seconds between looks at what a draining or dying program cannot tell us of."""

SLACK = 0.05
"""Seconds by which a long wait may be late, so that programs that wait are looked at together."""

LEAST_PATIENCE = 0.5
"""Shorter waits, in seconds, end on time."""

PATIENT = frozenset({Phase.STARTING, Phase.BACKOFF, Phase.FAILED, Phase.WAITING})
"""Phases whose waits may be late; the rungs of a stop never are."""

OWNER_INTERVAL = 1.0
"""Seconds between looks at whether a foreign owner is gone."""


class Reconciler:
    """The one owner of every program's state."""

    def __init__(
        self,
        *,
        loop: Loop,
        backend: Backend,
        ledger: Ledger,
        executor: Executor,
        changed: Callable[[set[str]], None],
    ) -> None:
        self.loop = loop
        self.backend = backend
        self.ledger = ledger
        self.executor = executor
        self.changed = changed
        self.entries: dict[str, Entry] = {}
        self.by_run: dict[str, str] = {}
        self.around = Surroundings()
        self.woken: dict[str, None] = {}
        self.forced = False
        self._results: list[Told] = []
        self._spare_ids: list[str] = []

    # -- waking ---------------------------------------------------------------------------------

    def add(self, entry: Entry) -> None:
        """Take a program in and look at it in the next turn."""
        self.entries[entry.program.name] = entry
        if entry.memory.run_id:
            self.by_run[entry.memory.run_id] = entry.program.name
        self.wake(entry.program.name)

    def wake(self, name: str) -> None:
        """Look at a program in the next turn."""
        self.woken[name] = None

    def wake_run(self, run_id: str) -> None:
        """Look at the program whose run this is."""
        name = self.by_run.get(run_id)
        if name is not None:
            self.woken[name] = None

    def rethink(self, names: Iterable[str]) -> None:
        """What is wanted of these programs changed."""
        for name in names:
            entry = self.entries.get(name)
            if entry is not None:
                entry.rethink()
                self.wake(name)

    def surround(self, around: Surroundings) -> None:
        """What holds for all programs changed."""
        self.around = around
        self.rethink(self.entries)

    # -- one turn -------------------------------------------------------------------------------

    def turn(self) -> None:
        """Look at the next lot of woken programs."""
        if not self.woken:
            return
        batch = [self.entries[n] for n in list(self.woken)[:BATCH] if n in self.entries]
        for name in list(self.woken)[:BATCH]:
            del self.woken[name]
        now = clock.now()
        self.backend.new_round()
        decided = self._decide(batch, now)
        self._record(decided, now)
        self._act(decided)
        if self.woken:
            self.loop.at(now.at, lambda: None)

    def _decide(self, batch: list[Entry], now: Now) -> list[tuple[Entry, Decision]]:
        decided: list[tuple[Entry, Decision]] = []
        for entry in batch:
            observed = self._observe(entry, now)
            if entry.resumed and observed.sight is not Sight.UNOBSERVABLE:
                self._resume(entry, observed)
            memory = entry.memory
            if entry.adopting and observed.sight is not Sight.UNOBSERVABLE:
                memory = self._adopted(entry, observed)
            desired = entry.desired(self.around)
            decided.append((entry, decide(desired, observed, memory, now)))
        return decided

    def _adopted(self, entry: Entry, observed: Observed) -> Memory:
        """A process that no keeper held has been found again: say so."""
        entry.adopting = False
        if observed.sight is not Sight.ALIVE or observed.process is None:
            return entry.memory
        self._note(Event(kind="adopted", data={"pid": observed.process.pid}), entry.program.name)
        return replace(entry.memory, adopted=True)

    def _resume(self, entry: Entry, observed: Observed) -> None:
        """Do again what a turn that was cut off had recorded and may not have done."""
        actions, entry.resumed = entry.resumed, ()
        if observed.sight is not Sight.ALIVE:
            actions = tuple(a for a in actions if a.deed in (Deed.CLEAR_MARKER, Deed.FORCE_STOP))
        for event in self.executor.do(actions, entry, entry.memory):
            self._note(event, entry.program.name)
        self.ledger.commit(Record(done={entry.program.name}))

    def _record(self, decided: list[tuple[Entry, Decision]], now: Now) -> None:
        record = Record(events=self._results)
        self._results = []
        for entry, decision in decided:
            name = entry.program.name
            if decision.memory is not entry.memory:
                record.memories[name] = decision.memory
                if decision.actions:
                    record.pending[name] = decision.actions
                    self._note_marker(record, entry, decision)
            record.events += [Told(at=now.wall, program=name, event=e) for e in decision.events]
        self.ledger.commit(record)

    @staticmethod
    def _note_marker(record: Record, entry: Entry, decision: Decision) -> None:
        """The marker that a run is started with has to be known for as long as it lives."""
        marker = entry.program.launch.marker
        spawns = any(action.deed is Deed.SPAWN for action in decision.actions)
        if spawns and (marker is not None or entry.marker is not None):
            record.markers[entry.program.name] = None if marker is None else marker_text(marker)

    def _note(self, event: Event, program: str | None = None) -> None:
        self._results.append(Told(at=clock.now().wall, program=program, event=event))

    def _act(self, decided: list[tuple[Entry, Decision]]) -> None:
        seen: set[str] = set()
        done: set[str] = set()
        for entry, decision in decided:
            before, after = entry.memory, decision.memory
            name = entry.program.name
            if after is not before:
                entry.memory = after
                seen.add(name)
            if decision.actions:
                if any(action.deed is Deed.FORCE_STOP for action in decision.actions):
                    self.forced = self.forced or any(e.kind == "forced" for e in decision.events)
                for event in self.executor.do(decision.actions, entry, before):
                    self._note(event, name)
                if decision.actions[0].deed is not Deed.SPAWN:
                    done.add(name)  # a Spawn alone is settled by its run id
            self._follow_run(name, before, after)
            self._set_timer(entry, decision)
        self.backend.flush()  # whoever waits for a deed does not wait for what comes here
        for entry, _ in decided:
            self._drop_if_done(entry)
        if self._results or done:
            results, self._results = self._results, []
            self.ledger.commit(Record(events=results, done=done))
        if seen:
            self.changed(seen)

    def _follow_run(self, name: str, before: Memory, after: Memory) -> None:
        """The end of a run is on disk now: the backend may forget it."""
        if after is before:
            return
        over = before.phase in LIVING and (after.phase in RESTING or after.run_id != before.run_id)
        if over and before.run_id:
            self.backend.release(before.run_id)
            self.by_run.pop(before.run_id, None)
        if after.run_id:
            self.by_run[after.run_id] = name

    def _drop_if_done(self, entry: Entry) -> None:
        name = entry.program.name
        if entry.in_file or entry.memory.phase is not Phase.STOPPED:
            return
        if self.entries.pop(name, None) is not None:
            self.by_run.pop(entry.memory.run_id, None)
            self.ledger.commit(Record(dropped={name}))
            self.changed({name})

    # -- observing ------------------------------------------------------------------------------

    def _observe(self, entry: Entry, now: Now) -> Observed:
        memory = entry.memory
        sighting = self.backend.look(memory.run_id, tree=entry.program.stop.force_tree)
        owner = entry.program.owner
        hold = None
        if owner is not None and sighting.sight is not Sight.ALIVE:
            hold = foreign_owner(owner)
        if sighting.sight is Sight.UNOBSERVABLE:
            return Observed(sight=Sight.UNOBSERVABLE, run_id=memory.run_id)
        return Observed(
            sight=sighting.sight,
            run_id=memory.run_id,
            process=sighting.process,
            exit=sighting.exit,
            error=sighting.error,
            leftovers=sighting.leftovers,
            started_at=sighting.started_at,
            drained=memory.phase is Phase.DRAINING and self._drained(entry),
            marker=self._marker(entry, now),
            hold=hold,
            spare_run_id="" if sighting.sight is Sight.ALIVE else self._spare_run_id(),
        )

    def _spare_run_id(self) -> str:
        """Take 64 random bits from a stock: many an id is offered and not used."""
        if not self._spare_ids:
            stock = os.urandom(8 * 64).hex()
            self._spare_ids = [stock[i : i + 16] for i in range(0, len(stock), 16)]
        return self._spare_ids.pop()

    def _drained(self, entry: Entry) -> bool:
        probe = entry.program.stop.drained
        if probe is None:
            return False
        if entry.asker is None:
            name = entry.program.name
            entry.asker = Asker(probe, self.loop, lambda: self.wake(name))
        process = entry.memory.process
        return entry.asker.ask(None if process is None else process.pid) is True

    def _marker(self, entry: Entry, now: Now) -> MarkerSight:
        marker, memory = entry.marker, entry.memory
        if marker is None or memory.marker_at is None or memory.phase is not Phase.DRAINING:
            return MarkerSight.NONE
        if entry.marker_failed:
            return MarkerSight.NONE
        return marker_sight(marker, now.at - memory.marker_at)

    def _set_timer(self, entry: Entry, decision: Decision) -> None:
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None
        if entry.memory.phase is not Phase.DRAINING and entry.asker is not None:
            entry.asker.close()
            entry.asker = None
        at = decision.wake_at
        interval = self._watch_interval(entry)
        if interval is not None:
            look_at = clock.now().at + interval
            at = look_at if at is None else min(at, look_at)
        if at is not None:
            if entry.memory.phase in PATIENT and at - clock.now().at >= LEAST_PATIENCE:
                at += -at % SLACK
            name = entry.program.name
            entry.timer = self.loop.at(at, lambda: self.wake(name))

    @staticmethod
    def _watch_interval(entry: Entry) -> float | None:
        phase = entry.memory.phase
        if phase is Phase.KILLING:
            return WATCH_INTERVAL
        if phase is Phase.DRAINING:
            watched = entry.program.stop.drained or entry.marker
            leftover = entry.memory.drained_at is not None
            return WATCH_INTERVAL if watched or leftover else None
        if phase is Phase.WAITING:
            return OWNER_INTERVAL
        return None
