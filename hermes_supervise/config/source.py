"""The text of a file, and problems that point into it."""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

import yaml

from hermes_supervise.config.problems import Problem

SIZE_LIMIT = 4 << 20
"""Longest file in bytes; a configuration of 10,000 programs is shorter."""


EXCERPT_LIMIT = 1000
"""Longest line in characters of which a part is shown."""


class Unreadable(Exception):  # noqa: N818 - carried to the one place that reports it
    """A file that is no text we can read; ``message`` says why, ``note`` what to do about it."""

    def __init__(self, message: str, note: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.note = note


class Source:
    """A text and the name under which problems in it are reported."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._lines: list[str] | None = None

    def line(self, number: int) -> str:
        """Return line *number*, counted from 0, without its end; empty where there is none."""
        if self._lines is None:
            # The line ends of YAML, which are not those of str.splitlines().
            plain = self.text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
            self._lines = plain.replace("\u2028", "\n").replace("\u2029", "\n").split("\n")
        return self._lines[number] if 0 <= number < len(self._lines) else ""

    def excerpt(self, number: int) -> str | None:
        """Return line *number* if it can be shown; nobody reads one that is very long."""
        line = self.line(number)
        return line if len(line) <= EXCERPT_LIMIT else None

    def problem(
        self,
        event: Any,
        key: str,
        message: str,
        *,
        note: str | None = None,
        write: str | None = None,
    ) -> Problem:
        """Return a problem at what *event* stands for."""
        start, end = event.start_mark, event.end_mark
        excerpt = self.excerpt(start.line)
        width = end.column - start.column if end.line == start.line else len(excerpt or "")
        return Problem(
            file=self.name,
            line=start.line + 1,
            column=start.column + 1,
            key=key,
            message=message,
            excerpt=excerpt,
            width=max(1, width),
            note=note,
            write=write,
        )

    def at_start(
        self, key: str, message: str, note: str | None = None, write: str | None = None
    ) -> Problem:
        """Return a problem of the whole text, at its first character."""
        return Problem(
            file=self.name, line=1, column=1, key=key, message=message, note=note, write=write
        )

    def syntax_problem(self, error: yaml.YAMLError | ValueError) -> Problem:
        """Return the problem that the YAML parser stumbled over."""
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        message = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if mark is None:
            line, column = self._position(getattr(error, "position", 0) or 0)
        else:
            line, column = mark.line, mark.column
        while line > 0 and not self.line(line).strip():
            # The end of a text is behind its last line; what is missing is missing there.
            line -= 1
            column = len(self.line(line))
        excerpt = self.excerpt(line)
        note, write = _syntax_help(message, (excerpt or "")[column:])
        return Problem(
            file=self.name,
            line=line + 1,
            column=column + 1,
            key="",
            message=f"this is not YAML: {' '.join(str(message).split())}",
            excerpt=excerpt,
            note=note,
            write=write,
        )

    def _position(self, offset: int) -> tuple[int, int]:
        # The parser counts bytes of UTF-8 here.
        before = self.text.encode()[:offset].decode(errors="replace")
        return before.count("\n"), len(before) - (before.rfind("\n") + 1)


def _syntax_help(message: object, rest: str) -> tuple[str | None, str | None]:
    text = str(message)
    if rest.startswith("\t"):
        return "This is a tab; YAML wants spaces to indent.", None
    if rest.startswith(("@", "`", "%")):
        word = rest.partition("#")[0].strip()
        return f"A word that begins with {rest[0]} needs quotes.", f'"{word}"'
    if "mapping values are not allowed" in text:
        return (
            "A `: ` inside of a text needs quotes around the text; else look at the indent.",
            None,
        )
    if "found unexpected end of stream" in text:
        return "A quote or a bracket was opened and never closed.", None
    if "control characters are not allowed" in text or "special characters" in text:
        return "The file holds a character that is no text.", None
    return None, None


def read_source(path: str, name: str) -> Source:
    """
    Return the text of the file at *path*, to be reported under *name*.

    Raises:
        Unreadable: there is no such file, it may not be read, is no regular file, is too long,
            or is not UTF-8.
    """
    try:
        raw = _bytes(path)
    except OSError as error:
        raise Unreadable(_reason(error, path), _remedy(error)) from None
    except ValueError:
        raise Unreadable("a file name cannot hold a NUL character") from None
    try:
        return Source(name, raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"got bytes that are not UTF-8 (in line {line}), want text"
        raise Unreadable(message, "Save the file as UTF-8.") from None


def _bytes(path: str) -> bytes:
    # Without O_NONBLOCK a named pipe would make us wait for a writer for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "is a directory", path)
        if not stat.S_ISREG(mode):
            raise Unreadable("got a device or a pipe, want a file")
        raw = file.read(SIZE_LIMIT + 1)
    if len(raw) > SIZE_LIMIT:
        raise Unreadable(f"got more than {SIZE_LIMIT >> 20} MB, want a shorter file")
    return raw


def _reason(error: OSError, path: str) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return f"no such file: {path}"
        case errno.EISDIR:
            return "got a directory, want a file"
        case errno.EACCES | errno.EPERM:
            return f"may not be read by uid {os.geteuid()}: permission denied"
        case _:
            return f"cannot be read: {(error.strerror or str(error)).lower()}"


def _remedy(error: OSError) -> str | None:
    if isinstance(error, PermissionError):
        return "Give the user who runs the supervisor the right to read it."
    return None
