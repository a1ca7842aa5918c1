"""Hears nothing: ignores its marker, SIGTERM and every other signal that can be ignored."""

from __future__ import annotations

import signal
import time

signal.alarm(120)
for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
    signal.signal(signum, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(120)
