"""What holds across starts: the operator's word, the file, the world; and how it is told to end."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import time
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.harness import SUPERVISE, Rig, alive, program, sleeper
from tests.e2e.test_life import QUICK, kill_all, polite

pytestmark = pytest.mark.e2e


# -- programs that leave the file -----------------------------------------------------------------


@pytest.mark.parametrize("killed", ["keeper", "keeper and supervisor"])
def test_a_program_that_left_the_file_meanwhile_is_drained_as_it_was_promised(
    rig: Rig, killed: str
) -> None:
    """By its own remembered stop policy and marker; then it is forgotten."""
    marker = {"path": str(rig.root / "marker"), "format": "hermes"}
    stop = {"marker": marker, "signal": "none", "drain_timeout": "5s"}
    gone = {"command": program("marker_only"), "stop": stop, "start": {"settle": "100ms"}}
    rig.write({"gone": gone, "stays": polite()})
    rig.start()
    rig.until_settled()
    rig.until(lambda: _remembered_spec(rig, "gone"), "its description on disk")
    kill_all(rig, killed)
    pid = rig.of_program("gone")[0]
    rig.write({"stays": polite()})
    rig.start()
    rig.until(lambda: "gone" not in rig.rows(), "its row dropped")
    kinds = rig.kinds("gone")

    assert not alive(pid)
    assert rig.rows()["stays"]["phase"] == "running"
    assert "marker" in kinds
    assert "forced" not in kinds
    (told,) = [e for e in rig.events("gone", "exit")]
    assert told["data"]["outcome"] == "drained"
    assert told["data"]["code"] in (0, None)
    assert _state(rig, "SELECT name FROM program") == [("stays",)]


def _remembered_spec(rig: Rig, name: str) -> bool:
    return bool(_state(rig, "SELECT 1 FROM description WHERE name=? AND spec IS NOT NULL", name))


def _state(rig: Rig, query: str, *values: object) -> list[Any]:
    db = sqlite3.connect(f"file:{rig.state / 'state.db'}?mode=ro", uri=True)
    try:
        return db.execute(query, values).fetchall()
    finally:
        db.close()


def test_a_stopped_program_that_left_the_file_is_only_forgotten(rig: Rig) -> None:
    """And when it comes back to the file, the operator's stop still holds."""
    rig.write({"a": polite(), "b": polite()})
    rig.start()
    rig.until_settled()
    assert rig.ctl("stop", "a").code == 0
    assert rig.end() == 0
    rig.write({"b": polite()})
    rig.start()
    rig.until_settled()
    without = sorted(rig.rows())
    assert rig.end() == 0
    rig.write({"a": polite(), "b": polite()})
    rig.start()
    rows = rig.until_settled()

    assert without == ["b"]
    assert (rows["a"]["phase"], rows["a"]["desired"]) == ("stopped", "down")


def test_an_edited_program_is_drained_and_started_anew_at_the_next_start(rig: Rig) -> None:
    """The file was edited while nobody was there; what runs is not what it says."""
    rig.write({"a": {"command": program("polite"), **QUICK}})
    rig.start()
    old = rig.until_phase("a", "running")["pid"]
    kill_all(rig, "keeper and supervisor")
    rig.write({"a": {"command": sleeper(), **QUICK}})
    rig.start()
    rig.until_other_run("a", old)
    row = rig.until_phase("a", "running")

    assert not alive(old)
    assert rig.of_program("a") == [row["pid"]]
    assert row["last_exit"]["reason"] == "revision"
    assert row["restarts"] == 0


# -- autostart ------------------------------------------------------------------------------------


def test_autostart_holds_until_the_operator_says_something(rig: Rig) -> None:
    """Afterwards his last word holds, at every start."""
    rig.write({"auto": polite(), "manual": polite(autostart=False)})
    rig.start()
    first = {n: r["desired"] for n, r in rig.until_settled().items()}
    assert rig.ctl("stop", "auto").code == 0
    assert rig.ctl("start", "manual").code == 0
    assert rig.end() == 0
    rig.start()
    second = {n: r["phase"] for n, r in rig.until_settled().items()}

    assert first == {"auto": "up", "manual": "down"}
    assert second == {"auto": "stopped", "manual": "running"}


