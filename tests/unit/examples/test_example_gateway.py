"""The example gateway, run as users run it: how it tells a planned stop from an accident."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

PATIENCE = 20.0
"""Seconds after which a test stops believing that something will still happen."""


class Gateway:
    """One running example gateway and what it has printed so far."""

    def __init__(self, marker: Path | None, *arguments: str) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "HERMES_SUPERVISE_MARKER"}
        if marker is not None:
            environment["HERMES_SUPERVISE_MARKER"] = str(marker)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hermes_supervise.examples.gateway", "--seed", "1", *arguments],
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self.process.stdout is not None
        self._fd = self.process.stdout.fileno()
        self.printed = ""

    def until(self, text: str) -> str:
        """Read until *text* was printed; return the line it stands in."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.printed:
            ready, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self._fd, 65536) if ready else b""
            assert chunk, f"{text!r} never came; printed so far:\n{self.printed}"
            self.printed += chunk.decode()
        return next(line for line in self.printed.splitlines() if text in line)

    def exit_code(self) -> int:
        """Wait for its end and read the rest of its output."""
        code = self.process.wait(PATIENCE)
        while chunk := os.read(self._fd, 65536):
            self.printed += chunk.decode()
        return code

    def start_time(self) -> int:
        """Return what a marker calls its start time."""
        return int(Path(f"/proc/{self.process.pid}/stat").read_text().split()[21])

    def close(self) -> None:
        """End it, however it feels."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Where the gateway of this test looks for its marker."""
    return tmp_path / "stop.json"


@pytest.fixture
def quiet(marker: Path) -> Iterator[Gateway]:
    """A gateway without simulated sessions, listening."""
    gateway = Gateway(marker, "--name", "chat", "--sessions", "0")
    gateway.until("listening on")
    yield gateway
    gateway.close()


@pytest.fixture
def busy(marker: Path) -> Iterator[Gateway]:
    """A gateway with three sessions that end within two seconds."""
    gateway = Gateway(marker, "--name", "chat", "--sessions", "3", "--session-seconds", "1")
    gateway.until("session 3 opened")
    yield gateway
    gateway.close()


def write_marker(path: Path, **fields: object) -> None:
    """Write a marker as a supervisor does: whole, by rename."""
    record = {
        "target_pid": 0,
        "target_start_time": None,
        "stopper_pid": os.getpid(),
        "written_at": datetime.now(UTC).isoformat(),
    }
    whole = path.with_suffix(".new")
    whole.write_text(json.dumps(record | fields))
    whole.rename(path)


def port_of(gateway: Gateway) -> int:
    """Return the port that the gateway says it listens on."""
    return int(gateway.until("listening on").rpartition(":")[2])


def test_a_marker_alone_drains_every_session(busy: Gateway, marker: Path) -> None:
    """The marker is enough: nothing that was open is dropped, and nothing new is begun."""
    write_marker(marker, target_pid=busy.process.pid, target_start_time=busy.start_time())

    assert busy.exit_code() == 0
    drained = busy.printed[busy.printed.index("planned stop") :]
    assert "drain: 1 session left" in drained
    assert "opened" not in drained
    assert busy.printed.count("opened") == busy.printed.count("closed")
    assert not marker.exists()


def test_marker_then_signal_is_one_planned_stop(busy: Gateway, marker: Path) -> None:
    """The signal that follows finds no marker any more, and must not turn into an accident."""
    write_marker(marker, target_pid=busy.process.pid)
    busy.process.send_signal(signal.SIGTERM)
    busy.until("drain:")
    busy.process.send_signal(signal.SIGTERM)

    assert busy.exit_code() == 0
    assert busy.printed.count("planned stop") == 1


def test_signal_then_marker_is_one_planned_stop(busy: Gateway, marker: Path) -> None:
    """Whichever is seen first waits a moment for the other."""
    busy.process.send_signal(signal.SIGTERM)
    write_marker(marker, target_pid=busy.process.pid)

    assert busy.exit_code() == 0
    assert busy.printed.count("planned stop") == 1
    assert not marker.exists()


def test_a_signal_without_a_marker_is_an_accident(busy: Gateway) -> None:
    """Somebody else stopped us: say so by the exit code, so that we are started again."""
    busy.process.send_signal(signal.SIGTERM)

    assert busy.exit_code() == 1
    assert "3 sessions dropped" in busy.printed
    assert "drain:" not in busy.printed


