"""Days on which the surroundings of a running supervisor fail; ``test_bad_days`` has the starts."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.e2e.harness import Rig, alive, sleeper
from tests.e2e.test_bad_days import polite, refused

pytestmark = pytest.mark.e2e


# -- the configuration ----------------------------------------------------------------------------


def test_a_configuration_that_was_deleted_is_not_missed_until_somebody_asks(rig: Rig) -> None:
    """The keeper holds the plan; even the next supervisor goes on by it."""
    rig.write({"a": polite(), "b": polite(autostart=False)})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    rig.config.unlink()
    old = rig.kill_supervisor()
    rig.until_next_supervisor(old)
    row = rig.row("a")
    started = rig.ctl("start", "b")
    reloaded = rig.ctl("reload")

    assert (row["pid"], row["phase"]) == (pid, "running")
    assert started.code == 0, started
    assert reloaded.code == 3
    assert "supervisor.yaml" in reloaded.err
    assert rig.end() == 0


def test_a_configuration_that_is_not_there_is_exit_code_3(rig: Rig) -> None:
    """With the name of the file."""
    refused(rig, 3, "supervisor.yaml", "no such file")


def test_a_configuration_that_may_not_be_read_is_exit_code_3(rig: Rig) -> None:
    """A folder stands for what even root cannot read."""
    rig.config.mkdir()
    refused(rig, 3, "supervisor.yaml")


# -- programs' surroundings -----------------------------------------------------------------------


def test_a_log_folder_that_was_removed_is_a_failed_start_with_its_cause(rig: Rig) -> None:
    """What runs goes on; the next start says what to mend, and works when it is mended."""
    folder = rig.root / "logs"
    folder.mkdir()
    rig.write({"a": polite(logs={"path": str(folder / "a.log")})})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    shutil.rmtree(folder)
    still = rig.row("a")
    os.kill(pid, signal.SIGKILL)
    rig.until(lambda: "cannot open the log" in rig.row("a")["message"], "the cause in its row")
    folder.mkdir()
    row = rig.until_phase("a", "running")

    assert still["phase"] == "running"
    assert row["pid"] != pid
    assert "Traceback" not in rig.text()


def test_a_marker_that_cannot_be_written_does_not_stop_the_stop(rig: Rig) -> None:
    """It is recorded, and the ladder goes on with the signal."""
    folder = rig.root / "gone"
    folder.mkdir()
    stop = {"marker": {"path": str(folder / "marker"), "format": "hermes"}, "drain_timeout": "5s"}
    rig.write({"a": polite(stop=stop)})
    rig.start()
    rig.until_settled()
    folder.rmdir()
    stopped = rig.ctl("stop", "a")

    assert stopped.code == 0, stopped
    assert rig.row("a")["last_exit"]["outcome"] == "drained"
    (event,) = rig.events("a", "marker-failed")
    assert "cannot write the marker" in event["data"]["error"]


# -- clients --------------------------------------------------------------------------------------


def connected(rig: Rig) -> socket.socket:
    """Return a raw connection to the control socket."""
    raw = socket.socket(socket.AF_UNIX)
    raw.settimeout(20.0)
    raw.connect(str(rig.socket))
    return raw


@pytest.mark.parametrize(
    "words",
    [
        b"garbage\n",
        b"\x00\xff\xfe\n",
        b"[]\n",
        b"{}\n",
        b'{"jsonrpc": "2.0", "id": 1, "method": "nope"}\n',
        b'{"jsonrpc": "2.0", "id": 1, "method": "status", "params": {"nope": 1}}\n',
        b'{"jsonrpc": "2.0", "id": 1, "method": "stop", "params": {"names": [1]}}\n',
        b'{"jsonrpc": "2.0", "id": 1, "method": "stop", "params": '
        b'{"names": ["a"], "drain_timeout": NaN}}\n',
        b'{"jsonrpc": "2.0", "id": 1, "method": "events", "params": {"name": "\\ud800"}}\n',
        b'{"jsonrpc": "2.0", "id": 1, "method": "follow", "params": '
        b'{"kind": "x", "programs": {}}}\n',
        b"[" * 100_000 + b"\n",
        b'{"jsonrpc": "2.0", "id": ' + b"9" * 10_000 + b', "method": "status"}\n',
        b"x" * (2 << 20),
    ],
)
def test_whatever_a_client_says_is_answered_with_an_error(rig: Rig, words: bytes) -> None:
    """And nobody else notices."""
    rig.write({"a": polite()})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    supervisor = rig.supervisor_pid()
    with connected(rig) as raw:
        with suppress(BrokenPipeError, ConnectionResetError):
            raw.sendall(words)  # a line that is too long is not read to its end
        try:
            answer = raw.recv(65536)
        except ConnectionResetError:
            answer = b'"error"'

    assert b'"error"' in answer
    assert rig.row("a")["pid"] == pid
    assert rig.supervisor_pid() == supervisor
    assert "Traceback" not in rig.text()


def test_huge_numbers_are_no_reason_to_die(rig: Rig) -> None:
    """An event id beyond every database is simply a late one."""
    rig.write({"a": polite()})
    rig.start()
    rig.until_settled()

    assert rig.ask("events", after=10**30, limit=5)["events"] == []
    assert len(rig.ask("events", after=-(10**30), limit=10**30)["events"]) > 0


def test_half_a_line_and_silence_harm_nobody(rig: Rig) -> None:
    """Neither does a client that leaves in the middle of a word."""
    rig.write({"a": polite()})
    rig.start()
    rig.until_settled()
    with connected(rig) as half, connected(rig) as leaving:
        half.sendall(b'{"jsonrpc": "2.0", "id": 1, "meth')
        leaving.sendall(b'{"jsonrpc"')
        leaving.close()
        answered = rig.ctl("status").code
        half.sendall(b'od": "status"}\n')
        rest = half.recv(65536)

    assert answered == 0
    assert b'"result"' in rest


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_client_that_never_reads_costs_a_bounded_amount(rig: Rig) -> None:
    """It is dropped, and the others are served meanwhile."""
    rig.write({f"p{n:03}": {"command": sleeper(), "autostart": False} for n in range(200)})
    rig.start()
    supervisor = rig.supervisor_pid()
    assert supervisor is not None
    question = b'{"jsonrpc": "2.0", "id": 1, "method": "status"}\n'
    with connected(rig) as deaf:
        deaf.setblocking(False)
        deadline = time.monotonic() + 20.0
        dropped = False
        while not dropped and time.monotonic() < deadline:
            try:
                deaf.send(question * 20)
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                dropped = True
        began = time.monotonic()
        served = rig.ctl("status").code
        took = time.monotonic() - began

    assert dropped
    assert served == 0
    assert took < 5.0
    assert resident(supervisor) < 120 << 20


def test_three_hundred_connections_leave_room_for_the_operator(rig: Rig) -> None:
    """The idle ones make room, the ones that follow something stay."""
    rig.write({"a": polite()})
    rig.start()
    rig.until_settled()
    with ExitStack() as held:
        follower = held.enter_context(connected(rig))
        follower.sendall(b'{"jsonrpc": "2.0", "id": 1, "method": "watch"}\n')
        assert b'"row"' in follower.recv(65536)
        for _ in range(300):
            held.enter_context(connected(rig))
        asked = [rig.ctl("status").code for _ in range(3)]
        restarted = rig.ctl("restart", "a")
        told = follower.recv(65536)

    assert asked == [0, 0, 0]
    assert restarted.code == 0, restarted
    assert b'"row"' in told


# -- its own log ----------------------------------------------------------------------------------


def test_a_pipe_that_nobody_reads_does_not_stop_the_supervisor(rig: Rig) -> None:
    """Lines are dropped and counted; programs and operators do not notice."""
    loop = {"backoff": {"first": "5ms", "limit": "5ms"}, "give_up": "none"}
    rig.write({"a": polite(), "loop": {"command": ["false"], "restart": loop}})
    reader, writer = os.pipe()
    try:
        rig.start("-v", stderr=writer)
        os.close(writer)
        rig.until(lambda: len(rig.events("loop", "exit")) > 400, "more than a pipe holds")
        old = rig.kill_supervisor()
        rig.until_next_supervisor(old)
        stopped = rig.ctl("stop", "loop")
        first = os.read(reader, 1 << 20)
        started = rig.ctl("restart", "a")
        rest = os.read(reader, 1 << 20)
    finally:
        os.close(reader)

    assert stopped.code == 0, stopped
    assert started.code == 0, started
    assert first.startswith(b"2")
    assert b"lines of this log were dropped" in rest


@pytest.mark.parametrize("closed", ["2", "1 2", "0 1 2"])
def test_closed_streams_are_no_reason_to_fail(rig: Rig, closed: str) -> None:
    """And the next file that is opened is not taken for one of them."""
    rig.write({"a": polite()})
    script = " ".join(f"{fd}>&-" if fd != "0" else "0<&-" for fd in closed.split())
    rig.prefix = ["sh", "-c", f'exec "$0" "$@" {script}']
    rig.start()
    rig.until_settled()
    log = Path(rig.row("a")["log"])
    rig.until(lambda: "ready" in log.read_text(), "its own words")

    assert rig.ctl("status").code == 0
    assert log.read_text() == "ready\n"
    assert rig.end() == 0


def test_a_reader_of_the_log_that_goes_away_does_not_take_us_along(rig: Rig) -> None:
    """``hermes-supervise -c FILE | head -1``."""
    rig.write({"a": polite()})
    reader, writer = os.pipe()
    rig.start(stderr=writer)
    os.close(writer)
    os.close(reader)
    rig.until_settled()
    restarted = rig.ctl("restart", "a")

    assert restarted.code == 0, restarted
    assert rig.end() == 0


def test_the_keeper_is_stopped_for_a_while_and_nothing_is_lost(rig: Rig) -> None:
    """Ctrl-Z, a debugger, a frozen container: questions are answered, the rest comes later."""
    rig.write({"a": polite(), "b": polite(autostart=False)})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    rig.keeper.send_signal(signal.SIGSTOP)
    try:
        answered = rig.ctl("status").code
        asked = rig.ctl("start", "b", "--no-wait").code
        os.kill(pid, signal.SIGKILL)
    finally:
        rig.keeper.send_signal(signal.SIGCONT)
    rig.until_phase("b", "running")
    rig.until_other_run("a", pid)

    assert (answered, asked) == (0, 0)
    assert rig.row("a")["last_exit"]["signal"] == "SIGKILL"
    assert not alive(pid)
