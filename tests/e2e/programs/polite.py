"""Stops when asked, by marker or by SIGTERM, and says which it saw.  Usage: polite.py [CODE]"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from types import FrameType

MARKER = os.environ.get("HERMES_SUPERVISE_MARKER")


def consumed() -> bool:
    """Return whether a marker for this process stood there; it is removed."""
    try:
        with open(MARKER or "") as file:
            text = file.read()
    except OSError:
        return False
    if text and json.loads(text)["target_pid"] != os.getpid():
        return False
    os.unlink(MARKER or "")
    return True


def leave(why: str) -> None:
    """Say who asked, and go."""
    os.write(1, f"asked by {why}\n".encode())  # print must not be entered twice
    sys.exit(int(sys.argv[1]) if sys.argv[1:] else 0)


def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Look for the marker that should stand behind the signal."""
    leave("SIGTERM with a marker" if consumed() else "SIGTERM without a marker")


signal.alarm(120)
signal.signal(signal.SIGTERM, on_sigterm)
os.write(1, b"ready\n")
while True:
    time.sleep(0.02)
    # Blocked, so that a signal in between cannot find the marker just gone and call it missing.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    if consumed():
        leave("marker")
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
