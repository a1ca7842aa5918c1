"""Durations and instants as people write and read them; seconds inside."""

from __future__ import annotations

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> float:
    """
    Return the seconds of ``250ms``, ``30s``, ``5m``, ``2h`` or ``1d``.

    Raises:
        ValueError: Anything else; its text says what to write.
    """
    number = text.rstrip("dhms")
    unit = text[len(number) :]
    if not number.replace(".", "", 1).isdecimal() or not number.isascii():
        message = f"got {text}, want a duration such as 250ms, 30s, 5m, 2h or 1d"
        raise ValueError(message)
    if unit not in UNITS:
        message = f"got {text}, want a unit: write {number}s"
        raise ValueError(message)
    return float(number) * UNITS[unit]


def duration_text(seconds: float) -> str:
    """Return at most two units of a duration, largest first: ``3d 4h``, ``5m 12s``, ``0.4s``."""
    if seconds < 1:
        return f"{max(0.0, seconds):.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d {hours:02d}h"


def instant(text: object) -> float | None:
    """
    Return the seconds since 1970 of an RFC 3339 time in UTC, or None for anything else.

    Written by hand because ``datetime`` costs every ``ctl`` more than the whole table does.
    """
    if not isinstance(text, str) or len(text) < 20 or text[-1] != "Z":
        return None
    try:
        year, month, day = int(text[0:4]), int(text[5:7]), int(text[8:10])
        hour, minute, second = int(text[11:13]), int(text[14:16]), float(text[17:-1])
    except ValueError:
        return None
    # Days of the civil calendar: years begin in March, so that the leap day comes last.
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return days * 86400.0 + hour * 3600.0 + minute * 60.0 + second
