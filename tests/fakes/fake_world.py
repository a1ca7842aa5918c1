"""
A world for one program: the keeper's runs, the marker on its disk, pids that are used again.

It does deeds the way the real one does: a spawn has its result later, a run id is not made twice,
a signal goes to the process whose identity was checked.  A judge, if there is one, is told of
every deed at the moment it reaches the world; the world itself never asks what was remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hermes_supervise.model.facts import Exit, Hold, Memory, Observed, Process
from hermes_supervise.model.phase import LIVING, MarkerSight, Sight
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_program import HABITS, NEVER, FakeRun, Habit

MARKER_LIFE = 60.0
PIDS = 3
"""So few that a pid is soon used again."""


class Judge(Protocol):
    """Who is told of the deeds that reach the world."""

    def spawns(self, run: FakeRun) -> None:
        """A new run was asked for."""

    def asks(self, run: FakeRun) -> None:
        """A stop of the run was asked for (before it hears of it)."""

    def signals(self, meant: str, met: str | None) -> None:
        """A signal that was meant for one run met the process of a run, or a stranger (None)."""

    def forces(self, run: FakeRun) -> None:
        """Force is used on a run (before it works)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeMarker:
    """The marker file: whom it names, and when it was written."""

    run_id: str
    written_at: float


class FakeWorld:
    """What really is; ``observe`` tells it, deeds and time change it."""

    def __init__(
        self,
        clock: FakeClock,
        *,
        judge: Judge | None = None,
        stop_signal: int | None = 15,
        ready_probe: bool = False,
        drained_probe: bool = False,
        tree_counts: bool = True,
        identity_checked: bool = True,
    ) -> None:
        self.clock = clock
        self.judge = judge
        self.stop_signal = stop_signal
        self.ready_probe = ready_probe
        self.drained_probe = drained_probe
        self.tree_counts = tree_counts
        self.identity_checked = identity_checked
        self.runs: dict[str, FakeRun] = {}
        self.marker: FakeMarker | None = None
        self.marker_writable = True
        self.blind = False
        self.hold: Hold | None = None
        self.habit: Habit = HABITS["polite"]
        self.deeds = 0
        self._spares = 0
        self._ticks = 0

    # -- what is there --------------------------------------------------------------------------

    def living(self) -> list[FakeRun]:
        """Return the runs of which anything lives or is under way."""
        return [run for run in self.runs.values() if not self.over(run)]

    def over(self, run: FakeRun) -> bool:
        """Say whether the supervisor may count the run as gone."""
        return run.empty or (not self.tree_counts and not run.in_flight and not run.alive)

    def observe(self, memory: Memory) -> Observed:
        """Look at the remembered run, or at another one that lives although none should."""
        self._spares += 1
        spare = f"run-{self._spares}"
        if self.blind:
            return Observed(
                sight=Sight.UNOBSERVABLE,
                run_id=memory.run_id,
                hold=self.hold,
                spare_run_id=spare,
            )
        run = self.runs.get(memory.run_id)
        if memory.phase not in LIVING and (run is None or self.over(run)):
            run = next(iter(self.living()), run)
        if run is None:
            return self._nothing_known(memory, spare)
        return Observed(
            sight=self._sight(run),
            run_id=run.run_id,
            started_at=run.made_at if run.made else None,
            process=run.process if run.alive else None,
            exit=(Exit() if run.exit_unseen else run.exit) if not run.alive else None,
            error=run.habit.spawn_error if run.failed else "",
            ready=run.ready if self.ready_probe else None,
            live=not run.sick,
            drained=self.drained_probe and run.drained,
            marker=run.marker,
            hold=self.hold,
            spare_run_id=spare,
        )

    def _nothing_known(self, memory: Memory, spare: str) -> Observed:
        unmade = memory.phase in LIVING and memory.process is None
        return Observed(
            sight=Sight.NEVER_MADE if unmade else Sight.GONE,
            run_id=memory.run_id,
            exit=None if unmade else Exit(),
            hold=self.hold,
            spare_run_id=spare,
        )

    def _sight(self, run: FakeRun) -> Sight:
        if run.in_flight:
            return Sight.UNOBSERVABLE
        if run.failed:
            return Sight.SPAWN_FAILED
        if run.alive:
            return Sight.ALIVE
        return Sight.REMAINS if run.strays else Sight.GONE

    # -- deeds ----------------------------------------------------------------------------------

    def spawn(self, run_id: str, revision: str) -> None:
        """Ask the keeper for a process; its answer comes in time.  A known run id is not made."""
        self.deeds += 1
        if run_id in self.runs:
            return
        self._ticks += 1
        run = FakeRun(
            run_id=run_id,
            revision=revision,
            habit=self.habit,
            process=Process(pid=100 + self._ticks % PIDS, inode=self._ticks, ticks=self._ticks),
            asked_for_at=self.clock.at,
        )
        if self.judge is not None:
            self.judge.spawns(run)
        self.runs[run_id] = run

    def write_marker(self, run_id: str) -> None:
        """Put a fresh marker on the disk; one for a process that is not there helps nobody."""
        self.deeds += 1
        run = self.runs.get(run_id)
        if not self.marker_writable:
            if run is not None:
                run.marker_failed = True
            return
        self.marker = FakeMarker(run_id=run_id, written_at=self.clock.at)
        if run is not None:
            run.marker = MarkerSight.PRESENT
            run.markers += 1
            run.first_marker_at = min(run.first_marker_at, self.clock.at)

    def clear_marker(self, run_id: str) -> None:
        """Delete the marker if it names this run."""
        self.deeds += 1
        if self.marker is not None and self.marker.run_id == run_id:
            self.marker = None
        if run_id in self.runs and self.runs[run_id].marker is MarkerSight.PRESENT:
            self.runs[run_id].marker = MarkerSight.NONE

    def request_stop(self, run_id: str, process: Process | None) -> None:
        """Send the stop signal, if there is one, to the process that was identified."""
        self.deeds += 1
        run = self.runs.get(run_id)
        if run is not None and run.alive:
            if self.judge is not None:
                self.judge.asks(run)
            run.asked_at = self.clock.at if run.asked_at is None else run.asked_at
        if self.stop_signal is not None:
            self._signal(run_id, process)

    def _signal(self, run_id: str, process: Process | None) -> None:
        owner = next(
            (r for r in self.runs.values() if r.alive and process and r.process.pid == process.pid),
            None,
        )
        if self.identity_checked and (owner is None or owner.process != process):
            return  # it is gone; whoever has its pid now is left alone
        if self.judge is not None:
            self.judge.signals(run_id, None if owner is None else owner.run_id)
        if owner is not None:
            owner.signals.append(self.clock.at)
            if owner.habit.heeds_signal:
                owner.hear(self.clock.at)

    def force(self, run_id: str) -> None:
        """End the whole tree of a run; it may take its time."""
        self.deeds += 1
        run = self.runs.get(run_id)
        if run is None or run.empty:
            return
        if self.judge is not None:
            self.judge.forces(run)
        run.forces.append(self.clock.at)

    # -- time and fate --------------------------------------------------------------------------

    def next_event(self) -> float:
        """Return when something next happens by itself (infinity: never)."""
        events = [run.next_event() for run in self.runs.values() if not run.empty]
        if self.marker is not None:
            events.append(self.marker.written_at + MARKER_LIFE)
        return min(events, default=NEVER)

    def step(self) -> None:
        """Let everything happen that is due by now, in its order."""
        while (at := self.next_event()) <= self.clock.at:
            if self.marker is not None and self.marker.written_at + MARKER_LIFE <= at:
                self._expire(self.marker.run_id)
                continue
            run = min((run for run in self.runs.values() if not run.empty), key=FakeRun.next_event)
            if run.step(at) == "reads" and self.marker and self.marker.run_id == run.run_id:
                self.marker = None

    def _expire(self, run_id: str) -> None:
        """Somebody tidies a stale marker away."""
        self.marker = None
        if run_id in self.runs and self.runs[run_id].marker is MarkerSight.PRESENT:
            self.runs[run_id].marker = MarkerSight.EXPIRED

    def crash(self, end: Exit) -> None:
        """End every main process from outside."""
        for run in self.runs.values():
            if run.alive:
                run.die(self.clock.at, end)

    def leave_stray(self) -> None:
        """Something of the last dead run turns up after all."""
        dead = [run for run in self.runs.values() if run.made and run.empty]
        if dead:
            dead[-1].strays, dead[-1].forces = True, []

    def lose_keeper(self) -> None:
        """A new keeper finds what lives, and knows nothing of what is dead or was under way."""
        self.runs = {run.run_id: run for run in self.runs.values() if run.alive or run.strays}
        for run in self.runs.values():
            run.exit_unseen = True

    def reboot(self) -> None:
        """Nothing lives any more and nobody remembers; the disk stays."""
        self.runs = {}
        self.blind = False
        self.hold = None
