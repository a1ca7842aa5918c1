"""What a row of a status document says, in words, signs and styles; the same for every drawing."""

from __future__ import annotations

from hermes_supervise.cli.duration import duration_text, instant
from hermes_supervise.cli.terminal import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]
    Cell = tuple[str, str]

STYLES = {
    "running": "good",
    "starting": "busy",
    "draining": "busy",
    "killing": "bad",
    "backoff": "busy",
    "waiting": "note",
    "exited": "quiet",
    "stopped": "quiet",
    "failed": "bad",
}
"""How a phase is coloured; a phase of a newer supervisor is drawn as it is."""

SIGNS = {
    "running": "●",
    "starting": "◐",
    "draining": "◑",
    "killing": "✗",
    "backoff": "↻",
    "waiting": "◌",
    "exited": "○",
    "stopped": "○",
    "failed": "✗",
}

STATE_STYLES = {"running": "good", "shutting-down": "busy", "degraded": "bad"}


def as_wanted(row: Row) -> bool:
    """
    Return whether a program is where it should be: what ``status --check`` asks.

    Up means running, and neither unready nor unhealthy; a program whose policy does not start it
    again after it ended well is as wanted too.  Down means stopped.
    """
    if row["desired"] != "up":
        return bool(row["phase"] == "stopped")
    if row["phase"] == "exited":
        return (row["last_exit"] or {}).get("outcome") in ("exited", "drained")
    return row["phase"] == "running" and row["ready"] is not False and row["healthy"] is not False


def phase(row: Row, *, signs: bool) -> Cell:
    """Return where a program stands."""
    word = str(row["phase"])
    style = STYLES.get(word, "")
    if word == "running" and not as_wanted(row):
        style = "busy"
    return (f"{SIGNS.get(word, '?')} {word}" if signs else word), style


def ready(row: Row) -> Cell:
    """Return what the probes say, if there are any and somebody lives to be asked."""
    if row["healthy"] is False:
        return "unhealthy", "bad"
    match row["ready"]:
        case True:
            return "yes", "good"
        case False:
            return "no", "busy"
        case _:
            return "", ""


def uptime(row: Row) -> Cell:
    """Return how long the process has lived."""
    seconds = row["uptime_s"]
    return ("" if seconds is None or row["pid"] is None else duration_text(seconds)), ""


def last_exit(row: Row, now: float) -> Cell:
    """Return how the previous run ended, and how long ago."""
    end = row["last_exit"]
    if not end:
        return "", ""
    outcome = str(end["outcome"])
    text = outcome
    if end.get("signal"):
        text += f" {end['signal']}"
    elif end.get("code"):
        text += f" {end['code']}"
    at = instant(end.get("at"))
    if at is not None:
        text += f", {duration_text(max(0.0, now - at)).split()[0]} ago"
    return text, "bad" if outcome in ("failed", "crashed", "never-started") else _mild(outcome)


def message(row: Row, now: float, *, signs: bool) -> Cell:
    """Return what else is to be known: the drain, the next start, the reason, what it says."""
    pieces = []
    if row["drain"]:
        pieces += drain_pieces(row, now)
    pieces += _due(row, now)
    said = clean(str(row["message"] or "")).strip()
    if said and said not in pieces:
        pieces.append(said)
    reason = row["reason"]
    # A sentence of the supervisor says more than the word for the reason, but not who asked.
    if reason and row["phase"] != "running" and (reason == "operator" or not said):
        pieces.append(f"by {reason}" if reason == "operator" else str(reason))
    if not as_wanted(row) and row["phase"] in ("stopped", "exited", "running"):
        pieces += _against(row)
    if row["adopted"] and row["pid"] is not None:
        pieces.append("adopted")
    return (" · " if signs else "; ").join(pieces), _message_style(row)


def drain_pieces(row: Row, now: float) -> list[str]:
    """Return what a drain says of itself and how long it may still take."""
    drain = row["drain"]
    pieces = []
    if drain.get("progress"):
        pieces.append(clean(str(drain["progress"])).strip())
    left = instant(drain.get("deadline_at"))
    if left is not None and row["phase"] == "draining":
        pieces.append(f"{duration_text(left - now)} left" if left > now else "time is up")
    return pieces


def drain_share(row: Row, now: float) -> float | None:
    """Return how much of the drain time is used, 0 to 1, or None when nothing drains."""
    drain = row["drain"] or {}
    began, ends = instant(drain.get("started_at")), instant(drain.get("deadline_at"))
    if began is None or ends is None or ends <= began:
        return None
    return min(1.0, max(0.0, (now - began) / (ends - began)))


def supervisor_line(supervisor: Row, rows: list[Row], *, signs: bool) -> list[Cell]:
    """Return the line above the table: the supervisor, and how many programs are where."""
    state = str(supervisor["state"])
    style = STATE_STYLES.get(state, "bad")
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["phase"]] = counts.get(row["phase"], 0) + 1
    mark = "● " if signs else ""
    cells = [(f"{mark}supervisor {state}", style), (_plural(len(rows)), "name")]
    cells += [
        (f"{counts[word]} {word}", STYLES.get(word, ""))
        for word in sorted(counts, key=lambda word: -counts[word])
        if len(counts) > 1 or word != "running"
    ]
    cells.append((f"up {duration_text(supervisor['uptime_s'])}", "quiet"))
    cells.append((f"pid {supervisor['pid']}", "quiet"))
    cells.append((clean(str(supervisor["config"])), "quiet"))
    return cells


def _due(row: Row, now: float) -> list[str]:
    at = instant(row["next_start_at"])
    if at is None:
        return []
    return [f"next start in {duration_text(at - now)}" if at > now else "starts now"]


def _against(row: Row) -> list[str]:
    if row["phase"] == "running" and row["desired"] == "up":
        return []
    return [f"wanted {row['desired']}"]


def _message_style(row: Row) -> str:
    return "bad" if row["phase"] in ("failed", "killing") else _mild(row["phase"])


def _mild(word: str) -> str:
    return "busy" if word in ("forced", "unknown", "backoff", "draining") else "quiet"


def _plural(count: int) -> str:
    return "1 program" if count == 1 else f"{count} programs"
