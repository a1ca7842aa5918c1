"""Whether somebody holds a lock on a file, and the lock that only one supervisor can hold."""

from __future__ import annotations

import fcntl
import os


def is_locked(path: str) -> bool:
    """
    Return whether another process holds a lock of either kind on *path*.

    A shared lock is tried and given back at once; a file that is not there is not locked.

    Raises:
        OSError: the file is there and cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(fd, fcntl.LOCK_UN)
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except PermissionError:  # some systems say EACCES for a held lock
        return True
    finally:
        os.close(fd)
    return False


def try_lock(path: str) -> int | None:
    """
    Take the lock file *path* for as long as the returned descriptor is open anywhere.

    Returns:
        The descriptor, None when another process holds the lock.

    Raises:
        OSError: the file cannot be opened or made.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