def test_in_a_new_world_nothing_is_adopted_and_only_always_overrides_a_stop(rig: Rig) -> None:
    """After a reboot or in a new container pids mean nothing; intents do."""
    names = {"up": polite(), "stopped": polite(), "always": polite(autostart="always")}
    rig.write(names)
    rig.start()
    rig.until_settled()
    assert rig.ctl("stop", "stopped", "always").code == 0
    old = rig.row("up")["pid"]
    rig.until(lambda: "up" in rig.rows(), "an answer")
    kill_all(rig, "keeper and supervisor")
    db = sqlite3.connect(rig.state / "state.db")
    db.execute("UPDATE meta SET value='another boot' WHERE key='world'")
    db.commit()
    db.close()
    rig.start()
    rows = rig.until_settled()
    after_reboot = rig.row("up")
    new_worlds = len(rig.events(None, "new-world"))
    os.kill(old, signal.SIGKILL)  # a process of the other world is none of its business

    assert {n: r["phase"] for n, r in rows.items()} == {
        "up": "running",
        "stopped": "stopped",
        "always": "running",
    }
    assert after_reboot["pid"] != old
    assert not after_reboot["adopted"]
    assert after_reboot["restarts"] == 0
    assert after_reboot["last_exit"]["outcome"] == "unknown"
    assert new_worlds == 1
    assert rig.end() == 0


def test_a_plain_restart_does_not_override_a_stop_even_with_always(rig: Rig) -> None:
    """``always`` speaks of a reboot or container start, not of every start of ours."""
    rig.write({"a": polite(autostart="always")})
    rig.start()
    rig.until_settled()
    assert rig.ctl("stop", "a").code == 0
    assert rig.end() == 0
    rig.start()

    assert rig.row("a")["phase"] == "stopped"


# -- signals --------------------------------------------------------------------------------------


def test_sighup_without_a_terminal_reads_the_file_again(rig: Rig) -> None:
    """A new program is there, a broken file changes nothing and is told."""
    rig.write({"a": polite()})
    rig.start(start_new_session=True)
    pid = rig.until_phase("a", "running")["pid"]
    rig.write({"a": polite(), "b": polite()})
    rig.keeper.send_signal(signal.SIGHUP)
    rig.until(lambda: "b" in rig.rows(), "the new program")
    rig.until_settled()
    rig.config.write_text("programs: [")
    rig.keeper.send_signal(signal.SIGHUP)
    rig.until(lambda: "nothing was changed" in rig.text(), "the complaint")

    assert rig.row("a")["pid"] == pid
    assert sorted(rig.rows()) == ["a", "b"]
    assert "Traceback" not in rig.text()


def test_a_reload_by_signal_is_not_repeated_by_the_next_supervisor(rig: Rig) -> None:
    """Days later the file may be half edited; nobody asked for it then."""
    rig.write({"a": polite()})
    rig.start(start_new_session=True)
    rig.until_settled()
    rig.keeper.send_signal(signal.SIGHUP)
    rig.until(lambda: rig.events(None, "reloaded"), "the reload")
    rig.write({"a": polite(), "unfinished": polite()})
    old = rig.kill_supervisor()
    rig.until_next_supervisor(old)
    rig.until_settled()

    assert sorted(rig.rows()) == ["a"]
    assert len(rig.events(None, "reloaded")) == 1


class Terminal:
    """A supervisor in the foreground of a terminal."""

    def __init__(self, rig: Rig) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(rig.root)
            os.execve(SUPERVISE[0], [*SUPERVISE, "-c", str(rig.config)], rig.environ)
        self.said = b""

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self.fd, key)

    def read(self) -> None:
        """Take what is shown."""
        while select.select([self.fd], [], [], 0)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return
            if not data:
                return
            self.said += data

    def ended(self) -> int | None:
        """Return the exit code if it has ended."""
        self.read()
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return None if pid == 0 else os.waitstatus_to_exitcode(status)


def test_a_second_ctrl_c_at_a_terminal_forces(rig: Rig) -> None:
    """The first asks for a drain; the second, a second later, does not wait any longer."""
    stop = {"stop": {"drain_timeout": "60s"}}
    rig.write({"a": {"command": program("slow_too_late"), **QUICK, **stop}})
    terminal = Terminal(rig)
    codes: list[int] = []

    def ended() -> bool:
        code = terminal.ended()
        if code is not None:
            codes.append(code)
        return bool(codes)

    rig.until(lambda: not ended() and rig.answers(), "an answer")
    rig.until_phase("a", "running")
    terminal.press(b"\x03")
    rig.until_phase("a", "draining")
    terminal.press(b"\x03")  # a hand that trembles
    time.sleep(0.3)  # less than the second that makes it a word of its own
    still = rig.phase("a")
    time.sleep(1.0)
    terminal.press(b"\x03")
    rig.until(ended, "its end")
    os.close(terminal.fd)

    assert still == "draining"
    assert codes == [1]
    assert rig.tagged() == []
    assert b"Traceback" not in terminal.said


