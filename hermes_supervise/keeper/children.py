"""
The runs that the keeper holds, and their ends.

An end is remembered until it is acknowledged.  A run id that is known is never made twice: the
old answer is given again.
"""

from __future__ import annotations

import errno
import os
import select
import signal as signals
from collections.abc import Callable

from hermes_supervise.keeper import making, witness
from hermes_supervise.keeper.wire import Message

REAPED_AT_ONCE = 500
"""Ends taken in one go: something that forks and exits for ever must not keep us from the rest."""

Send = Callable[[Message], None]


class Run:
    """One process that we hold: a child of ours, or an adopted one (``child`` false)."""

    __slots__ = ("child", "end", "formed", "inode", "number", "pid", "pidfd", "ticks")

    def __init__(self, pid: int, number: int, *, child: bool) -> None:
        self.pid = pid
        self.number = number
        self.child = child
        self.pidfd: int | None = None
        self.inode = 0
        self.ticks = 0
        self.formed = False
        self.end: Message | None = None


class Children:
    """All runs by run id; the only place that waits for processes."""

    def __init__(self, maker: making.Maker, poll: select.poll, send: Send) -> None:
        self.maker = maker
        self.poll = poll
        self.send = send
        self.runs: dict[str, Run] = {}
        self.by_pid: dict[int, str] = {}
        self.forming: dict[int, str] = {}
        self.watched: dict[int, str] = {}

    # -- making ---------------------------------------------------------------------------------

    def spawn(self, order: making.Order) -> None:
        """Make a run, or give the old answer for a run id that is known."""
        known = self.runs.get(order.run_id)
        if known is not None:
            self._repeat(order.run_id, known)
            return
        try:
            pid, report = self.maker.make(order)
        except making.CannotMake as problem:
            self.send(("failed", order.run_id, order.number, problem.step, problem.code))
            return
        except (ValueError, TypeError):  # a NUL in a word, a name with "=": no process can have it
            self.send(("failed", order.run_id, order.number, "exec", errno.EINVAL))
            return
        run = Run(pid, order.number, child=True)
        self._identify(run)
        self.runs[order.run_id] = run
        self.by_pid[pid] = order.run_id
        if report is None:
            self._answer(order.run_id, run)
        else:
            self.forming[report] = order.run_id
            self.poll.register(report, select.POLLIN)

    def formed(self, report: int) -> None:
        """A forked child has become the program, or says why it could not."""
        run_id = self.forming[report]
        try:
            problem = making.read_report(report)
        except BlockingIOError:
            return
        self.poll.unregister(report)
        del self.forming[report]
        run = self.runs[run_id]
        if problem is None:
            self._answer(run_id, run)
            if run.end is not None:
                self.send(run.end)
            return
        self._forget(run_id)
        if run.end is None:
            self.by_pid[run.pid] = ""  # its end is awaited, and means nothing
        self.send(("failed", run_id, run.number, problem.step, problem.code))

    def _answer(self, run_id: str, run: Run) -> None:
        run.formed = True
        self.send(("made", run_id, run.number, run.pid, run.inode, run.ticks))

    def _repeat(self, run_id: str, run: Run) -> None:
        if run.formed:
            self._answer(run_id, run)
            if run.end is not None:
                self.send(run.end)

    def _identify(self, run: Run) -> None:
        run.pidfd = witness.open_pidfd(run.pid)
        if run.pidfd is not None:
            run.inode = witness.inode_of(run.pidfd)
            if run.inode:
                return
        run.ticks = witness.start_ticks(run.pid)

    # -- adopting -------------------------------------------------------------------------------

    def adopt(self, run_id: str, pid: int, inode: int, ticks: int) -> bool:
        """
        Hold a living process that an earlier keeper made, if it still is that process.

        Returns:
            True when nothing will tell of its end, so that it has to be looked at by time.
        """
        if run_id in self.runs:
            self._repeat(run_id, self.runs[run_id])
            return False
        run = Run(pid, 0, child=False)
        self._identify(run)
        same = run.inode == inode if inode else run.ticks == ticks and ticks > 0
        status = witness.zombie_status(pid) if same else None
        if not same or pid <= 1:
            self._close(run)
            self.send(("lost", run_id))
            return False
        self.runs[run_id] = run
        self._answer(run_id, run)
        if status is not None:
            self._end(run_id, run, status)
        elif run.pidfd is not None:
            self.watched[run.pidfd] = run_id
            self.poll.register(run.pidfd, select.POLLIN)
        return run.pidfd is None and run.end is None

    def adopted_ended(self, pidfd: int) -> None:
        """An adopted process died: its status from the zombie, from the kernel, or unknown."""
        run_id = self.watched[pidfd]
        run = self.runs[run_id]
        status = witness.zombie_status(run.pid)
        if status is None or not witness.holds_number(pidfd):
            # It was reaped: a zombie of this number would be somebody else.
            status = witness.reaped_status(pidfd)
        self._end(run_id, run, status)

    def check_adopted(self) -> bool:
        """Look for ends of adopted processes where there is no pidfd; True while there are any."""
        any_left = False
        for run_id, run in list(self.runs.items()):
            if run.child or run.pidfd is not None or run.end is not None:
                continue
            same = witness.start_ticks(run.pid) == run.ticks
            status = witness.zombie_status(run.pid) if same else None
            if same and status is None:
                any_left = True
            else:
                self._end(run_id, run, status)
        return any_left

    # -- ends -----------------------------------------------------------------------------------

    def reap(self) -> tuple[dict[int, int], bool]:
        """
        Wait for the children that have ended, for at most ``REAPED_AT_ONCE`` of them.

        Returns:
            pid → wait status of those that are no run: the supervisor, the compiler, strays that
            came to us as the subreaper; and whether there may be more to wait for.
        """
        others: dict[int, int] = {}
        for _ in range(REAPED_AT_ONCE):
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return others, False
            if pid == 0:
                return others, False
            run_id = self.by_pid.pop(pid, None)
            if run_id is None:
                others[pid] = status
            elif run_id and run_id in self.runs:
                run = self.runs[run_id]
                rusage = (usage.ru_utime, usage.ru_stime, usage.ru_maxrss)
                self._end(run_id, run, status, rusage)
        return others, True

    def _end(
        self,
        run_id: str,
        run: Run,
        status: int | None,
        rusage: tuple[float, float, int] | None = None,
    ) -> None:
        if run.pidfd is not None and run.pidfd in self.watched:
            del self.watched[run.pidfd]
            self.poll.unregister(run.pidfd)
        known = -1 if status is None else status
        run.end = ("ended", run_id, known, rusage or ())
        if run.formed:
            self.send(run.end)

    def acknowledge(self, run_id: str) -> None:
        """The end of this run is on disk: forget it."""
        run = self.runs.get(run_id)
        if run is not None and run.end is not None:
            self._forget(run_id)

    def _forget(self, run_id: str) -> None:
        run = self.runs.pop(run_id)
        self._close(run)

    @staticmethod
    def _close(run: Run) -> None:
        if run.pidfd is not None:
            os.close(run.pidfd)
            run.pidfd = None

    def signal(self, run_id: str, number: int) -> bool:
        """
        Send a signal to a run.

        An unreaped child cannot have lost its pid to a stranger, and a pidfd never does; an
        adopted process without a pidfd is compared by its start time first.
        """
        run = self.runs.get(run_id)
        if run is None or run.end is not None or run.pid <= 1:
            return False
        try:
            if run.pidfd is not None:
                signals.pidfd_send_signal(run.pidfd, number)  # type: ignore[attr-defined, unused-ignore]  # Linux
            elif run.child or witness.start_ticks(run.pid) == run.ticks:
                os.kill(run.pid, number)
            else:
                return False
        except OSError:
            return False
        return True

    def held(self) -> list[Message]:
        """Return what a new supervisor has to know of every run."""
        return [
            (run_id, run.pid, run.inode, run.ticks, run.number, run.child, run.formed, run.end)
            for run_id, run in self.runs.items()
        ]
