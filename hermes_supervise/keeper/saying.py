"""The few lines that the keeper writes itself, in the form of the supervisor's own log."""

from __future__ import annotations

import os
import select
import time

ERROR = 3
"""The syslog number that journald reads before a line."""


def say(sentence: str, style: str) -> None:
    """
    Write one line on stderr if somebody takes it at once; nobody who stops reading stops us.

    Args:
        sentence: What happened.
        style: ``text`` or ``json``, as ``--log-format`` says.
    """
    line = f"keeper: {sentence}\n"
    now = time.time()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    stamp = f"{whole}.{int(now * 1000) % 1000:03d}Z"
    if style == "json":
        escaped = line.rstrip("\n").replace("\\", "\\\\").replace('"', '\\"')
        line = f'{{"at":"{stamp}","level":"error","program":null,"text":"{escaped}"}}\n'
    elif _journald():
        line = f"<{ERROR}>{line}"
    else:
        line = f"{stamp} {line}"
    try:
        if select.select([], [2], [], 0)[1]:
            os.write(2, line.encode(errors="replace"))
    except (OSError, ValueError):
        return


def _journald() -> bool:
    named = os.environ.get("JOURNAL_STREAM")
    try:
        found = os.fstat(2)
    except OSError:
        return False
    return named == f"{found.st_dev}:{found.st_ino}"
