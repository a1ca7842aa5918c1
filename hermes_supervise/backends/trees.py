"""
The whole tree of a run: who is in it, whether it is empty, and its end.

``cgroup.kill`` has no race with a fork and is used wherever there is a cgroup.  Everything else is
found by kinship (``kin.py``), halted, looked at once more and killed, in short rounds, so that one
program that forks as fast as it can does not keep the others waiting.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from hermes_supervise.backends import cgroups, kin
from hermes_supervise.backends.run import Run, Stage
from hermes_supervise.keeper import witness

ROUND = 0.01
"""Seconds that one call may chase a tree that forks; the next follows soon."""

SendToMain = Callable[[str, int], bool]
"""Sends a signal to the main process of a run."""


class Trees:
    """Answers for, and ends, whole trees."""

    def __init__(self, family: kin.Family, send_to_main: SendToMain) -> None:
        self.family = family
        self.send_to_main = send_to_main

    def leftovers(self, run_id: str, run: Run) -> int | None:
        """
        Return how many processes of an ended run live.

        None means that it could not be told this time: somebody died while he was looked at.
        """
        if run.cgroup is not None and not cgroups.remove_if_empty(run.cgroup):
            return max(1, len(self.members(run_id, run)))
        looks = 1
        if run_id in self.family.hunted:
            looks = 2  # it ran away before: one look is not enough to believe that it is gone
        for look in range(looks):
            if look:
                self.family.new_round()
            members = self._kin(run_id, run)
            if members:
                return len(members)
            if not self.family.sure():
                return None
        return 0

    def members(self, run_id: str, run: Run) -> kin.Members:
        """Return who belongs to a run now, its living main process included."""
        members: kin.Members = {}
        if run.cgroup is not None:
            members = {pid: witness.mark(pid) for pid in cgroups.members(run.cgroup)}
        if run.stage is Stage.ALIVE and run.process is not None:
            main = run.process
            members[main.pid] = main.inode or main.ticks
            members.update(self.family.below(main.pid))
        return members | self._kin(run_id, run)

    def _kin(self, run_id: str, run: Run) -> kin.Members:
        """Return the orphans of a run."""
        members = self.family.strays(run_id) | self.family.survivors(run_id)
        if not run.ours:
            members |= self.family.carriers(run_id)
        return members

    def strike(self, run_id: str, run: Run) -> bool:
        """
        End the tree, for a bounded time.

        Returns:
            True when nothing of it is seen any more.
        """
        first = run_id not in self.family.hunted
        self.family.hunted.add(run_id)
        if run.cgroup is not None:
            cgroups.kill(run.cgroup)
        self._strike_main(run_id, run, alone=first and run.pidfd is None)
        if first and run.pidfd is None and run.stage is Stage.ALIVE:
            return False
        until = time.monotonic() + ROUND
        while True:
            self.family.new_round()
            members = self._kin(run_id, run)
            for pid, mark in members.items():
                kin.send(pid, mark, signal.SIGKILL)
            if time.monotonic() >= until:
                break
            if not members and self.family.sure():
                break
        return run.stage is not Stage.ALIVE and self.leftovers(run_id, run) == 0

    def _strike_main(self, run_id: str, run: Run, *, alone: bool) -> None:
        """End the main process; *alone*: the keeper has to do it, so the rest waits, halted."""
        if run.stage is not Stage.ALIVE or run.process is None:
            return
        # Halted first: what it has below is complete only when it cannot add to it any more.
        self.send_to_main(run_id, signal.SIGSTOP)
        below = self.family.note(run_id, run.process.pid, halt=True)
        self.send_to_main(run_id, signal.SIGKILL)
        if alone:
            return  # else it might see them die, and end by itself before the signal comes
        for pid, mark in below.items():
            kin.send(pid, mark, signal.SIGKILL)

    def forget(self, run_id: str, run: Run) -> None:
        """The run is over."""
        self.family.hunted.discard(run_id)
        if run.cgroup is not None:
            cgroups.remove_if_empty(run.cgroup)
        if run.process is not None:
            self.family.forget(run_id, run.process.pid)
