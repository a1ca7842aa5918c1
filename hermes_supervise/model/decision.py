"""What a decision is made of: new memory, deeds, events and the next wake time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hermes_supervise.model.facts import Memory, Process
from hermes_supervise.model.phase import Phase, Reason


class Deed(StrEnum):
    """The deeds.  All may be repeated but Spawn, which is guarded by its run id."""

    SPAWN = "Spawn"
    WRITE_MARKER = "WriteMarker"
    REQUEST_STOP = "RequestStop"
    FORCE_STOP = "ForceStop"
    CLEAR_MARKER = "ClearMarker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """
    One deed to be done to one run, with its number.

    ``process`` is the identity of the run's main process as it was remembered when this was
    decided, None where none was ever seen: a deed that is repeated after a crash still knows whom
    it is about, even if the memory has gone on to the next run.
    """

    deed: Deed
    run_id: str
    number: int
    process: Process | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something worth keeping in the history; ``data`` holds plain values only."""

    kind: str
    phase_from: Phase | None = None
    phase_to: Phase | None = None
    reason: Reason | None = None
    data: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer of ``decide``: record ``memory`` and ``events`` first, then do ``actions``."""

    memory: Memory
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    wake_at: float | None = None
