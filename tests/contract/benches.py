"""Benches that a backend is tried on: the real one with a real keeper, and the fake one."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

from hermes_supervise.backends import cgroups, kin
from hermes_supervise.backends.posix import Posix
from hermes_supervise.backends.protocol import Backend
from hermes_supervise.keeper.witness import present_children
from hermes_supervise.model.facts import Process
from hermes_supervise.model.spec import Launch, Logs
from tests.fakes.fake_backend import FakeBackend, Machine
from tests.unit.keeper.lone import PATIENCE, LoneKeeper, wait_for

COMMANDS: dict[str, str] = {
    "sleeps": "exec sleep 100",
    "exits": "exit $1",
    "dies": "kill -$1 $$",
    "deaf": "trap '' TERM; sleep 100 & wait; wait",
    "family": "sleep 100 & wait",
    "leaves": "setsid sleep 100 & exit 0",
}
"""What the fake's words are for a shell."""


class Bench(Protocol):
    """What the contract needs to try a backend."""

    woken: list[str]

    @property
    def backend(self) -> Backend:
        """The backend of the present supervisor."""

    def launch(self, word: str, *arguments: object) -> Launch:
        """Return how to start a program with this habit."""

    def run_id(self) -> str:
        """Return a fresh run id."""

    def until(self, true: Callable[[], object]) -> bool:
        """Let time pass until something is true; False when patience ends."""

    def next_supervisor(self) -> None:
        """The supervisor dies; another comes to the same keeper."""

    def next_keeper(self) -> None:
        """Keeper and supervisor die; programs live on."""

    def lives(self, pid: int) -> bool:
        """Whether a process is there and not a zombie."""

    def child_of(self, pid: int) -> int:
        """Return a child of a process, waiting for it."""

    def stranger(self) -> int:
        """Return the pid of a living process that is nobody's."""


def bare(argv: tuple[str, ...]) -> Launch:
    """Return a launch that says nothing but its command."""
    return Launch(
        argv=argv,
        directory="/",
        environment={},
        inherit_environment=False,
        user=None,
        umask=None,
        backend="auto",
        logs=Logs(mode="inherit"),
        marker=None,
    )


