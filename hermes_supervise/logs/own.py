"""
The supervisor's own log: one line an event on stderr, never a program's output.

A reader of our stderr that has stopped reading must not stop us: a line is written only when the
descriptor takes it at once, else it is counted and the count is told later.
"""

from __future__ import annotations

import json
import os
import select

from hermes_supervise.clock import rfc3339

ERROR, WARNING, INFO, DEBUG = 3, 4, 6, 7
"""Levels by their syslog numbers, which journald reads as ``<N>`` before a line."""

LONGEST = 4000
"""Bytes of a line: what a pipe that can be written to takes in one piece (PIPE_BUF is 4096)."""


class OwnLog:
    """Writes lines at or above a level."""

    def __init__(self, fd: int, *, style: str, verbosity: int, journald: bool) -> None:
        self._fd = fd
        self._json = style == "json"
        self._least = {-1: WARNING, 0: INFO}.get(verbosity, DEBUG)
        self._journald = journald
        self._dropped = 0
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def line(
        self,
        level: int,
        wall: float,
        program: str | None,
        text: str,
        facts: dict[str, object] | None = None,
    ) -> None:
        """
        Write one line.

        Args:
            level: ERROR, WARNING, INFO or DEBUG.
            wall: Seconds since the epoch.
            program: The program it is about, None for the supervisor itself.
            text: What happened, in words.
            facts: The same for machines; only in JSON.
        """
        if level > self._least:
            return
        if self._dropped and self._put(self._form(WARNING, wall, None, self._lost(), None)):
            self._dropped = 0
        if not self._put(self._form(level, wall, program, text, facts)):
            self._dropped += 1

    def _lost(self) -> str:
        return f"{self._dropped} lines of this log were dropped: nobody read them"

    def _form(
        self,
        level: int,
        wall: float,
        program: str | None,
        text: str,
        facts: dict[str, object] | None,
    ) -> bytes:
        if self._json:
            names = {ERROR: "error", WARNING: "warning", INFO: "info", DEBUG: "debug"}
            document: dict[str, object] = {
                "at": rfc3339(wall),
                "level": names[level],
                "program": program,
                "text": text,
            }
            line = _json(document | (facts or {}))
            if len(line) > LONGEST:
                line = _json(document | {"text": text[: LONGEST // 16], "cut": True})
            return line + b"\n"
        subject = f"{program}: " if program else ""
        clean = f"{subject}{text}"[:LONGEST]
        if not clean.isprintable():
            clean = "".join(c if c.isprintable() else "?" for c in clean)
        stamp = f"<{level}>" if self._journald else f"{rfc3339(wall)} "
        line = f"{stamp}{clean}".encode(errors="replace")
        if len(line) > LONGEST:
            line = line[:LONGEST].decode(errors="ignore").encode()
        return line + b"\n"

    def _put(self, line: bytes) -> bool:
        try:
            ready = self._poll.poll(0)
            if not ready or not ready[0][1] & select.POLLOUT:
                return False
            return os.write(self._fd, line) > 0
        except OSError:
            return False


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def journald_fits(fd: int, journal_stream: str | None) -> bool:
    """Whether the descriptor is the one that systemd says it connected to the journal."""
    if not journal_stream:
        return False
    try:
        found = os.fstat(fd)
    except OSError:
        return False
    return journal_stream == f"{found.st_dev}:{found.st_ino}"
