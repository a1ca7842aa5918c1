"""
Forking straight into a cgroup: ``clone3`` with ``CLONE_INTO_CGROUP`` (Linux 5.7).

To *move* into a cgroup is cheap in a row, but the first move after a rest waits for the kernel to
come to rest itself: 5 to 15 ms, by measurement.  A program that crashed should not be down for
that long, and a process that is born in its cgroup does not move.

Nothing of this is loaded before it is needed: ctypes would make every keeper larger.
"""

from __future__ import annotations

import errno
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CLONE3 = 435
"""The system call's number, the same on every architecture."""

CLONE_INTO_CGROUP = 0x200000000
ARGUMENTS = 11
"""Fields of ``struct clone_args``, 64 bits each: flags first, exit_signal fifth, cgroup last."""

NOT_HERE = (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG, errno.EOPNOTSUPP)
"""An older kernel, or a filter that forbids the call."""


class Cloner:
    """Makes children inside a cgroup; ``usable`` turns false where the kernel cannot."""

    def __init__(self) -> None:
        self.usable = hasattr(os, "pidfd_open")  # Linux, and not an old one
        self._call: Callable[[int], tuple[int, int]] | None = None

    def fork_into(self, cgroup: str) -> int:
        """
        Fork into the cgroup whose folder is *cgroup*; return 0 in the child, else its pid.

        The child must exec: what Python does after its own fork is not done here.

        Raises:
            OSError: there is no child; ``usable`` says whether another try can help.
        """
        folder = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if self._call is None:
                self._call = _prepared()
            pid, code = self._call(folder)
        finally:
            os.close(folder)
        if pid < 0:
            if code in NOT_HERE:
                self.usable = False
            raise OSError(code, os.strerror(code))
        return pid


def _prepared() -> Callable[[int], tuple[int, int]]:
    import ctypes  # noqa: PLC0415  # see above

    # PyDLL keeps the interpreter's lock over the call, so the child is born holding it.
    system = ctypes.PyDLL(None, use_errno=True).syscall
    system.restype = ctypes.c_long
    arguments = (ctypes.c_uint64 * ARGUMENTS)()
    size = ctypes.sizeof(arguments)

    def call(folder: int) -> tuple[int, int]:
        arguments[0] = CLONE_INTO_CGROUP
        arguments[4] = int(signal.SIGCHLD)
        arguments[10] = folder
        pid = system(CLONE3, ctypes.byref(arguments), size)
        return int(pid), ctypes.get_errno()

    return call
