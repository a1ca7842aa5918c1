"""
A backend in memory: the machine below it, and what a supervisor sees of it.

``Machine`` is what outlives supervisors and keepers.  Nothing happens by itself: ``pass_time`` lets
things end that were asked to, and tells the backend.  Programs are known by the first word of their
command: ``sleeps``, ``deaf``, ``family`` (with a child), ``leaves`` (ends and leaves one behind),
``exits CODE``, ``dies SIGNAL``, ``no-such-file``.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from hermes_supervise.model.facts import Exit, Process, Sighting
from hermes_supervise.model.phase import Sight
from hermes_supervise.model.spec import Launch


@dataclass
class FakeTree:
    """A run as it really is: its main process and what is below it."""

    run_id: str
    process: Process
    argv: tuple[str, ...]
    main_lives: bool = True
    end: Exit = field(default_factory=Exit)
    children: set[int] = field(default_factory=set)
    pending: list[int] = field(default_factory=list)
    """Signals that have not had their effect yet."""


@dataclass
class Machine:
    """Processes, and what the keeper remembers of them."""

    trees: dict[str, FakeTree] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    strangers: set[int] = field(default_factory=set)
    _pids: int = 100

    def new_pid(self) -> int:
        """Return a pid that was never used."""
        self._pids += 1
        return self._pids

    def make(self, run_id: str, argv: tuple[str, ...]) -> FakeTree:
        """Make a process, or return the one that this run id already has."""
        if run_id not in self.trees:
            pid = self.new_pid()
            tree = FakeTree(run_id, Process(pid=pid, inode=pid * 10, ticks=pid), argv)
            if argv[0] in ("family", "leaves", "deaf"):
                tree.children.add(self.new_pid())
            self.trees[run_id] = tree
        self.held.add(run_id)
        return self.trees[run_id]

    def lives(self, pid: int) -> bool:
        """Whether a process of this number is there."""
        return pid in self.strangers or any(
            pid in tree.children or (tree.main_lives and tree.process.pid == pid)
            for tree in self.trees.values()
        )

    def recycle(self, process: Process) -> None:
        """End a process and let a stranger have its number."""
        for tree in self.trees.values():
            if tree.process == process:
                tree.main_lives, tree.children = False, set()
        self.strangers.add(process.pid)

    def pass_time(self) -> set[str]:
        """Let everything happen that is due; return the runs that changed."""
        return {tree.run_id for tree in self.trees.values() if self._step(tree)}

    @staticmethod
    def _step(tree: FakeTree) -> bool:
        if not tree.main_lives:
            return False
        word, *rest = tree.argv
        if signal.SIGKILL in tree.pending:
            tree.end = Exit(signal=signal.SIGKILL)
        elif tree.pending and word != "deaf":
            tree.end = Exit(signal=tree.pending[0])
        elif word == "exits":
            tree.end = Exit(code=int(rest[0]))
        elif word == "dies":
            tree.end = Exit(signal=int(rest[0]))
        elif word == "leaves":
            tree.end = Exit(code=0)
        tree.main_lives = not tree.end.known
        return tree.end.known


class FakeBackend:
    """Implements ``Backend`` on a machine; make another on the same one for another supervisor."""

    name = "fake"

    def __init__(self, machine: Machine, woken: Callable[[str], None]) -> None:
        self.machine = machine
        self.woken = woken
        self.known: dict[str, FakeTree | None] = {run: machine.trees[run] for run in machine.held}
        self.asked: dict[str, Launch] = {}
        self.failed: dict[str, str] = {}
        self.unseen: set[str] = set()
        """Adopted runs whose end nobody could see."""
        self.noted: dict[str, set[int]] = {}
        self.signals: list[tuple[str, int]] = []
        self.forced: list[tuple[str, bool]] = []

    def pass_time(self) -> None:
        """Answer what was asked, and let the machine go on."""
        asked, self.asked = self.asked, {}
        for run_id, launch in asked.items():
            if launch.argv[0] == "no-such-file":
                self.failed[run_id] = f"no such file: {launch.argv[0]}"
                del self.known[run_id]
            else:
                self.known[run_id] = self.machine.make(run_id, launch.argv)
            self.woken(run_id)
        for run_id in self.machine.pass_time():
            self.woken(run_id)

    # -- Backend --------------------------------------------------------------------------------

    def spawn(self, run_id: str, number: int, name: str, launch: Launch) -> None:
        """Ask for a process; the answer comes when time passes."""
        if self.known.get(run_id) is None and run_id not in self.failed:
            self.known[run_id] = None
            self.asked[run_id] = launch

    def look(self, run_id: str, *, tree: bool) -> Sighting:
        """Say what is seen."""
        if run_id in self.failed:
            return Sighting(Sight.SPAWN_FAILED, error=self.failed[run_id])
        if run_id not in self.known:
            return Sighting(Sight.GONE)
        found = self.known[run_id]
        if found is None:
            unmade = run_id not in self.asked
            return Sighting(Sight.NEVER_MADE if unmade else Sight.UNOBSERVABLE)
        if found.main_lives and run_id not in self.unseen:
            return Sighting(Sight.ALIVE, found.process, started_at=0.0)
        end = Exit() if run_id in self.unseen else found.end
        if tree and found.children:
            return Sighting(Sight.REMAINS, exit=end, leftovers=len(found.children))
        return Sighting(Sight.GONE, exit=end)

    def new_round(self) -> None:
        """Nothing is looked up twice here."""

    def claim(self, run_id: str, process: Process | None, *, name: str) -> None:
        """Find a remembered run."""
        if run_id in self.known:
            return
        found = self.machine.trees.get(run_id)
        if found is None or not (found.main_lives or found.children or process):
            self.known[run_id] = None
            return
        self.known[run_id] = found
        self.machine.held.add(run_id)
        if not found.main_lives or (process is not None and process != found.process):
            self.unseen.add(run_id)
        self.woken(run_id)

    def signal(self, run_id: str, number: int) -> bool:
        """Send a signal to the main process, if it is still that."""
        found = self.known.get(run_id)
        if found is None or not found.main_lives or run_id in self.unseen:
            return False
        found.pending.append(number)
        self.signals.append((run_id, number))
        return True

    def remember_tree(self, run_id: str) -> None:
        """Note who belongs to the run."""
        found = self.known.get(run_id)
        if found is not None:
            self.noted.setdefault(run_id, set()).update(found.children)

    def belongs(self, run_id: str, pid: int) -> bool:
        """Whether a process is in the tree now."""
        found = self.known.get(run_id)
        inside = found is not None and (
            pid in found.children or (found.main_lives and pid == found.process.pid)
        )
        if inside:
            self.noted.setdefault(run_id, set()).add(pid)
        return inside

    def former_members(self, run_id: str) -> set[int]:
        """Return who was noted."""
        return set(self.noted.get(run_id, ()))

    def force(self, run_id: str, *, tree: bool) -> None:
        """End the run at once."""
        self.forced.append((run_id, tree))
        found = self.known.get(run_id)
        if found is None:
            return
        found.pending.append(signal.SIGKILL)
        if tree:
            found.children = set()
            self.woken(run_id)

    def flush(self) -> None:
        """Nothing waits to go out."""

    def release(self, run_id: str) -> None:
        """Forget a run."""
        self.known.pop(run_id, None)
        self.failed.pop(run_id, None)
        found = self.machine.trees.get(run_id)
        if found is not None and not found.main_lives:
            self.machine.held.discard(run_id)
            del self.machine.trees[run_id]
