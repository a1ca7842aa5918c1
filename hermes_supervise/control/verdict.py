"""Whether what an operator asked for has come about: done, failed, or still pending.  Pure."""

from __future__ import annotations

from hermes_supervise.model.facts import Memory
from hermes_supervise.model.phase import Outcome, Phase
from hermes_supervise.record.board import signal_name

Verdict = tuple[str, str]
"""``pending``, ``done`` or ``failed``, and a note for people."""

PENDING: Verdict = ("pending", "")


def verdict_of(kind: str, memory: Memory | None, *, up: bool, heard: bool) -> Verdict:
    """
    Judge one program of a request.

    Args:
        kind: start, stop or restart.
        memory: What is remembered of it now; None when it has left the file and is gone.
        up: Whether the operator wants it up now.
        heard: Whether the program stands where the newest request has led it: before that, a
            failure that is remembered is an old one.
    """
    if memory is None:
        return ("done", "gone") if kind == "stop" else ("failed", "no longer in the configuration")
    if kind == "stop":
        return _stopped(memory, up=up)
    return _started(memory, up=up, heard=heard)


def _stopped(memory: Memory, *, up: bool) -> Verdict:
    if up:
        return "failed", "somebody asked for it to be up again"
    if memory.phase is not Phase.STOPPED:
        return PENDING
    return "done", _how(memory)


def _started(memory: Memory, *, up: bool, heard: bool) -> Verdict:
    if not up:
        return "failed", "somebody asked for it to be down"
    if not heard:
        return PENDING
    match memory.phase:
        case Phase.RUNNING:
            return "done", ""
        case Phase.EXITED if memory.last_exit and memory.last_exit.outcome is Outcome.EXITED:
            return "done", "ran to its end"
        case Phase.BACKOFF | Phase.FAILED | Phase.EXITED:
            return "failed", memory.message or _how(memory)
        case _:
            return PENDING


def _how(memory: Memory) -> str:
    last = memory.last_exit
    if last is None:
        return ""
    if last.signal is not None:
        return f"{last.outcome.value}, {signal_name(last.signal)}"
    return last.outcome.value if last.code is None else f"{last.outcome.value}, exit {last.code}"
