"""What no program can know alone: two of them share a file, or a shutdown is too short for one."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hermes_supervise.config.notes import Notes, Path
from hermes_supervise.model.spec import Program, Settings, stop_budget
from hermes_supervise.plan.durations import duration_text


def check_together(settings: Settings, programs: Iterable[Program], notes: Notes) -> None:
    """Note every contradiction between programs, and between them and the settings."""
    known = tuple(programs)
    files = _Files(notes)
    for program in known:
        files.take(program)
    _check_shutdown(settings, known, notes)


class _Files:
    """Who writes which file."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._markers: dict[str, Program] = {}
        self._logs: dict[str, tuple[Program, Path]] = {}
        self._folders: dict[str, str] = {}

    def take(self, program: Program) -> None:
        at: Path = ("programs", program.name)
        if program.launch.marker is not None:
            self._take_marker(program, program.launch.marker.path, (*at, "stop", "marker", "path"))
        logs = program.launch.logs
        for path, key in ((logs.path, "path"), (logs.stderr, "stderr")):
            # Devices such as /dev/null may have any number of writers.
            if path is not None and not path.startswith("/dev/"):
                self._take_log(program, path, (*at, "logs", key))

    def _take_marker(self, program: Program, path: str, at: Path) -> None:
        other = self._markers.setdefault(self._real(path), program)
        if other is program:
            return
        theirs: Path = ("programs", other.name, "stop", "marker", "path")
        message = f"got {path}, which is the marker of {other.name} too{self._line(theirs)}"
        self._notes.problem(
            at, message, note="One marker names one program.", write=self._own("path", program)
        )

    def _take_log(self, program: Program, path: str, at: Path) -> None:
        other, theirs = self._logs.setdefault(self._real(path), (program, at))
        if other is program:
            return
        message = f"got {path}, which is a log of {other.name} too{self._line(theirs)}"
        self._notes.problem(at, message, write=self._own(str(at[-1]), program))

    def _own(self, key: str, program: Program) -> str:
        if program.group != program.name:
            return f"{key}: a path with the key of for_each in it"
        return f"{key}: a path of its own, such as {program.name}-…"

    def _line(self, path: Path) -> str:
        return f" (line {self._notes.line(path)})" if self._notes.place(path).complete else ""

    def _real(self, path: str) -> str:
        # Links are followed in the folder only, and each folder is asked once.
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)


def _check_shutdown(settings: Settings, programs: tuple[Program, ...], notes: Notes) -> None:
    if settings.shutdown_timeout is None or not programs:
        return
    longest = max(programs, key=lambda program: stop_budget(program.stop))
    budget = stop_budget(longest.stop)
    if settings.shutdown_timeout >= budget:
        return
    given, needed = duration_text(settings.shutdown_timeout), duration_text(budget)
    notes.problem(
        ("supervisor", "shutdown_timeout"),
        f"got {given}, want at least {needed}: the longest stop, that of {longest.name} "
        "(stop.drain_timeout and one force.interval), or auto",
        write="shutdown_timeout: auto",
    )
