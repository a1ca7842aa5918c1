"""Knows nothing of markers; stops for SIGTERM with exit 0."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType


def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Go at once."""
    os.write(1, b"asked by SIGTERM\n")  # print must not be entered twice
    sys.exit(0)


signal.alarm(120)
signal.signal(signal.SIGTERM, on_sigterm)
os.write(1, b"ready\n")
time.sleep(120)
