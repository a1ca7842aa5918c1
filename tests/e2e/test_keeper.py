"""What programs are given, and what is told of their ends, by the whole of it."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Rig, alive, program, shell

pytestmark = pytest.mark.e2e

NOT_OURS_TO_GIVE = {
    "INVOCATION_ID": "0123456789abcdef",
    "NOTIFY_SOCKET": "/no/such/socket",
    "WATCHDOG_USEC": "30000000",
    "WATCHDOG_PID": "1",
    "LISTEN_FDS": "1",
    "_HERMES_GATEWAY": "1",
    "HERMES_S6_SUPERVISED_CHILD": "1",
    "HERMES_SUPERVISE_RUN_ID": "of-an-outer-supervisor",
    "HERMES_SUPERVISE_NAME": "outer",
    "HERMES_SUPERVISE_MARKER": "/no/such/marker",
}


def report(rig: Rig, name: str) -> dict[str, Any]:
    """Return what a program reported of itself."""
    file = rig.root / f"{name}.json"
    rig.until(file.exists, "a report")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def reporting(rig: Rig, name: str, **keys: Any) -> dict[str, Any]:
    """Return a program that reports."""
    return {"command": program("reports", rig.root / f"{name}.json"), **keys}


def test_the_environment_of_our_own_supervisor_is_not_handed_on(rig: Rig) -> None:
    """Three of these change what a Hermes gateway believes about its parent."""
    rig.environ.update(NOT_OURS_TO_GIVE)
    rig.environ["KEPT"] = "yes"
    own = {"NOTIFY_SOCKET": "/named/here"}
    rig.write({"given": reporting(rig, "given"), "own": reporting(rig, "own", environment=own)})
    rig.start()
    given, named = report(rig, "given")["environment"], report(rig, "own")["environment"]

    scrubbed = set(NOT_OURS_TO_GIVE) - {"HERMES_SUPERVISE_RUN_ID", "HERMES_SUPERVISE_NAME"}
    assert scrubbed & set(given) == set()
    assert given["KEPT"] == "yes"
    assert given["HERMES_SUPERVISE_NAME"] == "given"
    assert given["HERMES_SUPERVISE_RUN_ID"] not in ("", "of-an-outer-supervisor")
    assert given["HERMES_SUPERVISE_SOCKET"] == str(rig.socket)
    assert named["NOTIFY_SOCKET"] == "/named/here", "whoever names it, gets it"


def test_nothing_that_our_starter_left_open_stays_open(rig: Rig) -> None:
    """A pipe held by a program for weeks keeps whoever waits for its end waiting."""
    left, other = socket.socketpair()
    rig.write({"chat": reporting(rig, "chat", logs={"path": str(rig.root / "chat.log")})})
    with left, other:
        rig.start(pass_fds=(left.fileno(),))
        left.close()
        other.settimeout(10)

        assert other.recv(1) == b""
    found = report(rig, "chat")["descriptors"]
    log = str(rig.root / "chat.log")
    assert {fd: found[fd]["target"] for fd in found} == {"0": "/dev/null", "1": log, "2": log}


def test_it_starts_without_any_standard_stream(rig: Rig) -> None:
    """Descriptors 0 to 2 must not become something of ours that a program then writes to."""
    rig.prefix = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    rig.write({"chat": reporting(rig, "chat", logs={"mode": "inherit"})})
    rig.start()
    found = report(rig, "chat")["descriptors"]

    assert {found[fd]["target"] for fd in found} == {"/dev/null"}
    assert set(found) == {"0", "1", "2"}


def test_why_a_program_cannot_be_started_is_said_in_words(rig: Rig) -> None:
    """A failure like any other, told so that it can be mended; its neighbours run."""
    plain, script = rig.root / "plain", rig.root / "script"
    plain.write_text("no program")
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    folder = rig.root / "folder"
    folder.mkdir()
    cases: dict[str, dict[str, Any]] = {
        "nowhere": {"command": ["no-such-program"]},
        "plain": {"command": [str(plain)]},
        "script": {"command": [str(script)]},
        "homeless": {"command": ["true"], "directory": str(folder)},
        "logless": {"command": ["true"], "logs": {"path": str(rig.root / "plain" / "log")}},
    }
    never = {"policy": "never"}
    programs = {name: {**case, "restart": never} for name, case in cases.items()}
    rig.write({**programs, "good": {"command": program("polite")}})
    folder.rmdir()
    rig.start()
    rig.until_phase("good", "running")
    rows = {name: rig.until_phase(name, "exited", "failed") for name in cases}

    said = {name: row["message"] for name, row in rows.items()}
    assert said["nowhere"] == "no such file: no-such-program (looked in PATH of the program)"
    assert said["plain"] == f"permission denied: {plain} (is it an executable file?)"
    assert said["script"] == f"{script}: the interpreter named in its first line does not exist"
    assert said["homeless"] == f"no such directory: {folder}"
    assert said["logless"].startswith(f"cannot open the log {rig.root}/plain/log: ")
    assert {row["last_exit"]["outcome"] for row in rows.values()} == {"never-started"}
    assert {row["last_exit"]["reason"] for row in rows.values()} == {"spawn-failed"}


@pytest.mark.parametrize(
    ("end", "code", "number"), [("exit 7", 7, None), ("kill -9 $$$$", None, 9)]
)
def test_an_end_that_no_supervisor_saw_is_told_truly_to_the_next(
    rig: Rig, end: str, code: int | None, number: int | None
) -> None:
    """The supervisor is killed between the end and its acknowledgement ($$ is one dollar)."""
    fifo = rig.root / "fifo"
    os.mkfifo(fifo)
    command = shell(f"read line < {fifo}; {end}")
    rig.write({"chat": {"command": command, "restart": {"policy": "never"}}})
    rig.start()
    rig.until_settled()
    pid = rig.row("chat")["pid"]
    supervisor = rig.supervisor_pid()
    assert supervisor is not None
    os.kill(supervisor, signal.SIGSTOP)  # it hears of nothing from here on
    fifo.write_text("go\n")
    rig.until(lambda: not Path(f"/proc/{pid}").exists(), "the keeper has reaped it")
    os.kill(supervisor, signal.SIGKILL)

    last = rig.until_phase("chat", "exited")["last_exit"]
    wanted = None if number is None else signal.Signals(number).name
    assert (last["code"], last["signal"]) == (code, wanted)
    assert last["outcome"] == ("crashed" if number else "failed")


def test_a_log_is_private_and_only_ever_grows(rig: Rig) -> None:
    """Whatever was there before a start stays, and nobody else may read it."""
    log = rig.root / "chat.log"
    rig.write({"chat": {"command": program("polite"), "logs": {"path": str(log)}}})
    rig.start()
    rig.until(lambda: log.exists() and log.read_text() == "ready\n", "its first line")
    assert log.stat().st_mode & 0o777 == 0o600
    assert rig.ctl("restart", "chat").code == 0

    rig.until(lambda: log.read_text().count("ready") == 2, "its first line again")
    assert log.read_text().startswith("ready\n")
    assert alive(rig.row("chat")["pid"])
