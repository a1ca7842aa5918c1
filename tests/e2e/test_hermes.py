"""
The real Hermes gateway under the real supervisor, both as their users run them.

The programs are those of ``docs/how-to/run-hermes.md``, word by word.  The home is thrown away,
and a proxy that leads nowhere keeps the network out.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cached_venv import CannotInstallError
from tests.e2e.harness import Rig, alive, rigged
from tests.e2e.hermes_home import HermesHome, hermes_command, make_home

pytestmark = [pytest.mark.e2e, pytest.mark.hermes]

PATIENCE = 60.0
"""Seconds that a gateway may take to come up on a machine with other things to do."""

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-hermes.md"

NAMES = ("hermes-alpha", "hermes-beta")


def programs_of_the_page() -> str:
    """Return the configuration that the page shows."""
    return PAGE.read_text().partition("```yaml\n")[2].partition("```")[0]


class Gateways:
    """A supervisor with the gateways of two profiles."""

    def __init__(self, rig: Rig, home: HermesHome, hermes: str) -> None:
        self.rig = rig
        self.home = home
        self.hermes = hermes
        own = {"supervisor": {"state_dir": str(rig.state), "socket": str(rig.socket)}}
        rig.config.write_text(f"{json.dumps(own)[1:-1]}\n{programs_of_the_page()}")
        rig.environ |= home.environment()
        rig.environ["PATH"] = f"{Path(hermes).parent}:{rig.environ['PATH']}"

    def up(self, profile: str, *, but_not: object = None) -> int:
        """Wait until the gateway of a profile is up, with another pid than *but_not*."""
        watched = self.home.profiles[profile]

        def is_up() -> bool:
            pid = watched.state().get("pid")
            return pid != but_not and watched.up(pid) and alive(int(str(pid)))

        self.rig.until(is_up, f"the gateway of {profile} up", PATIENCE)
        return int(str(watched.state()["pid"]))

    def both_up(self) -> dict[str, int]:
        """Wait until both gateways are up and called running; return their pids."""
        pids = {f"hermes-{profile}": self.up(profile) for profile in self.home.profiles}
        self.rig.until_settled()
        return pids

    def ctl(self, *words: str) -> None:
        """Let an operator ask for something that has to succeed."""
        said = self.rig.ctl(*words)
        assert said.code == 0, f"{words}: {said}{self.rig.told()}"

    def last_exit(self, name: str) -> dict[str, Any]:
        """Return how the previous run of a program ended."""
        return dict(self.rig.row(name)["last_exit"])

    def by_hand(self, profile: str) -> subprocess.Popen[bytes]:
        """Run a gateway as a person at a terminal would."""
        command = [self.hermes, "-p", profile, "gateway", "run"]
        with self.rig.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.rig.environ,
                cwd=self.home.root,
                start_new_session=True,
            )


@pytest.fixture(scope="session")
def hermes() -> str:
    """The command of the real gateway; without it nothing here can be tested."""
    try:
        return hermes_command()
    except CannotInstallError as problem:
        pytest.skip(f"hermes-agent cannot be installed: {problem}")


@pytest.fixture
def gateways(hermes: str) -> Iterator[Gateways]:
    """Two profiles, and nothing started yet."""
    with rigged() as rig:
        home = make_home(rig.root / "home" / ".hermes", "alpha", "beta")
        yield Gateways(rig, home, hermes)


@pytest.fixture
def running(gateways: Gateways) -> Gateways:
    """Both gateways, completely up."""
    gateways.rig.start()
    gateways.both_up()
    return gateways


def test_two_profiles_run_from_one_entry(running: Gateways) -> None:
    """Each instance has its own home, and status shows the very process that calls itself up."""
    rows = running.rig.rows()
    said = {f"hermes-{name}": p.state()["pid"] for name, p in running.home.profiles.items()}

    assert {name: row["pid"] for name, row in rows.items()} == said
    assert [rows[name]["desired"] for name in NAMES] == ["up", "up"]


def test_stop_is_planned_in_the_eyes_of_the_gateway(running: Gateways) -> None:
    """It exits 0 and writes `stopped`: its own classification agrees with ours."""
    beta = running.rig.row("hermes-beta")["pid"]
    running.ctl("stop", "hermes-alpha")
    alpha = running.rig.row("hermes-alpha")
    profile = running.home.profiles["alpha"]

    assert (alpha["phase"], alpha["desired"], alpha["pid"]) == ("stopped", "down", None)
    assert (alpha["last_exit"]["code"], alpha["last_exit"]["outcome"]) == (0, "drained")
    assert profile.state()["gateway_state"] == "stopped"
    assert not profile.marker.exists()
    assert not profile.pid_file.exists()
    assert running.rig.row("hermes-beta")["pid"] == beta


def test_a_killed_gateway_comes_back(running: Gateways) -> None:
    """SIGKILL leaves its pid file, its lock and the state `running`: none of them is in the way."""
    old = running.up("alpha")
    os.kill(old, signal.SIGKILL)
    new = running.up("alpha", but_not=old)
    row = running.rig.row("hermes-alpha")

    assert (row["pid"], row["restarts"]) == (new, 1)
    assert (row["last_exit"]["signal"], row["last_exit"]["outcome"]) == ("SIGKILL", "crashed")


def test_a_stranger_s_sigterm_does_not_stop_it_for_good(running: Gateways) -> None:
    """Its state still says `running`, nobody of ours asked: it is started again."""
    old = running.up("alpha")
    os.kill(old, signal.SIGTERM)
    running.rig.until(lambda: not alive(old), "the old one gone")
    state = running.home.profiles["alpha"].state()
    new = running.up("alpha", but_not=old)
    row = running.rig.row("hermes-alpha")

    assert (state["pid"], state["gateway_state"]) == (old, "running")
    assert (row["pid"], row["desired"], row["restarts"]) == (new, "up", 1)
    assert (row["last_exit"]["code"], row["last_exit"]["outcome"]) == (1, "failed")


def test_three_restarts_in_a_row_within_a_minute(running: Gateways) -> None:
    """The gateway's own storm breaker, which would make it sleep, is told to stand down."""
    began = time.monotonic()
    pids = [running.up("alpha")]
    exits = []
    for _ in range(3):
        running.ctl("restart", "hermes-alpha")
        pids.append(running.up("alpha", but_not=pids[-1]))
        exits.append(running.last_exit("hermes-alpha"))

    assert time.monotonic() - began < 60
    assert len(set(pids)) == 4
    assert [(each["code"], each["outcome"]) for each in exits] == [(0, "drained")] * 3
    assert running.rig.row("hermes-alpha")["restarts"] == 0


