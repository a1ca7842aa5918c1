"""What the keeper finds around itself when it starts."""

from __future__ import annotations

import contextlib
import os
import resource


def controlling_terminal() -> bool:
    """Whether a terminal controls us: then it may hang up, and Ctrl-C is a person."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def ended(status: int) -> str:
    """Say how a process ended, in words."""
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


def raised_limit() -> tuple[int, int]:
    """Raise our descriptor limit to the hard one; return what we were started with."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    return before
