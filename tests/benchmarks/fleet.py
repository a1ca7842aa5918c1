"""
A fleet: many copies of one small C program, and the file in which each says when it began.

The program takes the time as its first instruction, so a start is measured where it matters and
not where a supervisor believes it to be.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_name("subject.c")

RECORD = struct.Struct("=QII")

PATIENCE = 180.0
"""Seconds after which a fleet that is not where it should be ends the benchmark."""


class CannotMeasureError(Exception):
    """A figure cannot be had here; the message says why, in one line."""


def compiled(folder: Path) -> Path:
    """
    Return the path of the program, compiled into *folder*; static where the system can.

    Raises:
        CannotMeasureError: there is no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise CannotMeasureError("no C compiler (cc, gcc or clang): apt install gcc, or the like")
    program = folder / "subject"
    for options in (["-O2", "-static"], ["-O2"]):
        command = [compiler, *options, "-o", str(program), str(SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return program
    raise CannotMeasureError(f"{compiler}: {done.stderr.strip().splitlines()[-1]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of one program: when its first instruction ran (ns, CLOCK_MONOTONIC), and who."""

    at: int
    pid: int
    number: int


@dataclass(slots=True, kw_only=True)
class Fleet:
    """*count* programs of one mode (see ``subject.c``) and what they have written."""

    folder: Path
    subject: Path
    mode: str
    count: int
    record: Path = field(init=False)

    def __post_init__(self) -> None:
        self.record = self.folder / "starts"
        self.record.touch()

    def command(self, number: int | str) -> list[str]:
        """Return the argv of the program with this number."""
        return [str(self.subject), str(self.record), self.mode, str(number)]

    def started(self) -> int:
        """Return how many starts there have been."""
        return self.record.stat().st_size // RECORD.size

    def starts(self) -> list[Start]:
        """Return every start so far, in the order in which they were written."""
        content = self.record.read_bytes()
        whole = content[: len(content) // RECORD.size * RECORD.size]
        return [
            Start(at=at, pid=pid, number=number) for at, pid, number in RECORD.iter_unpack(whole)
        ]


def until(question: Callable[[], object], where: Callable[[], str], every: float = 0.001) -> None:
    """
    Ask every millisecond until the answer is yes.

    Raises:
        CannotMeasureError: it did not become yes; *where* says how far it came.
    """
    deadline = time.monotonic() + PATIENCE
    while not question():
        if time.monotonic() > deadline:
            raise CannotMeasureError(f"given up after {PATIENCE:.0f} s: {where()}")
        time.sleep(every)
