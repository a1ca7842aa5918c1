"""A program that forks as fast as it can, after the keeper that started it was killed."""

from __future__ import annotations

import os
import shlex

import pytest

from tests.e2e.harness import Rig, program, shell

pytestmark = pytest.mark.e2e


def test_an_adopted_program_that_forks_without_end_is_stopped_to_the_last(rig: Rig) -> None:
    """Its orphans come to nobody of ours; a pipe that all of them hold tells if one lives."""
    held = rig.root / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    script = f"exec {shlex.join(program('fork_runner', '--seconds', 40))} 9>{held}"
    stop = {"drain_timeout": "1s", "linger": "100ms"}
    rig.write({"runner": {"command": shell(script), "start": {"settle": "300ms"}, "stop": stop}})
    rig.start()
    rig.until_phase("runner", "running")
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    rig.keeper.kill()
    rig.keeper.wait()
    rig.start()
    adopted = rig.until_phase("runner", "running")["adopted"]
    said = rig.ctl("stop", "runner")

    assert adopted
    assert (said.code, rig.phase("runner")) == (0, "stopped")
    assert os.read(reader, 1) == b"", "nobody holds the other end"
    os.close(reader)
