"""When a waiting operator is answered, and with what."""

from __future__ import annotations

import pytest

from hermes_supervise.control.verdict import PENDING, verdict_of
from hermes_supervise.model.facts import LastExit, Memory
from hermes_supervise.model.phase import LIVING, Outcome, Phase

ENDED = LastExit(code=3, signal=None, reason=None, outcome=Outcome.FAILED, wall=0.0)
CRASHED = LastExit(code=None, signal=11, reason=None, outcome=Outcome.CRASHED, wall=0.0)
DONE = LastExit(code=0, signal=None, reason=None, outcome=Outcome.EXITED, wall=0.0)


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.STOPPED}))
def test_a_stop_is_pending_until_the_program_is_stopped(phase: Phase) -> None:
    """Whatever it does meanwhile."""
    assert verdict_of("stop", Memory(phase=phase), up=False, heard=True) == PENDING


@pytest.mark.parametrize("last", [None, ENDED, CRASHED])
def test_a_stop_is_done_whatever_the_outcome(last: LastExit | None) -> None:
    """The outcome is told, and is no failure of the stop."""
    verdict, note = verdict_of(
        "stop", Memory(phase=Phase.STOPPED, last_exit=last), up=False, heard=True
    )

    assert verdict == "done"
    assert note == {None: "", ENDED: "failed, exit 3", CRASHED: "crashed, SIGSEGV"}[last]


@pytest.mark.parametrize("kind", ["start", "restart"])
@pytest.mark.parametrize("phase", sorted(Phase))
def test_nobody_is_judged_before_he_was_heard(kind: str, phase: Phase) -> None:
    """A failure that is remembered from before the request is an old one."""
    memory = Memory(phase=phase, last_exit=ENDED)

    assert verdict_of(kind, memory, up=True, heard=False) == PENDING


@pytest.mark.parametrize("kind", ["start", "restart"])
def test_a_start_is_done_when_the_program_runs(kind: str) -> None:
    """``running``: ready, or settled."""
    assert verdict_of(kind, Memory(phase=Phase.RUNNING), up=True, heard=True) == ("done", "")


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.WAITING, Phase.STOPPED, Phase.DRAINING])
def test_a_start_on_its_way_is_pending(phase: Phase) -> None:
    """Waiting for an owner is no failure either."""
    assert verdict_of("start", Memory(phase=phase), up=True, heard=True) == PENDING


@pytest.mark.parametrize("phase", [Phase.BACKOFF, Phase.FAILED, Phase.EXITED])
def test_a_start_that_fails_says_why(phase: Phase) -> None:
    """By the program's message, else by how it ended."""
    told = Memory(phase=phase, message="no such file: x", last_exit=ENDED)
    bare = Memory(phase=phase, last_exit=CRASHED)

    assert verdict_of("start", told, up=True, heard=True) == ("failed", "no such file: x")
    assert verdict_of("start", bare, up=True, heard=True) == ("failed", "crashed, SIGSEGV")


def test_a_program_that_ran_to_its_end_was_started() -> None:
    """Its policy leaves it at that."""
    memory = Memory(phase=Phase.EXITED, last_exit=DONE)

    assert verdict_of("start", memory, up=True, heard=True) == ("done", "ran to its end")


def test_another_operator_ends_the_waiting() -> None:
    """Two people, two wishes: the last one holds, and the first is told."""
    stopped = verdict_of("start", Memory(phase=Phase.STARTING), up=False, heard=True)
    started = verdict_of("stop", Memory(phase=Phase.DRAINING), up=True, heard=True)

    assert stopped == ("failed", "somebody asked for it to be down")
    assert started == ("failed", "somebody asked for it to be up again")


@pytest.mark.parametrize("phase", sorted(LIVING))
def test_what_has_left_the_file_is_stopped_and_cannot_be_started(phase: Phase) -> None:
    """Gone is as stopped as can be."""
    assert verdict_of("stop", None, up=False, heard=True) == ("done", "gone")
    verdict, _ = verdict_of("start", None, up=False, heard=True)
    assert verdict == "failed"
    assert verdict_of("stop", Memory(phase=phase), up=False, heard=True) == PENDING
