"""Dies by a signal that it sends to itself.  Usage: crash_by_signal.py SIGNAL [AFTER_SECONDS]"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time

number = signal.Signals[sys.argv[1]] if sys.argv[1:] else signal.SIGSEGV
signal.alarm(120)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a test needs no core file
if number not in (signal.SIGKILL, signal.SIGSTOP):
    signal.signal(number, signal.SIG_DFL)  # Python itself has plans for INT, PIPE and XFSZ
print("ready", flush=True)
time.sleep(float(sys.argv[2]) if sys.argv[2:] else 0.0)
os.kill(os.getpid(), number)
time.sleep(120)
