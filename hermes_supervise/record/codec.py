"""Memory as JSON and back.  What is read back decides exactly as what was written (law 10)."""

from __future__ import annotations

import json

from hermes_supervise.model.decision import Action, Deed
from hermes_supervise.model.facts import Exit, LastExit, Memory, Process
from hermes_supervise.model.phase import MarkerSight, Outcome, Phase, Reason

_PLAIN = (
    "since_at",
    "since_wall",
    "message",
    "revision",
    "run_id",
    "started_at",
    "started_wall",
    "adopted",
    "was_ready",
    "deed",
    "asked_at",
    "marker_at",
    "drained_at",
    "forced_at",
    "due_at",
    "streak",
    "park",
    "trial",
    "restarts",
)
"""Fields that JSON can hold as they are."""

_DEFAULTS = {key: getattr(Memory(), key) for key in _PLAIN}


to_json = json.JSONEncoder(separators=(",", ":")).encode
"""``json.dumps`` would make a new encoder for each of thousands of rows."""


def encode_memory(memory: Memory) -> str:
    """Return the memory as one JSON object; a field with its default value is left out."""
    document: dict[str, object] = {"phase": memory.phase.value}
    for key in _PLAIN:
        value = getattr(memory, key)
        if value != _DEFAULTS[key]:
            document[key] = value
    if memory.reason is not None:
        document["reason"] = memory.reason.value
    if memory.marker is not MarkerSight.NONE:
        document["marker"] = memory.marker.value
    if memory.outcome is not None:
        document["outcome"] = memory.outcome.value
    if memory.process is not None:
        document["process"] = [memory.process.pid, memory.process.inode, memory.process.ticks]
    if memory.main_exit is not None:
        end = memory.main_exit
        document["main_exit"] = [end.code, end.signal, end.oom]
    if memory.failures:
        document["failures"] = list(memory.failures)
    if memory.last_exit is not None:
        last = memory.last_exit
        reason = None if last.reason is None else last.reason.value
        document["last_exit"] = [last.code, last.signal, reason, last.outcome.value, last.wall]
    return to_json(document)


def decode_memory(text: str) -> Memory:
    """
    Return the memory that *text* holds.

    Raises:
        ValueError, KeyError, TypeError: the text is damaged.
    """
    document = json.loads(text)
    plain = {key: document[key] for key in _PLAIN if key in document}
    return Memory(
        phase=Phase(document["phase"]),
        reason=_reason(document.get("reason")),
        marker=MarkerSight(document.get("marker", "none")),
        outcome=Outcome(document["outcome"]) if "outcome" in document else None,
        process=_process(document.get("process")),
        main_exit=_exit(document.get("main_exit")),
        failures=tuple(document.get("failures", ())),
        last_exit=_last_exit(document.get("last_exit")),
        **plain,
    )


def encode_actions(actions: tuple[Action, ...]) -> str:
    """Return decided deeds as one JSON list."""
    return to_json(
        [
            [
                action.deed.value,
                action.run_id,
                action.number,
                None
                if action.process is None
                else [action.process.pid, action.process.inode, action.process.ticks],
            ]
            for action in actions
        ]
    )


def decode_actions(text: str | None) -> tuple[Action, ...]:
    """
    Return the deeds that *text* holds.

    Raises:
        ValueError, KeyError, TypeError: the text is damaged.
    """
    rows = [] if text is None else json.loads(text)
    return tuple(
        Action(deed=Deed(deed), run_id=run_id, number=number, process=_process(process))
        for deed, run_id, number, process in rows
    )


def _reason(value: str | None) -> Reason | None:
    return None if value is None else Reason(value)


def _process(row: list[int] | None) -> Process | None:
    return None if row is None else Process(pid=row[0], inode=row[1], ticks=row[2])


def _exit(row: list[int | None] | None) -> Exit | None:
    return None if row is None else Exit(code=row[0], signal=row[1], oom=bool(row[2]))


def _last_exit(row: list[object] | None) -> LastExit | None:
    if row is None:
        return None
    code, number, reason, outcome, wall = row
    return LastExit(
        code=code if isinstance(code, int) else None,
        signal=number if isinstance(number, int) else None,
        reason=_reason(None if reason is None else str(reason)),
        outcome=Outcome(str(outcome)),
        wall=float(str(wall)),
    )
