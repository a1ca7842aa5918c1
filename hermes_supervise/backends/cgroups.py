"""
One cgroup for each program, where cgroup 2 is there and we may write to it.

``cgroup.kill`` is the only sure way to end a whole tree: it has no race with a fork.
"""

from __future__ import annotations

import contextlib
import os
import zlib


def find_root(state_dir: str) -> str | None:
    """
    Make the folder of our cgroups and return it, None where we cannot have any.

    Its name follows from the path of the state folder: a new supervisor finds it again, and two
    supervisors never share one, however alike the names of their folders are.

    As root it stands at the top of the cgroup 2 mount when we are in its root group, else beneath
    our own group; without root only beneath a group that was delegated to us.
    """
    mount = _mount_point()
    own = _own_group()
    if mount is None or own is None:
        return None
    base = mount + own.rstrip("/")
    mark = zlib.crc32(os.fsencode(state_dir))
    root = f"{base}/hermes-supervise-{os.path.basename(state_dir)[:40]}-{mark:08x}"
    try:
        os.makedirs(root, mode=0o755, exist_ok=True)
        fd = os.open(root + "/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        os.close(fd)
        if not os.access(root + "/cgroup.kill", os.W_OK):  # Linux before 5.14
            os.rmdir(root)
            return None
    except OSError:
        with contextlib.suppress(OSError):
            os.rmdir(root)
        return None
    sweep(root)
    return root


def make(root: str, name: str) -> str | None:
    """Make the cgroup of one run and return its folder, None if that is not possible."""
    path = f"{root}/{name}"
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        return path
    except OSError:
        return None
    return path


def remove_if_empty(path: str) -> bool:
    """
    Remove the cgroup, with the empty groups that a program made inside it.

    Returns:
        False while something lives in it; True when it is empty or gone.
    """
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        if _populated(path):
            return False
        for group in reversed(_groups(path)):
            with contextlib.suppress(OSError):
                os.rmdir(group)
    return True


def sweep(root: str) -> None:
    """Remove the empty groups that earlier runs left."""
    for group in reversed(_groups(root)[1:]):
        with contextlib.suppress(OSError):
            os.rmdir(group)


def kill(path: str) -> bool:
    """Kill everything in the cgroup at once; False where that failed."""
    return _write(path + "/cgroup.kill", b"1")


def members(path: str) -> list[int]:
    """Return the pids in the cgroup and in the groups inside it."""
    found: list[int] = []
    for group in _groups(path):
        with contextlib.suppress(OSError), open(group + "/cgroup.procs", "rb") as file:
            found += [int(word) for word in file.read().split()]
    return found


def _groups(path: str) -> list[str]:
    """Return the group and all that are inside it, parents first."""
    return [folder for folder, _, _ in os.walk(path)]


def _populated(path: str) -> bool:
    try:
        with open(path + "/cgroup.events", "rb") as file:
            return b"populated 1" in file.read()
    except OSError:
        return False


def _write(path: str, data: bytes) -> bool:
    # os.write, because an error of a buffered write would only show when the file is closed.
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(fd, data)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _mount_point() -> str | None:
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                words = line.split()
                if len(words) > 3 and words[2] == "cgroup2" and "rw" in words[3].split(","):
                    return words[1]
    except OSError:
        return None
    return None


def _own_group() -> str | None:
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                if line.startswith("0::"):
                    return line[3:].rstrip("\n")
    except OSError:
        return None
    return None
