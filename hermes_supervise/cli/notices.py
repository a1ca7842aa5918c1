"""To be told when a file or a folder changes: inotify through ctypes, or a look now and then."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select

CHANGED = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800
"""IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE_SELF,
IN_MOVE_SELF, of <sys/inotify.h>."""

_CLOSE_ON_EXEC = 0o2000000
_NON_BLOCKING = 0o4000

SELDOM = 5.0
"""Seconds between looks where we are told: some file systems tell nothing."""
OFTEN = 0.25
"""Seconds between looks where nobody tells us."""


class Notices:
    """
    Waits for changes of the paths it was told to ``watch``.

    A wake says only that something may have changed; whoever waits looks again.
    """

    def __init__(self) -> None:
        self._library = None
        self.descriptor: int | None = None
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(None, use_errno=True)
            number = library.inotify_init1(_CLOSE_ON_EXEC | _NON_BLOCKING)
            if number >= 0:
                self._library, self.descriptor = library, number

    def watch(self, path: str) -> None:
        """Be told about *path* from now on; a path that is not there is looked at seldom."""
        if self._library is not None:
            self._library.inotify_add_watch(self.descriptor, os.fsencode(path), CHANGED)

    def wait(self) -> None:
        """Return when something may have changed."""
        if self.descriptor is None:
            select.select([], [], [], OFTEN)
            return
        select.select([self.descriptor], [], [], SELDOM)
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, 65536)

    def close(self) -> None:
        """Watch no longer."""
        if self.descriptor is not None:
            os.close(self.descriptor)
