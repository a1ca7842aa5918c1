"""
The planned-stop marker: written before a stop is asked for, deleted when its target is gone.

``docs/reference/marker.md`` has the format.  A marker never appears half written: it is made
beside its place, forced to disk and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Collection
from dataclasses import dataclass

from hermes_supervise.model.phase import MarkerSight
from hermes_supervise.model.spec import Marker, User

LIFE = 60.0
"""Seconds that a marker is good for; a reader takes an older one for stale."""

LARGEST = 4096
"""Bytes of a marker that are looked at; a real one has about 120."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom a marker names: a pid, its start fingerprint (or None), and who wants the stop."""

    pid: int
    start_time: int | None
    stopper: int


def write_marker(marker: Marker, target: Target, wall: float, user: User | None) -> str:
    """
    Put a fresh marker in place.

    Args:
        marker: Where and in which format.
        target: Whom it names (``touch`` names nobody).
        wall: Seconds since the epoch.
        user: Who has to be able to read it; the owner of the file when we are root.

    Returns:
        "" when the marker is on disk, else why it is not.
    """
    content = b"" if marker.format == "touch" else _hermes_line(target, wall)
    folder, name = os.path.split(marker.path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(temporary, flags, 0o600)
        try:
            if user is not None:
                os.fchown(fd, user.uid, user.gid)
            if os.write(fd, content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, marker.path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        return f"cannot write the marker {marker.path}: {(problem.strerror or '').lower()}"
    return ""


def _hermes_line(target: Target, wall: float) -> bytes:
    seconds = int(wall // 1)
    micros = int((wall - seconds) * 1_000_000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    document = {
        "target_pid": target.pid,
        "target_start_time": target.start_time,
        "stopper_pid": target.stopper,
        "written_at": f"{stamp}.{micros:06d}+00:00",
    }
    return json.dumps(document, separators=(",", ":")).encode()


def read_marker(path: str) -> dict[str, object] | None:
    """Return the marker's fields, {} for an empty file, None if there is none to be understood."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        content = os.read(fd, LARGEST)
    except OSError:
        return None
    finally:
        os.close(fd)
    if not content.strip():
        return {}
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def clear_marker(marker: Marker, pids: Collection[int], stoppers: Collection[int]) -> bool:
    """
    Delete the marker if it is ours: it names one of *pids* and one of *stoppers*.

    An empty one (``touch``) names nobody; the caller knows that it was ours.  Returns whether a
    file was deleted.
    """
    found = read_marker(marker.path)
    if found is None:
        return False
    named = found.get("target_pid") in pids and found.get("stopper_pid") in stoppers
    if named or (marker.format == "touch" and not found):
        with contextlib.suppress(OSError):
            os.unlink(marker.path)
            return True
    return False


def marker_sight(marker: Marker, age: float) -> MarkerSight:
    """Say what became of a marker that was written *age* seconds ago and not cleared by us."""
    if os.path.lexists(marker.path):
        return MarkerSight.PRESENT
    return MarkerSight.CONSUMED if age < LIFE else MarkerSight.EXPIRED
