"""Reading a pid file in the two forms that are in use: a bare number, or JSON with a pid."""

from __future__ import annotations

import json
import os

LARGEST = 65536


def read_pid_file(path: str) -> tuple[int, int | None] | None:
    """
    Return (pid, start fingerprint or None), or None if the file names nobody.

    The fingerprint is the ``start_time`` of the JSON form, in the unit of its writer.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        text = os.read(fd, LARGEST)
    except OSError:  # a folder, say
        return None
    finally:
        os.close(fd)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    start: object = None
    if isinstance(document, dict):
        start = document.get("start_time")
        document = document.get("pid")
    if not isinstance(document, int) or isinstance(document, bool) or document <= 0:
        return None
    return document, start if isinstance(start, int) else None
