"""The life of a supervisor: start, end, death of any part, and the next start."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from typing import Any

import pytest

from hermes_supervise.model.errors import ControlError
from tests.e2e.harness import Rig, alive, program, shell, sleeper

pytestmark = pytest.mark.e2e

QUICK: dict[str, Any] = {"start": {"settle": "100ms"}, "stop": {"drain_timeout": "5s"}}


def polite(**keys: Any) -> dict[str, Any]:
    """Return a program that ends when asked."""
    return {"command": program("polite"), **QUICK, **keys}


def kill_all(rig: Rig, parts: str) -> None:
    """SIGKILL keeper, supervisor or both, and wait until both are gone."""
    supervisor = rig.supervisor_pid()
    assert supervisor is not None
    if "supervisor" in parts:
        os.kill(supervisor, signal.SIGKILL)
    if "keeper" in parts:
        rig.keeper.kill()
        rig.ended()
        rig.until(lambda: not alive(supervisor), "the end of the supervisor")


def again(rig: Rig, killed: str) -> None:
    """Wait for the next supervisor, or start one where nobody does."""
    if "keeper" in killed:
        rig.start()
    else:
        rig.until(rig.answers, "the next supervisor")


# -- the plain life -------------------------------------------------------------------------------


def test_a_wanted_program_runs_and_is_drained_at_the_end(rig: Rig) -> None:
    """The plainest life there is: up, SIGTERM, down, exit code 0."""
    rig.write({"a": polite(), "b": polite(autostart=False)})
    rig.start()
    rows = rig.until_settled()

    assert rows["b"]["phase"] == "stopped"
    assert rig.end() == 0
    assert rig.tagged() == []
    assert not rig.socket.exists()


def test_the_first_line_says_where_things_are(rig: Rig) -> None:
    """Socket, state folder, and how to ask."""
    rig.write({"a": polite()})
    rig.start()
    first = rig.text().splitlines()[0]

    assert str(rig.socket) in first
    assert str(rig.state) in first
    assert f"hermes-supervise ctl -c {rig.config} status" in first


def test_a_program_that_has_to_be_forced_makes_the_exit_code_1(rig: Rig) -> None:
    """Whoever started us by a script learns that something lost its work."""
    rig.write({"a": {"command": program("deaf"), **QUICK, "stop": {"drain_timeout": "200ms"}}})
    rig.start()
    rig.until_phase("a", "running")

    assert rig.end() == 1
    assert rig.tagged() == []


def test_a_second_sigterm_changes_nothing(rig: Rig) -> None:
    """A manager that repeats itself must not cost the work in flight."""
    rig.write({"a": {"command": program("slow_in_time", 1.0), **QUICK}})
    rig.start()
    rig.until_phase("a", "running")
    rig.keeper.send_signal(signal.SIGTERM)
    rig.until_phase("a", "draining")
    rig.keeper.send_signal(signal.SIGTERM)
    rig.keeper.send_signal(signal.SIGINT)
    state = rig.ask("status")["supervisor"]["state"]

    assert state == "shutting-down"
    assert rig.ended() == 0
    assert "drained after" in rig.text()


def test_the_shutdown_timeout_ends_every_drain(rig: Rig) -> None:
    """It is the deadline of the whole, whatever a program was promised."""
    rig.write(
        {"a": {"command": program("deaf"), **QUICK, "stop": {"drain_timeout": "400ms"}}},
        supervisor={"shutdown_timeout": "6s"},
    )
    rig.start()
    rig.until_phase("a", "running")
    began = time.monotonic()

    assert rig.end() == 1
    assert time.monotonic() - began < 5.0


# -- leaving the programs -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["SIGQUIT", "on_exit", "ctl"])
def test_programs_that_are_left_are_adopted_by_the_next_start(rig: Rig, how: str) -> None:
    """The same process, never a second one; its uptime goes on and it is no restart."""
    rig.write({"a": polite()}, supervisor={"on_exit": "leave"} if how == "on_exit" else None)
    rig.start()
    before = rig.until_phase("a", "running")
    match how:
        case "SIGQUIT":
            code = rig.end(signal.SIGQUIT)
        case "on_exit":
            code = rig.end(signal.SIGTERM)
        case _:
            assert rig.ctl("shutdown", "--leave").code == 0
            code = rig.ended()
    left = rig.of_program("a")
    rig.start()
    after = rig.until_phase("a", "running")

    assert code == 1
    assert left == [before["pid"]]
    assert rig.of_program("a") == [before["pid"]]
    assert (after["pid"], after["adopted"], after["restarts"]) == (before["pid"], True, 0)
    assert after["started_at"][:19] == before["started_at"][:19]
    assert rig.ctl("stop", "a").code == 0
    assert rig.row("a")["last_exit"]["outcome"] == "drained"


def test_a_drain_that_is_under_way_can_be_left(rig: Rig) -> None:
    """SIGQUIT is the way out when a drain takes longer than the operator can wait."""
    rig.write({"a": {"command": program("slow_in_time", 2.0), **QUICK}})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    rig.keeper.send_signal(signal.SIGTERM)
    rig.until_phase("a", "draining")
    rig.leaves = True

    assert rig.end(signal.SIGQUIT) == 1
    assert alive(pid)


# -- death and the next start ---------------------------------------------------------------------

DEATHS = ["supervisor", "keeper", "keeper and supervisor"]


@pytest.mark.parametrize("killed", DEATHS)
def test_after_sigkill_what_lives_is_adopted_and_what_was_stopped_stays_so(
    rig: Rig, killed: str
) -> None:
    """Nothing dies with us, nothing is doubled, and the operator's word holds."""
    rig.write({"up": polite(), "stopped": polite(), "never": polite(autostart=False)})
    rig.start()
    rig.until_settled()
    assert rig.ctl("stop", "stopped").code == 0
    before = rig.rows()
    kill_all(rig, killed)
    again(rig, killed)
    rig.until(lambda: rig.phase("up") == "running", "the program running")
    after = rig.rows()

    assert rig.of_program("up") == [before["up"]["pid"]]
    assert after["up"]["pid"] == before["up"]["pid"]
    assert after["up"]["restarts"] == 0
    for name in ("stopped", "never"):
        assert (after[name]["phase"], after[name]["desired"]) == ("stopped", "down")
        assert after[name]["last_exit"] == before[name]["last_exit"]
    assert rig.end() == 0


