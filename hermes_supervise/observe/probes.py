"""
Probes: questions that pass, fail, or could not be asked (True, False, None).

Only those that are answered at once are answered here; a TCP probe hands its connection to the
loop and is answered later.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable

from hermes_supervise import clock
from hermes_supervise.backends import locks
from hermes_supervise.loop import WRITE, Loop, Timer
from hermes_supervise.model.spec import FileProbe, Probe, TcpProbe, UnlockedProbe

TCP_TIMEOUT = 1.0
"""Seconds until a connection that neither came nor was refused counts as not to be asked."""

LARGEST = 1 << 20
"""Bytes of a JSON file that are read; a status file has a few hundred."""


def ask_file(probe: FileProbe, pid: int | None, wall: float) -> bool | None:
    """Ask a file probe; *pid* takes the place of ``{pid}`` in its JSON fields."""
    try:
        found = os.stat(probe.path)
    except (FileNotFoundError, NotADirectoryError):
        return not probe.exists
    except OSError:
        return None
    if not probe.exists:
        return False
    if probe.max_age is not None and wall - found.st_mtime > probe.max_age:
        return False
    return True if probe.json is None else _fields_match(probe, pid)


def _fields_match(probe: FileProbe, pid: int | None) -> bool | None:
    try:
        fd = os.open(probe.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        document = json.loads(os.read(fd, LARGEST))
    except OSError:
        return None
    except (ValueError, RecursionError):
        return False
    finally:
        os.close(fd)
    if not isinstance(document, dict) or probe.json is None:
        return False
    return all(_same(document.get(key), wanted, pid) for key, wanted in probe.json.items())


def _same(found: object, wanted: object, pid: int | None) -> bool:
    if wanted == "{pid}":
        return pid is not None and str(found) == str(pid)
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)


def ask_unlocked(probe: UnlockedProbe) -> bool | None:
    """Ask whether nobody holds the lock."""
    try:
        return not locks.is_locked(probe.path)
    except OSError:
        return None


def _address(host: str) -> tuple[int, str | None]:
    """
    Return the family and the address of *host*, None if it is no address.

    A name would have to be looked up, and a look-up waits; only ``localhost`` needs none.
    """
    if host == "localhost":
        return socket.AF_INET, "127.0.0.1"
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return family, host
    return socket.AF_INET, None


class Asker:
    """Asks one probe again and again and remembers the last answer."""

    def __init__(self, probe: Probe, loop: Loop, answered: Callable[[], None]) -> None:
        self.probe = probe
        self.answer: bool | None = None
        self._loop = loop
        self._answered = answered
        self._sock: socket.socket | None = None
        self._timer: Timer | None = None

    def ask(self, pid: int | None) -> bool | None:
        """Ask now, and return the newest answer there is."""
        match self.probe:
            case FileProbe():
                self.answer = ask_file(self.probe, pid, clock.now().wall)
            case UnlockedProbe():
                self.answer = ask_unlocked(self.probe)
            case TcpProbe():
                self._connect(self.probe)
        return self.answer

    def close(self) -> None:
        """Give up a connection under way."""
        self._finish(self.answer)

    def _connect(self, probe: TcpProbe) -> None:
        if self._sock is not None:
            return
        family, host = _address(probe.host)
        if host is None:
            self.answer = None
            return
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        code = sock.connect_ex((host, probe.port))
        if code == 0:
            sock.close()
            self.answer = probe.open
        elif code == errno.EINPROGRESS:
            self._sock = sock
            self._loop.watch(sock.fileno(), self._ready, WRITE)
            deadline = clock.now().at + TCP_TIMEOUT
            self._timer = self._loop.at(deadline, lambda: self._finish(None))
        else:
            sock.close()
            self.answer = not probe.open if code == errno.ECONNREFUSED else None

    def _ready(self, _events: int) -> None:
        if self._sock is None or not isinstance(self.probe, TcpProbe):
            return
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            self._finish(self.probe.open)
        else:
            self._finish(not self.probe.open if code == errno.ECONNREFUSED else None)

    def _finish(self, answer: bool | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sock is not None:
            self._loop.forget(self._sock.fileno())
            self._sock.close()
            self._sock = None
            if answer != self.answer:
                self.answer = answer
                self._answered()
