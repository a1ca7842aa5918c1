"""
Leaves a double-forked process behind: own session, no parent, deaf to SIGTERM.

Usage: double_fork_stray.py [--leave] [--tag TEXT].  One line `stray PID` comes before `ready`.
With --leave the program exits 0 by itself right after `ready`; without, when it is asked.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType


def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Go; the stray stays."""
    sys.exit(0)


def become_stray(writer: int) -> None:
    """Fork out of the family, tell the pid, and stay."""
    os.setsid()
    if os.fork():
        os._exit(0)
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    signal.alarm(120)  # alarms are not inherited
    os.write(writer, str(os.getpid()).encode())
    os.close(writer)
    time.sleep(120)
    os._exit(0)


signal.alarm(120)
signal.signal(signal.SIGTERM, on_sigterm)
reader, writer = os.pipe()
middle = os.fork()
if middle == 0:
    become_stray(writer)
os.waitpid(middle, 0)
os.close(writer)
print("stray", os.read(reader, 64).decode(), flush=True)
print("ready", flush=True)
if "--leave" in sys.argv:
    sys.exit(0)
marker = os.environ.get("HERMES_SUPERVISE_MARKER", "")
while not os.path.exists(marker):
    time.sleep(0.02)
os.unlink(marker)
