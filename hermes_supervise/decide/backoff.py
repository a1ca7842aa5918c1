"""How long to wait before the next start."""

from __future__ import annotations

import zlib

from hermes_supervise.model.spec import Backoff


def backoff_delay(policy: Backoff, streak: int) -> float:
    """
    Return the wait in seconds before the next start, without jitter.

    Args:
        policy: The program's ``restart.backoff`` section.
        streak: Short runs in a row, the one that just ended included; at least 1.

    Returns:
        ``first`` times ``factor`` for each further run, never more than ``limit``.

    Raises:
        ValueError: *streak* is less than 1.

    Source:
        First delay, times a factor, capped: the rule of Pebble's ``backoff-delay``,
        ``backoff-factor`` and ``backoff-limit``.
    """
    if streak < 1:
        msg = f"streak must be at least 1, got {streak}"
        raise ValueError(msg)
    if policy.first <= 0.0:  # "0s means at once", however long the row of failures is
        return 0.0
    try:
        delay = policy.first * policy.factor ** (streak - 1)
    except OverflowError:  # 2.0 ** 1024 does not fit a float; the limit won long ago.
        return policy.limit
    return min(delay, policy.limit)


def jittered(delay: float, jitter: float, run_id: str) -> float:
    """
    Return *delay* moved by at most *jitter* (0.1 is ten percent) up or down.

    Run ids are random, so their checksum is chance enough to spread programs that died together;
    and the same run always gives the same answer, which keeps the decision free of chance.
    """
    share = zlib.crc32(run_id.encode()) / 0xFFFFFFFF
    return delay * (1.0 + jitter * (2.0 * share - 1.0))
