"""A keeper without a supervisor: the test speaks to it over real socket pairs."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hermes_supervise.keeper.wire import Message, Wire
from hermes_supervise.keeper.witness import present_children

DRIVER = Path(__file__).with_name("driver.py")
PATIENCE = 15.0
"""Seconds after which a test stops believing that something will still happen."""


class LoneKeeper:
    """One keeper process, and the sockets by which supervisors speak to it in turn."""

    def __init__(
        self,
        *,
        supervisors: int = 1,
        prefix: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
        **popen: Any,
    ) -> None:
        pairs = [socket.socketpair() for _ in range(supervisors)]
        theirs = [pair[1].fileno() for pair in pairs]
        self.waiting = [pair[0] for pair in pairs]
        said = json.dumps({"sockets": theirs, **(options or {})})
        passed = (*theirs, *popen.pop("pass_fds", ()))
        command = [*prefix, sys.executable, "-I", "-S", str(DRIVER), said]
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **popen}
        self.process = subprocess.Popen(command, pass_fds=passed, **given)
        for _, their in pairs:
            their.close()
        self.heard: list[Message] = []
        self.hello: dict[str, Any] = {}
        self.held: dict[str, Message] = {}
        self.next_supervisor()

    # -- being a supervisor ---------------------------------------------------------------------

    def next_supervisor(self) -> None:
        """Be the next supervisor: hear what the keeper holds."""
        self.wire = Wire(self.waiting.pop(0))
        self.heard = []
        assert self.until(lambda: ("ready",) in self.heard)
        self.hello = dict(self.heard[0][1])  # type: ignore[call-overload]
        rows = [row for m in self.heard if m[0] == "held" for row in m[1]]  # type: ignore[attr-defined]
        self.held = {str(row[0]): row for row in rows}
        self.heard = self.heard[self.heard.index(("ready",)) + 1 :]  # an end may follow at once

    def die(self) -> None:
        """Be gone, with whatever was not read."""
        self.wire.sock.close()

    def ask(self, *message: object, fds: tuple[int, ...] = ()) -> None:
        """Send one word to the keeper."""
        self.wire.put(message, fds)
        self.wire.sock.setblocking(True)
        self.wire.flush()
        self.wire.sock.setblocking(False)

    def spawn(self, run_id: str, argv: Sequence[str], **fields: Any) -> None:
        """Order a program; what is not said is as little as possible."""
        order = {
            "executable": argv[0],
            "inherits": "all",
            "environment": {"PATH": os.defpath},
            "directory": "/",
            "umask": None,
            "user": None,
            "stdout": None,
            "stderr": None,
            "cgroup": None,
            **fields,
        }
        names = ("inherits", "environment", "directory", "umask", "user", "stdout", "stderr")
        rest = [order[name] for name in names]
        executable = str(order["executable"])
        self.ask("spawn", (run_id, 1, executable, list(argv), *rest, order["cgroup"]))

    def listen(self, seconds: float) -> None:
        """Take in what the keeper says within *seconds*, or as soon as it says something."""
        if select.select([self.wire.sock], [], [], seconds)[0]:
            self.heard += [message for message, _ in self.wire.receive()]

    def until(self, true: Callable[[], object]) -> bool:
        """Listen until something is true; False when patience ends."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > deadline:
                return False
            self.listen(0.02)
        return True

    def answer(self, kind: str, run_id: str) -> Message:
        """Return the first word of a kind about a run, waiting for it."""

        def found() -> list[Message]:
            return [m for m in self.heard if m[0] == kind and m[1] == run_id]

        assert self.until(found), f"no {kind!r} about {run_id}: {self.heard}"
        return found()[0]

    def made(self, run_id: str) -> int:
        """Return the pid of a run, waiting for it."""
        pid = self.answer("made", run_id)[3]
        assert isinstance(pid, int)
        return pid

    # -- the end --------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The keeper's pid, seen from here, behind whatever stands in front of it."""
        pid = self.process.pid
        while b"driver.py" not in _command(pid) or _command(pid).startswith(b"unshare"):
            below = present_children(pid)
            if not below:
                break
            pid = below[0]
        return pid

    def close_alone(self) -> None:
        """Clean up after a keeper that was killed; what it held lives on."""
        self.process.wait(PATIENCE)
        for sock in (self.wire.sock, *self.waiting):
            sock.close()

    def close(self) -> None:
        """End the keeper and everything below it."""
        below = _all_below(self.process.pid)
        for pid in (self.process.pid, *below):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.close_alone()


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _all_below(pid: int) -> list[int]:
    found: list[int] = []
    for child in present_children(pid):
        found += [child, *_all_below(child)]
    return found


@contextlib.contextmanager
def lone_keeper(**kwargs: Any) -> Iterator[LoneKeeper]:
    """A keeper for one test."""
    keeper = LoneKeeper(**kwargs)
    try:
        yield keeper
    finally:
        keeper.close()


def wait_for(true: Callable[[], object]) -> bool:
    """Look again and again until something is true; False when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
