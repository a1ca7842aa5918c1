"""
The unit of docs/how-to/run-under-systemd.md, run by a real systemd.

systemd is booted as PID 1 inside systemd-nspawn, over this machine's own ``/usr`` and an empty
root, so that nothing of it touches the machine that runs the tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to" / "run-under-systemd.md"
EXAMPLE = ROOT / "supervisor.yaml.example"

UNIT = "hermes-supervise.service"
TARGET = "nothing.target"
COMMAND = "/opt/hermes-supervise/bin/hermes-supervise"
CONFIG = "/etc/hermes-supervise/supervisor.yaml"

PATIENCE = 20.0
BOOT_TIMEOUT = 40.0
LIFE = 300.0
"""Seconds after which the container ends even if nobody ends it."""

Rows = dict[str, dict[str, Any]]


def unit_of_how_to() -> str:
    """Return the unit file as the page shows it."""
    blocks = re.findall(r"```ini\n(.*?)```", HOW_TO.read_text(), flags=re.DOTALL)
    return str(next(block for block in blocks if "ExecStart=" in block))


def until(question: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Ask until the answer is true and return it, or fail with *what* was waited for."""
    deadline = time.monotonic() + patience
    while not (answer := question()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {patience:g} s: {what}")
        time.sleep(0.1)
    return answer


@dataclass
class Machine:
    """A booted container; commands run inside it."""

    leader: int
    etc: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside and return what it said."""
        inside = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "--"]
        return subprocess.run(
            [*inside, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def systemctl(self, *words: str) -> int:
        """Run systemctl and return its exit code."""
        return self.run("systemctl", *words).returncode

    def show(self, key: str) -> str:
        """Return one property of our unit."""
        return self.run("systemctl", "show", "-P", key, UNIT).stdout.strip()

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run our own ctl inside."""
        return self.run(COMMAND, "ctl", "-c", CONFIG, *words)

    def rows(self) -> Rows:
        """Return the programs as ``ctl status`` knows them; empty while nobody answers."""
        said = self.ctl("status", "--json")
        if said.returncode != 0:
            return {}
        return {row["name"]: row for row in json.loads(said.stdout)["programs"]}

    def phases(self) -> dict[str, str]:
        """Return name → phase."""
        return {name: row["phase"] for name, row in self.rows().items()}

    def processes(self) -> str:
        """Return the command lines of everything that runs inside."""
        return self.run("sh", "-c", "cat /proc/[0-9]*/cmdline").stdout

    def journal(self) -> str:
        """Return what our unit has logged."""
        return self.run("journalctl", "-u", UNIT, "--no-pager", "-o", "cat").stdout

    def up(self) -> None:
        """Begin a test: the example file, the unit started, both programs wanted and running."""
        quick = re.sub(r"--session-seconds=\d+", "--session-seconds=1", EXAMPLE.read_text())
        (self.etc / "supervisor.yaml").write_text(quick)
        self.systemctl("reset-failed", UNIT)
        assert self.systemctl("start", UNIT) == 0, self.journal()
        until(self.rows, "an answer of the supervisor")
        self.ctl("start", "all")
        until(lambda: set(self.phases().values()) == {"running"}, "both programs running")


@pytest.fixture(scope="module")
def booted() -> Iterator[Machine]:
    """Boot a container once for the tests of this file."""
    if os.geteuid() != 0:
        pytest.skip("booting systemd in a container needs root")
    for tool in ("systemd-nspawn", "nsenter"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-nspawn-")))
        output = stack.enter_context((folder / "console").open("wb"))
        container = subprocess.Popen(
            [str(shutil.which("timeout")), "-k", "5", str(LIFE), *_nspawn(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Machine(_booted_leader(container, folder / "console"), folder / "etc")
        finally:
            _end(container)


@pytest.fixture
def machine(booted: Machine) -> Iterator[Machine]:
    """Give a test the container with the unit running; afterwards the unit is stopped."""
    booted.up()
    yield booted
    booted.systemctl("stop", UNIT)


def _nspawn(folder: Path) -> list[str]:
    """Write what the container needs into *folder* and return the command that boots it."""
    units, etc, opt = folder / "units", folder / "etc", folder / "opt"
    for place in (units, etc, opt / "bin"):
        place.mkdir(parents=True)
    (units / UNIT).write_text(unit_of_how_to())
    (units / TARGET).write_text("[Unit]\nDescription=Nothing but what systemd itself needs\n")
    script = (
        f'#!/bin/sh\nexport PYTHONPATH={ROOT}\nexec {sys.executable} -m hermes_supervise "$@"\n'
    )
    (opt / "bin" / "hermes-supervise").write_text(script)
    (opt / "bin" / "hermes-supervise").chmod(0o755)
    seen = {Path(sys.prefix), Path(sys.base_prefix), ROOT}
    shared = [f"--bind-ro={path}" for path in sorted(seen) if not path.is_relative_to("/usr")]
    return [
        *("systemd-nspawn", "--quiet", "--directory=/", "--volatile=yes", "--register=no"),
        *("--keep-unit", "--private-network", *shared),
        *(f"--bind-ro={units}:/etc/systemd/system", f"--bind-ro={opt}:/opt/hermes-supervise"),
        f"--bind={etc}:/etc/hermes-supervise",
        *("--boot", f"systemd.unit={TARGET}", "systemd.firstboot=off", "systemd.mask=tmp.mount"),
    ]


def _booted_leader(container: subprocess.Popen[bytes], console: Path) -> int:
    """Wait until systemd has booted and return its pid outside; skip where it cannot."""
    deadline = time.monotonic() + BOOT_TIMEOUT
    while container.poll() is None and time.monotonic() < deadline:
        for leader in _grandchildren(container.pid):
            machine = Machine(leader, console)
            if machine.systemctl("is-active", "--quiet", TARGET) == 0:
                return leader
        time.sleep(0.2)
    lines = console.read_text(errors="replace").splitlines() or ["it said nothing"]
    pytest.skip(f"systemd-nspawn cannot boot here: {lines[-1]}")


def _grandchildren(pid: int) -> list[int]:
    """Return the children of the children: ``timeout`` runs nspawn, and nspawn runs systemd."""
    return [leader for nspawn in _children(pid) for leader in _children(nspawn)]


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _end(container: subprocess.Popen[bytes]) -> None:
    """Kill PID 1 of the container, and so all of it; remove the cgroups that nspawn leaves."""
    for leader in _grandchildren(container.pid):
        os.kill(leader, signal.SIGKILL)
    try:
        container.wait(10)
    except subprocess.TimeoutExpired:
        container.kill()
        container.wait()
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        for mount in ("unified", controllers.removeprefix("name="), ""):
            for group in ("payload", "supervisor"):
                _remove_empty(Path("/sys/fs/cgroup", mount, path.lstrip("/"), group))


def _remove_empty(group: Path) -> None:
    """Remove a cgroup and the ones below it; one that is not empty stays."""
    if not group.is_dir():
        return
    for below in sorted(group.rglob("*/"), reverse=True):
        with contextlib.suppress(OSError):
            below.rmdir()
    with contextlib.suppress(OSError):
        group.rmdir()


def test_programs_run_in_cgroups_below_the_unit(machine: Machine) -> None:
    """``Delegate=yes``: systemd sees whose process is whose, and a stop has the whole tree."""
    group = machine.show("ControlGroup")

    for name, row in machine.rows().items():
        place = machine.run("cat", f"/proc/{row['pid']}/cgroup").stdout
        assert re.search(rf"0::\S*{re.escape(group)}/\S*/{name}\.", place), place


def test_systemctl_stop_drains_and_ends_cleanly(machine: Machine) -> None:
    """The marker comes before the signal, the programs go by themselves, nobody is left."""
    before = machine.journal()
    assert "hermes_supervise" in machine.processes()

    assert machine.systemctl("stop", UNIT) == 0

    said = machine.journal().removeprefix(before)
    for name in ("chat", "queue"):
        assert f"{name}: planned-stop marker written" in said
        assert re.search(rf"{name}: drained after .*: exit code 0", said), said
    keys = ("ActiveState", "Result", "ExecMainStatus")
    assert [machine.show(key) for key in keys] == ["inactive", "success", "0"]
    assert "hermes_supervise" not in machine.processes()


def test_systemctl_restart_never_changes_intent(machine: Machine) -> None:
    """What the operator stopped stays stopped; what he did not comes back."""
    before = machine.rows()["queue"]["pid"]
    assert machine.ctl("stop", "chat").returncode == 0

    assert machine.systemctl("restart", UNIT) == 0

    until(lambda: machine.phases().get("queue") == "running", "queue running again")
    rows = machine.rows()
    assert rows["chat"]["phase"] == rows["chat"]["desired"].replace("down", "stopped") == "stopped"
    assert rows["queue"]["pid"] != before
    assert rows["queue"]["last_exit"]["outcome"] == "drained"


def test_a_killed_keeper_is_replaced_and_the_programs_keep_their_pids(machine: Machine) -> None:
    """``KillMode=process`` and ``Restart=always``: the supervisor is expendable under systemd."""
    before = machine.rows()
    keeper = machine.show("MainPID")

    machine.run("kill", "-KILL", keeper)

    until(lambda: machine.show("MainPID") not in ("0", keeper) and machine.rows(), "another keeper")
    after = machine.rows()
    assert {n: r["pid"] for n, r in after.items()} == {n: r["pid"] for n, r in before.items()}
    assert [(row["phase"], row["restarts"]) for row in after.values()] == [("running", 0)] * 2
    assert machine.show("ActiveState") == "active"


def test_adopted_programs_are_still_drained(machine: Machine) -> None:
    """A keeper that is not their parent hears of their end, and of its code."""
    keeper = machine.show("MainPID")
    machine.run("kill", "-KILL", keeper)
    until(lambda: machine.show("MainPID") not in ("0", keeper) and machine.rows(), "another keeper")
    second = machine.show("MainPID")

    assert machine.ctl("stop", "all").returncode == 0

    rows = machine.rows()
    assert {row["last_exit"]["outcome"] for row in rows.values()} == {"drained"}
    assert machine.show("MainPID") == second


def test_systemctl_reload_refuses_a_bad_file_and_touches_nothing(machine: Machine) -> None:
    """``ExecReload=`` waits for the answer, so a mistake is seen where it was made."""
    before = machine.rows()
    (machine.etc / "supervisor.yaml").write_text("programs: {chat: {comand: sleep 1}}\n")

    assert machine.systemctl("reload", UNIT) != 0

    assert "programs.chat.comand: no such key" in machine.journal()
    after = machine.rows()
    assert {n: r["pid"] for n, r in after.items()} == {n: r["pid"] for n, r in before.items()}


def test_a_bad_file_at_start_is_not_tried_again(machine: Machine) -> None:
    """``RestartPreventExitStatus=2 3``: the unit fails once, with the line of the mistake."""
    machine.systemctl("stop", UNIT)
    (machine.etc / "supervisor.yaml").write_text("programs: {chat: {comand: sleep 1}}\n")

    machine.systemctl("start", UNIT)

    until(lambda: machine.show("ActiveState") == "failed", "the unit failed")
    assert [machine.show(key) for key in ("ExecMainStatus", "NRestarts")] == ["3", "0"]
    assert "programs.chat.comand: no such key" in machine.journal()


def test_the_stop_timeout_of_the_unit_covers_the_example() -> None:
    """The page shows the sum; this is the sum."""
    longest = max(int(n) for n in re.findall(r"drain_timeout: (\d+)s", EXAMPLE.read_text()))
    unit = unit_of_how_to()

    assert f"TimeoutStopSec={longest + 5 + 10}\n" in unit
    assert f"| **{longest + 15} s** |" in HOW_TO.read_text()
