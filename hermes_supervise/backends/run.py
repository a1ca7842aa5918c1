"""What the POSIX backend knows of one run."""

from __future__ import annotations

from enum import Enum

from hermes_supervise.model.facts import Exit, Process
from hermes_supervise.model.spec import Launch


class Stage(Enum):
    """How far a run is."""

    ASKED = "asked"
    ALIVE = "alive"
    ENDED = "ended"
    FAILED = "failed"
    NEVER = "never"


class Run:
    """What is known of one run."""

    __slots__ = (
        "cgroup",
        "chased",
        "error",
        "executable",
        "exit",
        "launch",
        "made_at",
        "ours",
        "pidfd",
        "process",
        "stage",
    )

    def __init__(self, stage: Stage, cgroup: str | None) -> None:
        self.stage = stage
        self.cgroup = cgroup
        self.process: Process | None = None
        self.pidfd: int | None = None
        self.exit: Exit | None = None
        self.error = ""
        self.made_at: float | None = None
        self.launch: Launch | None = None
        self.executable = ""
        self.chased = False
        """Force is used on it, again and again until nothing of it is left."""
        self.ours = True
        """False for an adopted process: its orphans do not come to our keeper."""
