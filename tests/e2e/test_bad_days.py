"""Days on which the surroundings fail: a clear word, nothing lost, nothing stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hermes_supervise.control.protocol import NOT_RECORDED
from hermes_supervise.model.errors import RemoteError
from tests.e2e.harness import Rig, program, rigged

pytestmark = pytest.mark.e2e

QUICK: dict[str, Any] = {
    "start": {"settle": "50ms"},
    "stop": {"drain_timeout": "5s"},
    "restart": {"backoff": {"first": "50ms", "limit": "100ms"}, "give_up": "none"},
}


def polite(**keys: Any) -> dict[str, Any]:
    """Return a program that ends when asked."""
    return {"command": program("polite"), **QUICK, **keys}


def refused(rig: Rig, code: int, *words: str) -> None:
    """Start a supervisor that cannot start; it says why, in one go, and nothing else happens."""
    before = len(rig.text())
    keeper = rig.start(wait=False)
    ended = rig.ended()
    said = rig.text()[before:]

    assert ended == code, said
    assert keeper.returncode == code
    for word in words:
        assert word in said
    assert "Traceback" not in said


# -- the state folder -----------------------------------------------------------------------------

needs_mounts = pytest.mark.skipif(
    os.getuid() != 0
    or shutil.which("unshare") is None
    or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0,
    reason="only root with mount namespaces can make a disk that is full",
)


class Disk:
    """A small file system in a mount namespace of its own, for the state folder alone."""

    def __init__(self, rig: Rig, size: str) -> None:
        self.rig = rig
        rig.state.mkdir(mode=0o700)
        script = f"mount -t tmpfs -o size={size},mode=700 none {rig.state} && exec sleep 600"
        self.holder = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", script], env=rig.environ
        )
        self.enter = ["nsenter", "-t", str(self.holder.pid), "-m"]
        rig.prefix = self.enter
        rig.until(lambda: self.run("mountpoint", "-q", str(rig.state)) == 0, "the small disk")

    def run(self, *words: str) -> int:
        """Run a command that sees the disk."""
        done = subprocess.run([*self.enter, *words], check=False, capture_output=True)
        return done.returncode

    def fill(self) -> None:
        """Take all the room there is."""
        self.run("sh", "-c", f"head -c 100M /dev/zero > {self.rig.state}/ballast")

    def free(self) -> None:
        """Give the room back."""
        self.run("rm", f"{self.rig.state}/ballast")

    def close(self) -> None:
        """Let it go."""
        self.holder.kill()
        self.holder.wait()


@pytest.fixture
def disk(rig: Rig) -> Iterator[Disk]:
    """A state folder with little room."""
    made = Disk(rig, "1200k")
    yield made
    rig.finish()
    made.close()


@needs_mounts
def test_a_state_folder_that_cannot_be_written_is_refused(rig: Rig, disk: Disk) -> None:
    """Read-only: nothing is started that could not be remembered."""
    disk.run("mount", "-o", "remount,ro", str(rig.state))
    rig.write({"a": polite()})
    refused(rig, 1, "cannot use the state folder", "read-only file system")

    assert rig.of_program("a") == []


@needs_mounts
def test_a_state_folder_that_is_full_at_the_start_is_refused(rig: Rig, disk: Disk) -> None:
    """The same for a full one."""
    disk.fill()
    rig.write({"a": polite()})
    refused(rig, 1, "cannot use the state", str(rig.state))

    assert rig.of_program("a") == []


@needs_mounts
def test_a_disk_that_becomes_full_stops_nothing(rig: Rig, disk: Disk) -> None:
    """Programs go on and are restarted; commands are refused; afterwards nothing is missing."""
    rig.write({n: polite(logs={"path": str(rig.root / f"{n}.log")}) for n in "ab"})
    rig.start()
    before = rig.until_settled()
    disk.fill()
    for _ in range(3):
        pid = rig.until_phase("a", "running")["pid"]
        os.kill(pid, signal.SIGKILL)
        rig.until_other_run("a", pid)
    degraded = rig.ctl("status", "--json").json["supervisor"]["state"]
    stop = rig.ctl("stop", "b")
    with pytest.raises(RemoteError) as problem:
        rig.ask("start", names=["b"])
    during = rig.row("b")
    disk.free()
    rig.until(lambda: rig.ask("status")["supervisor"]["state"] == "running", "all written")
    stopped = rig.ctl("stop", "b")
    crashes = [e for e in rig.events("a", "exit") if e["data"]["outcome"] == "crashed"]
    kinds = rig.kinds()

    assert degraded == "degraded"
    assert stop.code != 0
    assert "not recorded, so nothing was done" in stop.err
    assert "Traceback" not in stop.err + rig.text()
    assert problem.value.code == NOT_RECORDED
    assert (during["phase"], during["desired"], during["pid"]) == (
        "running",
        "up",
        before["b"]["pid"],
    )
    assert stopped.code == 0, stopped
    assert len(crashes) == 3
    assert kinds.index("state-unwritable") < kinds.index("state-writable")
    assert rig.row("a")["restarts"] == 3


@needs_mounts
def test_a_supervisor_that_dies_while_the_disk_is_full_doubles_nothing(
    rig: Rig, disk: Disk
) -> None:
    """What was not written lies with the keeper."""
    logs = {"logs": {"path": str(rig.root / "log")}}
    rig.write({"a": polite(**logs)})
    rig.start()
    first = rig.until_phase("a", "running")["pid"]
    disk.fill()
    os.kill(first, signal.SIGKILL)
    rig.until_other_run("a", first)
    second = rig.until_phase("a", "running")["pid"]
    old = rig.kill_supervisor()
    rig.until_next_supervisor(old)
    row = rig.until_phase("a", "running")
    disk.free()
    rig.until(lambda: rig.ask("status")["supervisor"]["state"] == "running", "all written")

    assert row["pid"] == second
    assert row["restarts"] == 1
    assert rig.of_program("a") == [second]
    (crash,) = rig.events("a", "exit")
    assert crash["data"]["outcome"] == "crashed"


def test_a_state_folder_of_somebody_else_is_refused(rig: Rig) -> None:
    """He could change what we remember while we remember it."""
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    rig.state.mkdir()
    os.chown(rig.state, 65534, 65534)
    rig.write({"a": polite()})
    refused(rig, 1, "cannot use the state folder", "belongs to uid 65534")


def test_a_state_folder_that_everybody_may_change_is_refused(rig: Rig) -> None:
    """The cure is in the sentence."""
    shared = rig.root / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    rig.write({"a": polite()}, supervisor={"state_dir": str(shared / "state")})
    refused(rig, 1, "everybody may write here", "chmod o-w")


def test_a_state_that_is_no_database_is_refused_and_left_as_it_is(rig: Rig) -> None:
    """It may be all that is left of something; what to do is in the sentence."""
    rig.state.mkdir(mode=0o700)
    database = rig.state / "state.db"
    database.write_bytes(b"this is no database\n" * 500)
    before = database.read_bytes()
    rig.write({"a": polite()})
    refused(rig, 1, "state.db", "file is not a database", "move the file away")

    assert database.read_bytes() == before
    assert rig.of_program("a") == []


def edit_state(rig: Rig, statement: str) -> None:
    """Change the state behind the supervisor's back."""
    db = sqlite3.connect(rig.state / "state.db")
    db.execute(statement)
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ('UPDATE program SET memory=\'{"phase": "dancing"}\'', "what it says of a: damaged"),
        ("UPDATE program SET memory='[]'", "what it says of a: damaged"),
        ("UPDATE program SET memory='not json'", "what it says of a: damaged"),
        ("UPDATE program SET pending='[[1]]'", "what it says of a: damaged"),
        ("UPDATE meta SET value='99' WHERE key='schema'", "newer hermes-supervise (schema 99"),
        ("DROP TABLE intent", "no such table: intent"),
        ("UPDATE meta SET value='{' WHERE key='stoppers'", "damaged"),
    ],
)
def test_a_damaged_or_newer_state_is_refused_and_left_as_it_is(
    rig: Rig, statement: str, words: str
) -> None:
    """Guessing could start twice what runs already."""
    rig.write({"a": polite()})
    rig.start()
    rig.until_settled()
    assert rig.end() == 0
    edit_state(rig, statement)
    before = sqlite3.connect(rig.state / "state.db")
    dump = list(before.iterdump())
    before.close()
    refused(rig, 1, str(rig.state), words)
    after = sqlite3.connect(rig.state / "state.db")
    kept = list(after.iterdump())
    after.close()

    assert kept == dump
    assert rig.of_program("a") == []


