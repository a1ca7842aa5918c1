"""
The problems and warnings found so far, each put at its place in the text.

A path is that of the merged document: ``("programs", NAME, "stop", "signal")``.  Its place is
where the file says it: under the program, or under ``defaults``, or at the nearest key above.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hermes_supervise.config.problems import Problem
from hermes_supervise.config.tree import Tree

Path = tuple[str | int, ...]

PROBLEMS_LIMIT = 2000
"""A file that is wrong everywhere is not worth more memory."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path stands: its value, its events (None for the document itself), how deep."""

    path: Path
    value: Any
    key_event: Any
    value_event: Any
    complete: bool


class Notes:
    """What is to be told about one file."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._groups: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def instance(self, name: str, group: str) -> None:
        """Note that program *name* is written in the file as *group*."""
        # A program of the file keeps its own place; that the names clash is told elsewhere.
        if name != group and not self._walk(("programs", name)).complete:
            self._groups[name] = group

    def place(self, path: Path) -> Place:
        """Return where *path* stands in the text."""
        if len(path) > 1 and path[0] == "programs":
            path = ("programs", self._groups.get(str(path[1]), path[1]), *path[2:])
        own = self._walk(path)
        if own.complete or path[:1] != ("programs",) or len(path) < 3:
            return own
        default = self._walk(("defaults", *path[2:]))
        return default if default.complete else own

    def problem(
        self,
        path: Path,
        message: str,
        *,
        note: str | None = None,
        write: str | None = None,
        on_key: bool = False,
    ) -> None:
        """
        Add a problem with what stands at *path*.

        Args:
            path: Where.
            message: ``got …, want …``.
            note: A sentence that helps.
            write: What to write instead.
            on_key: Point at the key rather than at its value.
        """
        if len(self.problems) < PROBLEMS_LIMIT:
            made = self._made(path, message, on_key=on_key)
            self.problems.append(replace(made, note=note, write=write))

    def warning(self, path: Path, message: str, note: str | None = None) -> None:
        """Add a warning about what stands at *path*."""
        if len(self.warnings) < PROBLEMS_LIMIT:
            self.warnings.append(replace(self._made(path, message), note=note))

    def line(self, path: Path) -> int:
        """Return the number of the line, counted from 1, where *path* stands."""
        event = self.place(path).value_event
        return 1 if event is None else event.start_mark.line + 1

    def raw(self, path: Path) -> str | None:
        """Return the scalar as it is written at *path*, None for anything else."""
        place = self.place(path)
        if not place.complete or place.value_event is None or isinstance(place.value, dict | list):
            return None
        return getattr(place.value_event, "value", None)

    def _made(self, path: Path, message: str, *, on_key: bool = False) -> Problem:
        place = self.place(path)
        missing = () if place.complete else path[len(place.path) :]
        key = ".".join(map(str, (*place.path, *missing)))
        event = place.value_event
        # A key that is missing is reported at the heading of its section, not at its first line.
        if place.key_event is not None and (on_key or not place.complete):
            event = place.key_event
        if event is None or not place.path:
            return self._tree.source.at_start(key, message)
        return self._tree.source.problem(event, key, message)

    def _walk(self, path: Path) -> Place:
        value, key_event, value_event = self._tree.value, None, self._tree.event
        for depth, part in enumerate(path):
            entry = self._tree.entry(value, part)
            if entry is None:
                return Place(path[:depth], value, key_event, value_event, False)
            key_event, value_event = entry.key, entry.value
            value = value[part]
        return Place(path, value, key_event, value_event, True)


def is_secret(path: Path) -> bool:
    """Return whether the value at *path* is that of an environment variable."""
    return "environment" in path[1:3] and path[0] in {"programs", "defaults"}
