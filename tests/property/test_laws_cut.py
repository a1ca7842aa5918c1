"""Law 10: a turn that is cut off anywhere by SIGKILL leads to the same end as one that is not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hermes_supervise.model.decision import Deed
from hermes_supervise.model.phase import Phase
from tests.fakes.fake_program import HABITS
from tests.fakes.fake_supervisor import Cut
from tests.property.law_machine import POLICIES, LawMachine

HABITS_THAT_LAST = (
    "polite",
    "marker only",
    "signal only",
    "deaf",
    "deaf and stubborn",
    "leaves strays",
    "drains slowly",
    "drained, but lingers",
    "made slowly",
)


@dataclass(frozen=True, slots=True)
class End:
    """What is left in the world and claimed of it when all has come to rest."""

    phase: Phase
    revision: str
    lives: tuple[str, ...]
    marker: bool


def _end(machine: LawMachine) -> End:
    world = machine.world
    return End(
        phase=machine.supervisor.memory.phase,
        revision=machine.supervisor.memory.revision,
        lives=tuple(run.revision for run in world.living()),
        marker=world.marker is not None,
    )


def _restart_then_stop(habit: str, cut: Cut | None, deed: Deed | None) -> tuple[End, End]:
    """Restart, with a SIGKILL where *cut* says; then stop, with another one."""
    machine = LawMachine()
    machine.begin(policy=POLICIES[0], ready_probe=False, drained_probe=True, habit=habit)
    machine.live_until(machine.clock.at + 5.0)
    ends = []
    for stopping in (False, True):
        machine.supervisor.cut, machine.supervisor.cut_at = cut, deed
        if stopping:
            machine.stop(timeout=None)
        else:
            machine.restart()
        machine.live_until(machine.clock.at + 3.0)
        machine.revive()
        machine.supervisor.cut = None
        machine.live_until(machine.clock.at + 200.0)
        ends.append(_end(machine))
    return ends[0], ends[1]


@pytest.mark.parametrize("habit", HABITS_THAT_LAST)
@pytest.mark.parametrize("deed", list(Deed))
@pytest.mark.parametrize("cut", list(Cut))
def test_a_turn_cut_off_anywhere_leads_to_the_same_end(cut: Cut, deed: Deed, habit: str) -> None:
    """The supervisor is expendable: what is recorded is enough to go on from."""
    assert habit in HABITS

    assert _restart_then_stop(habit, cut, deed) == _restart_then_stop(habit, None, None)


def test_that_end_is_the_one_that_was_asked_for() -> None:
    """Twins that are wrong in the same way would agree as well."""
    up, down = _restart_then_stop("polite", None, None)

    assert up == End(Phase.RUNNING, "a:1", ("a:1",), marker=False)
    assert down == End(Phase.STOPPED, "a:1", (), marker=False)
