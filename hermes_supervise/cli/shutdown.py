"""``ctl shutdown``: returns when keeper and supervisor are gone, and shows the drains meanwhile."""

from __future__ import annotations

import os
import select
import sys

from hermes_supervise.cli.interrupts import Interrupts
from hermes_supervise.cli.progress import Progress
from hermes_supervise.cli.terminal import look
from hermes_supervise.cli.usage import DONE, TIME_RAN_OUT
from hermes_supervise.control.client import connect
from hermes_supervise.model.errors import ConnectionLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hermes_supervise.cli.usage import Options
    from hermes_supervise.control.client import Link

_TICK = 0.1
_ENDS = {"stopped": "done", "exited": "done", "failed": "done"}


def run(options: Options) -> int:
    """Ask for the shutdown and wait until both processes are gone."""
    with connect(options.address) as watching, connect(options.address) as link:
        if not options.leave:
            watching.send("watch", {"names": []})
        processes = [Process(pid) for pid in _asked(link, options)]
        progress = Progress(sys.stdout, look(sys.stdout, os.environ), 0)
        with Interrupts() as interrupts:
            try:
                left = _wait(processes, watching, progress, interrupts)
            finally:
                progress.finish()
    if left:
        print("no longer waiting; the shutdown goes on", file=sys.stderr)
        return TIME_RAN_OUT
    return DONE


class Process:
    """A process of the supervisor, to be seen dead."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.descriptor: int | None = None
        try:
            if hasattr(os, "pidfd_open"):
                self.descriptor = os.pidfd_open(pid)
        except OSError:
            pass  # Gone already, or an old kernel: asked by pid instead.

    def gone(self) -> bool:
        """Return whether the process has ended."""
        if self.descriptor is not None:
            return bool(select.select([self.descriptor], [], [], 0)[0])
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def _asked(link: Link, options: Options) -> list[int]:
    pids = link.call("shutdown", {"leave": options.leave})["pids"]
    return [pid for pid in pids if pid]


def _wait(
    processes: list[Process], watching: Link, progress: Progress, interrupts: Interrupts
) -> bool:
    """Return True when the operator did not want to wait, False when all are gone."""
    ends = [each.descriptor for each in processes if each.descriptor is not None]
    talking = True
    while not all(each.gone() for each in processes):
        living = [end for end in ends if not select.select([end], [], [], 0)[0]]
        also = [*living, interrupts.descriptor]
        if talking:
            talking = _listen(watching, progress, also)
        else:
            select.select(also, [], [], _TICK)
        if interrupts.taken():
            return True
        progress.draw()
    return False


def _listen(watching: Link, progress: Progress, also: list[int]) -> bool:
    """Show one change; return False when the supervisor says no more."""
    try:
        message = watching.next(_TICK, also)
    except ConnectionLost:
        return False
    if message is not None and message[0] == "row":
        _show(message[1]["program"], progress)
    return True


def _show(row: dict[str, Any], progress: Progress) -> None:
    end = row["last_exit"] or {}
    verdict = _ENDS.get(row["phase"], "pending")
    note = f"{row['phase']}, {end['outcome']}" if verdict == "done" and end else ""
    progress.show(row["name"], row, verdict, note)
