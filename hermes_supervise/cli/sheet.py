"""
The status table: which columns fit, and how it is drawn by hand.

Drawing by hand is what pipes, live views and long lists get; ``rich_sheet`` draws the same sheet
with rich.
"""

from __future__ import annotations

from hermes_supervise.cli import words
from hermes_supervise.cli.terminal import breadth, cut, paint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hermes_supervise.cli.terminal import Terminal
    from hermes_supervise.cli.words import Cell, Row

DROPPED_FIRST = (
    "RESTARTS",
    "PSS",
    "LAST EXIT",
    "PID",
    "READY",
    "UPTIME",
    "CPU",
    "RSS",
    "MESSAGE",
)
"""Which columns a narrow terminal loses, in this order; NAME and PHASE stay."""

RIGHT = frozenset({"PID", "UPTIME", "RESTARTS", "CPU", "RSS", "PSS"})
GAP = 2
MESSAGE_LEAST = 24


class Sheet:
    """Columns by name, each with a cell for every row and the width it is drawn with."""

    __slots__ = ("columns", "head", "widths")

    def __init__(self, head: list[Cell], columns: dict[str, list[Cell]]) -> None:
        self.head = head
        self.columns = columns
        self.widths = {
            name: max([len(name), *(breadth(text) for text, _ in cells)])
            for name, cells in columns.items()
        }


def sheet(
    supervisor: Row,
    rows: list[Row],
    now: float,
    terminal: Terminal,
    stats: dict[str, dict[str, str]] | None = None,
) -> Sheet:
    """
    Return the table of *rows* as *terminal* can show it.

    Args:
        supervisor: The supervisor's part of the status document.
        rows: Its programs.
        now: Seconds since 1970, for what is left and how long ago.
        terminal: Where it will be drawn; its width decides which columns stay.
        stats: CPU, RSS and PSS by program, where they were asked for.
    """
    signs = terminal.signs
    columns = {
        "NAME": [(row["name"], "name") for row in rows],
        "PHASE": [words.phase(row, signs=signs) for row in rows],
        "READY": [words.ready(row) for row in rows],
        "PID": [(str(row["pid"] or ""), "") for row in rows],
        "UPTIME": [words.uptime(row) for row in rows],
        "RESTARTS": [_restarts(row) for row in rows],
        "LAST EXIT": [words.last_exit(row, now) for row in rows],
    }
    for name in ("CPU", "RSS", "PSS") if stats is not None else ():
        columns[name] = [((stats or {}).get(row["name"], {}).get(name, ""), "") for row in rows]
    columns["MESSAGE"] = [words.message(row, now, signs=signs) for row in rows]
    whole = Sheet(words.supervisor_line(supervisor, rows, signs=signs), columns)
    if terminal.width is None:
        return _told(whole)
    return _fitted(whole, terminal)


def lines(whole: Sheet, terminal: Terminal) -> list[str]:
    """Return the drawn table, the line about the supervisor first."""
    drawn = [head_line(whole.head, terminal), ""] if terminal.live else [_plain_head(whole.head)]
    names = list(whole.columns)
    title = [(name, "head") for name in names]
    drawn.append(_line(names, title, whole, terminal))
    if terminal.signs:
        drawn.append(paint("─" * total(whole.widths), "quiet", terminal))
    drawn += [
        _line(names, list(cells), whole, terminal)
        for cells in zip(*whole.columns.values(), strict=True)
    ]
    return drawn


def head_line(head: list[Cell], terminal: Terminal) -> str:
    """Return the line about the supervisor, as much of it as fits."""
    fitting = head_that_fits(head, terminal)
    return (" " * GAP).join(paint(text, style, terminal) for text, style in fitting)


def head_that_fits(head: list[Cell], terminal: Terminal) -> list[Cell]:
    """Return the first pieces that fit side by side; of a piece that is too long nothing."""
    room = terminal.width or 80
    fitting: list[Cell] = []
    for text, style in head:
        shown = text if fitting else cut(text, room, signs=terminal.signs)
        if breadth(shown) > room:
            break
        fitting.append((shown, style))
        room -= breadth(shown) + GAP
    return fitting


def total(widths: dict[str, int]) -> int:
    """Return how many columns the table takes."""
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _restarts(row: Row) -> Cell:
    count = row["restarts"]
    return str(count), "busy" if count else "quiet"


def _plain_head(head: list[Cell]) -> str:
    return ", ".join(text for text, _ in head)


def _told(whole: Sheet) -> Sheet:
    """For a pipe every column stays, and what is absent is said to be so."""
    columns = {
        name: [(text or "-", style) for text, style in cells]
        for name, cells in whole.columns.items()
    }
    return Sheet(whole.head, columns)


def _fitted(whole: Sheet, terminal: Terminal) -> Sheet:
    width = terminal.width or 80
    for name in ("READY", "LAST EXIT", "MESSAGE"):
        if not any(text for text, _ in whole.columns[name]):
            _drop(whole, name)
    for name in DROPPED_FIRST:
        if _least(whole) <= width:
            break
        _drop(whole, name)
    _narrow(whole, "MESSAGE", width, terminal)
    _narrow(whole, "NAME", width, terminal)
    _narrow(whole, "PHASE", width, terminal)
    return whole


def _least(whole: Sheet) -> int:
    spare = whole.widths.get("MESSAGE", 0) - MESSAGE_LEAST
    return total(whole.widths) - max(0, spare)


def _drop(whole: Sheet, name: str) -> None:
    whole.columns.pop(name, None)
    whole.widths.pop(name, None)


def _narrow(whole: Sheet, name: str, width: int, terminal: Terminal) -> None:
    over = total(whole.widths) - width
    if over <= 0 or name not in whole.columns:
        return
    room = max(1, whole.widths[name] - over)
    whole.columns[name] = [
        (cut(text, room, signs=terminal.signs), style) for text, style in whole.columns[name]
    ]
    whole.widths[name] = room


def _line(names: list[str], cells: list[Cell], whole: Sheet, terminal: Terminal) -> str:
    drawn = []
    for name, (text, style) in zip(names, cells, strict=True):
        shown = cut(text, whole.widths[name], signs=terminal.signs)
        space = " " * (whole.widths[name] - breadth(shown))
        painted = paint(shown, style, terminal)
        drawn.append(space + painted if name in RIGHT else painted + space)
    return (" " * GAP).join(drawn).rstrip()
