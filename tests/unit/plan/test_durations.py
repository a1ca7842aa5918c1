"""Times in words."""

from __future__ import annotations

import pytest

from hermes_supervise.plan.durations import duration_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0001, "0s"),
        (0.25, "250ms"),
        (1.5, "1500ms"),
        (1, "1s"),
        (60, "1m"),
        (90, "90s"),
        (3600, "1h"),
        (5400, "90m"),
        (86400, "1d"),
        (86401, "86401s"),
    ],
)
def test_a_time_is_told_in_the_largest_unit_that_is_exact(seconds: float, text: str) -> None:
    """As somebody would write it."""
    assert duration_text(seconds) == text
