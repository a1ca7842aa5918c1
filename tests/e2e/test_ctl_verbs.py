"""Further verbs of ``ctl``: signal, logs, events, shutdown; and that nobody waits for anybody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.harness import Rig, alive, program, shell, sleeper
from tests.e2e.test_ctl import QUICK, polite, slow

pytestmark = pytest.mark.e2e


# -- nobody waits for anybody ---------------------------------------------------------------------


def test_nothing_that_one_program_does_delays_a_command_about_another(rig: Rig) -> None:
    """A long drain, a tree that forks, a flood of output, a crash loop: nobody else notices."""
    rig.write(
        {
            "well": polite(),
            "draining": slow(60.0, stop={"drain_timeout": "60s"}),
            "forking": {"command": program("fork_runner", "--seconds", "60"), **QUICK},
            "flood": {"command": shell("yes xxxxxxxxxxxxxxxxxxxxxx | head -c 30000000"), **QUICK},
            "loop": {
                "command": shell("exit 1"),
                "restart": {"backoff": {"first": "10ms", "limit": "10ms"}, "give_up": "none"},
            },
        },
        supervisor={"cgroups": "auto"},
    )
    rig.start()
    for name in ("well", "draining", "forking"):
        rig.until_phase(name, "running")
    assert rig.ctl("stop", "draining", "--no-wait").code == 0
    took = []
    for _ in range(60):
        began = time.monotonic()
        rig.ask("signal", names=["well"], signal="SIGCONT")
        rig.row("well")
        took.append(time.monotonic() - began)
    began = time.monotonic()
    rig.ask("stop", names=["well"])
    rig.until_phase("well", "stopped")
    stopping = time.monotonic() - began
    for name in ("draining", "forking", "flood", "loop"):
        rig.ask("stop", names=[name], force=True)

    assert sorted(took)[58] < 0.25  # 60 questions: all but the slowest one
    assert stopping < 1.0


# -- signal, logs, events -------------------------------------------------------------------------


def test_signal_reaches_the_main_process_and_the_stop_signal_brings_its_marker(rig: Rig) -> None:
    """A gateway that gets SIGTERM without a marker takes it for an accident."""
    marker = {"path": str(rig.root / "marker"), "format": "hermes"}
    rig.write(
        {
            "a": {**polite(), "stop": {"marker": marker, "drain_timeout": "5s"}},
            "b": {"command": shell("trap 'echo hup' HUP; while :; do sleep 0.05; done"), **QUICK},
        }
    )
    rig.start()
    rig.until_settled()
    first = rig.row("a")["pid"]
    hup = rig.ctl("signal", "b", "HUP")
    term = rig.ctl("signal", "a", "SIGTERM")
    rig.until_other_run("a", first)
    log_a, log_b = (Path(rig.row(name)["log"]) for name in ("a", "b"))
    rig.until(lambda: "hup" in log_b.read_text(), "the trap")

    assert (hup.code, term.code) == (0, 0)
    assert "asked by SIGTERM with a marker" in log_a.read_text()
    assert not (rig.root / "marker").exists()
    assert rig.row("a")["desired"] == "up"
    assert rig.ctl("signal", "a", "SIGNOPE").code == 2
    assert rig.ctl("stop", "a").code == 0
    assert rig.ctl("signal", "a", "HUP").code == 1


def test_logs_shows_the_last_lines_of_a_program(rig: Rig) -> None:
    """What the program wrote, and nothing of ours."""
    rig.write({"a": {"command": program("counter", 0.001, 30), **QUICK}})
    rig.start()
    log = Path(rig.row("a")["log"])
    rig.until(lambda: "line 30\n" in log.read_text(), "thirty lines")
    shown = rig.ctl("logs", "a", "-n", "3")

    assert shown.code == 0, shown
    assert shown.out.splitlines() == ["line 28", "line 29", "line 30"]


def test_events_are_followed_across_the_death_of_the_supervisor(rig: Rig) -> None:
    """None is missing, none comes twice."""
    rig.write({"a": polite()})
    rig.start()
    rig.until_settled()
    out = rig.root / "events"
    with out.open("wb") as stream:
        following = subprocess.Popen(
            [
                *(sys.executable, "-m", "hermes_supervise", "ctl", "-c", str(rig.config)),
                *("events", "-f", "--json", "-n", "1000"),
            ],
            env=rig.environ,
            cwd=rig.root,
            stdout=stream,
            stderr=stream,
        )
    try:
        rig.until(lambda: "supervisor-started" in out.read_text(), "the first event")
        old = rig.kill_supervisor()
        rig.until_next_supervisor(old)
        assert rig.ctl("restart", "a").code == 0
        newest = rig.events()[-1]["id"]
        rig.until(lambda: f'"id": {newest}' in out.read_text(), "the last event")
    finally:
        following.send_signal(signal.SIGINT)
        following.wait(10)
    ids = [json.loads(line)["id"] for line in out.read_text().splitlines()]

    assert ids == [event["id"] for event in rig.events()]


# -- shutdown -------------------------------------------------------------------------------------


def test_shutdown_returns_when_keeper_and_supervisor_are_gone(rig: Rig) -> None:
    """Whoever deletes the folder next finds nobody in it."""
    rig.write({"a": slow(0.5), "b": polite()})
    rig.start()
    rig.until_settled()
    supervisor = rig.supervisor_pid()
    assert supervisor is not None
    done = rig.ctl("shutdown")
    gone = not alive(supervisor) and not alive(rig.keeper.pid)

    assert done.code == 0, done
    assert gone
    assert rig.ended() == 0
    assert rig.tagged() == []


def test_commands_are_refused_while_it_shuts_down(rig: Rig) -> None:
    """A start that would be undone at once is no start; questions are answered."""
    rig.write({"a": slow(1.5), "b": polite(autostart=False)})
    rig.start()
    rig.until_phase("a", "running")
    rig.keeper.send_signal(signal.SIGTERM)
    rig.until_phase("a", "draining")
    started = rig.ctl("start", "b")
    state = rig.ctl("status", "--json").json["supervisor"]["state"]

    assert started.code != 0
    assert "shutting down" in started.err
    assert state == "shutting-down"
    assert rig.ended() == 0


def test_ctl_against_nothing_is_exit_code_4_and_says_how_to_start_one(rig: Rig) -> None:
    """Never started, ended in order, or killed with its socket left behind."""
    rig.write({"a": {"command": sleeper(), **QUICK}})
    never = rig.ctl("status")
    rig.start()
    rig.until_settled()
    assert rig.end() == 0
    ended = rig.ctl("status")
    rig.start()
    supervisor = rig.supervisor_pid()
    rig.keeper.kill()
    rig.ended()
    rig.until_gone(supervisor)
    killed = rig.ctl("status")

    for said in (never, ended, killed):
        assert said.code == 4, said
        assert "hermes-supervise -c" in said.err
        assert "Traceback" not in said.err
    os.kill(rig.of_program("a")[0], signal.SIGKILL)