def test_a_killed_supervisor_finds_its_gateways_again(running: Gateways) -> None:
    """The gateways notice nothing, and a stop after that is as planned as ever."""
    pids = running.both_up()
    dead = running.rig.kill_supervisor()
    running.rig.until(lambda: running.rig.supervisor_pid() not in (None, dead), "another one")
    rows = running.rig.until_settled()
    running.ctl("stop", "hermes-alpha")

    assert {name: rows[name]["pid"] for name in NAMES} == pids
    assert [rows[name]["restarts"] for name in NAMES] == [0, 0]
    assert running.last_exit("hermes-alpha")["code"] == 0
    assert running.home.profiles["alpha"].state()["gateway_state"] == "stopped"


def test_the_next_start_adopts_what_a_killed_keeper_left(running: Gateways) -> None:
    """Keeper and supervisor are killed together; the gateways live, are adopted, and drain."""
    pids = running.both_up()
    supervisor = running.rig.supervisor_pid()
    assert supervisor is not None
    os.kill(supervisor, signal.SIGSTOP)  # so that it cannot notice that the keeper dies first
    running.rig.keeper.kill()
    running.rig.keeper.wait(PATIENCE)
    os.kill(supervisor, signal.SIGKILL)
    running.rig.until(lambda: not alive(supervisor), "the supervisor dead")
    running.rig.start()
    rows = running.rig.until_settled()
    running.ctl("stop", "hermes")

    assert {name: rows[name]["pid"] for name in NAMES} == pids
    assert [rows[name]["adopted"] for name in NAMES] == [True, True]
    assert [running.rig.phase(name) for name in NAMES] == ["stopped", "stopped"]
    states = [profile.state() for profile in running.home.profiles.values()]
    assert [state["gateway_state"] for state in states] == ["stopped", "stopped"]
    assert [state["pid"] for state in states] == list(pids.values())


def test_a_gateway_started_by_hand_is_waited_for(gateways: Gateways) -> None:
    """It owns the profile: ours neither fights it nor loops, and takes over when it is gone."""
    foreign = gateways.by_hand("alpha")
    gateways.up("alpha")
    gateways.rig.start()
    gateways.up("beta")
    row = gateways.rig.until_phase("hermes-alpha", "waiting")
    # Beta has taken more than a second to come up: alpha could have been tried again by now.
    tried = [e for e in gateways.rig.events("hermes-alpha") if e["phase_to"] == "starting"]
    foreign_lives = foreign.poll() is None
    foreign.send_signal(signal.SIGINT)
    code = foreign.wait(PATIENCE)
    ours = gateways.up("alpha", but_not=foreign.pid)

    assert (row["reason"], row["desired"], row["pid"]) == ("foreign-owner", "up", None)
    assert "gateway.lock" in row["message"]
    assert tried == []
    assert (foreign_lives, code) == (True, 0)
    assert gateways.rig.until_phase("hermes-alpha", "running")["pid"] == ours
    assert gateways.rig.row("hermes-alpha")["restarts"] == 0


def test_shutdown_leaves_nothing_behind(running: Gateways) -> None:
    """No gateway, no tool of it, no supervisor, no socket, no marker, and two clean stops."""
    running.ctl("shutdown")

    assert running.rig.ended() == 0
    assert running.rig.tagged() == []
    assert not running.rig.socket.exists()
    for profile in running.home.profiles.values():
        assert profile.state()["gateway_state"] == "stopped"
        assert not profile.pid_file.exists()
        assert not profile.marker.exists()
