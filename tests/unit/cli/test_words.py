"""Durations, instants and texts as people read and write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_supervise.cli.duration import duration_text, instant, parse_duration
from hermes_supervise.cli.terminal import breadth, clean, cut
from hermes_supervise.clock import rfc3339


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("1d", 86400)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    """With the units of the configuration file."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "s", "-5s", "1e3s", "1:30", "5 m", "1h30m", "nan", "inf", "٣s", "1.2.3s"]
)
def test_everything_else_is_no_duration(text: str) -> None:
    """A number without a unit is seconds for one and minutes for another."""
    with pytest.raises(ValueError, match="got"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0s"),
        (0.42, "0.4s"),
        (59.9, "59s"),
        (312, "5m 12s"),
        (7500, "2h 05m"),
        (1e6, "11d 13h"),
    ],
)
def test_durations_are_told_in_at_most_two_units(seconds: float, text: str) -> None:
    """Nobody reads the seconds of a week."""
    assert duration_text(seconds) == text


@given(st.floats(0, 4e9))
def test_instants_are_read_as_the_supervisor_writes_them(wall: float) -> None:
    """Our own reading is there for its price only; it must agree with everybody's."""
    text = rfc3339(wall)

    assert instant(text) == pytest.approx(datetime.fromisoformat(text).timestamp(), abs=1e-3)


@given(st.integers(0, 7_200_000_000))
def test_every_day_of_the_calendar_is_known(seconds: int) -> None:
    """Leap years included."""
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    assert instant(text) == seconds


@pytest.mark.parametrize(
    "text", [None, "", 3, "soon", "2026-01-01 00:00:00", "xx26-01-01T00:00:00Z"]
)
def test_what_is_no_instant_is_none(text: object) -> None:
    """An absent time is shown as absent, never guessed."""
    assert instant(text) is None


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    """Whatever a program says."""
    assert clean(text) == "" or clean(text).isprintable()


@given(st.text(st.characters(categories=["L", "N", "P", "Mn", "So"])), st.integers(0, 40))
def test_a_cut_text_fits(text: str, width: int) -> None:
    """Signs that take two columns included."""
    assert breadth(cut(text, width)) <= width