# -- two of them ----------------------------------------------------------------------------------


def test_a_second_supervisor_on_the_same_state_is_refused_with_the_pid_of_the_first(
    rig: Rig,
) -> None:
    """Exit code 6, soon, and the first does not notice."""
    rig.write({"a": polite()})
    first = rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    began = time.monotonic()
    second = rig.start(wait=False)
    code = second.wait(20)
    took = time.monotonic() - began

    assert code == 6
    assert took < 4.0
    assert f"another supervisor (pid {first.pid}) has this state folder" in rig.text()
    assert rig.row("a")["pid"] == pid
    assert rig.of_program("a") == [pid]
    rig.started.remove(second)


def test_a_second_supervisor_on_the_same_socket_is_refused(rig: Rig) -> None:
    """Another state folder does not make it another supervisor."""
    rig.write({"a": polite()})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    with rigged() as other:
        other.write({"b": polite()}, supervisor={"socket": str(rig.socket)})
        refused(other, 6, f"another supervisor answers at {rig.socket}")

        assert other.of_program("b") == []
    assert rig.row("a")["pid"] == pid


def test_a_stale_socket_is_replaced(rig: Rig) -> None:
    """One that nobody listens at is what a kill leaves behind."""
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(rig.socket))
    stale.close()
    rig.write({"a": polite()})
    rig.start()

    assert rig.until_phase("a", "running")["pid"] is not None


def test_something_else_at_the_place_of_the_socket_is_not_destroyed(rig: Rig) -> None:
    """A slip in ``socket:`` must not cost a file."""
    rig.socket.write_text("precious")
    rig.write({"a": polite()})
    refused(rig, 1, "cannot make the socket", "what is there is no socket")

    assert rig.socket.read_text() == "precious"


def test_a_socket_path_that_is_too_long_is_a_mistake_in_the_file(rig: Rig) -> None:
    """With its place, what is wanted, and what to write."""
    rig.write({"a": polite()}, supervisor={"socket": str(rig.root / ("x" * 120))})
    refused(rig, 3, "supervisor.socket", "bytes")


def test_a_folder_of_the_socket_that_cannot_be_made_is_said(rig: Rig) -> None:
    """A file stands where a folder should be."""
    (rig.root / "file").touch()
    rig.write({"a": polite()}, supervisor={"socket": str(rig.root / "file" / "s")})
    refused(rig, 1, "what is there is no folder")


def test_a_socket_file_that_was_removed_while_running_stops_nothing(rig: Rig) -> None:
    """A tidy-up of the temporary folder; the signals still work, and the end is in order."""
    rig.write({"a": polite()})
    rig.start()
    rig.until_settled()
    rig.socket.unlink()
    said = rig.ctl("status")
    again = rig.end()

    assert said.code == 4
    assert again == 0
    assert rig.tagged() == []
