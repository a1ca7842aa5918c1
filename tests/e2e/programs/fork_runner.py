"""
Runs away by forking: every generation forks, takes a session of its own and exits.

Usage: fork_runner.py [--seconds S] [--tag TEXT].  The first process stays and stops politely; the
runner is never the same process for longer than a fork takes.  It gives up after S seconds (60).
It stays in the cgroup, environment and command line of the program, which is how it can be found.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from types import FrameType


def run_away(until: float, generation: int = 0) -> None:
    """Fork for ever; only the youngest is alive."""
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    while time.monotonic() < until:
        if os.fork():
            os._exit(0)
        os.setsid()
        generation += 1
        if generation == 20:  # by now it is far from home
            print("ready", flush=True)
    os._exit(0)


def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Go; the runner runs on."""
    sys.exit(0)


parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=float, default=60.0)
parser.add_argument("--tag")
options = parser.parse_args()

signal.alarm(120)
signal.signal(signal.SIGTERM, on_sigterm)
first = os.fork()
if first == 0:
    run_away(time.monotonic() + min(options.seconds, 60.0))
os.waitpid(first, 0)
marker = os.environ.get("HERMES_SUPERVISE_MARKER", "")
while not os.path.exists(marker):
    time.sleep(0.02)
os.unlink(marker)
