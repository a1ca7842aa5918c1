"""Ctrl-C as something that can be waited for, instead of an exception in the middle of a read."""

from __future__ import annotations

import contextlib
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Self


class Interrupts:
    """
    Counts Ctrl-C while it is entered; ``descriptor`` can be read after each one.

    ``taken`` says how many there were since it was last asked.
    """

    def __init__(self) -> None:
        self._count = 0
        self.descriptor, self._other_end = os.pipe()
        for end in (self.descriptor, self._other_end):
            os.set_blocking(end, False)

    def __enter__(self) -> Self:
        self._old = signal.signal(signal.SIGINT, self._noticed)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._old)
        os.close(self.descriptor)
        os.close(self._other_end)

    def taken(self) -> int:
        """Return how often Ctrl-C was pressed since the last call."""
        try:
            os.read(self.descriptor, 64)
        except BlockingIOError:
            return 0
        count, self._count = self._count, 0
        return count

    def _noticed(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as called
        self._count += 1
        # A full pipe means that there is enough to read already.
        with contextlib.suppress(BlockingIOError):
            os.write(self._other_end, b".")
