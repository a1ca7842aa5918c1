"""The only place that asks for the time."""

from __future__ import annotations

import time

from hermes_supervise.model.facts import Now


def now() -> Now:
    """
    Return this instant on both clocks.

    Deadlines live on the monotonic clock, which is the same for every process of this boot and
    does not jump; wall time is only shown.
    """
    return Now(at=time.monotonic(), wall=time.time())


def rfc3339(wall: float) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC with milliseconds."""
    whole = int(wall // 1)
    millis = int((wall - whole) * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{millis:03d}Z"
