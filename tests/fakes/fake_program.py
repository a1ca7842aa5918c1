"""Programs for the fake world: one habit each, and a run that lives by it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hermes_supervise.model.facts import Exit, Process
from hermes_supervise.model.phase import MarkerSight

NEVER = math.inf

WELL, BADLY = Exit(code=0), Exit(code=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """
    How a program behaves; all times are seconds.

    ``reads_marker_after`` counts from the first marker of the run.  ``drains_for`` is the work
    left when it was asked; ``lingers`` what it still lives after that.  ``strays``: it leaves
    something of its tree behind.  ``forces`` is how often force has to be used on it.
    """

    spawn_takes: float = 0.0
    spawn_error: str = ""
    ready_after: float = 0.5
    sick_after: float = NEVER
    reads_marker_after: float = 0.2
    heeds_signal: bool = True
    drains_for: float = 1.0
    lingers: float = 0.0
    drain_exit: Exit = WELL
    ends_after: float = NEVER
    end: Exit = BADLY
    strays: bool = False
    forces: int = 1
    force_takes: float = 0.0


HABITS: dict[str, Habit] = {
    "polite": Habit(),
    "polite, asks for a restart": Habit(ends_after=7.0, end=Exit(code=75)),
    "marker only": Habit(heeds_signal=False),
    "signal only": Habit(reads_marker_after=NEVER),
    "deaf": Habit(heeds_signal=False, reads_marker_after=NEVER),
    "deaf and stubborn": Habit(
        heeds_signal=False, reads_marker_after=NEVER, forces=2, force_takes=0.7
    ),
    "reads its marker late": Habit(heeds_signal=False, reads_marker_after=33.0),
    "crashes at once": Habit(ends_after=0.0),
    "crashes soon": Habit(ends_after=2.5, end=Exit(signal=11)),
    "runs long, then crashes": Habit(ends_after=25.0),
    "leaves strays": Habit(strays=True),
    "crashes and leaves strays": Habit(ends_after=1.7, strays=True, force_takes=0.4),
    "drains slowly": Habit(drains_for=3.5),
    "drains too slowly": Habit(drains_for=500.0),
    "drained, but lingers": Habit(drains_for=0.5, lingers=500.0),
    "cannot be made": Habit(spawn_error="no such file: /bin/missing"),
    "made slowly": Habit(spawn_takes=1.5),
    "never ready": Habit(ready_after=NEVER),
    "grows sick": Habit(sick_after=4.0),
    "ends well": Habit(ends_after=3.0, end=Exit(code=0)),
    "asks for a restart at once": Habit(ends_after=0.0, end=Exit(code=75)),
    "fatal": Habit(ends_after=0.3, end=Exit(code=78)),
    "killed for memory": Habit(ends_after=5.0, end=Exit(signal=9, oom=True)),
}


@dataclass(slots=True)
class FakeRun:
    """One run of a program as the world knows it; the supervisor sees only what is observed."""

    run_id: str
    revision: str
    habit: Habit
    process: Process
    asked_for_at: float
    made: bool = False
    failed: bool = False
    made_at: float = NEVER
    ready: bool = False
    sick: bool = False
    heard_at: float = NEVER
    drained: bool = False
    drained_at: float = NEVER
    died_at: float = NEVER
    exit: Exit | None = None
    exit_unseen: bool = False
    strays: bool = False
    ends_at: float = NEVER
    asked_at: float | None = None
    marker: MarkerSight = MarkerSight.NONE
    first_marker_at: float = NEVER
    markers: int = 0
    marker_failed: bool = False
    signals: list[float] = field(default_factory=list)
    forces: list[float] = field(default_factory=list)

    @property
    def in_flight(self) -> bool:
        """The spawn has no result yet."""
        return not self.made and not self.failed

    @property
    def alive(self) -> bool:
        """The main process lives."""
        return self.made and self.died_at == NEVER

    @property
    def empty(self) -> bool:
        """Nothing of it lives and nothing is under way."""
        return not self.in_flight and not self.alive and not self.strays

    def next_event(self) -> float:
        """Return when something next happens to this run by itself."""
        if self.in_flight:
            return self.asked_for_at + self.habit.spawn_takes
        if self.empty:
            return NEVER
        return min(at for at, _ in self._events())

    def _events(self) -> list[tuple[float, str]]:
        habit = self.habit
        events = [(NEVER, "")]
        if len(self.forces) >= habit.forces:
            events.append((self.forces[habit.forces - 1] + habit.force_takes, "killed"))
        if not self.alive:
            return events
        if not self.ready:
            events.append((self.made_at + habit.ready_after, "ready"))
        if not self.sick:
            events.append((self.made_at + habit.sick_after, "sick"))
        if self.marker is MarkerSight.PRESENT:
            events.append((self.first_marker_at + habit.reads_marker_after, "reads"))
        if self.heard_at != NEVER:
            done_at = self.heard_at + habit.drains_for
            events.append((done_at + habit.lingers, "leaves"))
            if not self.drained:
                events.append((done_at, "drained"))
        events.append((self.ends_at, "ends"))
        return events

    def step(self, at: float) -> str:
        """Let the next thing happen, at *at*; return its name."""
        if self.in_flight:
            self._be_made(at)
            return "made"
        _, name = min(self._events())
        match name:
            case "ready":
                self.ready = True
            case "sick":
                self.sick = True
            case "reads":
                self.marker = MarkerSight.CONSUMED
                self.hear(at)
            case "drained":
                self.drained, self.drained_at = True, at
            case "leaves":
                self.die(at, self.habit.drain_exit)
            case "ends":
                self.die(at, self.habit.end)
            case "killed":
                if self.alive:
                    self.die(at, Exit(signal=9))
                self.strays = False
            case _:
                pass
        return name

    def _be_made(self, at: float) -> None:
        self.failed = bool(self.habit.spawn_error)
        if not self.failed:
            self.made, self.made_at = True, at
            self.ends_at = at + self.habit.ends_after

    def hear(self, at: float) -> None:
        """Begin to drain, unless it does already."""
        self.heard_at = min(self.heard_at, at)

    def die(self, at: float, end: Exit) -> None:
        """End the main process; its strays, if it leaves any, live on."""
        self.died_at, self.exit = at, end
        self.strays = self.habit.strays
