"""
The real Hermes gateway under the real supervisor, both as their users run them.

Two profiles of one home come from one entry of the file.  The home is thrown away, and a proxy
that leads nowhere keeps the network out.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.cached_venv import CannotInstallError
from tests.e2e.hermes_home import HermesHome, hermes_command, make_home

pytestmark = [pytest.mark.e2e, pytest.mark.hermes]

PATIENCE = 60.0
"""Seconds after which a test stops believing that something will still happen."""

SUPERVISE = [sys.executable, "-m", "hermes_supervise"]

PROGRAM = """\
supervisor:
  state_dir: {root}/supervisor
  socket: {root}/control.sock
programs:
  hermes:
    for_each: {{profile: [alpha, beta]}}
    command: [{hermes}, -p, "{{profile}}", gateway, run, --external-supervisor]
    directory: {home}
    inherit_environment: false
    environment: {environment}
    start: {{timeout: 1m, settle: 1500ms}}
    stop:
      marker: {{path: "profiles/{{profile}}/.gateway-planned-stop.json", format: hermes}}
      signal: SIGTERM
      drain_timeout: 15s
      drained: {{file: {{path: "profiles/{{profile}}/gateway.pid", exists: false}}}}
      linger: 3s
    restart:
      backoff: {{first: 250ms}}