@pytest.mark.parametrize("killed", DEATHS)
def test_a_drain_in_flight_goes_on(rig: Rig, killed: str) -> None:
    """It has its whole time, ends as drained, and the operator's stop is a stop."""
    rig.write({"a": {"command": program("slow_in_time", 2.0), **QUICK}})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    assert rig.ctl("stop", "a", "--no-wait").code == 0
    before = rig.until_phase("a", "draining")
    kill_all(rig, killed)
    again(rig, killed)
    during = rig.row("a")
    after = rig.until_phase("a", "stopped")

    assert (during["phase"], during["pid"]) == ("draining", pid)
    assert during["drain"]["started_at"] == before["drain"]["started_at"]
    assert after["desired"] == "down"
    assert after["last_exit"]["outcome"] == "drained"
    assert after["last_exit"]["reason"] == "operator"
    assert rig.of_program("a") == []


@pytest.mark.parametrize("code", [0, 7])
def test_an_exit_while_no_supervisor_lives_is_told_truly(rig: Rig, code: int) -> None:
    """The keeper remembers it until it is on disk."""
    rig.write(
        {"a": {"command": shell(f"while ! test -e go; do sleep 0.02; done; exit {code}"), **QUICK,
               "restart": {"policy": "never"}}}
    )  # fmt: skip
    rig.start()
    rig.until_phase("a", "running")
    supervisor = rig.supervisor_pid()
    assert supervisor is not None
    os.kill(supervisor, signal.SIGSTOP)  # it sees nothing from here on
    (rig.root / "go").touch()
    rig.until(lambda: not rig.of_program("a"), "its end")
    os.kill(supervisor, signal.SIGKILL)
    rig.until(rig.answers, "the next supervisor")
    row = rig.until_phase("a", "exited")

    assert row["last_exit"]["code"] == code
    assert row["last_exit"]["outcome"] == ("failed" if code else "exited")


