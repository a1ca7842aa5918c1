"""
Who belongs to a run, where no cgroup says so.

Four signs, none of which a program has to help with: descent from the main process, the run id in
the environment, the session of the main process, and having been seen in the tree before.  Orphans
come to the keeper (it is the subreaper), so one look at the keeper's children finds every stray
whose parent is dead.  Those of an adopted run go where its main process went when its keeper died;
strangers go there too, so a session number, which can be used again, is no sign there.

A member is a pid with its mark (``witness.mark``).  The mark is always taken before the process is
judged, so a signal that is sent to a mark reaches the process that was judged, or nobody.
"""

from __future__ import annotations

import os
import signal

from hermes_supervise.keeper import witness
from hermes_supervise.keeper.witness import present_children, stat_fields

RUN_ID_VARIABLE = b"HERMES_SUPERVISE_RUN_ID="
NAME_VARIABLE = b"HERMES_SUPERVISE_NAME="
SOCKET_VARIABLE = b"HERMES_SUPERVISE_SOCKET="

LOOKS = 32
"""Looks at the keeper's children, at most, until one of them misses nobody."""

DEAD = (b"Z", b"X")
EXITING = 0x4
"""PF_EXITING in the flags of a process (field 9 of its ``stat``)."""
ENV_END = 48
"""Where in our list the end of the environment stands (field 51): 0 in the middle of an exec."""

Members = dict[int, int]
"""Processes of a tree: pid → mark."""


def environ_of(pid: int) -> bytes | None:
    """Return the environment of a process, None where there is none to be read."""
    try:
        fd = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    data = b""
    try:
        while chunk := os.read(fd, 1 << 17):
            data += chunk
    except OSError:
        return None
    finally:
        os.close(fd)
    return data


def run_id_in(environ: bytes) -> str | None:
    """Return the run id that an environment names, None if it names none."""
    return value_in(environ, RUN_ID_VARIABLE)


def value_in(environ: bytes, variable: bytes) -> str | None:
    """Return the value of a variable (its name comes with the ``=``), None if it is not there."""
    padded = b"\0" + environ
    place = padded.find(b"\0" + variable)
    if place < 0:
        return None
    begin = place + 1 + len(variable)
    end = padded.find(b"\0", begin)
    return padded[begin : end if end >= 0 else None].decode(errors="replace")


def scan_programs(socket: str) -> dict[str, str]:
    """
    Return every program that some process says it belongs to, with the run id that it names.

    Args:
        socket: The control socket of this supervisor; others' programs name another one.
    """
    found: dict[str, str] = {}
    for number in os.listdir("/proc"):
        environ = environ_of(int(number)) if number.isdigit() else None
        if environ is None or value_in(environ, SOCKET_VARIABLE) != socket:
            continue
        name, run_id = value_in(environ, NAME_VARIABLE), run_id_in(environ)
        if name and run_id:
            found[name] = run_id
    return found


def environ_run_id(pid: int) -> str | None:
    """Return the run id in a process's environment, None where there is none or no permission."""
    environ = environ_of(pid)
    return None if environ is None else run_id_in(environ)


def scan_run_ids() -> dict[str, Members]:
    """Return every run id that some process carries, with those that carry it."""
    found: dict[str, Members] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        pid = int(name)
        mark = witness.mark(pid)
        run_id = environ_run_id(pid)
        if run_id and mark:
            found.setdefault(run_id, {})[pid] = mark
    return found


def topmost(members: Members) -> int | None:
    """Return the process of a tree that has no parent in it (the oldest, if there are several)."""
    tops: list[tuple[int, int]] = []
    for pid in members:
        fields = stat_fields(pid)
        if fields and fields[0] not in DEAD and int(fields[1]) not in members:
            tops.append((int(fields[19]), pid))
    return min(tops)[1] if tops else None


