"""What the POSIX backend knows of one run."""

from __future__ import annotations

import os
import signal
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


def exit_of(status: int, cgroup: str | None) -> Exit:
    """Return the end that a wait status tells; -1 is an end that nobody could see."""
    if status == -1:
        return Exit()
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return Exit(code=code)
    oom = -code == signal.SIGKILL and cgroup is not None and _oom_killed(cgroup)
    return Exit(signal=-code, oom=oom)


def _oom_killed(cgroup: str) -> bool:
    try:
        with open(cgroup + "/memory.events", encoding="ascii") as file:
            for line in file:
                words = line.split()
                if len(words) == 2 and words[0] == "oom_kill":
                    return int(words[1]) > 0
    except (OSError, ValueError):
        return False
    return False
