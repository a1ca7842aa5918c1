"""When a program that ended by itself is started again, and when it is not; with real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Rig, shell, sleeper

pytestmark = pytest.mark.e2e

FAST = {"first": "50ms", "factor": 2, "limit": "200ms", "jitter": 0.0, "reset_after": "10s"}
QUICK = {"start": {"settle": "100ms"}}


def counting(path: Path, then: str) -> list[str]:
    """Return a program that adds a line to *path* and then does *then*."""
    return shell(f"echo $$ >> {path}; {then}")


def count(path: Path) -> int:
    """Return how often it was started."""
    return len(path.read_text().splitlines()) if path.exists() else 0


def restart(**keys: Any) -> dict[str, Any]:
    """Return a restart section with short waits."""
    return {"backoff": FAST, **keys}


@pytest.mark.parametrize(
    ("policy", "code", "phase"),
    [
        ("on-failure", 0, "exited"),
        ("never", 0, "exited"),
        ("never", 3, "exited"),
    ],
)
def test_a_policy_that_says_no_leaves_it_at_that(
    rig: Rig, policy: str, code: int, phase: str
) -> None:
    """Its end is told truly, and nothing is started again."""
    runs = rig.root / "runs"
    rig.write({"a": {"command": counting(runs, f"exit {code}"), "restart": {"policy": policy}}})
    rig.start()
    row = rig.until_phase("a", phase)
    checked = rig.ctl("status", "--check", "a")

    assert count(runs) == 1
    assert row["last_exit"]["code"] == code
    assert row["last_exit"]["outcome"] == ("exited" if code == 0 else "failed")
    assert row["next_start_at"] is None
    assert row["desired"] == "up"
    assert checked.code == (0 if code == 0 else 1), checked
    assert rig.end() == 0


@pytest.mark.parametrize(("policy", "code"), [("always", 0), ("always", 4), ("on-failure", 4)])
def test_a_policy_that_says_yes_starts_it_again(rig: Rig, policy: str, code: int) -> None:
    """Each start that nobody asked for is counted, and each end is told."""
    runs = rig.root / "runs"
    section = restart(policy=policy, give_up="none")
    rig.write({"a": {"command": counting(runs, f"exit {code}"), "restart": section}})
    rig.start()
    rig.until(lambda: count(runs) >= 4, "four runs")
    row = rig.row("a")

    assert row["restarts"] >= 3
    assert row["last_exit"]["code"] == code
    assert row["last_exit"]["signal"] is None
    assert row["last_exit"]["reason"] is None
    assert rig.end() == 0
    assert rig.tagged() == []


def test_a_death_by_signal_is_told_by_its_name(rig: Rig) -> None:
    """``code`` is null then: nobody exited."""
    rig.write({"a": {"command": sleeper(), "restart": restart(), **QUICK}})
    rig.start()
    first = rig.until_phase("a", "running")
    os.kill(first["pid"], signal.SIGSEGV)
    rig.until_other_run("a", first["pid"])
    row = rig.row("a")
    (event,) = rig.events("a", "exit")

    assert {key: row["last_exit"][key] for key in ("code", "signal", "reason", "outcome")} == {
        "code": None,
        "signal": "SIGSEGV",
        "reason": None,
        "outcome": "crashed",
    }
    assert row["restarts"] == 1
    assert event["data"]["signal"] == "SIGSEGV"


def test_exit_75_after_being_ready_is_a_request_and_not_a_failure(rig: Rig) -> None:
    """A gateway that wants to be started anew does not wait, and spends no budget."""
    runs = rig.root / "runs"
    section = restart(
        backoff={**FAST, "first": "30s", "limit": "30s"},
        give_up={"failures": 2, "within": "1m", "retry_after": "none"},
    )
    command = counting(runs, "sleep 0.3; exit 75")
    rig.write({"a": {"command": command, "restart": section, **QUICK}})
    rig.start()
    rig.until(lambda: count(runs) >= 4, "four runs")

    assert "backoff" not in rig.kinds("a")
    assert rig.row("a")["restarts"] >= 3
    assert rig.row("a")["last_exit"]["code"] == 75


def test_exit_75_before_being_ready_is_a_failure_like_any_other(rig: Rig) -> None:
    """Else a program that can never start would spin."""
    rig.write({"a": {"command": shell("exit 75"), "restart": restart(backoff={"first": "30s"})}})
    rig.start()
    row = rig.until_phase("a", "backoff")

    assert row["next_start_at"] is not None
    assert row["restarts"] == 0
    assert row["last_exit"]["outcome"] == "failed"


def test_exit_78_parks_at_once_and_tries_again_after_fatal_retry_after(rig: Rig) -> None:
    """The code says that another start will not help now; 78 also means that a port is taken."""
    runs = rig.root / "runs"
    section = restart(fatal_retry_after="400ms")
    rig.write({"a": {"command": counting(runs, "exit 78"), "restart": section}})
    rig.start()
    row = rig.until_phase("a", "failed")
    rig.until(lambda: count(runs) >= 3, "two trials")

    assert "fatal exit code 78" in row["message"]
    assert row["next_start_at"] is not None
    assert "backoff" not in rig.kinds("a")


def test_exit_78_without_a_retry_waits_for_the_operator(rig: Rig) -> None:
    """``none``: until the operator says so; and his ``start`` is a start."""
    runs = rig.root / "runs"
    section = restart(fatal_retry_after="none")
    command = counting(runs, "test -e ok || exit 78; exec sleep 120")
    rig.write({"a": {"command": command, "restart": section, **QUICK}})
    rig.start()
    row = rig.until_phase("a", "failed")
    (rig.root / "ok").touch()
    started = rig.ctl("start", "a")
    after = rig.row("a")

    assert row["next_start_at"] is None
    assert started.code == 0, started
    assert (after["phase"], after["restarts"]) == ("running", 0)
    assert count(runs) == 2


def test_the_wait_grows_by_its_factor_up_to_its_limit(rig: Rig) -> None:
    """The delays that were told are the delays that were kept."""
    section = restart(
        backoff={"first": "40ms", "factor": 2, "limit": "150ms", "jitter": 0.0}, give_up="none"
    )
    rig.write({"a": {"command": shell("exit 1"), "restart": section}})
    rig.start()
    rig.until(lambda: len(rig.events("a", "starting")) >= 6, "six starts")
    delays = [event["data"]["delay_s"] for event in rig.events("a", "backoff")]

    assert delays[:5] == [0.04, 0.08, 0.15, 0.15, 0.15]


def test_jitter_spreads_the_waits_of_programs_that_died_together(rig: Rig) -> None:
    """Ten programs on one database must not all come back in the same instant."""
    section = {"backoff": {"first": "20s", "jitter": 0.2}}
    rig.write({f"p{n}": {"command": shell("exit 1"), "restart": section} for n in range(10)})
    rig.start()
    rig.until(lambda: {r["phase"] for r in rig.rows().values()} == {"backoff"}, "all waiting")
    delays = {event["data"]["delay_s"] for event in rig.events(None, "backoff")}

    assert len(delays) == 10
    assert all(16.0 <= delay <= 24.0 for delay in delays)


def test_a_long_run_is_followed_by_an_immediate_restart(rig: Rig) -> None:
    """What ran for ``reset_after`` was well; its end starts the count anew."""
    runs = rig.root / "runs"
    section = {
        "backoff": {"first": "30s", "limit": "30s", "reset_after": "300ms"},
        "give_up": "none",
    }
    command = counting(runs, "sleep 0.5; exit 1")
    rig.write({"a": {"command": command, "restart": section, **QUICK}})
    rig.start()
    rig.until(lambda: count(runs) >= 3, "three runs without a wait of 30 s")

    assert {event["data"]["delay_s"] for event in rig.events("a", "backoff")} == {0.0}


def test_a_program_that_keeps_failing_is_parked_then_tried_once(rig: Rig) -> None:
    """The window is full after three; a trial that fails parks it again."""
    runs = rig.root / "runs"
    section = restart(give_up={"failures": 3, "within": "2s", "retry_after": "2s"})
    rig.write({"a": {"command": counting(runs, "exit 1"), "restart": section}})
    rig.start()
    row = rig.until_phase("a", "failed")
    runs_when_parked = count(runs)
    rig.until(lambda: count(runs) == 4, "a trial")
    again = rig.until_phase("a", "failed")
    phases = [e["phase_to"] for e in rig.events("a") if e["phase_to"]]

    assert runs_when_parked == 3
    assert "gave up after 3 failures" in row["message"]
    assert "gave up" in again["message"] or "trial" in again["message"]
    assert phases.count("failed") == 2
    assert "failed: gave up after 3 failures" in rig.text()


def test_a_parked_program_without_retry_stays_down_until_asked(rig: Rig) -> None:
    """``retry_after: none``; ``ctl start`` gives it a whole new budget."""
    runs = rig.root / "runs"
    section = restart(give_up={"failures": 2, "within": "1m", "retry_after": "none"})
    rig.write({"a": {"command": counting(runs, "exit 1"), "restart": section}})
    rig.start()
    row = rig.until_phase("a", "failed")
    asked = rig.ctl("start", "a")
    rig.until_phase("a", "failed")

    assert row["next_start_at"] is None
    assert asked.code == 1, asked
    assert count(runs) == 4


def spawn_errors(root: Path) -> dict[str, tuple[dict[str, Any], str]]:
    """Return what cannot be started, each with the words that say why."""
    (root / "text").write_text("just words\n")
    (root / "script").write_text("#!/no/such/interpreter\n")
    (root / "plain").write_text("#!/bin/sh\n")
    for name, mode in (("text", 0o755), ("script", 0o755), ("plain", 0o644)):
        (root / name).chmod(mode)
    return {
        "nowhere": ({"command": ["no-such-program-anywhere"]}, "no such file: no-such-program"),
        "missing": ({"command": ["./not-there"]}, "no such file:"),
        "folder": ({"command": ["/tmp"]}, "permission denied: /tmp"),
        "plain": ({"command": ["./plain"]}, "permission denied:"),
        "text": ({"command": ["./text"]}, "is no program"),
        "script": ({"command": ["./script"]}, "interpreter named in its first line"),
        "directory": ({"command": ["true"], "directory": "gone"}, "no such directory:"),
        "no-folder": ({"command": ["true"], "directory": "text"}, "cannot enter directory"),
        "log": (
            {"command": ["true"], "logs": {"path": str(root / "no" / "such" / "log")}},
            "cannot open the log",
        ),
    }


def test_every_error_of_a_spawn_is_a_failure_with_its_cause(rig: Rig) -> None:
    """Nothing crashes, nothing spins, and status and history say what to mend."""
    wrong = spawn_errors(rig.root)
    section = {"backoff": {"first": "30s"}}
    rig.write({name: {**keys, "restart": section} for name, (keys, _) in wrong.items()})
    rig.start()
    rig.until(lambda: {r["phase"] for r in rig.rows().values()} == {"backoff"}, "all waiting")
    rows = rig.rows()
    errors = {e["program"]: e["data"]["error"] for e in rig.events(None, "exit")}

    for name, (_, words) in wrong.items():
        assert words in rows[name]["message"], name
        assert words in errors[name], name
        last = rows[name]["last_exit"]
        assert (last["outcome"], last["reason"]) == ("never-started", "spawn-failed")
        assert (last["code"], last["signal"], rows[name]["pid"]) == (None, None, None)
    assert "Traceback" not in rig.text()
    assert rig.end() == 0


def test_a_spawn_error_ends_when_its_cause_does(rig: Rig) -> None:
    """The folder of a program that was removed and comes back is no reason to stay down."""
    folder = rig.root / "work"
    folder.mkdir()
    section = restart(give_up="none")
    rig.write({"a": {"command": sleeper(), "directory": "work", "restart": section, **QUICK}})
    rig.start()
    first = rig.until_phase("a", "running")["pid"]
    folder.rmdir()
    os.kill(first, signal.SIGKILL)
    rig.until(lambda: "no such directory" in rig.row("a")["message"], "the cause in its row")
    folder.mkdir()
    row = rig.until_phase("a", "running")

    assert row["pid"] != first
    assert row["message"] == ""


def test_a_start_that_fails_is_told_to_whoever_asked(rig: Rig) -> None:
    """``ctl start`` waits, and says why it did not come about."""
    rig.write({"a": {"command": ["no-such-program"], "autostart": False}})
    rig.start()
    asked = rig.ctl("start", "a")

    assert asked.code == 1
    assert "no such file: no-such-program" in asked.out + asked.err


def test_the_stop_of_a_waiting_program_ends_the_waiting(rig: Rig) -> None:
    """A program in back-off or parked has no process to drain: it is down at once."""
    rig.write({"a": {"command": shell("exit 1"), "restart": {"backoff": {"first": "30s"}}}})
    rig.start()
    rig.until_phase("a", "backoff")
    stopped = rig.ctl("stop", "a")
    row = rig.row("a")

    assert stopped.code == 0, stopped
    assert (row["phase"], row["desired"], row["next_start_at"]) == ("stopped", "down", None)


def test_a_wait_goes_on_where_it_was_when_the_supervisor_is_killed(rig: Rig) -> None:
    """Neither a new wait nor none: the very instant that was promised."""
    rig.write({"a": {"command": shell("exit 1"), "restart": {"backoff": {"first": "40s"}}}})
    rig.start()
    before = rig.until_phase("a", "backoff")
    old = rig.kill_supervisor()
    rig.until_next_supervisor(old)
    after = rig.row("a")

    assert after["phase"] == "backoff"
    assert after["restarts"] == before["restarts"]
    drift = abs(_seconds(after["next_start_at"]) - _seconds(before["next_start_at"]))
    assert drift < 0.1
    assert after["last_exit"] == before["last_exit"]


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def test_restarts_start_at_zero_when_the_operator_starts_it(rig: Rig) -> None:
    """They count what nobody asked for since his last word, and survive the supervisor."""
    rig.write({"a": {"command": sleeper(), "restart": restart(), **QUICK}})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    os.kill(pid, signal.SIGKILL)
    rig.until(lambda: rig.row("a")["restarts"] == 1, "one restart")
    rig.until_phase("a", "running")
    old = rig.kill_supervisor()
    rig.until_next_supervisor(old)
    kept = rig.row("a")["restarts"]
    restarted = rig.ctl("restart", "a")

    assert kept == 1
    assert restarted.code == 0, restarted
    assert rig.row("a")["restarts"] == 0
