"""
The POSIX backend: runs held by the keeper, signals through our own pidfds.

It mirrors what the keeper says into ``Run`` values and answers questions from them; it never
waits.  Every signal goes to a process whose identity was checked: a pidfd that was opened and then
found to have the inode (or the start time) that the keeper saw when it made the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping

from hermes_supervise.backends import cgroups, faults, kin
from hermes_supervise.backends.run import Run, Stage, exit_of
from hermes_supervise.backends.trees import Trees
from hermes_supervise.keeper import witness
from hermes_supervise.keeper.wire import Message, Wire
from hermes_supervise.model.facts import Process, Sighting
from hermes_supervise.model.phase import Sight
from hermes_supervise.model.spec import Launch
from hermes_supervise.plan.environment import inheritable, inherited_by, own_variables

PAUSE, LONGEST_PAUSE = 0.005, 0.1
"""Seconds between two rounds of force on one tree: others have their turn."""

FLUSH_AT = 16
"""Spawn requests are handed over in lots, so that keeper and supervisor work at the same time."""


NEWS_DELAY = 0.01
"""
Seconds before it is told that a process was made.

Nobody is in a hurry to hear it: the run is known by its id already.  Many starts are then one turn,
and a program that ends at once is one turn less.
"""


class Posix:
    """Implements ``Backend`` on a keeper."""

    name = "posix"

    def __init__(
        self,
        *,
        wire: Wire,
        keeper_pid: int,
        environ: Mapping[str, str],
        socket: str,
        cgroup_root: str | None,
        woken: Callable[[str], None],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        """
        Stand on a keeper.

        Args:
            wire: To the keeper.
            keeper_pid: Its pid: orphans of our programs are its children.
            environ: Our surroundings, which programs may inherit.
            socket: The control socket that programs are told of.
            cgroup_root: The folder of our cgroups, None to do without.
            woken: Called with a run id when something is to be seen of the run.
            later: Called with seconds and what is to be called after them.
        """
        self.wire = wire
        self.environ = inheritable(environ)
        self.socket = socket
        self.cgroup_root = cgroup_root
        self.woken = woken
        self.runs: dict[str, Run] = {}
        self.later = later
        self.family = kin.Family(keeper_pid, os.getpid())
        self.trees = Trees(self.family, self.signal)
        self._unflushed = 0
        self._new: list[str] = []
        # Sent once: with every spawn it would be most of what goes over the wire.
        wire.put(("inherit", "all", dict(self.environ)))
        wire.put(("inherit", "short", dict(self.environ.short)))

    # -- Backend --------------------------------------------------------------------------------

    def new_round(self) -> None:
        """Look at the kernel's lists again from here on."""
        self.family.new_round()

    def spawn(self, run_id: str, number: int, name: str, launch: Launch) -> None:
        """Ask the keeper for a process; the answer wakes us."""
        known = self.runs.get(run_id)
        if known is not None and known.stage is not Stage.NEVER:
            self.woken(run_id)
            return
        environment = own_variables(launch, name, run_id, self.socket)
        inherited = inherited_by(launch, self.environ)
        run = Run(Stage.ASKED, self._cgroup_of(name, run_id))
        self.runs[run_id] = run
        run.launch = launch
        found = faults.find_executable(launch, environment.get("PATH") or inherited.get("PATH", ""))
        if found is None:
            self._failed(run_id, run, faults.not_found(launch))
            return
        run.executable = found
        if run.cgroup is not None:
            run.cgroup = cgroups.make(self.cgroup_root or "", f"{name}.{run_id}")
        user = None if launch.user is None else launch.user
        order = (
            run_id,
            number,
            found,
            list(launch.argv),
            "all" if launch.inherit_environment else "short",
            environment,
            launch.directory,
            launch.umask,
            None if user is None else (user.uid, user.gid, tuple(user.groups)),
            launch.logs.path if launch.logs.mode == "file" else None,
            launch.logs.stderr if launch.logs.mode == "file" else None,
            run.cgroup,
        )
        self.wire.put(("spawn", order))
        self._unflushed += 1
        if self._unflushed >= FLUSH_AT:
            self.flush()

    def look(self, run_id: str, *, tree: bool) -> Sighting:
        """Say what is seen of a run."""
        run = self.runs.get(run_id)
        if run is None:
            return Sighting(Sight.GONE)
        match run.stage:
            case Stage.ASKED:
                return Sighting(Sight.UNOBSERVABLE)
            case Stage.ALIVE:
                return Sighting(Sight.ALIVE, run.process, started_at=run.made_at)
            case Stage.FAILED:
                return Sighting(Sight.SPAWN_FAILED, error=run.error)
            case Stage.NEVER:
                return Sighting(Sight.NEVER_MADE)
            case Stage.ENDED:
                return self._look_at_ended(run_id, run, tree=tree)

    def _look_at_ended(self, run_id: str, run: Run, *, tree: bool) -> Sighting:
        left = self.trees.leftovers(run_id, run) if tree else 0
        if left is None:
            self.later(PAUSE, lambda: self.woken(run_id))
            return Sighting(Sight.UNOBSERVABLE)
        if left:
            return Sighting(Sight.REMAINS, exit=run.exit, leftovers=left)
        return Sighting(Sight.GONE, exit=run.exit)

    def claim(self, run_id: str, process: Process | None, *, name: str) -> None:
        """Find a remembered run: held by the keeper, or alive somewhere, or gone."""
        held = self.runs.get(run_id)
        if held is not None:
            held.cgroup = held.cgroup or self._cgroup_of(name, run_id)
            return
        run = Run(Stage.ASKED, self._cgroup_of(name, run_id))
        run.ours = False
        self.runs[run_id] = run
        if process is None:
            process = self._find(run_id)
        if process is None:
            run.stage = Stage.NEVER
            return
        run.process = process
        self.family.adopted(run_id, process.pid)
        self.wire.put(("adopt", run_id, process.pid, process.inode, process.ticks))

    def forgotten(self) -> dict[str, str]:
        """Return living runs of ours by program, also those that no memory knows."""
        return kin.scan_programs(self.socket)

    def settle(self, claimed: Collection[str]) -> None:
        """Release what ended and is claimed by nobody: its end is on disk already."""
        for run_id, run in list(self.runs.items()):
            if run_id in claimed or run.stage is not Stage.ENDED:
                continue
            if self.trees.leftovers(run_id, run) == 0:
                self.release(run_id)

    def signal(self, run_id: str, number: int) -> bool:
        """Send a signal to the main process, never to a stranger."""
        run = self.runs.get(run_id)
        if run is None or run.stage is not Stage.ALIVE:
            return False
        if run.pidfd is None:
            self.wire.put(("signal", run_id, int(number)))  # no enum goes over the wire
            self.flush()
            return True
        try:
            signal.pidfd_send_signal(run.pidfd, number)  # type: ignore[attr-defined, unused-ignore]  # Linux
        except OSError:
            return False
        return True

    def remember_tree(self, run_id: str) -> None:
        """Note the tree where no cgroup does."""
        run = self.runs.get(run_id)
        if run is not None and run.cgroup is None and run.process is not None:
            self.family.note(run_id, run.process.pid)

    def belongs(self, run_id: str, pid: int) -> bool:
        """Whether a process is in the tree of the run; if so it is remembered as such."""
        run = self.runs.get(run_id)
        if run is None or run.process is None:
            return False
        members = self.trees.members(run_id, run)
        if pid in members:
            self.family.seen.setdefault(run_id, {})[pid] = members[pid]
        return pid in members

    def former_members(self, run_id: str) -> set[int]:
        """Return who was seen in the tree, living or not."""
        return set(self.family.seen.get(run_id, ()))

    def force(self, run_id: str, *, tree: bool) -> None:
        """SIGKILL the run; a tree is chased from here on until nothing of it is left."""
        run = self.runs.get(run_id)
        if run is None:
            return
        if not tree:
            self.signal(run_id, signal.SIGKILL)
        elif not run.chased:
            run.chased = True
            self._chase(run_id, run, PAUSE)

    def _chase(self, run_id: str, run: Run, pause: float) -> None:
        if self.runs.get(run_id) is not run:
            return
        if self.trees.strike(run_id, run):
            run.chased = False
            self.woken(run_id)
            return
        again = min(2.0 * pause, LONGEST_PAUSE)
        self.later(pause, lambda: self._chase(run_id, run, again))

    def release(self, run_id: str) -> None:
        """The end is on disk: the keeper may forget it, and so do we."""
        run = self.runs.pop(run_id, None)
        if run is None:
            return
        if run.pidfd is not None:
            os.close(run.pidfd)
        self.trees.forget(run_id, run)
        self.wire.put(("ack", run_id))

    def flush(self) -> None:
        """Hand the requests over."""
        self._unflushed = 0
        with contextlib.suppress(OSError):  # the keeper is gone: the loop will see its end too
            self.wire.flush()

    # -- what the keeper says -------------------------------------------------------------------

    def hear(self, message: Message) -> None:
        """Take in one message of the keeper about runs."""
        match message:
            case ("made", str() as run_id, int(), int() as pid, int() as inode, int() as ticks):
                self._made(run_id, Process(pid=pid, inode=inode, ticks=ticks))
            case ("failed", str() as run_id, int(), str() as step, int() as code):
                self._not_made(run_id, step, code)
            case ("ended", str() as run_id, int() as status, tuple()):
                self._ended(run_id, status)
            case ("lost", str() as run_id):
                self._ended(run_id, -1)
            case ("strays", int()):
                for run_id, run in list(self.runs.items()):
                    if run.stage is Stage.ENDED:
                        self.woken(run_id)
            case ("held", list() as rows):
                for row in rows:
                    self._held(row)
            case _:
                pass  # "signalled": the keeper's answer to a signal that it sent for us

    def _held(self, row: Message) -> None:
        run_id, pid, inode, ticks, number, child, formed, end = row
        run_id = str(run_id)
        run = Run(Stage.ASKED, None)
        run.ours = bool(child)
        if not run.ours:
            self.family.adopted(run_id, int(str(pid)))
        self.runs[run_id] = run
        if not formed:
            return  # forked, and not the program yet: the answer is under way
        self.hear(("made", run_id, number, pid, inode, ticks))
        run.made_at = _began(run.process)
        if isinstance(end, tuple):
            self.hear(end)

    def _made(self, run_id: str, process: Process) -> None:
        run = self.runs.get(run_id)
        if run is None or run.stage is Stage.ENDED:
            return
        run.process = process
        run.pidfd = _verified_pidfd(process)
        run.stage = Stage.ALIVE
        run.made_at = time.monotonic() if run.ours else _began(process)
        self.family.mains[process.pid] = run_id
        if not run.ours:
            self.woken(run_id)  # found again: until that is told, nobody knows that it is true
            return
        if not self._new:
            self.later(NEWS_DELAY, self._tell_new)
        self._new.append(run_id)

    def _tell_new(self) -> None:
        new, self._new = self._new, []
        for run_id in new:
            self.woken(run_id)

    def _not_made(self, run_id: str, step: str, code: int) -> None:
        run = self.runs.get(run_id)
        if run is None:
            return
        launch = run.launch
        why = os.strerror(code)
        if launch is not None:
            why = faults.spawn_error(step, code, launch, run.executable)
        if run.cgroup is not None:
            cgroups.remove_if_empty(run.cgroup)
        self._failed(run_id, run, why)

    def _failed(self, run_id: str, run: Run, why: str) -> None:
        run.stage, run.error = Stage.FAILED, why
        self.woken(run_id)

    def _ended(self, run_id: str, status: int) -> None:
        run = self.runs.get(run_id)
        if run is None or run.stage is Stage.ENDED:
            return
        run.stage = Stage.ENDED
        if run.process is not None:
            self.family.ended(run_id, run.process.pid)
        run.exit = exit_of(status, run.cgroup)
        self.woken(run_id)

    # -- trees ----------------------------------------------------------------------------------

    def _cgroup_of(self, name: str, run_id: str) -> str | None:
        return None if self.cgroup_root is None else f"{self.cgroup_root}/{name}.{run_id}"

    def _find(self, run_id: str) -> Process | None:
        """Look for a process whose spawn was recorded and whose pid was not."""
        pid = kin.topmost(self.family.carriers(run_id))
        if pid is None:
            return None
        pidfd = witness.open_pidfd(pid)
        inode = 0
        if pidfd is not None:
            inode = witness.inode_of(pidfd)
            os.close(pidfd)
        return Process(pid=pid, inode=inode, ticks=witness.start_ticks(pid))


def _verified_pidfd(process: Process) -> int | None:
    """Open a pidfd and keep it only if it is the process that the keeper saw."""
    pidfd = witness.open_pidfd(process.pid)
    if pidfd is None:
        return None
    if process.inode:
        same = os.fstat(pidfd).st_ino == process.inode
    else:
        same = witness.start_ticks(process.pid) == process.ticks
    if same:
        return pidfd
    os.close(pidfd)
    return None


def _began(process: Process | None) -> float | None:
    """Return when a process began, on the monotonic clock, from its start time since boot."""
    if process is None:
        return None
    ticks = process.ticks or witness.start_ticks(process.pid)
    if not ticks:
        return None
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)  # type: ignore[attr-defined, unused-ignore]  # Linux
    age = since_boot - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - max(0.0, age)
