"""Short words for the three inputs of a decision; what is not named is ordinary."""

from __future__ import annotations

from typing import Any

from hermes_supervise.decide import decide
from hermes_supervise.model.decision import Decision
from hermes_supervise.model.facts import Desired, Exit, Memory, Now, Observed, Process
from hermes_supervise.model.phase import LIVING, Phase, Sight
from hermes_supervise.model.spec import Restart, Start, Stop

T = 1000.0
"""The instant of most questions."""

WALL = 1_767_225_600.0
PROCESS = Process(pid=42, inode=7, ticks=99)


def wanted(**changes: Any) -> Desired:
    """Up, of revision r1, with a marker and the default limits."""
    values: dict[str, Any] = {
        "up": True,
        "revision": "r1",
        "start": Start(),
        "stop": Stop(),
        "restart": Restart(),
        "has_marker": True,
    }
    return Desired(**(values | changes))


def seen(sight: Sight = Sight.GONE, **changes: Any) -> Observed:
    """What was seen of run-1; gone with exit code 1, alive as pid 42."""
    values: dict[str, Any] = {"sight": sight, "run_id": "run-1", "spare_run_id": "run-2"}
    if sight in (Sight.GONE, Sight.REMAINS):
        values["exit"] = Exit(code=1)
    if sight is Sight.ALIVE:
        values["process"] = PROCESS
    return Observed(**(values | changes))


def remembered(phase: Phase, **changes: Any) -> Memory:
    """A run-1 of revision r1 that began, and entered its phase, 10 s before ``T``."""
    values: dict[str, Any] = {
        "phase": phase,
        "since_at": T - 10,
        "revision": "r1",
        "run_id": "run-1",
        "deed": 5,
    }
    if phase in LIVING:
        values |= {"process": PROCESS, "started_at": T - 10, "was_ready": True}
    if phase is Phase.STARTING:
        values |= {"was_ready": False}
    if phase is Phase.DRAINING:
        values |= {"asked_at": T - 10, "marker_at": T - 10}
    if phase is Phase.KILLING:
        values |= {"forced_at": T - 1}
    return Memory(**(values | changes))


def ask(desired: Desired, observed: Observed, memory: Memory, at: float = T) -> Decision:
    """Ask for the decision at one instant."""
    return decide(desired, observed, memory, Now(at=at, wall=WALL + at))


def deeds(decision: Decision) -> list[str]:
    """Return the deeds in their order, as words."""
    return [action.deed.value for action in decision.actions]


def kinds(decision: Decision) -> list[str]:
    """Return the kinds of the events in their order."""
    return [event.kind for event in decision.events]
