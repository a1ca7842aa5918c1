"""One program under supervision: everything the reconciler keeps about it between turns."""

from __future__ import annotations

from hermes_supervise.loop import Timer
from hermes_supervise.model.decision import Action
from hermes_supervise.model.facts import Desired, Memory
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.spec import Marker, Program
from hermes_supervise.observe.probes import Asker
from hermes_supervise.plan.desired import Surroundings, desired_of, wanted_up


class Entry:
    """A program with its intent and memory; only the reconciler changes it."""

    __slots__ = (
        "_desired",
        "adopting",
        "asker",
        "in_file",
        "intent",
        "marker",
        "marker_failed",
        "memory",
        "program",
        "resumed",
        "timer",
    )

    def __init__(self, program: Program, intent: Intent, memory: Memory, *, in_file: bool) -> None:
        self.program = program
        self.intent = intent
        self.memory = memory
        self.in_file = in_file
        self.marker: Marker | None = program.launch.marker
        """The marker that the present run was started with; an edit holds for the next run."""
        self.marker_failed = False
        self.resumed: tuple[Action, ...] = ()
        """Deeds of a turn that was cut off, to be done once the run can be seen."""
        self.adopting = False
        """Whether the run that is remembered has to be found again: no keeper held it."""
        self.timer: Timer | None = None
        self.asker: Asker | None = None
        self._desired: Desired | None = None

    def desired(self, around: Surroundings) -> Desired:
        """Return what is wanted of it; made anew only after ``rethink``."""
        if self._desired is None:
            self._desired = desired_of(
                self.program,
                self.intent,
                around,
                in_file=self.in_file,
                has_marker=self.marker is not None,
            )
        return self._desired

    def rethink(self) -> None:
        """Intent, plan or surroundings changed."""
        self._desired = None

    def up(self) -> bool:
        """The stored intent, which a shutdown does not change."""
        return self.in_file and wanted_up(self.program, self.intent)

    def spawning(self) -> None:
        """The next run is made by the program as it is now in the plan."""
        if self.marker != self.program.launch.marker:
            self.marker = self.program.launch.marker
            self._desired = None
        self.marker_failed = False
