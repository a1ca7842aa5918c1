"""Exits by itself.  Usage: crashing.py CODE [AFTER_SECONDS]"""

from __future__ import annotations

import signal
import sys
import time

signal.alarm(120)
print("ready", flush=True)
time.sleep(float(sys.argv[2]) if sys.argv[2:] else 0.0)
sys.exit(int(sys.argv[1]))
