"""Reads environment files, each once, and notes what is wrong with them."""

from __future__ import annotations

from hermes_supervise.config.envfile import parse_environment
from hermes_supervise.config.notes import Notes, Path
from hermes_supervise.config.source import Unreadable, read_source


class FileVariables:
    """The environment files of one document."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._known: dict[str, dict[str, str] | Unreadable] = {}

    def read(self, file: str, path: Path) -> dict[str, str]:
        """Return the variables of *file*, which the configuration names at *path*."""
        if file not in self._known:
            self._known[file] = self._read(file)
        found = self._known[file]
        if isinstance(found, Unreadable):
            note = found.note or "Make the file (it may be empty), or take it out of the list."
            message = found.message
            if not message.startswith("no such file"):
                message = f"{file}: {message}"
            self._notes.problem(path, message, note=note)
            return {}
        return found

    def _read(self, file: str) -> dict[str, str] | Unreadable:
        try:
            source = read_source(file, file)
        except Unreadable as error:
            return error
        variables, problems = parse_environment(file, source.text)
        self._notes.problems.extend(problems)
        return variables
