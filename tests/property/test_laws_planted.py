"""The laws have teeth: a fault on purpose does not slip by."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.property.judge import EVERY_LAW, LawBroken
from tests.property.law_machine import LawMachine
from tests.property.planted import FAULTS, Fault

QUICKLY = settings(
    max_examples=600,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
"""No shrinking: that a law breaks is all that is asked."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"law {fault.law}: {fault.words}")
def test_a_planted_fault_breaks_its_law(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A law that nothing can break protects nobody; only the named law is looked at."""
    planted = replace(fault.plant(monkeypatch), laws=frozenset({fault.law}))
    monkeypatch.setattr(LawMachine, "faults", planted)

    with pytest.raises(LawBroken) as caught:
        run_state_machine_as_test(LawMachine, settings=QUICKLY)

    assert caught.value.law == fault.law


def test_every_law_has_a_planted_fault() -> None:
    """A law without a fault of its own has never been seen to work."""
    caught = Counter(fault.law for fault in FAULTS)

    assert set(caught) == EVERY_LAW
