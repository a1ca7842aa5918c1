"""``ctl status --watch``: the table, drawn again when something changes and as time passes."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from time import monotonic, strftime, time  # noqa: TID251 - what is shown, and when to draw

from hermes_supervise.cli import sheet, terminal, words
from hermes_supervise.cli.interrupts import Interrupts
from hermes_supervise.cli.usage import DONE
from hermes_supervise.control.client import call, links
from hermes_supervise.model.errors import ConnectionLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from hermes_supervise.cli.terminal import Terminal
    from hermes_supervise.cli.usage import Options
    from hermes_supervise.cli.words import Row
    from hermes_supervise.control.client import Link

DRAW_EVERY = 0.1
TICK = 1.0
STATS_EVERY = 2.0
AROUND = 6
"""Lines of the screen that are no programs."""


def watch(options: Options) -> int:
    """Show the programs until the operator leaves."""
    shown = terminal.look(sys.stdout, os.environ)
    picture = Picture(options)
    with Interrupts() as interrupts, _screen(shown) as keys:
        wake = [interrupts.descriptor, *([] if keys is None else [keys])]
        for link in links(options.address):
            with contextlib.suppress(ConnectionLost):
                if _follow(link, picture, wake, interrupts, shown):
                    return DONE
    return DONE


class Picture:
    """What is known of the programs, and what of it was drawn."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._supervisor: Row = {}
        self._rows: dict[str, tuple[Row, float]] = {}
        self._drawn_at = 0.0
        self._trees: Any = None
        self._stats: dict[str, dict[str, str]] | None = None
        self._stats_at = 0.0

    @property
    def names(self) -> list[str]:
        """Which programs were asked for."""
        return list(self._options.names)

    def take_all(self) -> None:
        """Ask for the whole status: a new supervisor may have other programs."""
        document = call(self._options.address, "status", {"names": self.names})
        self._supervisor, now = document["supervisor"], monotonic()
        self._rows = {row["name"]: (row, now) for row in document["programs"]}

    def take(self, method: str, told: dict[str, Any]) -> Row | None:
        """Take one notification; return the row that changed."""
        if method == "row":
            row: Row = told["program"]
            self._rows[row["name"]] = row, monotonic()
            return row
        if method == "supervisor":
            self._supervisor = told
        if method == "gone":
            self._rows.pop(told["name"], None)
        return None

    def rows(self) -> list[Row]:
        """Return the programs as they are by now: uptime goes on without being told."""
        now = monotonic()
        return [
            {**row, "uptime_s": row["uptime_s"] + now - at} if row["uptime_s"] is not None else row
            for row, at in self._rows.values()
        ]

    def due_in(self) -> float:
        """Return the seconds until it has to be drawn again."""
        return max(0.0, self._drawn_at + TICK - monotonic())

    def draw(self, *, changed: bool) -> None:
        """Draw the screen, when something changed or a second is over."""
        since = monotonic() - self._drawn_at
        if since < (DRAW_EVERY if changed else TICK):
            return
        self._drawn_at = monotonic()
        shown = terminal.look(sys.stdout, os.environ)
        drawn = self.lines(shown)
        text = "".join(f"{line}\x1b[K\r\n" for line in drawn[:-1]) + f"{drawn[-1]}\x1b[K"
        sys.stdout.write(f"\x1b[H{text}\x1b[J")
        sys.stdout.flush()

    def lines(self, shown: Terminal) -> list[str]:
        """Return the screen, never more lines than there are; what is not well stands first."""
        rows, hidden = self.rows(), 0
        room = max(1, shown.height - AROUND)
        if len(rows) > room:
            hidden = len(rows) - room
            rows.sort(key=words.as_wanted)
            rows = rows[:room]
        whole = sheet.sheet(self._supervisor, rows, time(), shown, self._figures(rows))
        every = [row for row, _ in self._rows.values()]
        whole.head = words.supervisor_line(self._supervisor, every, signs=shown.signs)
        foot = f"{strftime('%H:%M:%S')}  q leaves"
        if hidden:
            foot = f"and {hidden} more that are as wanted or do not fit  {foot}"
        foot = terminal.cut(foot, (shown.width or 80) - 1, signs=shown.signs)
        drawn = sheet.lines(whole, shown)
        return [*drawn, "", terminal.paint(foot, "quiet", shown)][: max(1, shown.height)]

    def plain_lines(self, shown: Terminal) -> list[str]:
        """Return the table for a pipe, once."""
        rows = self.rows()
        return sheet.lines(
            sheet.sheet(self._supervisor, rows, time(), shown, self._figures(rows)), shown
        )

    def _figures(self, rows: list[Row]) -> dict[str, dict[str, str]] | None:
        if not self._options.stats:
            return None
        if self._stats is None or monotonic() - self._stats_at >= STATS_EVERY:
            from hermes_supervise.cli import figures  # noqa: PLC0415 - psutil is heavy

            self._trees = self._trees or figures.Trees()
            self._trees.look(rows)
            self._stats = figures.in_words(self._trees.read())
            self._stats_at = monotonic()
        return self._stats


def _follow(
    link: Link, picture: Picture, wake: list[int], interrupts: Interrupts, shown: Terminal
) -> bool:
    """Return True when the operator leaves."""
    link.send("watch", {"names": picture.names})
    picture.take_all()
    if not shown.live:
        _tell("\n".join(picture.plain_lines(shown)))
    changed = True
    while True:
        if shown.live:
            picture.draw(changed=changed)
        message = link.next(picture.due_in() if shown.live else None, wake)
        if interrupts.taken() or (len(wake) > 1 and message is None and _left(wake[1])):
            return True
        changed = message is not None
        if message is not None:
            row = picture.take(*message)
            if row is not None and not shown.live:
                _tell(_change_line(row))


def _change_line(row: Row) -> str:
    said, _ = words.message(row, time(), signs=False)
    return f"{strftime('%H:%M:%S')} {row['name']}: {row['phase']}{said and ', '}{said}"


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _left(keys: int) -> bool:
    """Return whether the key that was pressed, if any, leaves."""
    if not select.select([keys], [], [], 0)[0]:
        return False
    pressed = os.read(keys, 64)
    return not pressed or b"q" in pressed or b"\x03" in pressed


@contextlib.contextmanager
def _screen(shown: Terminal) -> Iterator[int | None]:
    """Take the alternate screen and single keys; give both back whatever happens."""
    if not shown.live:
        yield None
        return
    keys = sys.stdin.fileno() if sys.stdin.isatty() else None
    before: Any = None
    if keys is not None:
        import termios  # noqa: PLC0415 - POSIX only
        import tty  # noqa: PLC0415 - POSIX only

        before = termios.tcgetattr(keys)
        tty.setcbreak(keys)
    sys.stdout.write("\x1b[?1049h\x1b[?25l")
    try:
        yield keys
    finally:
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
        if keys is not None:
            termios.tcsetattr(keys, termios.TCSADRAIN, before)
