"""
What a memory means after a break: a supervisor that was cut off, or a world that ended.

Both are pure, like ``decide``, and are asked once, before the first turn.
"""

from __future__ import annotations

from hermes_supervise.model.copying import replace
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


def new_world(
    memory: Memory, pending: tuple[Action, ...], now: Now
) -> tuple[Memory, tuple[Action, ...]]:
    """
    Return what to record and to do first after a reboot, or in a container that starts again.

    Nothing of the old world lives and its instants mean nothing.  A run that was claimed to live
    ended with it, unseen, and that is nobody's failure; a program that had ended by itself may
    run again.  A wait begins again in full.  Files outlive a world: a marker that was written, or
    should have been cleared, is cleared now.
    """
    clears = [action for action in pending if action.deed is Deed.CLEAR_MARKER]
    deed = memory.deed
    if memory.marker_at is not None:
        deed += 1
        clears.append(
            Action(
                deed=Deed.CLEAR_MARKER,
                run_id=memory.run_id,
                number=deed,
                process=memory.process,
            )
        )
    return _closed(replace(memory, deed=deed), now), tuple(clears)


def _closed(memory: Memory, now: Now) -> Memory:
    wait = None if memory.due_at is None else max(0.0, memory.due_at - memory.since_at)
    due_at = None if wait is None else now.at + wait
    memory = replace(memory, since_at=now.at, due_at=due_at, failures=())
    if memory.phase is Phase.EXITED:
        return replace(memory, phase=Phase.STOPPED, since_wall=now.wall)
    if memory.phase not in LIVING:
        return memory
    unmade = memory.phase is Phase.STARTING and memory.process is None
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
        last_exit=memory.last_exit if unmade else unseen,
    )
