"""What the kernel counts about a process: memory, processor time, wake-ups."""

from __future__ import annotations

import contextlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def pss(pids: list[int]) -> float:
    """Return the proportional set size of some processes together, in MiB."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Processor time in seconds and switches to another process, since the processes began."""

    cpu: float
    wakeups: int


def usage(pids: list[int]) -> Usage:
    """Return what some processes have used, all their threads together; the dead count nothing."""
    cpu = 0.0
    wakeups = 0
    for pid in pids:
        for thread in _threads(pid):
            with contextlib.suppress(OSError):
                cpu += int((thread / "schedstat").read_text().split()[0]) / 1e9
                for line in (thread / "status").read_text().splitlines():
                    # A thread that sleeps and is woken has given the processor up by itself.
                    if line.startswith("voluntary_ctxt_switches"):
                        wakeups += int(line.split()[1])
    return Usage(cpu=cpu, wakeups=wakeups)


def _threads(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """Return the children of a process, of all its threads."""
    found: list[int] = []
    for thread in _threads(pid):
        with contextlib.suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return found


def processes_with(text: str) -> list[int]:
    """Return the living processes, except this one, that have *text* in their command line."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):  # it ended while we looked; a zombie reads empty
                if os.fsencode(text) in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    return found


def machine() -> dict[str, str]:
    """Return what of this machine explains a figure, and nothing that names it."""
    model = "unknown"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
    return {
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "processor": model,
        "cores": str(os.cpu_count()),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }
