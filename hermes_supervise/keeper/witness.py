"""
What the kernel says about a process: its identity and its end.

A pid alone is never an identity.  Where the kernel has a pid file system (Linux 6.9) the inode of
a pidfd names one process for as long as the machine runs; elsewhere the start time stands in.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct

PIDFD_GET_INFO = 0xC040FF0B
"""The ioctl of Linux 6.13, for its first struct of 64 bytes."""

INFO = struct.Struct("=QQ11Ii")
INFO_EXIT = 8
"""Asked for and answered in the mask: the exit code, there once the process is reaped (6.15)."""

ZOMBIE_STATES = (b"Z", b"X")


def stat_fields(pid: int) -> list[bytes] | None:
    """
    Return the fields of ``/proc/PID/stat`` that follow the name (state first), None if gone.

    The name may hold spaces and brackets, so the fields are counted from the last bracket on.
    """
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(fd, 4096).rpartition(b")")[2].split()
    except OSError:  # it ended between the open and the read
        return None
    finally:
        os.close(fd)


def start_ticks(pid: int) -> int:
    """Return the start time in clock ticks since boot, 0 where it cannot be read."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def open_pidfd(pid: int) -> int | None:
    """Return a pidfd, None where there are none or the process is gone."""
    try:
        return int(os.pidfd_open(pid))  # type: ignore[attr-defined, unused-ignore]  # Linux
    except (AttributeError, OSError):
        return None


def inode_of(pidfd: int) -> int:
    """
    Return the inode of a pidfd where it tells processes apart, else 0.

    Before Linux 6.9 every anonymous descriptor has one common inode, an epoll descriptor too.
    """
    if _common_inode is None:
        _learn_common_inode()
    inode = os.fstat(pidfd).st_ino
    return 0 if _common_inode in (None, inode) else inode


_common_inode: int | None = None


def _learn_common_inode() -> None:
    global _common_inode  # noqa: PLW0603  # a fact of the kernel, asked for once
    with contextlib.suppress(OSError):
        anonymous = select.epoll()  # type: ignore[attr-defined, unused-ignore]  # Linux
        _common_inode = os.fstat(anonymous.fileno()).st_ino
        anonymous.close()


def mark(pid: int) -> int:
    """
    Return what tells a process from every other that has or will have its number; 0 if it is gone.

    It is the inode of its pidfd, else its start time.  Take the mark first and look at the process
    then: whatever was seen is true of the process of this mark, or that process is gone.
    """
    pidfd = open_pidfd(pid)
    if pidfd is None:
        return start_ticks(pid)
    try:
        return inode_of(pidfd) or start_ticks(pid)
    finally:
        os.close(pidfd)


def zombie_status(pid: int) -> int | None:
    """
    Return the wait status of a process that is dead and not yet reaped, None if it is not that.

    Field 52 is zero to readers of another user, so a zero counts only for our own and for root.
    """
    fields = stat_fields(pid)
    if not fields or fields[0] not in ZOMBIE_STATES or len(fields) < 50:
        return None
    status = int(fields[49])
    if status == 0 and os.geteuid() != 0 and _owner(pid) != os.geteuid():
        return None
    return status


def _owner(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def holds_number(pidfd: int) -> bool:
    """Whether the process of a pidfd still has its pid: it lives, or nobody has reaped it."""
    try:
        signal.pidfd_send_signal(pidfd, 0)  # type: ignore[attr-defined, unused-ignore]  # Linux
    except ProcessLookupError:
        return False
    except OSError:  # it is there, and somebody else's
        return True
    return True


def reaped_status(pidfd: int) -> int | None:
    """Return the wait status of a process that was reaped by somebody, None if it is not known."""
    request = INFO.pack(INFO_EXIT, *([0] * 13))
    try:
        answer = fcntl.ioctl(pidfd, PIDFD_GET_INFO, request)
    except OSError:
        return None
    fields = INFO.unpack(answer)
    return int(fields[13]) if fields[0] & INFO_EXIT else None


def present_children(pid: int) -> list[int]:
    """Return the direct children of a process, all threads taken together; [] if it is gone."""
    try:
        if os.stat(f"/proc/{pid}/task").st_nlink == 3:  # one thread, and the two of any folder
            return children_of_thread(pid, pid)
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [child for thread in threads for child in children_of_thread(pid, int(thread))]


def children_of_thread(pid: int, thread: int) -> list[int]:
    """Return the children that one thread has made or inherited; [] if it is gone."""
    found = bytearray()
    try:
        fd = os.open(f"/proc/{pid}/task/{thread}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        while chunk := os.read(fd, 1 << 16):
            found += chunk  # a number may be cut in two at the end of a piece
    except OSError:
        return []
    finally:
        os.close(fd)
    return [int(word) for word in found.split()]
