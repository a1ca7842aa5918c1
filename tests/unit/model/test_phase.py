"""The words are promises: they stand in status, events and on disk."""

from __future__ import annotations

import pytest

from hermes_supervise.model.decision import Deed
from hermes_supervise.model.facts import Exit
from hermes_supervise.model.phase import LIVING, PLANNED, RESTING, Outcome, Phase, Reason


def test_the_words_are_those_of_the_contract() -> None:
    """A renamed word breaks every script that reads ``status --json``."""
    assert " ".join(Phase) == (
        "stopped waiting starting running draining killing backoff exited failed"
    )
    assert " ".join(Reason) == (
        "operator revision shutdown unhealthy start-timeout spawn-failed oom dependency "
        "foreign-owner"
    )
    assert " ".join(Outcome) == "drained forced exited failed crashed never-started unknown"
    assert " ".join(Deed) == "Spawn WriteMarker RequestStop ForceStop ClearMarker"


def test_every_phase_claims_a_process_or_claims_none() -> None:
    """There is no third kind."""
    assert set(Phase) == LIVING | RESTING
    assert not LIVING & RESTING


def test_a_drain_for_a_failure_is_not_planned() -> None:
    """Start-timeout and unhealthy are failures, whoever sent the signal."""
    assert PLANNED.isdisjoint({Reason.START_TIMEOUT, Reason.UNHEALTHY, Reason.SPAWN_FAILED})


@pytest.mark.parametrize(
    ("end", "known"), [(Exit(code=0), True), (Exit(signal=9), True), (Exit(), False)]
)
def test_an_end_without_code_and_signal_is_unknown(end: Exit, known: bool) -> None:
    """Code 0 is a fact, not the absence of one."""
    assert end.known is known
