"""
Writes what it was given into a file, as JSON, then waits for SIGTERM.

Usage: reports.py FILE.  Of signals it tells what stood before Python began where the system shows
it (``/proc/self/status``); Python itself ignores SIGPIPE and SIGXFSZ and catches SIGINT, so those
three say nothing about the parent: for them let ``cat /proc/self/status`` be the program.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import sys
import time
from types import FrameType


def descriptors() -> dict[str, dict[str, object]]:
    """Return every open descriptor with its target and its flags."""
    found: dict[str, dict[str, object]] = {}
    for name in os.listdir("/dev/fd"):
        try:
            flags = fcntl.fcntl(int(name), fcntl.F_GETFL)
            target = os.readlink(f"/dev/fd/{name}")
        except OSError:
            continue  # the listing's own descriptor
        found[name] = {"target": target, "append": bool(flags & os.O_APPEND), "flags": flags}
    return found


def text_of(path: str) -> str | None:
    """Return what a file holds, or None where there is none."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None


def limits() -> dict[str, tuple[int, int]]:
    """Return soft and hard limit by name."""
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}


def umask() -> str:
    """Return the umask in octal; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return f"{mask:03o}"


def masks() -> dict[str, list[str]]:
    """Return the blocked, ignored and caught signals by name."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    ignored = [s for s in signal.Signals if signal.getsignal(s) == signal.SIG_IGN]
    return {
        "blocked": sorted(signal.Signals(s).name for s in blocked if s in set(signal.Signals)),
        "ignored": sorted(s.name for s in ignored),
    }


def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Go at once."""
    sys.exit(0)


signal.alarm(120)
report = {
    "argv": sys.argv,
    "environment": dict(os.environ),
    "descriptors": descriptors(),
    "signals": masks(),
    "status": text_of("/proc/self/status"),
    "limits": limits(),
    "umask": umask(),
    "directory": os.getcwd(),
    "pid": os.getpid(),
    "parent": os.getppid(),
    "session": os.getsid(0),
    "group": os.getpgrp(),
    "uid": os.getresuid() if hasattr(os, "getresuid") else os.getuid(),
    "gid": os.getresgid() if hasattr(os, "getresgid") else os.getgid(),
    "groups": os.getgroups(),
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "oom_score_adj": text_of("/proc/self/oom_score_adj"),
    "cgroup": text_of("/proc/self/cgroup"),
}
signal.signal(signal.SIGTERM, on_sigterm)
with open(sys.argv[1] + ".new", "w") as file:
    json.dump(report, file)
os.replace(sys.argv[1] + ".new", sys.argv[1])  # whoever sees it sees all of it
print("ready", flush=True)
time.sleep(120)