def test_the_end_of_the_terminal_is_a_shutdown(rig: Rig) -> None:
    """SIGHUP with a controlling terminal: the window was closed."""
    rig.write({"a": polite()})
    terminal = Terminal(rig)
    rig.until(lambda: terminal.ended() is None and rig.answers(), "an answer")
    rig.until_phase("a", "running")
    os.close(terminal.fd)
    rig.until(lambda: not rig.tagged(), "the end of everything")
    _, status = os.waitpid(terminal.pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0


# -- exit codes, history --------------------------------------------------------------------------


def test_a_wrong_configuration_is_exit_code_3_and_touches_nothing(rig: Rig) -> None:
    """All problems at once, with their places."""
    rig.config.write_text("programs:\n  a:\n    comand: [sleep]\n  b: {command: sleep, x: 1}\n")
    rig.start(wait=False)

    assert rig.ended() == 3
    assert "supervisor.yaml:3:5" in rig.text()
    assert "supervisor.yaml:4:" in rig.text()
    assert "Traceback" not in rig.text()
    assert not rig.state.exists()


def test_a_wrong_command_line_is_exit_code_2(rig: Rig) -> None:
    """Usage, in a line."""
    rig.write({})
    rig.start("--no-such-option", wait=False)

    assert rig.ended() == 2
    assert "no-such-option" in rig.text()
    assert "Traceback" not in rig.text()


def test_a_supervisor_without_programs_waits_for_some(rig: Rig) -> None:
    """An empty fleet is no mistake; ``reload`` fills it."""
    rig.write({})
    rig.start()
    rig.write({"a": polite()})
    reloaded = rig.ctl("reload")
    rig.until_settled()

    assert reloaded.code == 0, reloaded
    assert rig.end() == 0


def test_the_history_says_what_happened_when_and_by_whom(rig: Rig) -> None:
    """Every event has an id that grows, an instant, and who asked if anybody did."""
    rig.write({"a": polite()})
    rig.start()
    rig.until_settled()
    assert rig.ctl("stop", "a").code == 0
    events = rig.ctl("events", "--json", "-n", "1000").out.splitlines()
    rows = [json.loads(line) for line in events]
    kinds = [row["kind"] for row in rows if row["program"] == "a"]
    (asked,) = [row for row in rows if row["kind"] == "asked-stop"]
    keys = {"id", "at", "program", "kind", "phase_from", "phase_to", "reason", "by", "data"}

    assert all(set(row) == keys for row in rows)
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z", row["at"]) for row in rows)
    assert all(datetime.fromisoformat(row["at"]) for row in rows)
    assert re.fullmatch(r"uid 0, pid \d+" if os.getuid() == 0 else r"uid \d+, pid \d+", asked["by"])
    first = ["starting", "spawned", "running", "asked-stop", "draining"]
    assert [kind for kind in kinds if kind in first] == first
    assert kinds[-1] == "stopped"
    assert "stop asked by uid" in rig.text()


def test_an_operators_word_is_on_the_platter_before_he_is_answered(rig: Rig) -> None:
    """The transaction of an intent is synced; those of every turn are not."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: the sync cannot be seen")
    rig.write({"a": polite(autostart=False)})
    rig.start()
    supervisor = rig.supervisor_pid()
    trace = rig.root / "trace"
    watched = ["-s", "200", "-e", "trace=fsync,fdatasync,sendto", "-o", str(trace)]
    tracer = subprocess.Popen(
        [strace, "-f", "-p", str(supervisor), *watched],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        rig.until(trace.exists, "the tracer")
        assert rig.ctl("start", "a", "--no-wait").code == 0
        rig.until(lambda: "kind" in trace.read_text(), "the answer")
    finally:
        tracer.terminate()
        tracer.wait(10)
    lines = trace.read_text().splitlines()
    synced = next(n for n, line in enumerate(lines) if "sync(" in line)
    answered = next(n for n, line in enumerate(lines) if "sendto(" in line and "kind" in line)

    assert synced < answered
