"""How long a failing program waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_supervise.decide.backoff import backoff_delay, jittered
from hermes_supervise.model.spec import Backoff

POLICY = Backoff(first=1.0, factor=2.0, limit=60.0)


@given(st.integers(1, 30), st.floats(0.1, 5.0), st.floats(1.0, 4.0))
def test_backoff_follows_its_closed_form(streak: int, first: float, factor: float) -> None:
    """What people compute from the file is what happens: first, first*factor, …, limit."""
    policy = Backoff(first=first, factor=factor, limit=60.0)

    assert backoff_delay(policy, streak) == min(first * factor ** (streak - 1), 60.0)


@given(st.integers(1, 10**6))
def test_backoff_stays_between_first_and_limit(streak: int) -> None:
    """No number of failures makes us hammer the machine, or wait for ever."""
    assert POLICY.first <= backoff_delay(POLICY, streak) <= POLICY.limit


@pytest.mark.parametrize("streak", [1, 2, 2_000, 10**9])
def test_zero_means_at_once_however_often_it_failed(streak: int) -> None:
    """A power that overflows must not turn "at once" into the limit."""
    assert backoff_delay(Backoff(first=0.0), streak) == 0.0


@pytest.mark.parametrize("streak", [0, -1])
def test_a_streak_below_one_is_refused(streak: int) -> None:
    """Nobody waits for a failure that has not happened."""
    with pytest.raises(ValueError, match=f"got {streak}"):
        backoff_delay(POLICY, streak)


@given(st.floats(0.0, 100.0), st.floats(0.0, 1.0), st.text(max_size=40))
def test_jitter_stays_within_its_share(delay: float, jitter: float, run_id: str) -> None:
    """Ten percent are ten percent, and no wait is negative."""
    moved = jittered(delay, jitter, run_id)

    assert delay * (1 - jitter) - 1e-9 <= moved <= delay * (1 + jitter) + 1e-9


def test_jitter_spreads_programs_that_died_together() -> None:
    """A thousand programs that lost the same database do not come back in one instant."""
    waits = [jittered(10.0, 0.1, f"run-{number}") for number in range(1000)]

    assert max(waits) - min(waits) > 1.9
    assert len(set(waits)) > 990


def test_jitter_is_the_same_for_the_same_run() -> None:
    """Memory read back from disk decides the same (law 10)."""
    assert jittered(10.0, 0.1, "run-1") == jittered(10.0, 0.1, "run-1")