def test_without_a_marker_to_look_for_the_signal_is_the_request() -> None:
    """A program that was given no marker can be asked in one way only."""
    gateway = Gateway(None, "--sessions", "1", "--session-seconds", "0.5")
    try:
        gateway.until("session 1 opened")
        gateway.process.send_signal(signal.SIGTERM)

        assert gateway.exit_code() == 0
    finally:
        gateway.close()


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"target_pid": 1}, id="another process"),
        pytest.param({"target_start_time": 1}, id="an earlier process with our pid"),
        pytest.param(
            {"written_at": (datetime.now(UTC) - timedelta(seconds=61)).isoformat()}, id="too old"
        ),
        pytest.param({"written_at": "yesterday"}, id="no time"),
        pytest.param({"written_at": "2026-01-01T00:00:00"}, id="a time without its zone"),
        pytest.param({"target_pid": None}, id="no pid"),
    ],
)
def test_a_marker_that_is_not_for_us_is_left_alone(
    quiet: Gateway, marker: Path, wrong: dict[str, object]
) -> None:
    """It may be another's: it plans nothing here, and it is not ours to remove."""
    write_marker(marker, **({"target_pid": quiet.process.pid} | wrong))
    quiet.process.send_signal(signal.SIGTERM)

    assert quiet.exit_code() == 1
    assert marker.exists()


def test_an_empty_file_that_is_younger_than_we_are_is_a_marker(
    quiet: Gateway, marker: Path
) -> None:
    """The touch format names nobody; its age is all that it says."""
    marker.touch()

    assert quiet.exit_code() == 0
    assert not marker.exists()


def test_an_empty_file_that_was_there_before_us_is_no_marker(marker: Path) -> None:
    """What is left of an earlier stop must not stop the next run."""
    marker.touch()
    os.utime(marker, (1.0, 1.0))
    gateway = Gateway(marker, "--sessions", "0")
    try:
        gateway.until("listening on")
        gateway.process.send_signal(signal.SIGTERM)

        assert gateway.exit_code() == 1
        assert marker.exists()
    finally:
        gateway.close()


def test_a_folder_that_cannot_be_watched_is_looked_at(tmp_path: Path) -> None:
    """Without a watch (here: the folder comes later) the marker is found by looking."""
    marker = tmp_path / "later" / "stop.json"
    gateway = Gateway(marker, "--sessions", "0")
    try:
        gateway.until("listening on")
        marker.parent.mkdir()
        write_marker(marker, target_pid=gateway.process.pid)

        assert gateway.exit_code() == 0
    finally:
        gateway.close()


def test_an_open_connection_is_served_through_the_drain(quiet: Gateway, marker: Path) -> None:
    """A client that is in the middle of something may finish it; a new one is turned away."""
    port = port_of(quiet)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        lines = client.makefile("rb")
        client.sendall(b"hello\n")
        before = lines.readline()
        write_marker(marker, target_pid=quiet.process.pid)
        quiet.until("drain: 1 session left")
        goodbye = lines.readline()
        client.sendall(b"one more\n")
        during = lines.readline()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE)
        lines.close()

    assert before == b"chat heard: hello\n"
    assert goodbye == b"chat is about to stop, please finish\n"
    assert during == b"chat heard: one more\n"
    assert quiet.exit_code() == 0


def test_a_second_interrupt_ends_the_drain() -> None:
    """Somebody at the keyboard who asks twice does not want to wait."""
    gateway = Gateway(None, "--sessions", "1", "--session-seconds", "100")
    try:
        gateway.until("session 1 opened")
        gateway.process.send_signal(signal.SIGINT)
        gateway.until("drain: 1 session left")
        gateway.process.send_signal(signal.SIGINT)

        assert gateway.exit_code() == 1
        assert "1 session dropped" in gateway.printed
    finally:
        gateway.close()


def test_a_port_in_use_is_said_in_a_sentence(quiet: Gateway) -> None:
    """The second gateway on a port ends with the reason, not with a traceback."""
    second = Gateway(None, "--port", str(port_of(quiet)))
    try:
        assert second.exit_code() == 1
        assert "cannot listen on 127.0.0.1" in second.printed
    finally:
        second.close()
