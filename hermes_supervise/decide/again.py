"""
What a memory means after a break: a supervisor that was cut off, or a world that ended.

Both are pure, like ``decide``, and are asked once, before the first turn.
"""

from __future__ import annotations

from dataclasses import replace

from hermes_supervise.model.decision import Action, Deed
from hermes_supervise.model.facts import LastExit, Memory, Now
from hermes_supervise.model.phase import LIVING, MarkerSight, Outcome, Phase


def resume(
    memory: Memory, pending: tuple[Action, ...], now: Now
) -> tuple[Memory, tuple[Action, ...]]:
    """
    Return what to record, and which deeds to do again, after a turn was cut off.

    Args:
        memory: What was read back from disk.
        pending: The deeds of its last decision that have no result, there or at the backend.
        now: This instant.

    Returns:
        The memory to record first, and the deeds to do then, in their order and with their old
        numbers.  A Spawn is never among them: what became of it is asked by its run id.  A stop
        goes out once more, with a fresh marker right before it, and its drain begins now: the
        program may not have heard the first one, and is not forced for that.
    """
    actions = tuple(action for action in pending if action.deed is not Deed.SPAWN)
    asked = any(action.deed is Deed.REQUEST_STOP for action in actions)
    if asked and memory.phase is Phase.DRAINING:
        memory = replace(memory, asked_at=now.at, drained_at=None)
    if any(action.deed is Deed.WRITE_MARKER for action in actions):
        memory = replace(memory, marker_at=now.at, marker=MarkerSight.PRESENT)
    return memory, actions


def new_world(memory: Memory, now: Now) -> Memory:
    """
    Return the memory as it holds after a reboot, or in a container that was started again.

    Nothing of the old world lives and its instants mean nothing.  A run that was claimed to live
    ended with it, unseen, and that is nobody's failure; so did the rest of a program that had
    ended by itself.  A wait begins again in full.
    """
    wait = None if memory.due_at is None else max(0.0, memory.due_at - memory.since_at)
    memory = replace(
        memory,
        since_at=now.at,
        due_at=None if wait is None else now.at + wait,
        failures=(),
    )
    if memory.phase is Phase.EXITED:
        return replace(memory, phase=Phase.STOPPED, since_wall=now.wall)
    if memory.phase not in LIVING:
        return memory
    unseen = LastExit(code=None, signal=None, reason=None, outcome=Outcome.UNKNOWN, wall=now.wall)
    return Memory(
        phase=Phase.STOPPED,
        since_at=now.at,
        since_wall=now.wall,
        revision=memory.revision,
        run_id=memory.run_id,
        deed=memory.deed,
        streak=memory.streak,
        park=memory.park,
        restarts=memory.restarts,
        last_exit=memory.last_exit
        if memory.phase is Phase.STARTING and memory.process is None
        else unseen,
    )
