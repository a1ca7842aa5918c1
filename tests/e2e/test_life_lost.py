"""The state folder is lost while programs live: they are found by what they carry."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from tests.e2e.harness import Rig, alive, program

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("killed", ["supervisor", "keeper and supervisor"])
def test_a_program_that_nobody_remembers_is_never_doubled(rig: Rig, killed: str) -> None:
    """A second gateway on one bot token does more harm than a restart does."""
    rig.write({"a": {"command": program("polite"), "start": {"settle": "100ms"}}})
    rig.start()
    before = rig.until_phase("a", "running")["pid"]
    supervisor = rig.supervisor_pid()
    assert supervisor is not None
    shutil.rmtree(rig.state)
    if killed == "supervisor":
        os.kill(supervisor, signal.SIGKILL)
    else:
        rig.keeper.kill()
        os.kill(supervisor, signal.SIGKILL)
        rig.ended()
        rig.until(lambda: not alive(supervisor), "the end of the supervisor")
        rig.start()
    seen: list[list[int]] = []

    def settled() -> bool:
        living = rig.of_program("a")
        seen.append(living)
        row = rig.row("a") if rig.answers() else {"phase": "", "pid": None}
        return row["phase"] == "running" and living == [row["pid"]] and row["pid"] != before

    rig.until(settled, "one program of the wanted revision")

    assert all(len(living) <= 1 for living in seen), seen
    assert not alive(before)
