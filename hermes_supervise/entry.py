"""One program under supervision: everything the reconciler keeps about it between turns."""

from __future__ import annotations

from hermes_supervise.loop import Timer
from hermes_supervise.model.facts import Desired, Memory
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.spec import Program
from hermes_supervise.observe.probes import Asker
from hermes_supervise.plan.desired import Surroundings, desired_of, wanted_up


class Entry:
    """A program with its intent and memory; only the reconciler changes it."""

    __slots__ = ("_desired", "asker", "in_file", "intent", "memory", "program", "timer")

    def __init__(self, program: Program, intent: Intent, memory: Memory, *, in_file: bool) -> None:
        self.program = program
        self.intent = intent
        self.memory = memory
        self.in_file = in_file
        self.timer: Timer | None = None
        self.asker: Asker | None = None
        self._desired: Desired | None = None

    def desired(self, around: Surroundings) -> Desired:
        """Return what is wanted of it; made anew only after ``rethink``."""
        if self._desired is None:
            self._desired = desired_of(self.program, self.intent, around, in_file=self.in_file)
        return self._desired

    def rethink(self) -> None:
        """Intent, plan or surroundings changed."""
        self._desired = None

    def up(self) -> bool:
        """The stored intent, which a shutdown does not change."""
        return self.in_file and wanted_up(self.program, self.intent)
