"""
How a waiting verb shows what happens: lines drawn over on a terminal, one line a change elsewhere.

What is finished stays on the screen; what is under way stands below it, a bounded number of
lines however many programs there are.
"""

from __future__ import annotations

from time import monotonic, time  # noqa: TID251 - how much is left and when to draw, no decisions

from hermes_supervise.cli import words
from hermes_supervise.cli.terminal import breadth, clean, cut, paint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from hermes_supervise.cli.terminal import Terminal
    from hermes_supervise.cli.words import Cell, Row

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_FRAMES = "|/-\\"
DRAW_EVERY = 0.1
"""Seconds between two drawings."""
MOST_LINES = 20
"""Programs that are shown while under way."""
MOST_FINISHED = 30
"""With more programs than this only failures get a line of their own."""
BAR_WIDTH = 16


class Progress:
    """What each program does, drawn as the stream can show it."""

    def __init__(self, stream: TextIO, terminal: Terminal, expected: int) -> None:
        self._stream = stream
        self._terminal = terminal
        self._expected = expected
        self._rows: dict[str, Row] = {}
        self._said: dict[str, str] = {}
        self._verdicts: dict[str, str] = {}
        self._note = ""
        self._above: list[str] = []
        self._drawn = 0
        self._drawn_at = 0.0
        self._frame = 0
        self._width = 1

    @property
    def live(self) -> bool:
        """Whether it has to be drawn again as time passes."""
        return self._terminal.live

    def show(self, name: str, row: Row | None, verdict: str, note: str) -> None:
        """Take a change of one program; *verdict* is pending, done or failed."""
        if row is not None:
            self._rows[name] = row
        settled = self._verdicts.get(name, "pending") != "pending"
        if settled and self._verdicts[name] == verdict:
            return
        self._verdicts[name] = verdict
        self._width = max(self._width, min(breadth(name), 32))
        text = self._text(name, note)
        if not self._terminal.live:
            self._tell(name, text)
        elif verdict != "pending" and (verdict == "failed" or self._expected <= MOST_FINISHED):
            self._above.append(self._finished(name, verdict, text))

    def note(self, text: str) -> None:
        """Say something about the waiting itself."""
        if self._terminal.live:
            self._note = text
            self.draw(now=True)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()

    def draw(self, *, now: bool = False) -> None:
        """Draw again, if there is a terminal and it is time."""
        if not self._terminal.live or (not now and monotonic() - self._drawn_at < DRAW_EVERY):
            return
        self._drawn_at = monotonic()
        self._frame += 1
        self._replace(self._pending_lines())

    def finish(self) -> None:
        """Leave on the screen what was finished, and take the rest away."""
        if not self._terminal.live:
            return
        self._note = ""
        self._replace(self._summary())
        self._drawn = 0
        self._stream.write("\x1b[?25h")
        self._stream.flush()

    def _text(self, name: str, note: str) -> str:
        row, note = self._rows.get(name), clean(note).strip()
        if row is None:
            return note or self._verdicts[name]
        if self._verdicts[name] != "pending" and note.startswith(str(row["phase"])):
            return note
        pieces = [str(row["phase"]), note]
        if self._verdicts[name] == "pending":
            progress = (row["drain"] or {}).get("progress")
            pieces.insert(1, clean(str(progress or "")).strip())
        return ", ".join(dict.fromkeys(piece for piece in pieces if piece))

    def _tell(self, name: str, text: str) -> None:
        if self._said.get(name) == text:
            return
        self._said[name] = text
        self._stream.write(f"{name}: {text}\n")
        self._stream.flush()

    def _finished(self, name: str, verdict: str, text: str) -> str:
        good = verdict == "done"
        sign = ("✓" if good else "✗") if self._terminal.signs else ("+" if good else "!")
        style = "good" if good else "bad"
        return self._line([(sign, style), self._name(name), (text, "" if good else "bad")])

    def _name(self, name: str) -> Cell:
        return cut(name, self._width).ljust(self._width), "name"

    def _pending_lines(self) -> list[str]:
        pending = [name for name, verdict in self._verdicts.items() if verdict == "pending"]
        # Those that are asked to end first: their time is what the operator waits for.
        pending.sort(key=lambda name: self._rows.get(name, {}).get("phase") != "draining")
        room = max(1, min(MOST_LINES, self._terminal.height - 4))
        lines = [self._pending_line(name) for name in pending[:room]]
        if self._expected > MOST_FINISHED or len(pending) > room:
            lines.append(self._total_line(len(pending) - room))
        if self._note:
            lines.append(self._line([(self._note, "busy")]))
        return lines

    def _pending_line(self, name: str) -> str:
        frames = FRAMES if self._terminal.signs else PLAIN_FRAMES
        sign = (frames[self._frame % len(frames)], "busy")
        row = self._rows.get(name)
        if row is None:
            return self._line([sign, self._name(name), ("waiting", "quiet")])
        word = str(row["phase"])
        cells = [sign, self._name(name), (word.ljust(8), words.STYLES.get(word, ""))]
        now = time()
        share = words.drain_share(row, now) if word == "draining" else None
        if share is not None:
            cells.append((self._bar(1.0 - share), "busy"))
        said = clean(str(row["message"] or "")).strip()
        pieces = words.drain_pieces(row, now) if row["drain"] else [said]
        return self._line([*cells, (" · ".join(piece for piece in pieces if piece), "quiet")])

    def _total_line(self, hidden: int) -> str:
        settled = sum(verdict != "pending" for verdict in self._verdicts.values())
        more = f"and {hidden} more under way" if hidden > 0 else ""
        share = settled / max(1, self._expected)
        count = f"{settled}/{self._expected}"
        return self._line([(self._bar(share), "good"), (count, "name"), (more, "quiet")])

    def _summary(self) -> list[str]:
        if self._expected <= MOST_FINISHED:
            return []
        count = {word: list(self._verdicts.values()).count(word) for word in ("done", "failed")}
        cells = [(f"{count['done']} done", "good")]
        if count["failed"]:
            cells.append((f" {count['failed']} failed", "bad"))
        left = self._expected - count["done"] - count["failed"]
        if left:
            cells.append((f" {left} not finished", "busy"))
        return [self._line(cells)]

    def _bar(self, share: float) -> str:
        full = round(BAR_WIDTH * share)
        if not self._terminal.signs:
            return f"[{'#' * full}{'.' * (BAR_WIDTH - full)}]"
        return "█" * full + "░" * (BAR_WIDTH - full)

    def _line(self, cells: list[Cell]) -> str:
        # One column less than there is: a full line makes some terminals begin the next one.
        room, drawn = (self._terminal.width or 80) - 1, []
        for text, style in cells:
            shown = cut(text, room, signs=self._terminal.signs)
            if shown:
                drawn.append(paint(shown, style, self._terminal))
            room -= breadth(shown) + 1
            if room <= 0:
                break
        return " ".join(drawn)

    def _replace(self, lines: list[str]) -> None:
        """Draw over what was drawn last, in one write, so that nothing flickers."""
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        text = "".join(f"{line}\x1b[K\n" for line in [*self._above, *lines])
        self._stream.write(f"\x1b[?25l{up}\r{text}\x1b[J")
        self._stream.flush()
        self._above.clear()
        self._drawn = len(lines)
