"""
Reading a log from its end and as it grows: bytes only, across rename, truncation and re-creation.

A live file may begin with NULs, where its older part was cut out; they are no output.
"""

from __future__ import annotations

import os

BLOCK = 1 << 16


class Tail:
    """One file that is read from its end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: int | None = None
        self._identity: tuple[int, int] | None = None
        self._at = 0
        self._hollow = True
        """Whether nothing but NULs was read so far."""

    @property
    def exists(self) -> bool:
        """Whether the file was there when it was last looked for."""
        return self._file is not None

    def last(self, count: int) -> bytes:
        """
        Return the last *count* lines, and stand behind them; a part of a line counts as one.

        Raises:
            OSError: The file is there and cannot be read.
        """
        file = self._open()
        if file is None:
            return b""
        end = os.fstat(file).st_size
        self._at, self._hollow = end, False
        blocks: list[bytes] = []
        start, lines = end, 0
        # One newline more than lines: the one before the first of them.
        while start > 0 and lines <= count:
            size = min(BLOCK, start)
            start -= size
            block = os.pread(file, size, start)
            blocks.append(block)
            lines += block.count(b"\n")
            if not block.strip(b"\0"):
                break  # A hole: nothing older is left.
        text = b"".join(reversed(blocks)).lstrip(b"\0")
        return _last_lines(text, count)

    def more(self) -> bytes:
        """
        Return what was written since the last look; of a renamed file first its rest.

        Raises:
            OSError: The file is there and cannot be read.
        """
        old = self._rest()
        if self._same():
            return old
        self.close()
        return old + (b"" if self._open() is None else self._rest())

    def close(self) -> None:
        """Let the file go; it is looked for again."""
        if self._file is not None:
            os.close(self._file)
        self._file, self._identity = None, None

    def _rest(self) -> bytes:
        if self._file is None:
            return b""
        size = os.fstat(self._file).st_size
        if size < self._at:
            self._at, self._hollow = 0, True  # Truncated: what is there now is new.
        pieces = []
        while self._at < size:
            piece = os.pread(self._file, min(BLOCK, size - self._at), self._at)
            if not piece:
                break
            self._at += len(piece)
            if self._hollow:
                piece = piece.lstrip(b"\0")
                self._hollow = not piece
            pieces.append(piece)
        return b"".join(pieces)

    def _same(self) -> bool:
        """Return whether the path still names the file that is open."""
        try:
            seen = os.stat(self.path)
        except FileNotFoundError:
            return self._file is not None  # Renamed: the old one may still be written to.
        return self._identity == (seen.st_dev, seen.st_ino)

    def _open(self) -> int | None:
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        seen = os.fstat(file)
        self._identity = (seen.st_dev, seen.st_ino)
        self._file, self._at, self._hollow = file, 0, True
        return file


def _last_lines(text: bytes, count: int) -> bytes:
    if count == 0:
        return b""
    at = len(text) - 1 if text.endswith(b"\n") else len(text)
    for _ in range(count):
        at = text.rfind(b"\n", 0, at)
        if at < 0:
            return text
    return text[at + 1 :]
