"""The only place that asks for the time."""

from __future__ import annotations

import time
from functools import lru_cache

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
    return f"{_second(whole)}.{int((wall - whole) * 1000):03d}Z"


@lru_cache(maxsize=64)
def _second(whole: int) -> str:
    # A thousand programs that start together share a few seconds.
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
