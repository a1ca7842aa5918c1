"""Every verb of ``ctl`` against the real supervisor, as an operator types it."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from tests.e2e.harness import Rig, program, shell

pytestmark = pytest.mark.e2e

QUICK: dict[str, Any] = {"start": {"settle": "50ms"}, "stop": {"drain_timeout": "10s"}}


def polite(**keys: Any) -> dict[str, Any]:
    """Return a program that ends when asked."""
    return {"command": program("polite"), **QUICK, **keys}


def slow(seconds: float, **keys: Any) -> dict[str, Any]:
    """Return a program that drains for *seconds*."""
    return {"command": program("slow_in_time", seconds), **QUICK, **keys}


def write_one_second(names: list[str]) -> dict[str, Any]:
    """Return programs that each drain for a second."""
    return {name: slow(1.0) for name in names}


# -- status ---------------------------------------------------------------------------------------

ROW: dict[str, tuple[type | None, ...]] = {
    "name": (str,),
    "phase": (str,),
    "since": (str, None),
    "reason": (str, None),
    "desired": (str,),
    "ready": (bool, None),
    "healthy": (bool, None),
    "pid": (int, None),
    "started_at": (str, None),
    "uptime_s": (float, None),
    "restarts": (int,),
    "adopted": (bool,),
    "backend": (str,),
    "last_exit": (dict, None),
    "drain": (dict, None),
    "next_start_at": (str, None),
    "log": (str, None),
    "message": (str,),
}
SUPERVISOR: dict[str, tuple[type | None, ...]] = {
    "pid": (int,),
    "keeper_pid": (int, None),
    "version": (str,),
    "config": (str,),
    "state": (str,),
    "started_at": (str,),
    "uptime_s": (float,),
}
LAST_EXIT: dict[str, tuple[type | None, ...]] = {
    "code": (int, None),
    "signal": (str, None),
    "reason": (str, None),
    "outcome": (str,),
    "at": (str,),
}
DRAIN: dict[str, tuple[type | None, ...]] = {
    "started_at": (str,),
    "deadline_at": (str,),
    "progress": (str, None),
}


def misfits(document: dict[str, Any], shape: dict[str, tuple[type | None, ...]]) -> list[str]:
    """Return the keys that are not as the contract says."""
    wrong = [f"{key}: not promised" for key in document if key not in shape]
    for key, kinds in shape.items():
        value = document.get(key, "absent")
        fits = value is None if None in kinds else False
        if not fits and type(value) not in kinds:
            wrong.append(f"{key}: {value!r}")
    return wrong


def test_status_json_has_exactly_the_keys_of_the_contract(rig: Rig) -> None:
    """Scripts are written against it: absent facts are null, and nothing is missing."""
    rig.write(
        {
            "running": polite(),
            "stopped": polite(autostart=False),
            "draining": slow(8.0),
            "backoff": {"command": shell("exit 3"), "restart": {"backoff": {"first": "30s"}}},
            "failed": {"command": shell("exit 78"), "restart": {"fatal_retry_after": "none"}},
            "exited": {"command": shell("exit 0"), "restart": {"policy": "never"}},
            "inherit": polite(logs={"mode": "inherit"}),
        }
    )
    rig.start()
    rig.until(lambda: rig.phase("draining") == "running", "the program running")
    assert rig.ctl("stop", "draining", "--no-wait").code == 0
    rig.until(
        lambda: all(n in (r["phase"], "inherit") for n, r in rig.rows().items()),
        "each in its phase",
    )
    document = rig.ctl("status", "--json").json
    rows = {row["name"]: row for row in document["programs"]}

    assert set(document) == {"format", "supervisor", "programs"}
    assert document["format"] == 1
    assert misfits(document["supervisor"], SUPERVISOR) == []
    assert document["supervisor"]["state"] == "running"
    assert document["supervisor"]["keeper_pid"] == rig.keeper.pid
    assert {name: misfits(row, ROW) for name, row in rows.items()} == {name: [] for name in rows}
    for row in rows.values():
        if row["last_exit"] is not None:
            assert misfits(row["last_exit"], LAST_EXIT) == []
    assert misfits(rows["draining"]["drain"], DRAIN) == []
    assert rows["running"]["drain"] is None
    assert rows["inherit"]["log"] is None
    assert rows["stopped"]["last_exit"] is None
    assert rows["backoff"]["next_start_at"] is not None
    assert rows["failed"]["message"]
    rig.ctl("stop", "draining", "--force")


def test_status_names_groups_globs_and_near_names(rig: Rig) -> None:
    """``NAME`` of a ``for_each`` is all its instances; a slip gets the right word."""
    each = {"for_each": {"profile": ["a", "b"]}, **polite()}
    rig.write({"chat": each, "worker": polite(), "work-two": polite()})
    rig.start()

    def named(*words: str) -> list[str]:
        return [row["name"] for row in rig.ctl("status", "--json", *words).json["programs"]]

    assert named() == ["chat-a", "chat-b", "worker", "work-two"]
    assert named("chat") == ["chat-a", "chat-b"]
    assert named("work*") == ["worker", "work-two"]
    assert named("chat-b", "worker") == ["chat-b", "worker"]
    assert named("all") == named()
    wrong = rig.ctl("status", "wroker")
    none = rig.ctl("stop", "x*")
    assert (wrong.code, none.code) == (2, 2)
    assert "no such program: wroker; did you mean worker" in wrong.err
    assert "no such program: x*" in none.err


def test_status_check_says_by_its_exit_code_whether_all_is_as_wanted(rig: Rig) -> None:
    """For scripts and health checks."""
    rig.write({"a": polite(), "b": {"command": shell("exit 1")}, "c": polite(autostart=False)})
    rig.start()
    rig.until_phase("a", "running")
    rig.until_phase("b", "backoff", "failed")

    assert rig.ctl("status").code == 0
    assert rig.ctl("status", "--check", "a", "c").code == 0
    assert rig.ctl("status", "--check").code == 1


def test_status_tells_the_world_and_not_the_wish(rig: Rig) -> None:
    """Pid, uptime and start time are those of the process."""
    rig.write({"a": polite()})
    rig.start()
    row = rig.until_phase("a", "running")
    shown = rig.ctl("status", "--stats")

    assert rig.of_program("a") == [row["pid"]]
    assert 0.0 <= row["uptime_s"] < 60.0
    assert shown.code == 0
    assert str(row["pid"]) in shown.out


# -- start, stop, restart -------------------------------------------------------------------------


def test_stop_and_start_wait_until_it_is_so(rig: Rig) -> None:
    """And say nothing is wrong when it was so already."""
    rig.write({"a": polite(), "b": polite()})
    rig.start()
    rig.until_settled()
    stopped = rig.ctl("stop", "a")
    after_stop = rig.rows()
    again = rig.ctl("stop", "a")
    started = rig.ctl("start", "a")
    after_start = rig.rows()

    assert (stopped.code, again.code, started.code) == (0, 0, 0)
    assert (after_stop["a"]["phase"], after_stop["b"]["phase"]) == ("stopped", "running")
    assert after_stop["a"]["last_exit"]["outcome"] == "drained"
    assert after_start["a"]["phase"] == "running"


def test_restart_is_a_new_process_and_no_failure(rig: Rig) -> None:
    """Drained for a new revision; not counted as a restart of its own."""
    rig.write({"a": polite()})
    rig.start()
    before = rig.until_phase("a", "running")
    done = rig.ctl("restart", "a")
    after = rig.row("a")

    assert done.code == 0, done
    assert after["phase"] == "running"
    assert after["pid"] != before["pid"]
    assert after["restarts"] == 0
    assert (after["last_exit"]["reason"], after["last_exit"]["outcome"]) == ("revision", "drained")


def test_no_wait_returns_when_the_request_is_durable(rig: Rig) -> None:
    """The drain goes on without anybody."""
    rig.write({"a": slow(1.0)})
    rig.start()
    rig.until_phase("a", "running")
    began = time.monotonic()
    asked = rig.ctl("stop", "a", "--no-wait")
    took = time.monotonic() - began
    rig.until_phase("a", "draining")

    assert asked.code == 0
    assert took < 0.9
    assert rig.until_phase("a", "stopped")["last_exit"]["outcome"] == "drained"


def test_a_timeout_bounds_the_waiting_and_never_the_drain(rig: Rig) -> None:
    """Exit code 5, and the program still gets its time."""
    rig.write({"a": slow(1.5)})
    rig.start()
    rig.until_phase("a", "running")
    asked = rig.ctl("stop", "a", "--timeout", "300ms")

    assert asked.code == 5, asked
    assert "stop stays asked for: a" in asked.err
    assert rig.until_phase("a", "stopped")["last_exit"]["outcome"] == "drained"


def test_force_ends_a_drain_at_once(rig: Rig) -> None:
    """The outcome says what it was."""
    rig.write({"a": {"command": program("deaf"), **QUICK, "stop": {"drain_timeout": "60s"}}})
    rig.start()
    rig.until_phase("a", "running")
    assert rig.ctl("stop", "a", "--no-wait").code == 0
    rig.until_phase("a", "draining")
    forced = rig.ctl("stop", "a", "--force")
    row = rig.row("a")

    assert forced.code == 0, forced
    assert (row["phase"], row["last_exit"]["outcome"]) == ("stopped", "forced")
    assert rig.of_program("a") == []


def test_a_drain_timeout_of_the_operator_holds_for_this_stop_only(rig: Rig) -> None:
    """``--drain-timeout``; the next stop has the configured time again."""
    rig.write({"a": {"command": program("deaf"), **QUICK, "stop": {"drain_timeout": "60s"}}})
    rig.start()
    rig.until_phase("a", "running")
    began = time.monotonic()
    stopped = rig.ctl("stop", "a", "--drain-timeout", "300ms")
    took = time.monotonic() - began
    assert rig.ctl("start", "a").code == 0
    assert rig.ctl("stop", "a", "--no-wait").code == 0
    drain = rig.until_phase("a", "draining")["drain"]
    rig.ctl("stop", "a", "--force")

    assert stopped.code == 0, stopped
    assert took < 5.0
    assert _span(drain) == pytest.approx(60.0, abs=0.1)


def _span(drain: dict[str, str]) -> float:
    from datetime import datetime

    begin, end = (datetime.fromisoformat(drain[k]) for k in ("started_at", "deadline_at"))
    return (end - begin).total_seconds()


def test_a_start_that_is_stopped_meanwhile_is_told_so(rig: Rig) -> None:
    """Whoever waits for it does not wait for ever."""
    rig.write({"a": polite(autostart=False, start={"settle": "20s"})})
    rig.start()
    waiting = subprocess.Popen(
        [sys.executable, "-m", "hermes_supervise", "ctl", "-c", str(rig.config), "start", "a"],
        env=rig.environ,
        cwd=rig.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    rig.until_phase("a", "starting")
    assert rig.ctl("stop", "a").code == 0
    said, _ = waiting.communicate(timeout=20)

    assert waiting.returncode == 1
    assert "somebody asked for it to be down" in said


def test_a_start_of_many_parked_programs_does_not_speak_of_their_old_failures(rig: Rig) -> None:
    """More than one turn holds; whoever is asked last is not judged before it was heard."""
    section = {"give_up": {"failures": 1, "within": "1m", "retry_after": "none"}}
    command = shell("test -e ok || exit 1; exec sleep 120")
    names = [f"p{n:03}" for n in range(90)]
    rig.write({n: {"command": command, "restart": section, **QUICK} for n in names})
    rig.start()
    rig.until(lambda: {r["phase"] for r in rig.rows().values()} == {"failed"}, "all parked")
    (rig.root / "ok").touch()
    started = rig.ctl("start", "all")

    assert started.code == 0, started
    assert {r["phase"] for r in rig.rows().values()} == {"running"}


def test_stops_of_several_run_in_parallel(rig: Rig) -> None:
    """Ten drains of one second take one second."""
    names = [f"p{n}" for n in range(10)]
    rig.write(write_one_second(names))
    rig.start()
    rig.until_settled()
    began = time.monotonic()
    stopped = rig.ctl("stop", "all")
    took = time.monotonic() - began

    assert stopped.code == 0, stopped
    assert took < 3.0
    assert {r["last_exit"]["outcome"] for r in rig.rows().values()} == {"drained"}


def test_restart_of_several_runs_in_parallel(rig: Rig) -> None:
    """The same for a restart."""
    names = [f"p{n}" for n in range(6)]
    rig.write(write_one_second(names))
    rig.start()
    before = {n: r["pid"] for n, r in rig.until_settled().items()}
    began = time.monotonic()
    restarted = rig.ctl("restart", "p*")
    took = time.monotonic() - began
    after = {n: r["pid"] for n, r in rig.rows().items()}

    assert restarted.code == 0, restarted
    assert took < 3.5
    assert all(after[n] != before[n] for n in names)


def test_max_parallel_restarts_one_batch_after_the_other(rig: Rig) -> None:
    """A batch starts when the last is up again: never more than N are down."""
    names = [f"p{n}" for n in range(4)]
    rig.write({n: slow(0.2) for n in names})
    rig.start()
    rig.until_settled()
    done = rig.ctl("restart", "all", "--max-parallel", "2")
    order = [e["program"] for e in rig.events(None, "asked-restart")]
    down, worst = set(), 0
    for event in rig.events():
        if event["kind"] == "draining":
            down.add(event["program"])
            worst = max(worst, len(down))
        elif event["kind"] == "running":
            down.discard(event["program"])

    assert done.code == 0, done
    assert order == names
    assert worst == 2


def test_a_failure_ends_a_restart_in_batches(rig: Rig) -> None:
    """What is still well is left alone."""
    command = shell("test -e broken && exit 1; exec sleep 120")
    section = {"restart": {"backoff": {"first": "30s"}}}
    rig.write({f"p{n}": {"command": command, **QUICK, **section} for n in range(3)})
    rig.start()
    before = rig.until_settled()
    (rig.root / "broken").touch()
    done = rig.ctl("restart", "all", "--max-parallel", "1")
    after = rig.rows()

    assert done.code == 1, done
    assert "not restarted: p1, p2" in done.err
    assert after["p0"]["phase"] == "backoff"
    assert [after[n]["pid"] for n in ("p1", "p2")] == [before[n]["pid"] for n in ("p1", "p2")]
