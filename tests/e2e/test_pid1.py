"""The keeper as PID 1, as in a container."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Rig, children_of, program, rigged

pytestmark = pytest.mark.e2e

NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def namespace_works() -> bool:
    """Whether a pid namespace can be made here."""
    try:
        return (
            subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


@pytest.fixture
def container() -> Iterator[Rig]:
    """A rig whose keeper is PID 1."""
    if not namespace_works():
        pytest.skip("no pid namespace may be made here")
    with rigged(prefix=NAMESPACE) as rig:
        yield rig


def inside(rig: Rig) -> int:
    """Return the pid of PID 1, seen from outside."""
    return children_of(rig.keeper.pid)[0]


def zombies(pid: int) -> list[int]:
    """Return the dead children of a process that nobody has waited for."""
    return [child for child in children_of(pid) if state(child) == "Z"]


def state(pid: int) -> str:
    """Return the state letter of a process, "" if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_sigterm_to_pid_1_drains_everything_and_ends_with_0(container: Rig) -> None:
    """That is what a container runtime sends, and its exit code is what it shows."""
    rig = container
    marker = {"path": str(rig.root / "marker"), "format": "hermes"}
    tree = program("setsid_children", "--tag", f"{rig.tag}-tools")
    rig.write(
        {
            "chat": {"command": program("polite"), "stop": {"marker": marker}},
            "tools": {"command": tree, "stop": {"linger": "100ms"}},
        }
    )
    rig.start()
    rig.until_settled()
    assert rig.ask("status")["supervisor"]["keeper_pid"] == 1
    os.kill(inside(rig), signal.SIGTERM)

    assert rig.ended() == 0
    assert "chat: drained" in rig.text()
    assert rig.tagged() == []


def test_a_container_stop_does_not_change_what_the_operator_wants(container: Rig) -> None:
    """The next start of the container brings up what was up, and leaves down what was down."""
    rig = container
    rig.write({"up": {"command": program("polite")}, "down": {"command": program("polite")}})
    rig.start()
    rig.until_settled()
    assert rig.ctl("stop", "down").code == 0
    os.kill(inside(rig), signal.SIGTERM)
    assert rig.ended() == 0

    rig.start()
    rig.until_phase("up", "running")
    assert rig.phase("down") == "stopped"
    os.kill(inside(rig), signal.SIGTERM)
    assert rig.ended() == 0


def test_strays_are_reaped(container: Rig) -> None:
    """Orphans of the whole container come to PID 1; unreaped they would fill the table."""
    rig = container
    orphans = "for i in 1 2 3 4 5 6 7 8; do (setsid sleep 0.2 &) ; done; echo ready; exec sleep 100"
    log = rig.root / "log"
    rig.write({"maker": {"command": ["sh", "-c", orphans], "logs": {"path": str(log)}}})
    rig.start()
    rig.until(lambda: log.exists() and "ready" in log.read_text(), "orphans were made")
    pid = inside(rig)

    # The supervisor and the one program are all that stays.
    rig.until(lambda: len(children_of(pid)) == 2, "the orphans are gone")
    assert zombies(pid) == []
    os.kill(pid, signal.SIGTERM)
    assert rig.ended() == 0
