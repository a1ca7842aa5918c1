"""How a waiting verb is drawn: bounded, never wider than the terminal, nothing left half drawn."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st

from hermes_supervise.cli.progress import MOST_LINES, Progress
from hermes_supervise.cli.terminal import Terminal, breadth
from tests.fakes.fake_server import row

CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
DRAIN = {
    "started_at": "2026-01-01T00:00:00.000Z",
    "deadline_at": "2026-01-01T00:00:30.000Z",
    "progress": "2 sessions left",
}


def terminal(width: int = 80, height: int = 24, *, signs: bool = True) -> Terminal:
    """Return a terminal without colours."""
    return Terminal(live=True, colour=False, signs=signs, width=width, height=height)


def draining(progress: Progress, count: int) -> None:
    """Let *count* programs drain."""
    for number in range(count):
        name = f"bot-{number:03}"
        progress.show(name, row(name, phase="draining", drain=DRAIN), "pending", "")


@given(st.integers(10, 200), st.integers(1, 60), st.integers(6, 60))
def test_what_is_under_way_never_fills_more_than_the_screen(
    width: int, count: int, height: int
) -> None:
    """Lines that scrolled away or wrapped cannot be drawn over: the picture would tear."""
    stream = io.StringIO()
    progress = Progress(stream, terminal(width, height), count)
    draining(progress, count)
    progress.note("the request stays")
    lines = CODES.sub("", stream.getvalue()).strip("\r").splitlines()

    assert len(lines) <= min(MOST_LINES + 2, height)
    assert max(breadth(line) for line in lines) < width


def test_every_drawing_goes_back_over_the_last_one() -> None:
    """Otherwise each tick leaves a copy behind."""
    stream = io.StringIO()
    progress = Progress(stream, terminal(), 3)
    draining(progress, 3)
    progress.draw(now=True)
    stream.truncate(0)
    progress.draw(now=True)

    assert "\x1b[3A" in stream.getvalue()


def test_what_is_finished_stays() -> None:
    """The lines above the picture are the record of what happened."""
    stream = io.StringIO()
    progress = Progress(stream, terminal(), 2)
    draining(progress, 2)
    progress.show("bot-000", row("bot-000", phase="stopped"), "done", "stopped, drained in 2s")
    progress.show("bot-001", row("bot-001", phase="stopped"), "failed", "forced")
    progress.finish()

    text = CODES.sub("", stream.getvalue())
    assert "✓ bot-000 stopped, drained in 2s" in text
    assert "✗ bot-001 stopped, forced" in text


def test_of_very_many_only_failures_have_a_line() -> None:
    """A thousand green lines hide the one that is red."""
    stream = io.StringIO()
    progress = Progress(stream, terminal(), 1000)
    for number in range(1000):
        progress.show(f"b{number}", None, "failed" if number == 500 else "done", "stopped")
    progress.finish()

    lines = CODES.sub("", stream.getvalue()).strip("\r").splitlines()
    assert lines == ["✗ b500 stopped", "999 done  1 failed"]


def test_the_cursor_comes_back() -> None:
    """A hidden cursor outlives us in the operator's shell."""
    stream = io.StringIO()
    progress = Progress(stream, terminal(), 1)
    draining(progress, 1)
    progress.draw(now=True)
    progress.finish()

    text = stream.getvalue()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_a_terminal_without_signs_gets_ascii() -> None:
    """An old console shows question marks for what it cannot draw."""
    stream = io.StringIO()
    progress = Progress(stream, terminal(signs=False), 40)
    draining(progress, 1)
    progress.draw(now=True)
    text = CODES.sub("", stream.getvalue())

    assert text.replace("·", "").isascii()
    assert "[" in text
