"""
Drains at once, and then the process does not go away: its work is saved, a thread of it hangs.

Usage: lingering.py [--pid-file F] [--lock-file F] [--port N].  The pid file is written, the lock
taken and the port opened before `ready`; asked by marker or SIGTERM it gives all three up,
prints `drained`, and lives on, deaf to everything but force.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import socket
import time
from types import FrameType

MARKER = os.environ.get("HERMES_SUPERVISE_MARKER", "")
asked: list[str] = []


def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Remember that we were asked; asked again, do nothing."""
    asked.append("SIGTERM")


parser = argparse.ArgumentParser()
parser.add_argument("--pid-file")
parser.add_argument("--lock-file")
parser.add_argument("--port", type=int)
options = parser.parse_args()

signal.alarm(120)
signal.signal(signal.SIGTERM, on_sigterm)
with contextlib.ExitStack() as held:
    if options.pid_file:
        with open(options.pid_file, "w") as file:
            print(os.getpid(), file=file)
        held.callback(os.unlink, options.pid_file)
    if options.lock_file:
        lock = held.enter_context(open(options.lock_file, "w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
    if options.port:
        held.enter_context(socket.create_server(("127.0.0.1", options.port)))
    print("ready", flush=True)
    while not asked and not os.path.exists(MARKER):
        time.sleep(0.02)
    if os.path.exists(MARKER):
        os.unlink(MARKER)
print("drained", flush=True)
time.sleep(120)
