"""The supervisor's own log, and programs that somebody else owns."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Rig, program, shell, sleeper

pytestmark = pytest.mark.e2e

QUICK: dict[str, Any] = {"start": {"settle": "50ms"}, "stop": {"drain_timeout": "5s"}}
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S")


def polite(**keys: Any) -> dict[str, Any]:
    """Return a program that ends when asked."""
    return {"command": program("polite"), **QUICK, **keys}


def lived(rig: Rig, *options: str, **kwargs: Any) -> list[str]:
    """Live a little life and return the lines of the log."""
    crash = {"command": shell("echo NOISE; exit 3"), "restart": {"backoff": {"first": "30s"}}}
    rig.write({"a": polite(), "crash": crash})
    rig.start(*options, **kwargs)
    rig.until_phase("a", "running")
    rig.until_phase("crash", "backoff")
    old = rig.kill_supervisor()
    rig.until_next_supervisor(old)
    assert rig.ctl("stop", "a").code == 0
    assert rig.end() == 0
    return rig.text().splitlines()


def test_one_line_an_event_and_never_a_programs_output(rig: Rig) -> None:
    """Time, program, what happened."""
    lines = lived(rig)
    told = [line.split(" ", 1)[1] for line in lines]

    assert all(LINE.match(line) for line in lines)
    assert told[0].startswith("hermes-supervise ")
    assert "NOISE" not in rig.text()
    for words in (
        "a: started, pid ",
        "a: running",
        "crash: failed after ",
        "a: stop asked by uid ",
    ):
        assert any(line.startswith(words) for line in told), words
    assert any("keeper: the supervisor died (signal 9)" in line for line in told)
    assert any("was started again (the last one: signal 9)" in line for line in told)
    assert told[-1] == "the supervisor ends; all down"


def test_json_is_json_on_every_line(rig: Rig) -> None:
    """Those of the keeper too."""
    lines = [json.loads(line) for line in lived(rig, "--log-format", "json")]

    assert all({"at", "level", "program", "text"} <= set(line) for line in lines)
    assert {line["level"] for line in lines} == {"error", "warning", "info"}
    assert any(line["text"].startswith("keeper: ") for line in lines)
    (crash,) = [line for line in lines if line["program"] == "crash" and line["kind"] == "exit"]
    assert crash["data"]["code"] == 3


def test_quiet_leaves_what_needs_an_eye(rig: Rig) -> None:
    """Nothing of what went as it should."""
    told = "\n".join(lived(rig, "-q"))

    assert "crash: failed after" in told
    assert "a: running" not in told
    assert "a: stop asked" not in told


def test_verbose_adds_what_helps_to_understand(rig: Rig) -> None:
    """Such as every start that was decided."""
    told = "\n".join(lived(rig, "-v"))

    assert "a: starting" in told


def test_the_journal_gets_levels_instead_of_times(rig: Rig) -> None:
    """``JOURNAL_STREAM`` names the very file that stderr is."""
    rig.log.touch()
    found = rig.log.stat()
    environ = {**rig.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    lines = lived(rig, env=environ)

    assert all(re.match(r"<[3-7]>\S", line) for line in lines)
    assert any(line.startswith("<4>crash: failed after") for line in lines)
    assert any(line.startswith("<3>keeper: ") for line in lines)


def test_programs_are_not_told_of_our_journal(rig: Rig) -> None:
    """Their output goes into files; a logger that speaks journal to a file is no help."""
    environ = {**rig.environ, "JOURNAL_STREAM": "1:2", "NOTIFY_SOCKET": "/nowhere"}
    report = rig.root / "report"
    rig.write({"a": {"command": program("reports", report), **QUICK}})
    rig.start(env=environ)
    rig.until(report.exists, "its report")
    found = json.loads(report.read_text())["environment"]

    assert "JOURNAL_STREAM" not in found
    assert "NOTIFY_SOCKET" not in found
    assert found["HERMES_SUPERVISE_NAME"] == "a"


def owned(rig: Rig, owner: dict[str, str]) -> dict[str, Any]:
    """Return a program that needs what somebody else may own."""
    return {"command": sleeper(), "owner": owner, **QUICK}


def test_a_foreign_owner_is_waited_for_and_left_alone(rig: Rig) -> None:
    """Never a loop, never a kill; and the program starts when he is gone."""
    foreign = subprocess.Popen(["sleep", "60"])
    pid_file = rig.root / "pid"
    pid_file.write_text(f"{foreign.pid}\n")
    rig.write({"a": owned(rig, {"pid_file": str(pid_file)})})
    rig.start()
    row = rig.until_phase("a", "waiting")
    status = rig.ctl("status").out
    living = foreign.poll() is None
    foreign.kill()
    foreign.wait()
    after = rig.until_phase("a", "running")

    assert row["reason"] == "foreign-owner"
    assert row["message"] == f"owned by pid {foreign.pid} ({pid_file})"
    assert f"owned by pid {foreign.pid}" in status
    assert living
    assert len(rig.events("a", "starting")) == 1
    assert after["message"] == ""
    assert after["restarts"] == 0


def test_a_lock_of_somebody_else_holds_a_restart_back(rig: Rig) -> None:
    """The same when the program ran before and crashed."""
    lock = rig.root / "lock"
    rig.write({"a": owned(rig, {"lock_file": str(lock)})})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    holder = subprocess.Popen(["flock", str(lock), "sleep", "60"], start_new_session=True)
    rig.until(lambda: Path(lock).exists() and _held(lock), "the lock held")
    os.kill(pid, signal.SIGKILL)
    row = rig.until_phase("a", "waiting")
    os.killpg(holder.pid, signal.SIGKILL)
    holder.wait()
    after = rig.until_phase("a", "running")

    assert str(lock) in row["message"]
    assert row["last_exit"]["signal"] == "SIGKILL"
    assert after["restarts"] == 1


def _held(lock: Path) -> bool:
    done = subprocess.run(["flock", "-n", str(lock), "true"], check=False)
    return done.returncode != 0


def test_the_stop_of_a_waiting_program_ends_its_waiting(rig: Rig) -> None:
    """There is nothing to drain."""
    pid_file = rig.root / "pid"
    pid_file.write_text(f"{os.getpid()}\n")
    rig.write({"a": owned(rig, {"pid_file": str(pid_file)})})
    rig.start()
    rig.until_phase("a", "waiting")

    assert rig.ctl("stop", "a").code == 0
    assert rig.phase("a") == "stopped"
    assert rig.end() == 0
