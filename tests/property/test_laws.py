"""
Laws 1 to 12 in every history: 1,000 of them, of 60 steps each, the same ones in every run.

``HERMES_SUPERVISE_HISTORIES=20000`` looks at more, and then at others each time; hypothesis prints
the steps that broke a law, shortened as far as they can be.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.property.law_machine import LawMachine

MORE = os.environ.get("HERMES_SUPERVISE_HISTORIES")

settings.register_profile(
    "laws",
    max_examples=1_000 if MORE is None else int(MORE),
    stateful_step_count=60,
    derandomize=MORE is None,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_every_law_holds_in_every_history() -> None:
    """
    Programs, operators and accidents of every kind, and no law is broken in the world.

    Law 8 in full: an *epoch* is a time in which no operator's act (start, restart, an edited file,
    a shutdown), no lost keeper and no new world happens.  Within one epoch at most ``failures`` + 1
    spawns begin inside any ``within``, not counting

    * a spawn after an exit code that asks for one, of a run that had been ready;
    * a spawn after a fatal exit code: it costs no budget and comes ``fatal_retry_after`` later, or
      not at all.

    Every other end is a failure that stays in the window until it is ``within`` old; nothing
    clears it.  Trials do not break the bound: after a full window one comes ``retry_after`` later,
    which is no sooner than ``within`` (the configuration refuses less), so the old spawns have
    left the window.  A trial after a fatal code may come sooner; when it fails in another way, that
    failure is counted, and a full window then parks for ``retry_after``, not for
    ``fatal_retry_after``.  So the table keeps within ``failures``, one below what the law
    promises, and that is what is measured.
    """
    run_state_machine_as_test(LawMachine, settings=settings.get_profile("laws"))
