"""Takes every request to stop, says so, and never gets done: only force ends it."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

MARKER = os.environ.get("HERMES_SUPERVISE_MARKER", "")


def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Promise, and go on."""
    os.write(1, b"asked by SIGTERM, draining\n")  # print must not be entered twice


signal.alarm(120)
signal.signal(signal.SIGTERM, on_sigterm)
os.write(1, b"ready\n")
while True:
    if os.path.exists(MARKER):
        os.unlink(MARKER)
        print("asked by marker, draining", flush=True)
    time.sleep(0.02)
