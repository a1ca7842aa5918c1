"""The life of a supervisor: start, end, death of any part, and the next start."""

from __future__ import annotations

import pytest

from tests.e2e.harness import Rig, program, sleeper

pytestmark = pytest.mark.e2e


def test_a_wanted_program_runs_and_is_drained_at_the_end(rig: Rig) -> None:
    """The plainest life there is: up, SIGTERM, down, exit code 0."""
    rig.write(
        {"a": {"command": program("polite")}, "b": {"command": sleeper(), "autostart": False}}
    )
    rig.start()
    rows = rig.until_settled()

    assert rows["b"]["phase"] == "stopped"
    assert rig.end() == 0
    assert rig.tagged() == []