"""


class Supervised:
    """A running supervisor with two gateways, talked to by ``ctl`` alone."""

    def __init__(self, root: Path, home: HermesHome, hermes: str) -> None:
        self.root = root
        self.home = home
        self.config = root / "supervisor.yaml"
        environment = json.dumps(home.environment())
        self.config.write_text(
            PROGRAM.format(root=root, home=home.root, hermes=hermes, environment=environment)
        )
        self.log = root / "supervisor.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*SUPERVISE, "-c", str(self.config)], stdin=subprocess.DEVNULL, stderr=log
            )

    def ctl(self, *arguments: str) -> str:
        """Run ``ctl`` to its end; it must succeed.  Returns what it printed."""
        command = [*SUPERVISE, "ctl", "-c", str(self.config), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        told = f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}{self.told()}"
        assert done.returncode == 0, told
        return done.stdout

    def told(self) -> str:
        """Return the supervisor's own log, for the message of a test that fails."""
        return f"\n--- supervisor's log\n{self.log.read_text()}"

    def row(self, name: str) -> dict[str, Any]:
        """Return one program as ``ctl status --json`` shows it."""
        (row,) = json.loads(self.ctl("status", name, "--json"))["programs"]
        return dict(row)

    def until(self, question: Callable[[], object], what: str) -> None:
        """Ask until the answer is yes, or fail with *what* should have happened."""
        deadline = time.monotonic() + PATIENCE
        while not question():
            assert self.process.poll() is None, f"the supervisor is gone: {what}{self.told()}"
            assert time.monotonic() < deadline, f"not in {PATIENCE} s: {what}{self.told()}"
            time.sleep(0.05)

    def up(self, profile: str, *, but_not: object = None) -> int:
        """Wait until the gateway of a profile is up, with another pid than *but_not*."""
        watched = self.home.profiles[profile]

        def is_up() -> bool:
            pid = watched.state().get("pid")
            return pid != but_not and watched.up(pid) and psutil.pid_exists(int(str(pid)))

        self.until(is_up, f"the gateway of {profile} up")
        return int(str(watched.state()["pid"]))

    def left_behind(self) -> list[str]:
        """Return every living process that has our folder in its command line or environment."""
        return [f"{process.pid}: {process.cmdline()}" for process in self._ours()]

    def _ours(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = [*process.cmdline(), *process.environ().values()]
                if process.pid != os.getpid() and any(str(self.root) in word for word in words):
                    yield process

    def close(self) -> None:
        """End everything that is left, by pid: a test that failed must not leave gateways."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
        for process in list(self._ours()):
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait(PATIENCE)


@pytest.fixture(scope="session")
def hermes() -> str:
    """The command of the real gateway; without it nothing here can be tested."""
    try:
        return hermes_command()
    except CannotInstallError as problem:
        pytest.skip(f"hermes-agent cannot be installed: {problem}")


@pytest.fixture
def supervised(hermes: str) -> Iterator[Supervised]:
    """Both gateways, completely up."""
    # Not tmp_path: a socket's path has room for about a hundred characters.
    root = Path(tempfile.mkdtemp(prefix="hs-"))
    running = Supervised(root, make_home(root / "home", "alpha", "beta"), hermes)
    try:
        running.up("alpha")
        running.up("beta")
        yield running
    finally:
        running.close()
        shutil.rmtree(root)


@pytest.mark.parametrize("profile", ["alpha", "beta"])
def test_two_profiles_run_from_one_entry(supervised: Supervised, profile: str) -> None:
    """Each instance has its own home, and status shows the very process that calls itself up."""
    name = f"hermes-{profile}"
    supervised.until(lambda: supervised.row(name)["phase"] == "running", f"{name} running")
    row = supervised.row(name)

    assert row["pid"] == supervised.home.profiles[profile].state()["pid"]
    assert row["desired"] == "up"


def test_stop_is_planned_in_the_eyes_of_the_gateway(supervised: Supervised) -> None:
    """It exits 0 and writes `stopped`: its own classification agrees with ours."""
    beta = supervised.row("hermes-beta")["pid"]
    supervised.ctl("stop", "hermes-alpha")
    alpha = supervised.row("hermes-alpha")
    profile = supervised.home.profiles["alpha"]

    assert (alpha["phase"], alpha["desired"], alpha["pid"]) == ("stopped", "down", None)
    assert (alpha["last_exit"]["code"], alpha["last_exit"]["outcome"]) == (0, "drained")
    assert profile.state()["gateway_state"] == "stopped"
    assert not profile.marker.exists()
    assert not profile.pid_file.exists()
    assert supervised.row("hermes-beta")["pid"] == beta


def test_a_killed_gateway_comes_back(supervised: Supervised) -> None:
    """SIGKILL leaves its pid file, its lock and the state `running`: none of them is in the way."""
    old = supervised.up("alpha")
    os.kill(old, signal.SIGKILL)
    new = supervised.up("alpha", but_not=old)
    row = supervised.row("hermes-alpha")

    assert (row["pid"], row["restarts"]) == (new, 1)
    assert (row["last_exit"]["signal"], row["last_exit"]["outcome"]) == ("SIGKILL", "crashed")


def test_a_stranger_s_sigterm_does_not_stop_it_for_good(supervised: Supervised) -> None:
    """Its state still says `running`, nobody of ours asked: it is started again."""
    old = supervised.up("alpha")
    os.kill(old, signal.SIGTERM)
    supervised.until(lambda: not psutil.pid_exists(old), "the old one gone")
    new = supervised.up("alpha", but_not=old)
    row = supervised.row("hermes-alpha")

    assert (row["pid"], row["desired"], row["restarts"]) == (new, "up", 1)
    assert (row["last_exit"]["code"], row["last_exit"]["outcome"]) == (1, "failed")


def test_three_restarts_in_a_row_within_a_minute(supervised: Supervised) -> None:
    """The gateway's own storm breaker, which would make it sleep, is told to stand down."""
    began = time.monotonic()
    pids = [supervised.up("alpha")]
    for _ in range(3):
        supervised.ctl("restart", "hermes-alpha")
        pids.append(supervised.up("alpha", but_not=pids[-1]))
        last_exit = supervised.row("hermes-alpha")["last_exit"]

        assert (last_exit["code"], last_exit["outcome"]) == (0, "drained")
    assert time.monotonic() - began < 60
    assert len(set(pids)) == 4
    assert supervised.row("hermes-alpha")["restarts"] == 0


def test_shutdown_leaves_nothing_behind(supervised: Supervised) -> None:
    """No gateway, no tool of it, no supervisor, no socket, no marker, and two clean stops."""
    supervised.ctl("shutdown")

    assert supervised.process.wait(PATIENCE) == 0
    assert supervised.left_behind() == []
    assert not (supervised.root / "control.sock").exists()
    for profile in supervised.home.profiles.values():
        assert profile.state()["gateway_state"] == "stopped"
        assert not profile.marker.exists()
