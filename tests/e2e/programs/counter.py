"""
Prints a numbered line every millisecond until SIGTERM, so that a lost or doubled line shows.

Usage: counter.py [PERIOD_SECONDS] [LAST].  After LAST it stays and prints nothing more.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from types import FrameType

asked: list[int] = []


def on_sigterm(signum: int, _frame: FrameType | None) -> None:
    """Finish the line, then go."""
    asked.append(signum)


period = float(sys.argv[1]) if sys.argv[1:] else 0.001
last = int(sys.argv[2]) if sys.argv[2:] else sys.maxsize
signal.alarm(120)
signal.signal(signal.SIGTERM, on_sigterm)
print("ready", flush=True)
for number in itertools.count(1):
    if asked:
        break
    if number <= last:
        os.write(1, b"line %d\n" % number)  # one write a line, nothing kept in a buffer
    time.sleep(period)
