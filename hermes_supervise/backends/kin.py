"""
Who belongs to a run, where no cgroup says so.

Four signs, none of which a program has to help with: descent from the main process, the run id in
the environment, the session of the main process, and having been seen in the tree when the stop
was asked for.  Orphans come to the keeper (it is the subreaper), so one look at the keeper's
children finds every stray whose parent is dead.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable

from hermes_supervise.keeper.witness import present_children, start_ticks, stat_fields

RUN_ID_VARIABLE = b"HERMES_SUPERVISE_RUN_ID="


def environ_run_id(pid: int) -> str | None:
    """Return the run id in a process's environment, None where there is none or no permission."""
    try:
        fd = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    data = bytearray()
    try:
        while chunk := os.read(fd, 1 << 17):
            data += chunk
    except OSError:
        return None
    finally:
        os.close(fd)
    place = data.find(RUN_ID_VARIABLE)
    if place < 0 or (place > 0 and data[place - 1] != 0):
        return None
    begin = place + len(RUN_ID_VARIABLE)
    end = data.find(b"\0", begin)
    return data[begin : end if end >= 0 else None].decode(errors="replace")


def scan_run_ids() -> dict[str, list[int]]:
    """Return every run id that some process carries, with the pids that carry it."""
    found: dict[str, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            run_id = environ_run_id(int(name))
            if run_id:
                found.setdefault(run_id, []).append(int(name))
    return found


def topmost(pids: Iterable[int]) -> int | None:
    """Return the process of a tree that has no parent in it (the oldest, if there are several)."""
    members = set(pids)
    tops: list[tuple[int, int]] = []
    for pid in members:
        fields = stat_fields(pid)
        if fields and fields[0] != b"Z" and int(fields[1]) not in members:
            tops.append((int(fields[19]), pid))
    return min(tops)[1] if tops else None


def is_living(pid: int) -> bool:
    """Whether the process is there and not a zombie."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in (b"Z", b"X")


def descendants(pid: int) -> list[int]:
    """Return everything below a process, parents first."""
    found: list[int] = []
    queue = [pid]
    while queue:
        children = present_children(queue.pop())
        found += children
        queue += children
    return found


class Family:
    """The strays of the keeper, and whose they are; looked up once a round."""

    def __init__(self, keeper: int, own: int) -> None:
        self.keeper = keeper
        self.own = own
        self.mains: dict[int, str] = {}
        """The main processes that live: pid → run id."""
        self.sessions: dict[int, str] = {}
        """Sessions of main processes that have ended, whose number nobody else can have got."""
        self.seen: dict[str, set[tuple[int, int]]] = {}
        """(pid, start ticks) of the trees that were noted: run id → its members."""
        self._strays: dict[str, list[int]] | None = None
        self._scan: dict[str, list[int]] | None = None

    def new_round(self) -> None:
        """Look again from here on."""
        self._strays = None
        self._scan = None

    def note(self, run_id: str, main: int) -> None:
        """Remember who is in the tree now."""
        tree = {(pid, start_ticks(pid)) for pid in descendants(main)}
        if tree:
            self.seen.setdefault(run_id, set()).update(tree)

    def ended(self, run_id: str, main: int) -> None:
        """The main process is dead; its session may still have members."""
        if self.mains.get(main) == run_id:
            del self.mains[main]
        self.sessions[main] = run_id

    def forget(self, run_id: str) -> None:
        """The run is over and empty."""
        self.seen.pop(run_id, None)
        for pid in [pid for pid, run in self.sessions.items() if run == run_id]:
            del self.sessions[pid]

    def strays(self, run_id: str) -> list[int]:
        """Return the orphans of a run that came to the keeper, with all that is below them."""
        if self._strays is None:
            self._strays = self._sorted_strays()
        return self._strays.get(run_id, [])

    def carriers(self, run_id: str) -> list[int]:
        """Return who carries the run id anywhere on the machine; the main process too."""
        if self._scan is None:
            self._scan = scan_run_ids()
        return [pid for pid in self._scan.get(run_id, []) if is_living(pid)]

    def _sorted_strays(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for pid in present_children(self.keeper):
            if pid == self.own or pid in self.mains:
                continue
            owner = self.owner(pid)
            if owner is not None and is_living(pid):
                found.setdefault(owner, []).extend([pid, *descendants(pid)])
        return found

    def owner(self, pid: int) -> str | None:
        """Return the run that a stray belongs to."""
        run_id = environ_run_id(pid)
        if run_id:
            return run_id
        fields = stat_fields(pid)
        if fields is None:
            return None
        session = int(fields[3])
        by_session = self.mains.get(session) or self.sessions.get(session)
        if by_session is not None:
            return by_session
        mark = (pid, int(fields[19]))
        return next((run for run, tree in self.seen.items() if mark in tree), None)


def kill_verified(pid: int, belongs: Callable[[int], bool]) -> bool:
    """
    SIGKILL a process after its identity was checked.

    The pidfd is opened first: what is checked afterwards is said of the very process that the
    signal will reach.
    """
    if pid <= 1:
        return False
    try:
        pidfd = os.pidfd_open(pid)
    except AttributeError:
        return _kill_by_number(pid, belongs)
    except OSError:
        return False
    try:
        if not belongs(pid):
            return False
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(pidfd)
    return True


def _kill_by_number(pid: int, belongs: Callable[[int], bool]) -> bool:
    if not belongs(pid):
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True
