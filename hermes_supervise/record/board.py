"""What readers see of a program: its row in ``ctl status``, made from memory and the clock."""

from __future__ import annotations

from hermes_supervise.clock import rfc3339
from hermes_supervise.decide.case import Case
from hermes_supervise.model.facts import Desired, Memory, Now, Observed
from hermes_supervise.model.phase import LIVING, MarkerSight, Outcome, Phase
from hermes_supervise.model.spec import Program

SIGNAL_NAMES = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS",
    8: "SIGFPE", 9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE",
    14: "SIGALRM", 15: "SIGTERM",
}  # fmt: skip
"""Common names by the numbers of Linux; ``signal_name`` asks the system for all others."""

DUE_PHASES = (Phase.WAITING, Phase.BACKOFF, Phase.FAILED)


def row(
    program: Program, desired: Desired, memory: Memory, now: Now, *, up: bool
) -> dict[str, object]:
    """
    Return the row of one program as the contract has it; an absent fact is null.

    Args:
        program: Its entry of the plan.
        desired: What is wanted of it now.
        memory: What is remembered.
        now: This instant.
        up: The stored intent, which a shutdown does not change.
    """
    living = memory.phase in LIVING and memory.process is not None
    process = memory.process if living else None
    return {
        "name": program.name,
        "phase": memory.phase.value,
        "since": rfc3339(memory.since_wall) if memory.since_wall else None,
        "reason": None if memory.reason is None else memory.reason.value,
        "desired": "up" if up else "down",
        "ready": None,
        "healthy": None,
        "pid": None if process is None else process.pid,
        "started_at": _started_at(memory) if living else None,
        "uptime_s": _uptime(memory, now) if living else None,
        "restarts": memory.restarts,
        "adopted": memory.adopted,
        "backend": "posix",
        "last_exit": _last_exit(memory),
        "drain": _drain(desired, memory, now),
        "next_start_at": _next_start(desired, memory, now),
        "log": program.launch.logs.path,
        "message": _message(memory),
    }


def _started_at(memory: Memory) -> str | None:
    return None if memory.started_wall is None else rfc3339(memory.started_wall)


def _uptime(memory: Memory, now: Now) -> float | None:
    return None if memory.started_at is None else round(max(0.0, now.at - memory.started_at), 3)


def _last_exit(memory: Memory) -> dict[str, object] | None:
    last = memory.last_exit
    if last is None:
        return None
    return {
        "code": last.code,
        "signal": None if last.signal is None else signal_name(last.signal),
        "reason": None if last.reason is None else last.reason.value,
        "outcome": last.outcome.value,
        "at": rfc3339(last.wall),
    }


def signal_name(number: int) -> str:
    """Return the name of a signal, its number as text where it has none."""
    known = SIGNAL_NAMES.get(number)
    if known is not None:
        return known
    import signal  # noqa: PLC0415  # rare signals only

    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _wall(at: float, now: Now) -> str:
    return rfc3339(now.wall + (at - now.at))


def _drain(desired: Desired, memory: Memory, now: Now) -> dict[str, object] | None:
    if memory.asked_at is None or memory.phase not in (Phase.DRAINING, Phase.KILLING):
        return None
    case = Case(desired, Observed(run_id=memory.run_id), memory, now)
    return {
        "started_at": _wall(memory.asked_at, now),
        "deadline_at": _wall(case.drain_deadline(), now),
        "progress": _progress(memory),
    }


def _progress(memory: Memory) -> str | None:
    if memory.phase is Phase.KILLING:
        return "forced" if memory.outcome is Outcome.FORCED else "ending what is left"
    if memory.drained_at is not None:
        return "drained, waiting for its end"
    if memory.marker is MarkerSight.CONSUMED:
        return "marker taken"
    if memory.marker is MarkerSight.EXPIRED:
        return "marker not taken in time"
    return None


def _next_start(desired: Desired, memory: Memory, now: Now) -> str | None:
    if memory.due_at is None or memory.phase not in DUE_PHASES or not desired.up:
        return None
    return _wall(memory.due_at, now)


def _message(memory: Memory) -> str:
    if memory.message:
        return memory.message
    if memory.phase in (Phase.BACKOFF, Phase.EXITED, Phase.FAILED) and memory.last_exit:
        last = memory.last_exit
        if last.signal is not None:
            return f"ended by {signal_name(last.signal)}"
        if last.code is not None:
            return f"exit code {last.code}"
        return "ended unseen"
    return ""
