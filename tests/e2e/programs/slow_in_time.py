"""
Drains for SECONDS once it is asked by marker or SIGTERM, then exits 0.

Usage: slow_in_time.py SECONDS.  A second request changes nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType

MARKER = os.environ.get("HERMES_SUPERVISE_MARKER", "")
asked: list[str] = []


def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Remember that we were asked."""
    asked.append("SIGTERM")


signal.alarm(120)
signal.signal(signal.SIGTERM, on_sigterm)
print("ready", flush=True)
while not asked and not os.path.exists(MARKER):
    time.sleep(0.02)
if os.path.exists(MARKER):
    os.unlink(MARKER)
print("draining for", sys.argv[1], "s", flush=True)
time.sleep(float(sys.argv[1]))
print("drained", flush=True)