def test_an_exit_that_nobody_could_see_is_unknown(rig: Rig) -> None:
    """No code is invented: it is what the kernel still knows, or nothing; and it is up again."""
    rig.write({"a": polite()})
    rig.start()
    before = rig.until_phase("a", "running")
    kill_all(rig, "keeper and supervisor")
    os.kill(before["pid"], signal.SIGKILL)
    rig.until(lambda: not alive(before["pid"]), "its end")
    rig.start()
    after = rig.until_phase("a", "running")
    (told,) = rig.events("a", "exit")

    assert after["pid"] != before["pid"]
    assert rig.of_program("a") == [after["pid"]]
    last = after["last_exit"]
    seen = (last["code"], last["signal"], last["outcome"])
    assert seen in [(None, None, "unknown"), (None, "SIGKILL", "crashed")]
    assert told["data"]["outcome"] == last["outcome"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_a_container_changes_no_intent(rig: Rig, number: int) -> None:
    """``docker restart`` sends SIGTERM, then SIGKILL: what was wanted is wanted afterwards."""
    rig.write({"up": polite(), "down": polite(), "asked": polite(autostart=False)})
    rig.start()
    rig.until_settled()
    assert rig.ctl("stop", "down").code == 0
    assert rig.ctl("start", "asked").code == 0
    rig.end(number)
    rig.until(lambda: number == signal.SIGTERM or not rig.answers(), "the end of the supervisor")
    rig.start()
    rows = rig.until_settled()

    assert {n: r["desired"] for n, r in rows.items()} == {"up": "up", "down": "down", "asked": "up"}
    assert {n: len(rig.of_program(n)) for n in rows} == {"up": 1, "down": 0, "asked": 1}


def test_a_shutdown_goes_on_when_the_supervisor_is_killed_meanwhile(rig: Rig) -> None:
    """Who asked for the end by ``ctl`` gets the end, not everything started again."""
    rig.write({"slow": {"command": program("slow_in_time", 1.5), **QUICK}, "fast": polite()})
    rig.start()
    rig.until_settled()
    asking = subprocess.Popen(
        [*_ctl(rig), "shutdown"], stdout=subprocess.DEVNULL, env=rig.environ, cwd=rig.root
    )
    rig.until(lambda: rig.phase("fast") == "stopped", "the first one down")
    rig.kill_supervisor()

    assert rig.ended() == 0
    assert asking.wait(20) == 0
    assert rig.tagged() == []
    assert len([e for e in rig.text().splitlines() if "slow: drained after" in e]) == 1


def _ctl(rig: Rig) -> list[str]:
    import sys

    return [sys.executable, "-m", "hermes_supervise", "ctl", "-c", str(rig.config)]


def ask(rig: Rig, verb: str, name: str) -> None:
    """Ask until it is taken: the supervisor may be dying at this very moment."""

    def taken() -> bool:
        try:
            rig.ask(verb, names=[name])
        except ControlError:
            return False
        return True

    rig.until(taken, f"{verb} {name} taken")


@pytest.mark.parametrize(("seed", "cgroups"), [(1, "off"), (2, "auto")])
def test_parts_that_are_killed_again_and_again_lose_and_double_nothing(
    rig: Rig, seed: int, cgroups: str
) -> None:
    """At random instants, while programs die, are restarted, stopped and started."""
    chance = random.Random(seed)
    names = [f"p{n}" for n in range(8)]
    restart = {"backoff": {"first": "30ms", "limit": "60ms", "jitter": 0.1}, "give_up": "none"}
    rig.write({n: polite(restart=restart) for n in names}, supervisor={"cgroups": cgroups})
    rig.start()
    rig.until_settled()
    wanted = dict.fromkeys(names, True)
    for turn in range(24):
        name, verb = chance.choice(names), chance.choice(["stop", "start", "restart", "kill"])
        if verb == "kill":
            for pid in rig.of_program(name):
                os.kill(pid, signal.SIGKILL)
        else:
            wanted[name] = verb != "stop"
            ask(rig, verb, name)
        time.sleep(chance.random() * 0.03)
        # The keeper waits longer each time that a supervisor dies young; a new one begins anew.
        killed = "keeper and supervisor" if turn % 3 == 2 else "supervisor"
        kill_all(rig, killed)
        again(rig, killed)
        assert all(len(rig.of_program(n)) <= 1 for n in names), "doubled"
    rig.until(lambda: _as_wanted(rig, wanted), "everything as it was asked for")
    rows = rig.rows()

    assert {n: row["desired"] == "up" for n, row in rows.items()} == wanted
    assert {n: len(rig.of_program(n)) for n in names} == {n: int(up) for n, up in wanted.items()}
    ids = [event["id"] for event in rig.events()]
    assert ids == sorted(set(ids))
    assert rig.end() == 0
    assert rig.tagged() == []


def _as_wanted(rig: Rig, wanted: dict[str, bool]) -> bool:
    rows = rig.rows()
    return all(rows[n]["phase"] == ("running" if up else "stopped") for n, up in wanted.items())


def test_keepers_that_are_killed_while_they_start_never_double_a_program(rig: Rig) -> None:
    """A start may be recorded and its pid not: the process is found by its run id."""
    chance = random.Random(7)
    names = [f"p{n}" for n in range(12)]
    rig.write({name: {"command": sleeper(), **QUICK} for name in names})
    for _ in range(10):
        keeper = rig.start(wait=False)
        rig.until(lambda: rig.supervisor_pid() is not None, "a supervisor")
        supervisor = rig.supervisor_pid()
        time.sleep(chance.random() * 0.25)
        keeper.kill()
        rig.ended()
        rig.until_gone(supervisor)
        assert all(len(rig.of_program(n)) <= 1 for n in names), "doubled"
    rig.start()
    rows = rig.until_settled()

    assert {n: rig.of_program(n) for n in names} == {n: [rows[n]["pid"]] for n in names}
    assert rig.end() == 0
    assert rig.tagged() == []
