"""Times in words: ``30s``, ``5m``, ``250ms``, as the configuration file writes them."""

from __future__ import annotations

UNITS: dict[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds in each unit that the configuration knows."""


def duration_text(seconds: float) -> str:
    """
    Return *seconds* as the configuration would write it, in the largest unit that is exact.

    Finer than a millisecond is rounded: the configuration cannot say it.
    """
    thousandths = round(seconds * 1000)
    if thousandths == 0:
        return "0s"
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if thousandths % size == 0:
            return f"{thousandths // size}{unit}"
    return f"{thousandths}ms"
