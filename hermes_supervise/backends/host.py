"""What this host is: the world that identities are valid in, and a few questions to it."""

from __future__ import annotations

import os
import sys


def world() -> str:
    """
    Return the name of this world: another boot or another pid namespace is another one.

    Identities of processes and instants of the monotonic clock mean nothing outside of it.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return _boot_time()
    return f"{boot}:{space}"


def _boot_time() -> str:
    """Return the time of boot where there is no boot id."""
    import subprocess  # noqa: PLC0415  # only where /proc is not

    if sys.platform != "darwin":
        return "unknown"
    done = subprocess.run(
        ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"],
        capture_output=True,
        check=False,
        timeout=5,
    )
    return done.stdout.decode(errors="replace").strip() or "unknown"


def ticks_per_second() -> int:
    """Return the unit of start times in ``/proc``."""
    return os.sysconf("SC_CLK_TCK")


def hermes_start_time(pid: int) -> int | None:
    """
    Return the start fingerprint of a process as a Hermes gateway computes its own.

    It splits the whole line of ``/proc/PID/stat`` and takes the 22nd word, which is not the start
    time when the process's name holds a space; both sides have to be wrong in the same way.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().split()[21])
    except (OSError, ValueError, IndexError):
        return None


def is_alive(pid: int) -> bool:
    """Whether a process of this number is there and not a zombie."""
    if pid <= 0:
        return False
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state = file.read().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return os.path.isdir(f"/proc/{pid}") or (not os.path.isdir("/proc/self") and _signal_0(pid))
    return state not in (b"Z", b"X")


def _signal_0(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def become_subreaper() -> bool:
    """Ask the kernel to hand orphans below us to us; survives exec.  False where it cannot."""
    import ctypes  # noqa: PLC0415  # costs memory, and the process that calls this execs next

    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    set_child_subreaper = 36  # linux/prctl.h
    return prctl is not None and prctl(set_child_subreaper, 1, 0, 0, 0) == 0
