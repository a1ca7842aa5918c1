"""The words for where a program stands, why, and how a run ended."""

from __future__ import annotations

from enum import Enum, StrEnum


class Phase(StrEnum):
    """What we claim about a program; what is seen wins over it."""

    STOPPED = "stopped"
    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    KILLING = "killing"
    BACKOFF = "backoff"
    EXITED = "exited"
    FAILED = "failed"


LIVING = frozenset({Phase.STARTING, Phase.RUNNING, Phase.DRAINING, Phase.KILLING})
"""The phases that claim that a process lives."""

RESTING = frozenset(Phase) - LIVING
"""The phases that claim that no process lives."""


class Reason(StrEnum):
    """Why a program is in its phase, or why its last run ended."""

    OPERATOR = "operator"
    REVISION = "revision"
    SHUTDOWN = "shutdown"
    UNHEALTHY = "unhealthy"
    START_TIMEOUT = "start-timeout"
    SPAWN_FAILED = "spawn-failed"
    OOM = "oom"
    DEPENDENCY = "dependency"
    FOREIGN_OWNER = "foreign-owner"


PLANNED = frozenset({Reason.OPERATOR, Reason.REVISION, Reason.SHUTDOWN})
"""A drain for one of these is planned; for anything else its end counts as a failure."""


class Outcome(StrEnum):
    """How a run ended."""

    DRAINED = "drained"
    FORCED = "forced"
    EXITED = "exited"
    FAILED = "failed"
    CRASHED = "crashed"
    NEVER_STARTED = "never-started"
    UNKNOWN = "unknown"


class Sight(Enum):
    """What was seen of a program's present run."""

    UNOBSERVABLE = "unobservable"
    """Nothing could be seen, or an answer is still under way: no change, no action."""
    NEVER_MADE = "never-made"
    """A start was recorded, but no process of this run was ever made."""
    SPAWN_FAILED = "spawn-failed"
    """The backend tried to make the process and could not."""
    ALIVE = "alive"
    """The main process lives."""
    REMAINS = "remains"
    """The main process is dead, something of its tree lives."""
    GONE = "gone"
    """The main process was seen dead and its tree empty, or there never was one."""


class MarkerSight(Enum):
    """What became of our planned-stop marker."""

    NONE = "none"
    PRESENT = "present"
    CONSUMED = "consumed"
    EXPIRED = "expired"
