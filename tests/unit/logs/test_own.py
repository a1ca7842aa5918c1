"""The supervisor's own log: one line an event, never in the way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hermes_supervise.logs.own import (
    DEBUG,
    ERROR,
    INFO,
    LONGEST,
    WARNING,
    OwnLog,
    journald_fits,
)

WALL = 1767225600.25


class Pipe:
    """A pipe to write a log into."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def text(self) -> str:
        """Return what was written so far."""
        try:
            return os.read(self.reader, 1 << 20).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        """Close both ends that are still open."""
        for fd in (self.reader, self.writer):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def pipe() -> Any:
    """A pipe that is closed at the end."""
    made = Pipe()
    yield made
    made.close()


def own(pipe: Pipe, *, style: str = "text", verbosity: int = 0, journald: bool = False) -> OwnLog:
    """Return a log into a pipe."""
    return OwnLog(pipe.writer, style=style, verbosity=verbosity, journald=journald)


def test_a_line_has_the_time_the_program_and_what_happened(pipe: Pipe) -> None:
    """One line an event."""
    own(pipe).line(INFO, WALL, "chat", "running")

    assert pipe.text() == "2026-01-01T00:00:00.250Z chat: running\n"


def test_a_line_about_the_supervisor_itself_names_no_program(pipe: Pipe) -> None:
    """The text speaks for itself."""
    own(pipe).line(INFO, WALL, None, "the supervisor has started")

    assert pipe.text() == "2026-01-01T00:00:00.250Z the supervisor has started\n"


@pytest.mark.parametrize(
    ("verbosity", "shown"),
    [(-1, "ew"), (0, "ewi"), (1, "ewid"), (2, "ewid")],
)
def test_quiet_and_verbose_choose_the_levels(pipe: Pipe, verbosity: int, shown: str) -> None:
    """``-q`` leaves what needs an eye, ``-v`` adds what helps to understand."""
    log = own(pipe, verbosity=verbosity)
    for level, text in ((ERROR, "e"), (WARNING, "w"), (INFO, "i"), (DEBUG, "d")):
        log.line(level, WALL, None, text)

    assert "".join(line[-1] for line in pipe.text().splitlines()) == shown


def test_the_journal_gets_a_level_and_no_time_of_ours(pipe: Pipe) -> None:
    """It has its own."""
    own(pipe, journald=True).line(WARNING, WALL, "chat", "crashed")

    assert pipe.text() == "<4>chat: crashed\n"


def test_json_has_everything_for_machines(pipe: Pipe) -> None:
    """One object a line."""
    facts: dict[str, object] = {"kind": "exit", "data": {"code": 3}}
    own(pipe, style="json").line(ERROR, WALL, "chat", "failed", facts)

    assert json.loads(pipe.text()) == {
        "at": "2026-01-01T00:00:00.250Z",
        "level": "error",
        "program": "chat",
        "text": "failed",
        "kind": "exit",
        "data": {"code": 3},
    }


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "bell\a", "nul\0", "r\r"])
def test_a_line_is_a_line_and_paints_nothing(pipe: Pipe, text: str) -> None:
    """A program's error could forge lines of ours otherwise, or take over a terminal."""
    own(pipe).line(INFO, WALL, "chat", text)
    written = pipe.text()

    assert written.count("\n") == 1
    assert written[:-1].isprintable()


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("letter", ["x", "ä", "€", "🤖", "\ud800"])
def test_no_line_is_longer_than_a_pipe_takes_in_one_piece(
    pipe: Pipe, style: str, letter: str
) -> None:
    """A write that has to wait for a reader would stop us; half a line helps nobody."""
    facts: dict[str, object] = {"data": {"error": letter * 9000}}
    own(pipe, style=style).line(INFO, WALL, "chat", letter * 9000, facts)
    written = os.read(pipe.reader, 1 << 20)

    assert written.endswith(b"\n")
    assert len(written) <= LONGEST + 1 <= 4096
    if style == "json":
        assert json.loads(written)["cut"] is True


def test_a_reader_that_stops_reading_stops_nobody_and_is_told_what_he_missed(pipe: Pipe) -> None:
    """Lines are dropped and counted."""
    log = own(pipe)
    for _ in range(2000):
        log.line(INFO, WALL, None, "x" * 200)
    before = pipe.text()
    log.line(INFO, WALL, None, "the last")
    lost, last = pipe.text().splitlines()

    kept = before.count("\n")
    assert 0 < kept < 2000
    assert f"{2000 - kept} lines of this log were dropped" in lost
    assert last.endswith("the last")


def test_a_reader_that_is_gone_is_no_error(pipe: Pipe) -> None:
    """Nobody is left to be told."""
    log = own(pipe)
    os.close(pipe.reader)
    pipe.reader = -1
    log.line(INFO, WALL, None, "to nobody")
    log.line(INFO, WALL, None, "again")

    assert os.fstat(pipe.writer)


def test_the_journal_is_known_by_device_and_inode(tmp_path: Path) -> None:
    """``JOURNAL_STREAM`` may be inherited while stderr was led elsewhere."""
    with (tmp_path / "log").open("wb") as file:
        found = os.fstat(file.fileno())

        assert journald_fits(file.fileno(), f"{found.st_dev}:{found.st_ino}")
        assert not journald_fits(file.fileno(), f"{found.st_dev}:{found.st_ino + 1}")
        assert not journald_fits(file.fileno(), None)
        assert not journald_fits(file.fileno(), "nonsense")
    assert not journald_fits(999, "1:1")
