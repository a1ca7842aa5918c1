"""Times with their unit: ``30s``.  A bare number is refused, with what it probably means."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated

from hermes_supervise.config.kinds import Kind, wrong
from hermes_supervise.config.scalars import GUESS_LIMIT, Misread
from hermes_supervise.plan.durations import UNITS, duration_text

# The number of digits bounds every time to some thirty years: no sum of times leaves the calendar.
DURATION_PATTERN = (
    r"([0-9]{1,12}ms|[0-9]{1,9}(\.[0-9]{1,3})?s|[0-9]{1,7}(\.[0-9]{1,3})?m"
    r"|[0-9]{1,5}(\.[0-9]{1,3})?h|[0-9]{1,4}(\.[0-9]{1,3})?d)"
)
POSITIVE = r"(?=[^1-9]*[1-9])"

_DURATION = re.compile(DURATION_PATTERN)


def _seconds(value: object, *, positive: bool, also: str = "") -> float:
    want = "a time longer than 0, such as 30s" if positive else "a time with its unit, such as 30s"
    if isinstance(value, str) and _DURATION.fullmatch(value):
        unit = value.lstrip("0123456789.")
        seconds = float(value[: -len(unit)]) * UNITS[unit]
        if seconds > 0 or not positive:
            return seconds
        raise wrong(f"{want}{also}")
    raise wrong(f"{want} (ms, s, m, h or d){also}", _duration_guess(value))


def _duration_guess(value: object) -> str | None:
    number = value.number if isinstance(value, Misread) else value
    if isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < 1e9:
        return duration_text(float(number)) if number != int(number) else f"{int(number)}s"
    if not isinstance(value, str) or len(value) > GUESS_LIMIT:
        return None
    total, rest = 0.0, value.lower().replace(" ", "").replace(",", "")
    while rest:
        part = re.match(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([a-z]*)", rest)
        if part is None:
            return None
        unit = _unit(part[2])
        if unit is None:
            return None
        total += float(part[1]) * UNITS[unit]
        rest = rest[part.end() :]
    return duration_text(total) if value else None


def _unit(word: str) -> str | None:
    if word in {"", "s"} or (word and "seconds".startswith(word)):
        return "s"
    if word in {"ms", "msec", "msecs", "millis", "milliseconds", "millisecond"}:
        return "ms"
    for name, unit in (
        ("minutes", "m"),
        ("mins", "m"),
        ("hours", "h"),
        ("hrs", "h"),
        ("days", "d"),
    ):
        if name.startswith(word):
            return unit
    return None


def _any_seconds(value: object) -> float:
    return _seconds(value, positive=False)


def _some_seconds(value: object) -> float:
    return _seconds(value, positive=True)


_DURATION_SCHEMA = {"type": "string", "pattern": f"^{DURATION_PATTERN}$"}
_POSITIVE_SCHEMA = {"type": "string", "pattern": f"^{POSITIVE}{DURATION_PATTERN}$"}

Duration = Annotated[float, Kind("a time", _any_seconds, _DURATION_SCHEMA, math.nan)]
LongerThanZero = Annotated[float, Kind("a time above 0", _some_seconds, _POSITIVE_SCHEMA, math.nan)]


def _seconds_or(word: str, meaning: object) -> Callable[[object], object]:
    def check(value: object) -> object:
        if value == word or (word == "none" and value is None):
            return meaning
        if value is False and word == "none":
            raise wrong("a time, or none", "none")
        return _seconds(value, positive=True, also=f", or {word}")

    return check


DurationOrNone = Annotated[
    float | None,
    Kind(
        "a time above 0, or none",
        _seconds_or("none", None),
        {"anyOf": [_POSITIVE_SCHEMA, {"enum": ["none", None]}]},
        math.nan,
    ),
]
DurationOrAuto = Annotated[
    float | None,
    Kind(
        "a time above 0, or auto",
        _seconds_or("auto", None),
        {"anyOf": [_POSITIVE_SCHEMA, {"const": "auto"}]},
        math.nan,
    ),
]
