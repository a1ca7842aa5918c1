"""Events in words, for the supervisor's own log; the same events stand in the history."""

from __future__ import annotations

from hermes_supervise.logs.own import DEBUG, ERROR, INFO, WARNING
from hermes_supervise.model.decision import Event
from hermes_supervise.record.board import signal_name

LEVELS = {
    "failed": ERROR,
    "stuck": ERROR,
    "forced": WARNING,
    "leftovers": WARNING,
    "lingered": WARNING,
    "backoff": WARNING,
    "waiting": WARNING,
    "marker-failed": WARNING,
    "marker-target": WARNING,
    "marker-expired": WARNING,
    "starting": DEBUG,
    "spawn-repeated": DEBUG,
    "force": DEBUG,
    "killing": DEBUG,
}
"""Levels of event kinds; every other is INFO."""


def level_of(event: Event) -> int:
    """Return the level of an event; an unasked end that was no success is a warning."""
    if event.kind == "exit":
        outcome = (event.data or {}).get("outcome")
        return INFO if outcome in ("drained", "exited") else WARNING
    return LEVELS.get(event.kind, INFO)


def sentence(event: Event) -> str:
    """Return an event in words."""
    data = event.data or {}
    match event.kind:
        case "spawned":
            return f"started, pid {data.get('pid')}"
        case "exit":
            return _exit(data)
        case "draining":
            return f"draining ({event.reason}), {data.get('timeout_s')} s left"
        case "backoff":
            return f"next start in {data.get('delay_s')} s"
        case "marker":
            return f"planned-stop marker written for pid {data.get('target_pid')}"
        case "signal":
            sent = "sent" if data.get("sent") else "could not be sent"
            return f"{data.get('signal')} {sent}"
        case "forced":
            return "the drain deadline passed or force was asked for; ending its whole tree"
        case "leftovers":
            count = data.get("count")
            behind = "what it left behind" if count is None else f"{count} it left behind"
            return f"its main process is gone, ending {behind}"
        case "lingered":
            return "drained but still there; ending it"
        case "stuck":
            return f"still alive after {data.get('for_s')} s of force"
        case "running" | "starting" if data.get("adopted"):
            return f"{event.kind}, adopted"
        case _:
            return _plain(event.kind, event, data)


def _exit(data: dict[str, object]) -> str:
    outcome = data.get("outcome")
    if data.get("error"):
        return f"{outcome}: {data['error']}"
    number = data.get("signal")
    if isinstance(number, int):
        return f"{outcome} after {data.get('run_s')} s: ended by {signal_name(number)}"
    if data.get("code") is None:
        return f"{outcome}: it ended and nobody could see how"
    return f"{outcome} after {data.get('run_s')} s: exit code {data['code']}"


def _plain(kind: str, event: Event, data: dict[str, object]) -> str:
    words = kind if event.reason is None else f"{kind} ({event.reason})"
    shown = {key: value for key, value in data.items() if key != "run_id"}
    told = ", ".join(f"{key} {value}" for key, value in shown.items())
    return f"{words}: {told}" if told else words
