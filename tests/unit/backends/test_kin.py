"""Whose process it is, asked of the real kernel."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from hermes_supervise.backends import kin
from hermes_supervise.keeper import witness


@pytest.mark.parametrize(
    ("environ", "run_id"),
    [
        (b"HERMES_SUPERVISE_RUN_ID=abc\0PATH=/bin\0", "abc"),
        (b"PATH=/bin\0HERMES_SUPERVISE_RUN_ID=abc\0", "abc"),
        (b"PATH=/bin\0HERMES_SUPERVISE_RUN_ID=abc", "abc"),
        (b"X_HERMES_SUPERVISE_RUN_ID=no\0HERMES_SUPERVISE_RUN_ID=abc\0", "abc"),
        (b"X=HERMES_SUPERVISE_RUN_ID=no\0", None),
        (b"HERMES_SUPERVISE_RUN_ID=\0", ""),
        (b"", None),
    ],
)
def test_a_run_id_is_read_from_its_own_variable_only(environ: bytes, run_id: str | None) -> None:
    """The value of another variable may hold the very same text."""
    assert kin.run_id_in(environ) == run_id


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stays, with a run id of its own."""
    environ = {"HERMES_SUPERVISE_RUN_ID": f"kin-{os.getpid()}"}
    with subprocess.Popen(["/bin/sleep", "100"], env=environ) as process:
        yield process
        process.kill()


def test_a_signal_goes_to_the_process_of_the_mark_alone(sleeper: subprocess.Popen[bytes]) -> None:
    """Another mark is another process, whatever its number."""
    mark = witness.mark(sleeper.pid)

    assert not kin.send(sleeper.pid, mark + 1, signal.SIGKILL)
    assert not kin.send(sleeper.pid, 0, signal.SIGKILL)
    assert sleeper.poll() is None
    assert kin.send(sleeper.pid, mark, signal.SIGTERM)
    assert sleeper.wait() == -signal.SIGTERM
    assert not kin.send(sleeper.pid, mark, signal.SIGTERM)


@pytest.mark.parametrize("pid", [1, 0, -1])
def test_nothing_is_ever_sent_to_pid_1_to_a_group_or_to_everybody(pid: int) -> None:
    """``kill(0)`` and ``kill(-1)`` are the worst typing errors there are."""
    assert not kin.send(pid, witness.mark(1), 0)


def test_who_carries_a_run_id_is_found_without_any_pid(sleeper: subprocess.Popen[bytes]) -> None:
    """So a run is adopted whose pid nobody wrote down."""
    run_id = f"kin-{os.getpid()}"

    def carriers() -> kin.Members:
        return kin.scan_run_ids().get(run_id, {})

    while not carriers():  # the child is not the program yet
        assert sleeper.poll() is None
    assert carriers() == {sleeper.pid: witness.mark(sleeper.pid)}
    assert kin.topmost(carriers()) == sleeper.pid


def test_a_dead_process_is_not_living_before_it_is_reaped(sleeper: subprocess.Popen[bytes]) -> None:
    """A zombie holds its number, and nothing else."""
    assert kin.is_living(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    assert not kin.is_living(sleeper.pid)
    assert witness.zombie_status(sleeper.pid) == signal.SIGKILL
    assert kin.topmost({sleeper.pid: witness.mark(sleeper.pid)}) is None