def is_living(pid: int) -> bool:
    """Whether the process is there and not a zombie."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in DEAD


def send(pid: int, mark: int, number: int) -> bool:
    """
    Send a signal to the process that has this mark, and to no other.

    Returns:
        False when it is gone, or may not be signalled.
    """
    if pid <= 1 or not mark:
        return False
    pidfd = witness.open_pidfd(pid)
    try:
        if pidfd is None:
            if witness.start_ticks(pid) != mark:
                return False
            os.kill(pid, number)
        else:
            if (witness.inode_of(pidfd) or witness.start_ticks(pid)) != mark:
                return False
            signal.pidfd_send_signal(pidfd, number)  # type: ignore[attr-defined, unused-ignore]  # Linux
    except OSError:
        return False
    finally:
        if pidfd is not None:
            os.close(pidfd)
    return True


class Family:
    """The strays of the keeper, and whose they are; looked up once a round."""

    def __init__(self, keeper: int, own: int) -> None:
        self.keeper = keeper
        self.own = own
        self.mains: dict[int, str] = {}
        """The main processes that live: pid → run id."""
        self.sessions: dict[int, str] = {}
        """Sessions of main processes that have ended; a session with members keeps its number."""
        self.seen: dict[str, Members] = {}
        """Who was ever seen in a tree: run id → members."""
        self.hunted: set[str] = set()
        """Runs that are being forced: whoever is found of them is halted before anything else."""
        self.reapers: dict[str, int] = {}
        """Where the orphans of an adopted run go: run id → the parent of its main process."""
        self._strays: dict[str, Members] | None = None
        self._sure = True
        self._scan: dict[str, Members] | None = None

    def new_round(self) -> None:
        """Look again from here on."""
        self._strays = None
        self._scan = None

    def note(self, run_id: str, main: int, *, halt: bool = False) -> Members:
        """Remember, and return, who is below the main process now."""
        tree = self.below(main, halt=halt)
        if tree:
            self.seen.setdefault(run_id, {}).update(tree)
        return tree

    def adopted(self, run_id: str, main: int | None) -> None:
        """The run was another keeper's: its orphans do not come to ours."""
        fields = None if main is None else stat_fields(main)
        # Without a main process to ask, the last resort of all orphans; so too for a parent that
        # stands outside our pid namespace, which reads as 0.
        self.reapers[run_id] = (int(fields[1]) if fields else 0) or 1

    def ended(self, run_id: str, main: int) -> None:
        """The main process is dead; its session may still have members."""
        if self.mains.get(main) == run_id:
            del self.mains[main]
        self.sessions[main] = run_id

    def forget(self, run_id: str, main: int) -> None:
        """The run is over and empty."""
        self.seen.pop(run_id, None)
        self.reapers.pop(run_id, None)
        if self.sessions.get(main) == run_id:
            del self.sessions[main]

    # -- looking --------------------------------------------------------------------------------

    def below(self, pid: int, *, halt: bool = False) -> Members:
        """
        Return everything below a process, parents first.

        With *halt* each is stopped before its children are read, so that none can be added.
        """
        found: Members = {}
        queue = [pid]
        while queue:
            parent = queue.pop()
            for child in present_children(parent):
                mark = witness.mark(child)
                fields = stat_fields(child)
                # A child of the keeper has lost its parent since the list was read.
                if mark and fields and int(fields[1]) in (parent, *self._homes()):
                    found[child] = mark
                    queue.append(child)
                    if halt:
                        send(child, mark, signal.SIGSTOP)
        return found

    def strays(self, run_id: str) -> Members:
        """Return the orphans of a run that came to the keeper, with all that is below them."""
        if self._strays is None:
            self._look()
        assert self._strays is not None  # noqa: S101  # for the type checker
        return self._strays.get(run_id, {})

    def survivors(self, run_id: str) -> Members:
        """Return who was seen in the tree before and still lives, wherever it is now."""
        return {
            pid: mark
            for pid, mark in self.seen.get(run_id, {}).items()
            if witness.mark(pid) == mark and is_living(pid)
        }

    def carriers(self, run_id: str) -> Members:
        """Return who carries the run id anywhere on the machine; the main process too."""
        if self._scan is None:
            self._scan = scan_run_ids()
        found = self._scan.get(run_id, {})
        return {pid: mark for pid, mark in found.items() if is_living(pid)}

    def sure(self) -> bool:
        """
        Whether the look at the strays missed nobody.

        A stray that was on the list and dead when it was looked at may have had a child that was
        not on the list yet: one that forks and exits again and again is only seen by luck.
        """
        if self._strays is None:
            self._look()
        return self._sure

    def _homes(self) -> set[int]:
        """Return whose children our orphans become."""
        return {self.keeper, *self.reapers.values()}

    def _look(self) -> None:
        self._strays, self._sure = {}, True
        for home in self._homes():
            found, sure = self._looked(home)
            self._sure = self._sure and sure
            for run_id, members in found.items():
                self._strays.setdefault(run_id, {}).update(members)

    def _looked(self, home: int) -> tuple[dict[str, Members], bool]:
        """Look at the children of *home* until nobody can have been missed, a few times at most."""
        dead: Members = {}
        judged: set[int] = set()
        for _ in range(LOOKS):
            found, sure = self._sorted_strays(home, dead, judged)
            if sure:
                break
        return found, sure

    def _sorted_strays(
        self, home: int, dead: Members, judged: set[int]
    ) -> tuple[dict[str, Members], bool]:
        """
        Look once at the children of the keeper, or of who has the orphans of an adopted run.

        Args:
            home: Whose children.
            dead: Who was dead in an earlier look: by now its children are on the list.  Whoever is
                found dead is added.
            judged: Who was nobody's a moment ago, or dead beside strangers, and is not asked
                again: PID 1 may have so many children that one that forks is gone before its turn.
                Is added to.

        Returns:
            The strays by run, and whether nobody can have been missed.
        """
        found: dict[str, Members] = {}
        sure = True
        for pid in reversed(present_children(home)):  # the youngest may not wait
            if pid in (self.own, self.keeper) or pid in self.mains or pid in judged:
                continue
            mark = witness.mark(pid)
            environ = environ_of(pid)
            fields = stat_fields(pid)
            if not mark or not fields or _is_changing(fields, environ):
                sure = sure and bool(mark) and dead.get(pid) == mark
                if mark and fields and fields[0] in DEAD:
                    dead[pid] = mark
                    if home != self.keeper:
                        judged.add(pid)
                continue
            owner = self._owner(pid, mark, fields, environ, ours=home == self.keeper)
            if owner is None:
                judged.add(pid)
            else:
                halt = owner in self.hunted and send(pid, mark, signal.SIGSTOP)
                found.setdefault(owner, {}).update({pid: mark, **self.below(pid, halt=halt)})
        return found, sure

    def _owner(
        self, pid: int, mark: int, fields: list[bytes], environ: bytes | None, *, ours: bool
    ) -> str | None:
        """Return the run that a stray belongs to; *ours*: it came to our keeper."""
        run_id = run_id_in(environ) if environ else None
        if run_id:
            return run_id
        session = int(fields[3])
        by_session = self.mains.get(session) or self.sessions.get(session)
        if ours and by_session is not None:
            return by_session
        return next((run for run, tree in self.seen.items() if tree.get(pid, 0) == mark), None)


def _is_changing(fields: list[bytes], environ: bytes | None) -> bool:
    """
    Whether a process could not be judged: it dies, or becomes another program right now.

    Its environment reads as empty then.  Somebody else's, which we may not read, is not that.
    """
    if fields[0] in DEAD or int(fields[6]) & EXITING:
        return True
    return environ == b"" and len(fields) > ENV_END and int(fields[ENV_END]) == 0