class FakeBench:
    """The fake backend."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.woken: list[str] = []
        self.backend = FakeBackend(self.machine, self.woken.append)
        self._runs = 0

    def launch(self, word: str, *arguments: object) -> Launch:
        """The habit is the command."""
        return bare((word, *map(str, arguments)))

    def run_id(self) -> str:
        """Count."""
        self._runs += 1
        return f"run-{self._runs}"

    def until(self, true: Callable[[], object]) -> bool:
        """Let time pass, a few steps of it."""
        for _ in range(5):
            if true():
                return True
            self.backend.pass_time()
        return bool(true())

    def next_supervisor(self) -> None:
        """What was asked of the keeper is done; who asked is gone."""
        self.backend.pass_time()
        self.backend = FakeBackend(self.machine, self.woken.append)

    def next_keeper(self) -> None:
        """Nobody holds anything."""
        self.machine.held.clear()
        self.backend = FakeBackend(self.machine, self.woken.append)

    def lives(self, pid: int) -> bool:
        """Ask the machine."""
        self.machine.pass_time()
        return self.machine.lives(pid)

    def child_of(self, pid: int) -> int:
        """Ask the machine."""
        return next(
            child
            for tree in self.machine.trees.values()
            if tree.process.pid == pid
            for child in tree.children
        )

    def stranger(self) -> int:
        """Make one."""
        pid = self.machine.new_pid()
        self.machine.strangers.add(pid)
        return pid


class PosixBench:
    """The POSIX backend on a keeper process, its supervisors being this process."""

    def __init__(self, cgroup_root: str | None, pidfd: str) -> None:
        self.cgroup_root = cgroup_root
        self.options: dict[str, Any] = {"pidfd": pidfd}
        self.woken: list[str] = []
        self.due: list[tuple[float, Callable[[], None]]] = []
        self._runs = 0
        self._strangers: list[int] = []
        self.keeper = LoneKeeper(supervisors=3, options=self.options)
        self.backend = self._supervise()

    def _supervise(self) -> Posix:
        self.due = []
        backend = Posix(
            wire=self.keeper.wire,
            keeper_pid=self.keeper.pid,
            environ={"PATH": os.defpath},
            socket="/no/socket",
            cgroup_root=self.cgroup_root,
            woken=self.woken.append,
            later=lambda seconds, call: self.due.append((time.monotonic() + seconds, call)),
        )
        backend.hear(("held", list(self.keeper.held.values())))
        backend.flush()
        return backend

    def launch(self, word: str, *arguments: object) -> Launch:
        """A shell does what the word says."""
        if word == "no-such-file":
            return bare((word,))
        return bare(("/bin/sh", "-c", COMMANDS[word], "sh", *map(str, arguments)))

    def run_id(self) -> str:
        """Nobody else's, so that the end finds what is left."""
        self._runs += 1
        return f"contract-{os.getpid()}-{id(self)}-{self._runs}"

    def until(self, true: Callable[[], object]) -> bool:
        """Be the loop of a supervisor."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > deadline:
                return False
            self.backend.flush()
            self.keeper.listen(0.01)
            heard, self.keeper.heard = self.keeper.heard, []
            for message in heard:
                self.backend.hear(message)
            self._call_what_is_due()
            self.backend.new_round()
        return True

    def _call_what_is_due(self) -> None:
        now = time.monotonic()
        due = [call for at, call in self.due if at <= now]
        self.due = [(at, call) for at, call in self.due if at > now]
        for call in due:
            call()

    def next_supervisor(self) -> None:
        """Die with what was not read."""
        self.backend.flush()
        self.keeper.die()
        self.keeper.next_supervisor()
        self.backend = self._supervise()

    def next_keeper(self) -> None:
        """Kill the keeper alone."""
        os.kill(self.keeper.pid, signal.SIGKILL)
        self.keeper.close_alone()
        self.keeper = LoneKeeper(supervisors=3, options=self.options)
        self.backend = self._supervise()

    def lives(self, pid: int) -> bool:
        """Ask the kernel."""
        return kin.is_living(pid)

    def child_of(self, pid: int) -> int:
        """Ask the kernel."""
        assert wait_for(lambda: present_children(pid))
        return present_children(pid)[0]

    def stranger(self) -> int:
        """Start one."""
        pid = os.posix_spawn("/bin/sleep", ["sleep", "100"], {})
        self._strangers.append(pid)
        return pid

    def close(self) -> None:
        """End everything."""
        self.keeper.close()
        for run_id, members in kin.scan_run_ids().items():
            if run_id.startswith(f"contract-{os.getpid()}-{id(self)}-"):
                for pid, mark in members.items():
                    kin.send(pid, mark, signal.SIGKILL)
        for pid in self._strangers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def without_pidfd(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Take pidfds away from this process, as the keeper's driver does."""

    def refused(pid: int, flags: int = 0) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    if how == "missing":
        monkeypatch.delattr(os, "pidfd_open")
    elif how == "refused":
        monkeypatch.setattr(os, "pidfd_open", refused)


@contextlib.contextmanager
def posix_bench(*, grouped: bool, pidfd: str) -> Iterator[PosixBench]:
    """A POSIX bench for one test."""
    root = None
    if grouped:
        root = cgroups.find_root(f"contract-{os.getpid()}")
        if root is None:
            pytest.skip("no cgroup may be made here")
    bench = PosixBench(root, pidfd)
    try:
        yield bench
    finally:
        bench.close()
        if root is not None:
            cgroups.kill(root)
            assert wait_for(lambda: cgroups.remove_if_empty(root))


def other_process(process: Process) -> Process:
    """Return an identity that has this pid and is another process."""
    return Process(
        pid=process.pid,
        inode=process.inode and process.inode + 1,
        ticks=process.ticks and process.ticks + 1,
    )
