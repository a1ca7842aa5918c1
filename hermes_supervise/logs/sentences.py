"""Events in words, for the supervisor's own log; the same events stand in the history."""

from __future__ import annotations

from collections.abc import Callable

from hermes_supervise.logs.own import DEBUG, ERROR, INFO, WARNING
from hermes_supervise.model.decision import Event
from hermes_supervise.record.board import signal_name

LEVELS = {
    "failed": ERROR,
    "stuck": ERROR,
    "state-unwritable": ERROR,
    "forced": WARNING,
    "leftovers": WARNING,
    "lingered": WARNING,
    "backoff": WARNING,
    "waiting": WARNING,
    "marker-failed": WARNING,
    "marker-target": WARNING,
    "marker-expired": WARNING,
    "new-world": WARNING,
    "supervisor-restarted": WARNING,
    "starting": DEBUG,
    "spawn-repeated": DEBUG,
    "force": DEBUG,
    "killing": DEBUG,
}
"""Levels of event kinds; every other is INFO."""

Data = dict[str, object]


def level_of(event: Event) -> int:
    """Return the level of an event; an unasked end that was no success is a warning."""
    if event.kind == "exit":
        outcome = (event.data or {}).get("outcome")
        return INFO if outcome in ("drained", "exited") else WARNING
    if event.kind == "starting" and (event.data or {}).get("adopted"):
        return INFO
    return LEVELS.get(event.kind, INFO)


def sentence(event: Event, by: str | None = None) -> str:
    """Return an event in words, with whoever asked for it if anybody did."""
    data = event.data or {}
    worded = _WORDED.get(event.kind)
    text = _plain(event, data) if worded is None else worded(event, data)
    if event.kind.startswith("asked-"):
        return f"{text} asked by {by}{_conditions(data)}"
    return text if by is None else f"{text} (asked by {by})"


def _plain(event: Event, data: Data) -> str:
    word = event.kind.removeprefix("asked-").replace("-", " ")
    if event.kind.startswith("asked-"):
        return word
    words = word if event.reason is None else f"{word} ({event.reason.value})"
    shown = {key: value for key, value in data.items() if key not in ("run_id", "adopted")}
    told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in shown.items())
    return f"{words}: {told}" if told else words


def _conditions(data: Data) -> str:
    words = ["with force"] if data.get("force") else []
    if "drain_timeout_s" in data:
        words.append(f"at most {_seconds(data, 'drain_timeout_s')} for its drain")
    return f", {', '.join(words)}" if words else ""


def _seconds(data: Data, key: str) -> str:
    value = data.get(key)
    return f"{value:g} s" if isinstance(value, int | float) else "? s"


def _living(event: Event, data: Data) -> str:
    return f"{event.kind}, adopted" if data.get("adopted") else event.kind


def _exit(_event: Event, data: Data) -> str:
    outcome = data.get("outcome")
    if data.get("error"):
        return f"{outcome}: {data['error']}"
    number = data.get("signal")
    if isinstance(number, int):
        return f"{outcome} after {_seconds(data, 'run_s')}: ended by {signal_name(number)}"
    if data.get("code") is None:
        return f"{outcome}: it ended and nobody could see how"
    return f"{outcome} after {_seconds(data, 'run_s')}: exit code {data['code']}"


def _failed(_event: Event, data: Data) -> str:
    retry = data.get("retry_s")
    then = "stays down until asked" if retry is None else f"next try in {_seconds(data, 'retry_s')}"
    return f"failed: {data.get('message') or 'no reason known'}; {then}"


def _signal(_event: Event, data: Data) -> str:
    return f"{data.get('signal')} {'sent' if data.get('sent') else 'could not be sent'}"


def _leftovers(_event: Event, data: Data) -> str:
    count = data.get("count")
    behind = "what it left behind" if count is None else f"{count} it left behind"
    return f"its main process is gone, ending {behind}"


def _marker_target(_event: Event, data: Data) -> str:
    told = f"{data.get('pid_file')} {data.get('why')}"
    return f"{told}; the marker names pid {data.get('target_pid')}"


def _shutting_down(_event: Event, data: Data) -> str:
    left = data.get("programs") == "leave"
    return "shutting down; " + ("the programs are left running" if left else "draining programs")


def _ended(_event: Event, data: Data) -> str:
    left = data.get("left")
    return f"the supervisor ends; {left} left running" if left else "the supervisor ends; all down"


def _reloaded(_event: Event, data: Data) -> str:
    changes = data.get("changes")
    if not isinstance(changes, dict) or not changes:
        return "configuration read again; nothing changed"
    told = ", ".join(f"{action} {name}" for name, action in list(changes.items())[:20])
    return f"configuration read again: {told}{', ...' if len(changes) > 20 else ''}"


_WORDED: dict[str, Callable[[Event, Data], str]] = {
    "spawned": lambda _e, d: f"started, pid {d.get('pid')}",
    "starting": _living,
    "running": _living,
    "adopted": lambda _e, d: f"found again, pid {d.get('pid')}; not our child any more",
    "exit": _exit,
    "failed": _failed,
    "exited": lambda _e, _d: "stays down: its restart policy says so",
    "draining": lambda e, d: f"draining ({e.reason}), {_seconds(d, 'timeout_s')} left",
    "drained": lambda _e, _d: "drained: its work is saved",
    "backoff": lambda _e, d: f"next start in {_seconds(d, 'delay_s')}",
    "waiting": lambda _e, d: f"waiting: {d.get('message')}",
    "marker": lambda _e, d: f"planned-stop marker written for pid {d.get('target_pid')}",
    "marker-consumed": lambda _e, d: f"took its marker after {_seconds(d, 'after_s')}",
    "marker-expired": lambda _e, _d: "did not take its marker in time",
    "marker-refreshed": lambda _e, _d: "did not take its marker yet; written anew",
    "marker-failed": lambda _e, d: f"{d.get('error')}; the stop goes on without it",
    "marker-target": _marker_target,
    "signal": _signal,
    "forced": lambda _e, _d: "the drain is over its time, or force was asked; ending its tree",
    "leftovers": _leftovers,
    "lingered": lambda _e, _d: "drained but still there; ending it",
    "stuck": lambda _e, d: f"still alive after {_seconds(d, 'for_s')} of force",
    "new-world": lambda _e, _d: "the machine or container began anew; nothing of before is there",
    "reloaded": _reloaded,
    "shutting-down": _shutting_down,
    "state-unwritable": lambda _e, d: (
        f"the state cannot be written: {d.get('error')}; programs go on, commands are refused"
    ),
    "state-writable": lambda _e, _d: "the state can be written again; nothing is missing",
    "supervisor-started": lambda _e, _d: "the supervisor has started",
    "supervisor-restarted": lambda _e, d: (
        f"the supervisor was started again (the last one: {d.get('ended')})"
    ),
    "supervisor-ended": _ended,
}
"""Kinds whose words are not simply their name and data."""
