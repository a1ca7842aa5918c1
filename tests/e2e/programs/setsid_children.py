"""
Starts tool processes in sessions of their own that ignore SIGTERM, and stops politely itself.

Usage: setsid_children.py [--children N] [--scrub] [--tag TEXT].  With --scrub the tools are
started with an empty environment, so that no run id can be read from them.  One line `tool PID`
for each comes before `ready`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from types import FrameType


def be_a_tool() -> None:
    """Stand in a session of our own, say that we stand, and sit out every request."""
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    os.setsid()
    os.write(options.tool, b".")
    os.close(options.tool)
    time.sleep(120)


def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Go, and leave the tools behind."""
    sys.exit(0)


parser = argparse.ArgumentParser()
parser.add_argument("--children", type=int, default=2)
parser.add_argument("--scrub", action="store_true")
parser.add_argument("--tag", default="untagged", help="found in the command line of every tool")
parser.add_argument("--tool", type=int, help="for the tools themselves: where to say that we stand")
options = parser.parse_args()

signal.alarm(120)
if options.tool is not None:
    be_a_tool()
    sys.exit(0)

signal.signal(signal.SIGTERM, on_sigterm)
reader, writer = os.pipe()
os.set_inheritable(writer, True)
command = [sys.executable, "-I", "-S", __file__, "--tag", options.tag, "--tool", str(writer)]
for _ in range(options.children):
    child = os.posix_spawn(command[0], command, {} if options.scrub else os.environ)
    print("tool", child, flush=True)
os.close(writer)
while os.read(reader, 64):
    pass  # until every tool has closed its end
print("ready", flush=True)
marker = os.environ.get("HERMES_SUPERVISE_MARKER", "")
while not os.path.exists(marker):
    time.sleep(0.02)
os.unlink(marker)
